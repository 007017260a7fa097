import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { countCheck } from "./health.ts";
import { QUOTAS, targetKey, type ReasonCode, type Target, type TargetGroup, type TargetState } from "./model.ts";
import type { BalancerProxy } from "./proxy.ts";
import { entersSlowStart } from "./routing.ts";

export interface TargetParts {
  readonly world: World;
  readonly proxy: BalancerProxy;
  /** The private address of an instance that has one. */
  readonly addressOf: (instanceId: string) => string | undefined;
}

/** Registered targets of all groups: their probes while the group is in use, and their draining. */
export interface Targets {
  register(group: TargetGroup, target: { id: string; port?: number | undefined }): void;
  /** All ports of the id, or one. A target that is not registered is no error (AWS, DeregisterTargets). */
  deregister(group: TargetGroup, id: string, port?: number): void;
  health(group: TargetGroup, id: string): TargetState;
  address(group: TargetGroup, target: Target): string | undefined;
  /** A listener began or ceased to forward to the group. */
  setInUse(group: TargetGroup, inUse: boolean): void;
  /** Drops every target at once, with the group. */
  drop(group: TargetGroup): void;
}

type AddressOf = (group: TargetGroup, target: Target) => string | undefined;

const isLive = (group: TargetGroup, target: Target): boolean =>
  group.targets.get(targetKey(target.id, target.port)) === target && target.state !== "draining" && group.inUse;

function show(target: Target, state: TargetState, reason: ReasonCode, description: string): void {
  target.state = state;
  target.reason = reason;
  target.description = description;
}

function begin(target: Target): void {
  target.successes = 0;
  target.failures = 0;
  show(target, "initial", "Elb.RegistrationInProgress", "Target registration is in progress");
}

/** Begins the life of a registered target: checks while its group is in use, else none. */
function openChecks({ world, proxy }: TargetParts, address: AddressOf): (group: TargetGroup, target: Target) => void {
  const { clock } = world;

  const leaveOrEnterSlowStart = (group: TargetGroup, target: Target): void => {
    const now = clock.now();
    delete target.slowSince;
    if (target.state === "healthy" && entersSlowStart(group, target, now)) target.slowSince = now;
  };

  const check = (group: TargetGroup, target: Target): void => {
    if (!isLive(group, target)) return;
    target.timer = clock.after(group.check.intervalSeconds * 1_000, () => check(group, target));
    const host = address(group, target);
    if (host === undefined)
      return show(target, "unused", "Target.InvalidState", "Target is in the stopped or terminated state");
    // An instance that was stopped and runs again is a new target.
    if (target.state === "unused") begin(target);
    const port = group.check.port === "traffic-port" ? target.port : Number(group.check.port);
    const { path, timeoutSeconds } = group.check;
    void proxy.probe({ host, port, path, timeoutMs: timeoutSeconds * 1_000 }).then((result) => {
      if (!isLive(group, target)) return;
      const before = target.state;
      countCheck(target, group.check, result);
      if (target.state !== before) leaveOrEnterSlowStart(group, target);
    });
  };

  return (group, target) => {
    target.timer?.cancel();
    if (group.inUse) {
      begin(target);
      target.timer = clock.after(0, () => check(group, target));
      return;
    }
    const why = "Target group is not configured to receive traffic from the load balancer";
    show(target, "unused", "Target.NotInUse", why);
  };
}

export function openTargets(parts: TargetParts): Targets {
  const { world, proxy, addressOf } = parts;
  /** A terminated instance has lost its address. */
  const instanceAddress = (id: string): string | undefined => (addressOf(id) === "" ? undefined : addressOf(id));
  const address: AddressOf = (group, target) => (group.targetType === "ip" ? target.id : instanceAddress(target.id));
  const start = openChecks(parts, address);

  const remove = (group: TargetGroup, target: Target): void => {
    target.timer?.cancel();
    const key = targetKey(target.id, target.port);
    if (group.targets.get(key) === target) group.targets.delete(key);
    for (const cut of target.open) cut();
    const host = address(group, target);
    if (host !== undefined) proxy.forget(host, target.port);
  };

  /** AWS shows `draining` until the delay has passed, also when no request is left before. */
  const drain = (group: TargetGroup, target: Target): void => {
    const delaySeconds = Number(group.attributes.get("deregistration_delay.timeout_seconds") ?? 0);
    if (target.state === "unused" || delaySeconds === 0) return remove(group, target);
    target.timer?.cancel();
    show(target, "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress");
    target.timer = world.clock.after(delaySeconds * 1_000, () => remove(group, target));
  };

  return {
    address,
    register(group, { id, port = group.port }) {
      const known = group.targets.get(targetKey(id, port));
      if (known !== undefined && known.state !== "draining") return;
      if (group.targetType === "instance" && instanceAddress(id) === undefined)
        throw new CloudError(
          "InvalidTarget",
          `The following targets are not in a running state and cannot be registered: '${id}'`,
        );
      if (known === undefined && group.targets.size >= QUOTAS["targets-per-application-load-balancer"])
        throw new CloudError("TooManyTargets", `The target group '${group.name}' is full.`);
      const target: Target = known ?? { id, port, state: "initial", successes: 0, failures: 0, open: new Set() };
      group.targets.set(targetKey(id, port), target);
      start(group, target);
    },
    deregister(group, id, port) {
      for (const target of group.targets.values())
        if (target.id === id && (port === undefined || target.port === port) && target.state !== "draining")
          drain(group, target);
    },
    health: (group, id) => [...group.targets.values()].find((target) => target.id === id)?.state ?? "unused",
    setInUse(group, inUse) {
      if (group.inUse === inUse) return;
      group.inUse = inUse;
      for (const target of group.targets.values()) if (target.state !== "draining") start(group, target);
    },
    drop(group) {
      for (const target of group.targets.values()) remove(group, target);
    },
  };
}
