import { assertNever } from "../../../../lib/assert.ts";
import { type Group, type Hook, type Member, type Placement, type UnhealthyCause } from "./model.ts";
import { LAUNCHING, TERMINATING, isCapacity, isPending, isSuspended, isTerminating, nextHook } from "./model.ts";
import { STOP_AGAIN_MS, hasRoomInPool, poolStep, readyInPool, warmStep, warmingStep } from "./pool-steps.ts";
import { cancelledStep, refreshDeadlines, refreshTurn, type RefreshStep } from "./refresh-steps.ts";
import { activeRefresh, replacingRefresh } from "./refresh-view.ts";
import { chooseVictim, choosePlacements, lackingPlacement } from "./select.ts";
import type { SeenInstance } from "./source.ts";
import { drained, waitEndsAt, waitStep } from "./waits.ts";

/** EC2 may lose a termination (it is asked over a fallible interface): ask again after this long. */
export const TERMINATE_AGAIN_MS = 60_000;
/** Rebalancing may exceed the maximum by this share of it, but by at least one instance (AWS). */
const REBALANCE_MARGIN = 0.1;

/** What was seen of one member from outside, read before deciding. */
export interface Sight {
  /** `gone`: EC2 no longer knows the instance. */
  readonly ec2: SeenInstance["state"] | "gone";
  /** Still draining in one of the group's target groups. */
  readonly draining: boolean;
  /** Unhealthy in one of the group's target groups. */
  readonly failing: boolean;
}

export type TerminationReason =
  | UnhealthyCause
  | "capacity"
  | "group-deleted"
  | "abandoned"
  | "request"
  | "pool"
  | "pool-force-deleted"
  | "refresh";

export type Step =
  | RefreshStep
  | {
      readonly kind: "launch";
      readonly placement: Placement;
      readonly rebalancing: boolean;
      readonly warm: boolean;
    }
  | { readonly kind: "fail-launch"; readonly member: Member; readonly sight: Sight }
  | { readonly kind: "begin-wait"; readonly member: Member; readonly hook: Hook }
  | { readonly kind: "time-out"; readonly member: Member }
  | { readonly kind: "enter-service"; readonly member: Member }
  | { readonly kind: "mark-unhealthy"; readonly member: Member; readonly cause: UnhealthyCause }
  | { readonly kind: "begin-termination"; readonly member: Member; readonly reason: TerminationReason }
  | { readonly kind: "proceed"; readonly member: Member }
  | { readonly kind: "terminate"; readonly member: Member }
  | { readonly kind: "remove"; readonly member: Member }
  | { readonly kind: "settle"; readonly member: Member }
  | { readonly kind: "take-from-pool"; readonly member: Member }
  | { readonly kind: "stop"; readonly member: Member }
  | { readonly kind: "enter-pool"; readonly member: Member }
  | { readonly kind: "return-to-pool"; readonly member: Member }
  | { readonly kind: "drop-pool" };

/**
 * What the group does next, and nothing done: at most one step for each member, or else a step towards the group's size,
 * which is every launch that it lacks. The caller applies the steps and asks again until there are none.
 */
export function nextSteps(group: Group, sights: ReadonlyMap<string, Sight>, nowMs: number): readonly Step[] {
  const steps: Step[] = [];
  for (const member of group.members.values()) {
    const sight = sights.get(member.instance.instanceId);
    const step = sight === undefined ? undefined : memberStep(group, member, sight, nowMs);
    if (step !== undefined) steps.push(step);
  }
  if (steps.length > 0) return steps;
  const size = sizeSteps(group, nowMs);
  return size.length > 0 ? size : listed(poolStep(group, nowMs));
}

function memberStep(group: Group, member: Member, sight: Sight, nowMs: number): Step | undefined {
  if (group.deleting && !isTerminating(member)) return { kind: "begin-termination", member, reason: "group-deleted" };
  switch (member.state) {
    case "Pending":
    case "Pending:Wait":
    case "Pending:Proceed":
      return launchStep(group, member, sight, nowMs);
    case "InService":
      return healthStep(group, member, sight, nowMs);
    case "EnteringStandby":
    case "Detaching":
      return drained(member, sight, nowMs) ? { kind: "settle", member } : undefined;
    case "Standby":
      return undefined;
    case "Warmed:Pending":
    case "Warmed:Pending:Wait":
    case "Warmed:Pending:Proceed":
      return warmingStep(group, member, sight, nowMs);
    case "Warmed:Stopped":
    case "Warmed:Running":
      return warmStep(group, member, sight);
    case "Terminating":
    case "Terminating:Wait":
    case "Terminating:Proceed":
    case "Warmed:Terminating":
    case "Warmed:Terminating:Wait":
    case "Warmed:Terminating:Proceed":
      return terminationStep(group, member, sight, nowMs);
    default:
      return assertNever(member.state);
  }
}

function launchStep(group: Group, member: Member, sight: Sight, nowMs: number): Step | undefined {
  if (sight.ec2 !== "running" && sight.ec2 !== "pending") return { kind: "fail-launch", member, sight };
  if (member.state === "Pending:Wait") return waitStep(member, nowMs);
  if (sight.ec2 === "pending") return undefined;
  const hook =
    member.state === "Pending" && !member.withoutHooks ? nextHook(group.hooks.values(), LAUNCHING) : undefined;
  return hook === undefined ? { kind: "enter-service", member } : { kind: "begin-wait", member, hook };
}

/** EC2 counts at once, also within the grace period (the state is not `running`); ELB only after it. */
function healthStep(group: Group, member: Member, sight: Sight, nowMs: number): Step | undefined {
  if (member.health === "Unhealthy") {
    if (isSuspended(group, "ReplaceUnhealthy") || isSuspended(group, "Terminate")) return undefined;
    return { kind: "begin-termination", member, reason: member.unhealthyCause ?? "user" };
  }
  if (isSuspended(group, "HealthCheck")) return undefined;
  if (sight.ec2 !== "running" && sight.ec2 !== "pending") return { kind: "mark-unhealthy", member, cause: "ec2" };
  if (group.healthChecks.includes("ELB") && sight.failing && !inGrace(group, member, nowMs))
    return { kind: "mark-unhealthy", member, cause: "elb" };
  return undefined;
}

export const inGrace = (group: Group, member: Member, nowMs: number): boolean =>
  nowMs < (member.inServiceAt ?? nowMs) + group.graceSeconds * 1_000;

function terminationStep(group: Group, member: Member, sight: Sight, nowMs: number): Step | undefined {
  if (member.state.endsWith(":Wait")) return waitStep(member, nowMs);
  if (!member.state.endsWith(":Proceed")) {
    if (member.withoutHooks) return { kind: "proceed", member };
    if (!drained(member, sight, nowMs)) return undefined;
    const hook = nextHook(group.hooks.values(), TERMINATING);
    return hook === undefined ? { kind: "proceed", member } : { kind: "begin-wait", member, hook };
  }
  if (sight.ec2 === "terminated" || sight.ec2 === "gone") return { kind: "remove", member };
  const askedAt = member.terminateCalledAt;
  if (askedAt !== undefined && nowMs < askedAt + TERMINATE_AGAIN_MS) return undefined;
  return { kind: "terminate", member };
}

const capacity = (group: Group): number =>
  [...group.members.values()].filter(isCapacity).length +
  [...group.launches].filter((launch) => !launch.rebalancing && !launch.warm).length;

const listed = (step: Step | undefined): readonly Step[] => (step === undefined ? [] : [step]);

function sizeSteps(group: Group, nowMs: number): readonly Step[] {
  if (group.deleting) return [];
  const refresh = activeRefresh(group);
  if (refresh?.status === "Cancelling") {
    const ended = cancelledStep(group, refresh);
    if (ended !== undefined) return [ended];
  }
  const replacing = replacingRefresh(group);
  if (replacing !== undefined) {
    const turn = refreshTurn(group, replacing, mayLaunch(group, nowMs), nowMs);
    if (turn?.kind === "launch") return growSteps(group, 1, nowMs);
    if (turn?.kind === "shrink") return listed(shrinkStep(group, nowMs));
    return listed(
      turn?.kind === "replace" ? { kind: "begin-termination", member: turn.member, reason: "refresh" } : turn,
    );
  }
  const difference = group.desired - capacity(group);
  if (difference > 0) return growSteps(group, difference, nowMs);
  return listed(difference < 0 ? shrinkStep(group, nowMs) : rebalanceStep(group, nowMs));
}

function growSteps(group: Group, count: number, nowMs: number): readonly Step[] {
  if (!mayLaunch(group, nowMs)) return [];
  const ready = readyInPool(group);
  if (ready !== undefined) return [{ kind: "take-from-pool", member: ready }];
  return choosePlacements(group, count).map((placement) => launchIn(placement, false));
}

function shrinkStep(group: Group, nowMs: number): Step | undefined {
  const member = isSuspended(group, "Terminate") ? undefined : chooseVictim(group, nowMs);
  if (member === undefined) return undefined;
  if (member.state === "InService" && hasRoomInPool(group)) return { kind: "return-to-pool", member };
  return { kind: "begin-termination", member, reason: "capacity" };
}

const launchIn = (placement: Placement, rebalancing: boolean): Step => ({
  kind: "launch",
  placement,
  rebalancing,
  warm: false,
});

const mayLaunch = (group: Group, nowMs: number): boolean =>
  !isSuspended(group, "Launch") && nowMs >= group.launchNotBefore;

/** A new instance in the lacking zone first; when it serves, the group is one too large and scale-in does the rest. */
function rebalanceStep(group: Group, nowMs: number): Step | undefined {
  if (isSuspended(group, "AZRebalance") || isSuspended(group, "Terminate")) return undefined;
  const settled =
    [...group.launches].every((launch) => launch.warm) &&
    [...group.members.values()].every((member) => !isPending(member));
  const margin = Math.max(1, Math.floor(group.max * REBALANCE_MARGIN));
  if (!settled || group.desired + 1 > group.max + margin) return undefined;
  const placement = lackingPlacement(group);
  return placement === undefined || !mayLaunch(group, nowMs) ? undefined : launchIn(placement, true);
}

/** The earliest time at which `nextSteps` can answer differently although nothing was seen to change. */
export function nextDeadline(group: Group, nowMs: number): number {
  const times = [...group.members.values()].flatMap((member) => [
    waitEndsAt(member),
    member.drainEndsAt ?? 0,
    member.terminateCalledAt === undefined ? 0 : member.terminateCalledAt + TERMINATE_AGAIN_MS,
    member.stopCalledAt === undefined ? 0 : member.stopCalledAt + STOP_AGAIN_MS,
    member.state === "InService" ? (member.inServiceAt ?? 0) + group.graceSeconds * 1_000 : 0,
  ]);
  const refresh = replacingRefresh(group);
  const ofRefresh = refresh === undefined ? [] : refreshDeadlines(group, refresh);
  return Math.min(...[...times, ...ofRefresh, group.launchNotBefore].filter((time) => time > nowMs));
}
