import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { openAutoScaling } from "../../../../local/cloud/services/autoscaling/index.ts";
import type { InstanceRequest, SeenInstance } from "../../../../local/cloud/services/autoscaling/source.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

type State = SeenInstance["state"];
type Health = "initial" | "healthy" | "unhealthy" | "draining" | "unused";

interface Emitted {
  readonly detailType: string;
  readonly detail: Record<string, unknown>;
  readonly resources?: string[];
}

const ZONES: Readonly<Record<string, string>> = { "subnet-a": "eu-west-1a", "subnet-b": "eu-west-1b" };
/** Of the launch template `lt-1`. */
const VERSIONS = 3;
/** How long a model instance boots and shuts down. */
export const BOOT_MS = 1_000;

/** Auto Scaling with a model of EC2 and of the balancer, spoken to by the real SDK client. */
export function openModel() {
  const world = testWorld();
  const instances = new Map<string, SeenInstance>();
  const requests: InstanceRequest[] = [];
  const health = new Map<string, Health>();
  const events: Emitted[] = [];
  const log: string[] = [];
  const listeners: ((instance: SeenInstance) => void)[] = [];
  const failures: string[] = [];
  let count = 0;

  const turn = (id: string, state: State): void => {
    const before = instances.get(id);
    if (before === undefined || before.state === state) return;
    const instance = { ...before, state };
    instances.set(id, instance);
    for (const listener of listeners) listener(instance);
  };
  const { service } = openAutoScaling(world, {
    ec2: {
      templateVersion({ id = "", version }) {
        const number = version.startsWith("$") ? 1 : Number(version);
        if (id !== "lt-1" || number > VERSIONS) throw new Error(`there is no version ${version} of ${id}`);
        return { id, version: number };
      },
      async launch(request) {
        requests.push(request);
        const failure = failures.shift();
        if (failure !== undefined) throw new Error(failure);
        const instanceId = `i-${++count}`;
        const subnetId = request.subnetId ?? "subnet-of-template";
        const instance: SeenInstance = {
          instanceId,
          state: "pending",
          subnetId,
          availabilityZone: ZONES[subnetId] ?? request.availabilityZone ?? "eu-west-1a",
          instanceType: "t4g.small",
          launchTemplateId: "lt-1",
          launchTemplateVersion: request.version.startsWith("$") ? "1" : request.version,
        };
        instances.set(instanceId, instance);
        world.clock.after(BOOT_MS, () => turn(instanceId, "running"));
        return instance;
      },
      async terminate(id) {
        log.push(`terminate ${id}`);
        turn(id, "shutting-down");
        world.clock.after(BOOT_MS, () => turn(id, "terminated"));
      },
      async stop(id) {
        log.push(`stop ${id}`);
        turn(id, "stopping");
        world.clock.after(BOOT_MS, () => turn(id, "stopped"));
      },
      async start(id) {
        const failure = failures.shift();
        if (failure !== undefined) throw new Error(failure);
        log.push(`start ${id}`);
        turn(id, "pending");
        world.clock.after(BOOT_MS, () => turn(id, "running"));
      },
      tag: (id, tags) => void log.push(`tag ${id} ${Object.entries(tags).join(" ")}`),
      untag: (id, key) => void log.push(`untag ${id} ${key}`),
      instance: (id) => instances.get(id),
      onChange: (listener) => void listeners.push(listener),
    },
    targets: {
      register: (_arn, { id }) => void (log.push(`register ${id}`), health.set(id, "healthy")),
      deregister: (_arn, id) => void (log.push(`deregister ${id}`), health.set(id, "draining")),
      health: (_arn, id) => health.get(id) ?? "unused",
    },
    emit: ({ detailType, detail, resources }) => {
      log.push(`${detailType} ${String(detail["EC2InstanceId"])}`);
      events.push({ detailType, detail, ...(resources === undefined ? {} : { resources }) });
    },
  });
  const endpoint = testEndpoint(world, service);
  return {
    world,
    service,
    client: sdkClient(AutoScalingClient, endpoint.handle),
    requests,
    health,
    events,
    log,
    /** Messages with which the next launches fail. */
    failures,
    turn,
    instance: (id: string) => instances.get(id),
    advance: (seconds: number) => world.clock.advance(seconds * 1_000),
    tokens: (hook: string): string[] =>
      events
        .filter(({ detail }) => detail["LifecycleHookName"] === hook)
        .map(({ detail }) => String(detail["LifecycleActionToken"])),
  };
}

export type Model = ReturnType<typeof openModel>;
