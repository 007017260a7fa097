import { isCapacity, isPending, isSuspended, isTerminating, isWarm } from "./model.ts";
import type { Group, Member, Refresh, RefreshProgress, TemplateChoice, TemplateVersion } from "./model.ts";

/** The refresh that has not ended: at most one of a group. */
export const activeRefresh = ({ refreshes }: Group): Refresh | undefined =>
  refreshes.find(({ endedAt }) => endedAt === undefined);

/** The active refresh as long as it replaces instances, be it back or forth. */
export function replacingRefresh(group: Group): Refresh | undefined {
  const refresh = activeRefresh(group);
  return refresh?.status === "Cancelling" ? undefined : refresh;
}

/** What instances are launched from: while a refresh goes forward, scale-outs too come from its desired configuration. */
export function launchTemplate(group: Group): TemplateChoice {
  const refresh = replacingRefresh(group);
  if (refresh === undefined || refresh.status === "RollbackInProgress") return group.template;
  return { id: refresh.target.id, version: String(refresh.target.version) };
}

export const matches = ({ instance }: Member, template: TemplateVersion): boolean =>
  instance.launchTemplateId === template.id && Number(instance.launchTemplateVersion) === template.version;

/** Whether the refresh is to replace the instance; a rollback replaces what the refresh has launched. */
export function isStale(refresh: Refresh, member: Member): boolean {
  if (refresh.status === "RollbackInProgress")
    return member.joinedAt >= refresh.startedAt && !matches(member, refresh.before);
  return refresh.preferences.skipMatching ? !matches(member, refresh.target) : member.joinedAt < refresh.startedAt;
}

/** In service, and warmed up if it came there during the refresh. */
export function isReady(group: Group, refresh: Refresh, member: Member, nowMs: number): boolean {
  if (member.state !== "InService" || member.health !== "Healthy") return false;
  const since = member.inServiceAt ?? 0;
  return since < refresh.startedAt || nowMs >= since + warmupMs(group, refresh);
}

export const warmupMs = (group: Group, { preferences }: Refresh): number =>
  (preferences.warmupSeconds ?? group.warmupSeconds ?? group.graceSeconds) * 1_000;

function treatment({ preferences }: Refresh, { state, protectedFromScaleIn }: Member): "replace" | "leave" | "wait" {
  const choice =
    state === "Standby" ? preferences.standbyInstances : protectedFromScaleIn ? preferences.protectedInstances : "";
  if (choice === "Ignore") return "leave";
  return choice === "Wait" ? "wait" : "replace";
}

/** A group in its refresh, counted. */
export interface RefreshView {
  /** What is to be replaced, and what would be if a person let it. */
  readonly stale: readonly Member[];
  readonly held: readonly Member[];
  /** Everything else that counts as capacity, and launches that EC2 has not answered. */
  readonly fresh: readonly Member[];
  readonly launches: number;
  /** Instances above the desired capacity; below it where negative. */
  readonly surplus: number;
  readonly ready: number;
  readonly progress: RefreshProgress;
}

export function viewOf(group: Group, refresh: Refresh, nowMs: number): RefreshView {
  const members = [...group.members.values()];
  const old = members.filter(
    (member) => (isCapacity(member) || member.state === "Standby") && isStale(refresh, member),
  );
  const stale = old.filter((member) => treatment(refresh, member) === "replace");
  const held = old.filter((member) => treatment(refresh, member) === "wait");
  const capacity = members.filter(isCapacity);
  const fresh = capacity.filter((member) => !stale.includes(member) && !held.includes(member));
  const launches = [...group.launches].filter(({ rebalancing, warm }) => !rebalancing && !warm).length;
  const ready = (some: readonly Member[]): number =>
    some.filter((member) => isReady(group, refresh, member, nowMs)).length;
  const done = refresh.status === "RollbackInProgress" ? stale.length + held.length : ready(fresh);
  return {
    stale,
    held,
    fresh,
    launches,
    surplus: capacity.length + launches - group.desired,
    ready: ready(capacity),
    progress: {
      percent: group.desired === 0 ? 100 : Math.min(100, Math.floor((100 * done) / group.desired)),
      toUpdate: refresh.rollback?.toUpdate ?? stale.length + held.length,
    },
  };
}

/** How many must stay ready, and how many there may be, while one goes and another comes. */
export function boundsOf({ desired }: Group, { preferences }: Refresh): { lowest: number; highest: number } {
  const { minHealthyPercent, maxHealthyPercent } = preferences;
  const lowest = Math.ceil((desired * minHealthyPercent) / 100);
  if (maxHealthyPercent === undefined) return { lowest: Math.min(lowest, desired - 1), highest: desired };
  const highest = Math.max(desired, Math.floor((desired * maxHealthyPercent) / 100));
  // Where both bounds leave no room for any replacement, AWS launches one instance more before it terminates one.
  return { lowest, highest: lowest >= desired ? Math.max(highest, desired + 1) : highest };
}

/** Instances of the warm pool that are to be replaced, or are on their way. */
export function poolToRefresh(group: Group, refresh: Refresh): { stale: readonly Member[]; isMoving: boolean } {
  const pool = [...group.members.values()].filter((member) => isWarm(member) && !isTerminating(member));
  return {
    stale: pool.filter((member) => isStale(refresh, member)),
    isMoving:
      pool.some(({ state }) => state.startsWith("Warmed:Pending")) || [...group.launches].some(({ warm }) => warm),
  };
}

/** What AWS says of a refresh that goes on: whom it waits for. */
export function statusReason(group: Group, refresh: Refresh, nowMs: number): string | undefined {
  if (refresh.status !== "InProgress" && refresh.status !== "RollbackInProgress") return refresh.reason;
  if (isSuspended(group, "InstanceRefresh")) return "The InstanceRefresh process is suspended.";
  const { fresh, held } = viewOf(group, refresh, nowMs);
  const coming = fresh.find(isPending);
  if (coming !== undefined)
    return `Waiting for remaining instances to be available. For example: ${coming.instance.instanceId}.`;
  const warming = fresh.find((member) => !isReady(group, refresh, member, nowMs));
  if (warming !== undefined)
    return `Waiting for instances to warm up before continuing. For example: ${warming.instance.instanceId} is warming up.`;
  if (nowMs < refresh.pausedUntil)
    return `Waiting at the checkpoint until ${new Date(refresh.pausedUntil).toISOString()} before continuing.`;
  const [kept] = held;
  return kept === undefined
    ? refresh.reason
    : `Waiting for ${kept.instance.instanceId}, which is in Standby or protected from scale in.`;
}
