import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
  type Action,
  type CreateTargetGroupCommandInput,
  type TargetHealth,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { openElbv2 } from "../../../../local/cloud/services/elbv2/index.ts";
import type { Frontend, Outcome, ProbeResult, Routing } from "../../../../local/cloud/services/elbv2/proxy.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const ADDRESSES: Readonly<Record<string, string>> = { "i-1": "127.20.1.1", "i-2": "127.20.1.2", "i-3": "127.20.1.3" };

/** Elastic Load Balancing with a model of its traffic, spoken to by the real SDK client. */
export function openModel() {
  const world = testWorld();
  const fronts = new Map<string, Frontend>();
  /** What a probe of a host finds; 200 unless told otherwise. */
  const probes = new Map<string, ProbeResult>();
  const probed: string[] = [];
  const forgotten: string[] = [];
  const busyPorts = new Set<number>();
  const addresses = new Map(Object.entries(ADDRESSES));
  const metrics: string[] = [];
  const elb = openElbv2(world, {
    proxy: {
      async listen(front) {
        if (busyPorts.has(front.port)) throw new Error("listen EADDRINUSE");
        const key = `${front.address}:${front.port}`;
        fronts.set(key, front);
        return { close: async () => void fronts.delete(key) };
      },
      async probe({ host, port, path }) {
        probed.push(`${host}:${port}${path}`);
        return probes.get(host) ?? { status: 200 };
      },
      forget: (host, port) => void forgotten.push(`${host}:${port}`),
    },
    addressOf: (id) => addresses.get(id),
    record: (namespace, name, dimensions, value) =>
      void metrics.push(`${namespace} ${name} ${Object.keys(dimensions).join("+")} ${value}`),
  });
  const client = sdkClient(ElasticLoadBalancingV2Client, testEndpoint(world, elb.service).handle);
  return { world, elb, client, fronts, probes, probed, forgotten, busyPorts, addresses, metrics };
}
export type Model = ReturnType<typeof openModel>;

export async function createGroup(model: Model, changes: Partial<CreateTargetGroupCommandInput> = {}): Promise<string> {
  const answer = await model.client.send(
    new CreateTargetGroupCommand({
      Name: "web",
      Protocol: "HTTP",
      Port: 8080,
      VpcId: "vpc-1",
      HealthCheckPath: "/tandem-health",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 3,
      UnhealthyThresholdCount: 2,
      ...changes,
    }),
  );
  return answer.TargetGroups?.[0]?.TargetGroupArn ?? "";
}

export const attributes = (model: Model, TargetGroupArn: string, pairs: Record<string, string>): Promise<unknown> =>
  model.client.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn,
      Attributes: Object.entries(pairs).map(([Key, Value]) => ({ Key, Value })),
    }),
  );

export async function createBalancer(model: Model, Name = "web"): Promise<string> {
  const answer = await model.client.send(new CreateLoadBalancerCommand({ Name, Subnets: ["subnet-a", "subnet-b"] }));
  return answer.LoadBalancers?.[0]?.LoadBalancerArn ?? "";
}

export async function listen(model: Model, LoadBalancerArn: string, action: Action, Port = 80): Promise<string> {
  const answer = await model.client.send(
    new CreateListenerCommand({ LoadBalancerArn, Protocol: "HTTP", Port, DefaultActions: [action] }),
  );
  return answer.Listeners?.[0]?.ListenerArn ?? "";
}

/** A balancer on port 80 that forwards to one group with these instances, after their first checks. */
export async function farmOf(ids: readonly string[], changes: Partial<CreateTargetGroupCommandInput> = {}) {
  const model = openModel();
  const groupArn = await createGroup(model, changes);
  const balancerArn = await createBalancer(model);
  const listenerArn = await listen(model, balancerArn, { Type: "forward", TargetGroupArn: groupArn });
  for (const id of ids) model.elb.register(groupArn, { id });
  await model.world.clock.advance(0);
  return { ...model, groupArn, balancerArn, listenerArn };
}

export async function healthOf(model: Model, TargetGroupArn: string, Id: string): Promise<TargetHealth | undefined> {
  const answer = await model.client.send(new DescribeTargetHealthCommand({ TargetGroupArn, Targets: [{ Id }] }));
  return answer.TargetHealthDescriptions?.[0]?.TargetHealth;
}

/** What the front decides on a request. */
export function ask(model: Model, url: string, headers: Record<string, string> = {}, front = "127.20.0.4:80"): Routing {
  const [path = "/", query = ""] = url.split("?");
  const routing = model.fronts.get(front)?.route({
    method: "GET",
    host: headers["host"] ?? "farm.example",
    path,
    query,
    header: (name) => headers[name],
  });
  if (routing === undefined) throw new Error(`nothing listens on ${front}`);
  return routing;
}

/** Starts a request: where it goes, how to end it, and whether it was cut. */
export function start(model: Model, url = "/") {
  const routing = ask(model, url);
  if (routing.kind !== "forward") throw new Error(`not forwarded: ${routing.kind}`);
  let cut = false;
  const finish = routing.begin(() => {
    cut = true;
  });
  return {
    host: routing.host,
    isCut: () => cut,
    end: (outcome: Outcome = { milliseconds: 20, targetStatus: 200 }) => finish(outcome),
  };
}

export const hosts = (model: Model, count: number): string[] =>
  Array.from({ length: count }, () => {
    const request = start(model);
    request.end();
    return request.host.slice(-1);
  });
