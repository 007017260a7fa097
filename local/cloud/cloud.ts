import type { DeliverySources } from "./bus/delivery.ts";
import { openEventBridge } from "./bus/index.ts";
import type { CloudClock } from "./clock.ts";
import type { CallRecord } from "./calls.ts";
import { openEndpoint, type Around, type Endpoint } from "./endpoint.ts";
import { openFaults, type Faults } from "./faults/index.ts";
import { openIam } from "./iam/index.ts";
import { openOnBehalf } from "./iam/on-behalf.ts";
import type { Ids } from "./ids.ts";
import { openLambda } from "./lambda/index.ts";
import type { FunctionRuntime } from "./lambda/runtime.ts";
import type { Service, ServiceId, World } from "./service.ts";
import { openAutoScaling } from "./services/autoscaling/index.ts";
import type { EdgeNetwork } from "./services/cloudfront/edge.ts";
import { openCloudFront } from "./services/cloudfront/index.ts";
import { openCloudWatch } from "./services/cloudwatch/index.ts";
import { openDynamoDb } from "./services/dynamodb/index.ts";
import type { Compute } from "./services/ec2/compute.ts";
import { openEc2 } from "./services/ec2/index.ts";
import { openEcr } from "./services/ecr/index.ts";
import { openEfs } from "./services/efs/index.ts";
import type { Shares } from "./services/efs/shares.ts";
import { openElastiCache } from "./services/elasticache/index.ts";
import type { CacheServers } from "./services/elasticache/servers.ts";
import { openElbv2 } from "./services/elbv2/index.ts";
import type { BalancerProxy } from "./services/elbv2/proxy.ts";
import { openKms } from "./services/kms/index.ts";
import { openLogs } from "./services/logs/index.ts";
import { openRoute53, type HealthProber } from "./services/route53/index.ts";
import { openS3 } from "./services/s3/index.ts";
import { openSecrets } from "./services/secretsmanager/index.ts";
import { openSns, type Post } from "./services/sns/index.ts";
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
  /** Edge locations of CloudFront. Absent: no visitor is served. */
  readonly edge?: EdgeNetwork;
  /** Checkers of Route 53. Absent: health checks that probe are refused. */
  readonly healthProber?: HealthProber;
  /** Reaches the HTTP subscribers of topics. Absent: such subscriptions are refused. */
  readonly post?: Post;
  readonly cacheServers: CacheServers;
  readonly shares: Shares;
  /** Folder for unpacked function code. */
  readonly functionsFolder: string;
  /** Base URL of this cloud, as functions and machines reach it. */
  endpointUrl(): string;
  /** Sees the work of every call. Absent: nobody does. */
  readonly around?: Around;
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
  readonly cdn: ReturnType<typeof openCloudFront>;
  /** What goes wrong with its calls and events on purpose. */
  readonly faults: Faults;
  close(): Promise<void>;
}

/**
 * Composes the services. Those that need each other both ways (the bus invokes functions, functions write to queues)
 * are tied by calls made later than their opening, hence the closures over names declared below them.
 */
// oxlint-disable-next-line max-lines-per-function -- the one place where the services are tied together: a list, no decision
export function openCloud(parts: CloudParts): Cloud {
  const { account, region, clock, ids, note } = parts;
  const world: World = { account, region, clock, ids, note };

  const iam = openIam(world);
  const s3 = openS3(world);
  const logs = openLogs(world, ({ namespace, name, dimensions, value, unit }) =>
    monitoring.record(namespace, name, dimensions, value, unit),
  );
  const sqs = openSqs(world, {
    endpoint: parts.endpointUrl,
    record: (...metric) => monitoring.record(...metric),
  });
  const cdn = openCloudFront(world, {
    ...(parts.edge && { network: parts.edge }),
    record: (...metric) => monitoring.record(...metric),
  });
  const dns = openRoute53(world, {
    ...(parts.healthProber && { probe: parts.healthProber }),
    record: (...metric) => monitoring.record(...metric),
    target: (name) => balancing.target(name) ?? cdn.target(name),
  });
  const onBehalf = openOnBehalf(world, {
    iam,
    endpoint: () => endpoint,
    policyOf: (arn) =>
      arn.startsWith("arn:aws:sqs:")
        ? sqs.policyOf(arn)
        : arn.startsWith("arn:aws:sns:")
          ? sns.policyOf(arn)
          : lambda.policyOf(arn),
    profileOf: (instanceId) => ec2.profileOf(instanceId),
    writeLog: logs.write,
  });
  /** How a service of the cloud invokes a function: by leave of the function's own policy. */
  const invokeFor =
    (service: string): typeof lambda.invokeAsync =>
    async (arn, payload, origin) => {
      onBehalf.requireInvoke(service, arn, origin);
      await lambda.invokeAsync(arn, payload, origin);
    };
  const lambda: ReturnType<typeof openLambda> = openLambda(world, {
    runtime: parts.runtime,
    folder: parts.functionsFolder,
    readObject: s3.readObject,
    credentials: onBehalf.functionCredentials,
    writeLog: onBehalf.writeLog,
    sendMessage: sqs.send,
    queues: { ...onBehalf.queueAccess, visibleAt: sqs.visibleAt, onChange: sqs.onChange, urlOf: sqs.urlOf },
    endpoint: parts.endpointUrl,
    record: (...metric) => monitoring.record(...metric),
  });
  const sendForRule: DeliverySources["sendMessage"] = async (queue, body, attributes, rule) => {
    onBehalf.requireSend("events.amazonaws.com", queue, rule);
    await sqs.send(queue, body, attributes);
  };
  const sns = openSns(world, {
    invokeFunction: invokeFor("sns.amazonaws.com"),
    async sendMessage(queue, body, attributes, topic) {
      onBehalf.requireSend("sns.amazonaws.com", queue, topic);
      await sqs.send(queue, body, attributes);
    },
    ...(parts.post && { post: parts.post }),
    endpoint: parts.endpointUrl,
    record: (...metric) => monitoring.record(...metric),
  });
  const faults = openFaults(world);
  const bus = openEventBridge(
    world,
    {
      invokeFunction: invokeFor("events.amazonaws.com"),
      sendMessage: sendForRule,
    },
    faults,
  );
  const monitoring = openCloudWatch(world, {
    emit: bus.emit,
    invokeFunction: invokeFor("lambda.alarms.cloudwatch.amazonaws.com"),
    publish: (topic, { subject, message }, alarm) => {
      onBehalf.requirePublish("cloudwatch.amazonaws.com", topic, alarm);
      return sns.publish(topic, message, subject);
    },
  });
  const ec2 = openEc2(world, {
    compute: parts.compute,
    emit: bus.emit,
    profileCredentials: onBehalf.machineCredentials,
    profileRole: iam.instanceProfileRole,
  });
  const ssm = openSsm(world, {
    machine: ec2.machine,
    onInstanceChange: (listener) =>
      ec2.onChange((instance) => {
        if (instance.state !== "running" || onBehalf.mayRegister(instance.instanceId)) listener(instance);
      }),
    emit: bus.emit,
  });
  const balancing = openElbv2(world, {
    proxy: parts.proxy,
    addressOf: (instanceId) => ec2.instance(instanceId)?.privateIpAddress,
    record: monitoring.record,
  });
  const scaling = openAutoScaling(world, { ec2, targets: balancing, emit: bus.emit });

  const elastiCache = openElastiCache(world, { interfaces: ec2.interfaces, servers: parts.cacheServers });
  const efs = openEfs(world, { interfaces: ec2.interfaces, shares: parts.shares });

  const authorize = iam.authorizer({
    // Conditions on tags are written for machines only: other ARNs are told from each other by name.
    tagsOf: (arn) => ec2.instance(/:instance\/(i-[0-9a-f]+)$/.exec(arn)?.[1] ?? "")?.tags,
    templateProfile: ec2.templateProfile,
  });
  const services = new Map<ServiceId, Service>();
  const add = (service: Service): void => void services.set(service.id, service);
  const endpoint = openEndpoint({
    world,
    services,
    faults,
    principalOf: iam.principalOf,
    authorize,
    ...(parts.around && { around: parts.around }),
    record: parts.record,
    receive: (request) => stack.receive(request),
  });
  const stack: ReturnType<typeof openCloudFormation> = openCloudFormation(world, {
    call: endpoint.callService,
    readTemplate: templateReader(s3.readObject),
    endpoint: parts.endpointUrl,
  });
  for (const service of [
    iam.service,
    iam.sts,
    s3.service,
    logs.service,
    sqs.service,
    dns.service,
    cdn.service,
    sns.service,
    lambda.service,
    bus.service,
    monitoring.service,
    ec2.service,
    elastiCache.service,
    efs.service,
    ssm.service,
    balancing.service,
    scaling.service,
    stack.service,
    openDynamoDb(world).service,
    openSecrets(world).service,
    openEcr(world).service,
    openKms(world).service,
  ])
    add(service);

  return {
    endpoint,
    iam,
    ec2,
    bus,
    dns,
    cdn,
    faults,
    async close() {
      faults.close();
      // The clock-driven services end first, so that nothing replaces what goes next.
      await scaling.service.close?.();
      for (const service of services.values()) if (service !== scaling.service) await service.close?.();
      await parts.compute.close();
    },
  };
}
