import { openEventBridge } from "./bus/index.ts";
import type { CloudClock } from "./clock.ts";
import type { CallRecord } from "./calls.ts";
import { openEndpoint, type Endpoint } from "./endpoint.ts";
import { openIam } from "./iam/index.ts";
import type { Ids } from "./ids.ts";
import { openLambda } from "./lambda/index.ts";
import type { FunctionRuntime } from "./lambda/runtime.ts";
import type { Service, ServiceId, World } from "./service.ts";
import { openAutoScaling } from "./services/autoscaling/index.ts";
import { openCloudWatch } from "./services/cloudwatch/index.ts";
import { openDynamoDb } from "./services/dynamodb/index.ts";
import type { Compute } from "./services/ec2/compute.ts";
import { openEc2 } from "./services/ec2/index.ts";
import { openEcr } from "./services/ecr/index.ts";
import { openElbv2 } from "./services/elbv2/index.ts";
import type { BalancerProxy } from "./services/elbv2/proxy.ts";
import { openLogs } from "./services/logs/index.ts";
import { openRoute53 } from "./services/route53/index.ts";
import { openS3 } from "./services/s3/index.ts";
import { openSecrets } from "./services/secretsmanager/index.ts";
import { openSqs } from "./services/sqs/index.ts";
import { openSsm } from "./services/ssm/index.ts";
import { openCloudFormation, templateReader } from "./stack/index.ts";

/** What differs between the worlds: time, chance, and what machines, functions and balancers really are. */
export interface CloudParts {
  readonly account: string;
  readonly region: string;
  readonly clock: CloudClock;
  readonly ids: Ids;
  readonly compute: Compute;
  readonly runtime: FunctionRuntime;
  readonly proxy: BalancerProxy;
  /** Folder for unpacked function code. */
  readonly functionsFolder: string;
  /** Base URL of this cloud, as functions and machines reach it. */
  endpointUrl(): string;
  record(line: CallRecord): void;
  note(message: string): void;
}

/** One embedded cloud: every service of one account in one region, behind one endpoint. */
export interface Cloud {
  readonly endpoint: Endpoint;
  readonly iam: ReturnType<typeof openIam>;
  readonly ec2: ReturnType<typeof openEc2>;
  readonly bus: ReturnType<typeof openEventBridge>;
  readonly dns: ReturnType<typeof openRoute53>;
  close(): Promise<void>;
}

/**
 * Composes the services. Those that need each other both ways (the bus invokes functions, functions write to queues)
 * are tied by calls made later than their opening, hence the closures over names declared below them.
 */
export function openCloud(parts: CloudParts): Cloud {
  const { account, region, clock, ids, note } = parts;
  const world: World = { account, region, clock, ids, note };

  const iam = openIam(world);
  const s3 = openS3(world);
  const logs = openLogs(world);
  const sqs = openSqs(world, { endpoint: parts.endpointUrl });
  const dns = openRoute53(world);
  const lambda: ReturnType<typeof openLambda> = openLambda(world, {
    runtime: parts.runtime,
    folder: parts.functionsFolder,
    readObject: s3.readObject,
    credentials: iam.credentials,
    writeLog: logs.write,
    sendMessage: sqs.send,
    endpoint: parts.endpointUrl,
    record: (...metric) => monitoring.record(...metric),
  });
  const bus = openEventBridge(world, { invokeFunction: lambda.invokeAsync, sendMessage: sqs.send });
  const monitoring = openCloudWatch(world, { emit: bus.emit, invokeFunction: lambda.invokeAsync });
  const ec2 = openEc2(world, {
    compute: parts.compute,
    emit: bus.emit,
    profileCredentials: (profile, session) => iam.credentials(iam.instanceProfileRole(profile), session),
    profileRole: iam.instanceProfileRole,
  });
  const ssm = openSsm(world, { machine: ec2.machine, onInstanceChange: ec2.onChange, emit: bus.emit });
  const balancing = openElbv2(world, {
    proxy: parts.proxy,
    addressOf: (instanceId) => ec2.instance(instanceId)?.privateIpAddress,
    record: monitoring.record,
  });
  const scaling = openAutoScaling(world, { ec2, targets: balancing, emit: bus.emit });

  const services = new Map<ServiceId, Service>();
  const add = (service: Service): void => void services.set(service.id, service);
  const endpoint = openEndpoint({ world, services, principalOf: iam.principalOf, record: parts.record });
  const stack = openCloudFormation(world, { call: endpoint.callService, readTemplate: templateReader(s3.readObject) });
  for (const service of [
    iam.service, iam.sts, s3.service, logs.service, sqs.service, dns.service, lambda.service, bus.service,
    monitoring.service, ec2.service, ssm.service, balancing.service, scaling.service, stack.service,
    openDynamoDb(world).service, openSecrets(world).service, openEcr(world).service,
  ]) add(service);

  return {
    endpoint,
    iam,
    ec2,
    bus,
    dns,
    async close() {
      // The clock-driven services end first, so that nothing replaces what goes next.
      await scaling.service.close?.();
      await Promise.all([...services.values()].filter((each) => each !== scaling.service).map((each) => each.close?.()));
      await parts.compute.close();
    },
  };
}
