import { LAUNCHING, TERMINATING, isSuspended, isTerminating, isWarm, nextHook } from "./model.ts";
import type { Group, Member } from "./model.ts";
import { isStale, poolToRefresh, replacingRefresh } from "./refresh-view.ts";
import { choosePlacement } from "./select.ts";
import type { Sight, Step } from "./steps.ts";
import { drained, waitStep } from "./waits.ts";

/** As of terminations: EC2 may lose a stop. */
export const STOP_AGAIN_MS = 60_000;

const isOver = (sight: Sight): boolean => ["terminated", "gone", "shutting-down"].includes(sight.ec2);

/** On the way into the pool: boots, passes its hooks, and is stopped if the pool keeps its instances so. */
export function warmingStep(group: Group, member: Member, sight: Sight, nowMs: number): Step | undefined {
  const returns = member.origin === "AutoScalingGroup";
  const isProceeding = member.state === "Warmed:Pending:Proceed";
  if (isOver(sight) || (!isProceeding && sight.ec2.startsWith("stop")))
    return returns ? { kind: "begin-termination", member, reason: "ec2" } : { kind: "fail-launch", member, sight };
  if (isProceeding) return proceedingStep(group, member, sight, nowMs);
  if (member.state === "Warmed:Pending:Wait") return waitStep(member, nowMs);
  if (sight.ec2 === "pending" || !drained(member, sight, nowMs)) return undefined;
  const hook = nextHook(group.hooks.values(), returns ? TERMINATING : LAUNCHING);
  return hook === undefined ? { kind: "proceed", member } : { kind: "begin-wait", member, hook };
}

function proceedingStep(group: Group, member: Member, sight: Sight, nowMs: number): Step | undefined {
  const arrived = group.pool?.state === "Running" ? "running" : "stopped";
  if (sight.ec2 === arrived) return { kind: "enter-pool", member };
  if (sight.ec2 !== "running") return undefined;
  const askedAt = member.stopCalledAt;
  return askedAt !== undefined && nowMs < askedAt + STOP_AGAIN_MS ? undefined : { kind: "stop", member };
}

/** In the pool: a stopped instance is as it should be, one that is over is replaced. */
export function warmStep(group: Group, member: Member, sight: Sight): Step | undefined {
  if (member.health === "Unhealthy") {
    if (isSuspended(group, "ReplaceUnhealthy") || isSuspended(group, "Terminate")) return undefined;
    return { kind: "begin-termination", member, reason: member.unhealthyCause ?? "user" };
  }
  if (isSuspended(group, "HealthCheck")) return undefined;
  const isLost = isOver(sight) || (member.state === "Warmed:Running" && sight.ec2.startsWith("stop"));
  return isLost ? { kind: "mark-unhealthy", member, cause: "ec2" } : undefined;
}

const inPool = (group: Group): readonly Member[] =>
  [...group.members.values()].filter((member) => isWarm(member) && !isTerminating(member));

const poolSize = (group: Group): number =>
  inPool(group).length + [...group.launches].filter((launch) => launch.warm).length;

/** The prepared capacity that is not in use, but never less than the pool's minimum (AWS, PutWarmPool). */
function sizeWanted(group: Group): number {
  const { pool } = group;
  if (pool === undefined || pool.deleting) return 0;
  return Math.max(pool.min, (pool.maxPrepared ?? group.max) - group.desired, 0);
}

/** One step towards the pool's size; the group's own capacity comes first. */
export function poolStep(group: Group, nowMs: number): Step | undefined {
  const { pool } = group;
  if (pool === undefined || group.deleting) return undefined;
  const size = poolSize(group);
  if (pool.deleting && size === 0 && ![...group.members.values()].some(isWarm)) return { kind: "drop-pool" };
  const refresh = replacingRefresh(group);
  const [old] = refresh === undefined ? [] : poolToRefresh(group, refresh).stale;
  if (old !== undefined && !isSuspended(group, "InstanceRefresh") && !isSuspended(group, "Terminate"))
    return { kind: "begin-termination", member: old, reason: "refresh" };
  const difference = sizeWanted(group) - size;
  if (difference > 0) {
    const placement = choosePlacement(group, true);
    const mayLaunch = !isSuspended(group, "Launch") && nowMs >= group.launchNotBefore;
    return placement === undefined || !mayLaunch
      ? undefined
      : { kind: "launch", placement, rebalancing: false, warm: true };
  }
  const [victim] = inPool(group).toSorted((a, b) => b.joinedAt - a.joinedAt);
  if (difference === 0 || victim === undefined || isSuspended(group, "Terminate")) return undefined;
  return { kind: "begin-termination", member: victim, reason: "pool" };
}

/** The instance that a scale-out takes: the one that has been ready for longest, and that no refresh is to replace. */
export function readyInPool(group: Group): Member | undefined {
  if (group.pool?.deleting === true) return undefined;
  const refresh = replacingRefresh(group);
  return inPool(group)
    .filter(({ state, health }) => health === "Healthy" && (state === "Warmed:Stopped" || state === "Warmed:Running"))
    .filter((member) => refresh === undefined || !isStale(refresh, member))
    .toSorted((a, b) => a.joinedAt - b.joinedAt)[0];
}

/** Whether an instance that scale-in takes returns to the pool instead of being terminated. */
export const hasRoomInPool = (group: Group): boolean =>
  group.pool?.reuseOnScaleIn === true && poolSize(group) < sizeWanted(group);
