import { isStale, replacingRefresh } from "./refresh-view.ts";
import { isCapacity, isTerminating, isWarm, placementKey, type Group, type Member, type Placement } from "./model.ts";

const HOUR_MS = 3_600_000;

/**
 * Members of each placement that count, launches under way included; with the warm pool, if an instance is for that.
 * What a refresh is about to replace does not count: the zones are to be even when it is gone.
 */
function census(group: Group, withPool: boolean): Map<string, number> {
  const refresh = replacingRefresh(group);
  const counts = new Map(group.placements.map((placement) => [placementKey(placement), 0]));
  const add = (placement: Placement): void => {
    const key = placementKey(placement);
    const count = counts.get(key);
    if (count !== undefined) counts.set(key, count + 1);
  };
  const isCounted = (member: Member): boolean =>
    !(refresh !== undefined && isStale(refresh, member)) &&
    (isCapacity(member) || member.rebalancing || (withPool && isWarm(member) && !isTerminating(member)));
  for (const member of group.members.values()) if (isCounted(member)) add(member.placement);
  for (const launch of group.launches) if (withPool || !launch.warm) add(launch.placement);
  return counts;
}

/** Where the next instance goes: the least filled placement, one whose last launch failed only if there is no other. */
export const choosePlacement = (group: Group, withPool = false): Placement | undefined =>
  choosePlacements(group, 1, withPool)[0];

/** Where the next `count` instances go, one after the other; none if the group has no placement. */
export function choosePlacements(group: Group, count: number, withPool = false): readonly Placement[] {
  const counts = census(group, withPool);
  const weight = (placement: Placement): [number, number] => {
    const key = placementKey(placement);
    return [group.failing.has(key) ? 1 : 0, counts.get(key) ?? 0];
  };
  const chosen: Placement[] = [];
  while (chosen.length < count) {
    const [next] = group.placements.toSorted((a, b) => {
      const [failingA, countA] = weight(a);
      const [failingB, countB] = weight(b);
      return failingA - failingB || countA - countB;
    });
    if (next === undefined) break;
    chosen.push(next);
    counts.set(placementKey(next), (counts.get(placementKey(next)) ?? 0) + 1);
  }
  return chosen;
}

/** The placement that lacks an instance if another has at least two more than it (zone rebalancing). */
export function lackingPlacement(group: Group): Placement | undefined {
  const counts = census(group, false);
  const candidate = choosePlacement(group);
  if (candidate === undefined || group.failing.has(placementKey(candidate))) return undefined;
  const most = Math.max(...counts.values());
  return most - (counts.get(placementKey(candidate)) ?? 0) >= 2 ? candidate : undefined;
}

const versionOf = (member: Member): number => Number(member.instance.launchTemplateVersion ?? 0);

/** Keeps the members for which `rank` is smallest. */
function smallest(members: readonly Member[], rank: (member: Member) => number): readonly Member[] {
  const least = Math.min(...members.map(rank));
  return members.filter((member) => rank(member) === least);
}

/** What each termination policy keeps of the candidates; a policy without an effect here keeps all. */
const NARROWING: Readonly<Record<string, (members: readonly Member[], nowMs: number) => readonly Member[]>> = {
  OldestInstance: (members) => smallest(members, (member) => member.joinedAt),
  NewestInstance: (members) => smallest(members, (member) => -member.joinedAt),
  OldestLaunchTemplate: (members) => smallest(members, versionOf),
  ClosestToNextInstanceHour: (members, nowMs) =>
    smallest(members, (member) => HOUR_MS - ((nowMs - member.joinedAt) % HOUR_MS)),
  // No group here has a launch configuration or an allocation strategy, so these two find nothing to prefer.
  OldestLaunchConfiguration: (members) => members,
  AllocationStrategy: (members) => members,
  Default: (members, nowMs) =>
    ["OldestLaunchTemplate", "ClosestToNextInstanceHour"].reduce(
      (kept, policy) => NARROWING[policy]?.(kept, nowMs) ?? kept,
      members,
    ),
};
export const TERMINATION_POLICIES: readonly string[] = Object.keys(NARROWING);

/** Zones with the most members that count, among zones that have at least one candidate. */
function fullestZone(group: Group, candidates: readonly Member[]): readonly Member[] {
  const inZone = (zone: string): number =>
    [...group.members.values()].filter((m) => isCapacity(m) && m.instance.availabilityZone === zone).length;
  return smallest(candidates, (member) => -inZone(member.instance.availabilityZone));
}

/** Of those that a refresh replaces the next: from the fullest zone, the oldest. */
export function chooseReplaced(group: Group, stale: readonly Member[]): Member | undefined {
  const serving = stale.filter((member) => member.state === "InService");
  if (serving.length === 0) return undefined;
  return smallest(fullestZone(group, serving), (member) => member.joinedAt).toSorted(byId)[0];
}

/**
 * The instance that scale-in takes: from the fullest zone that has one without protection, then by the group's
 * policies in order. A launch that is not in service yet is taken only when nothing in service may be.
 */
export function chooseVictim(group: Group, nowMs: number): Member | undefined {
  const open = [...group.members.values()].filter((member) => isCapacity(member) && !member.protectedFromScaleIn);
  const serving = open.filter((member) => member.state === "InService");
  const candidates = serving.length > 0 ? serving : open;
  if (candidates.length === 0) return undefined;
  const narrowed = group.policies.reduce(
    (kept, policy) => NARROWING[policy]?.(kept, nowMs) ?? kept,
    fullestZone(group, candidates),
  );
  // AWS takes one at random among equals; the lowest id keeps a seeded run repeatable.
  return narrowed.toSorted(byId)[0];
}

const byId = (a: Member, b: Member): number => (a.instance.instanceId < b.instance.instanceId ? -1 : 1);
