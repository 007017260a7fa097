import { isKnown, type Fact } from "../reconcile/fact.ts";
import type { Problem } from "../reconcile/plan.ts";
import { counted, type Group } from "../lifecycle/observation.ts";
import { COMPLETE_SAMPLES_MIN, loadOf, nodesFor, type Load } from "./capacity.ts";
import { explainRoom, nodesWithRoom } from "./database-room.ts";
import { demandOf, horizonOf, SAFE_BOOT, type BootTimes, type Demand } from "./demand.ts";
import type { CapacityChange, CapacityObservation } from "./plan.ts";
import { floorWithin } from "./schedule.ts";
import type { Floor } from "./wishes.ts";
import { PERIOD_MS, type Period } from "./work.ts";

/** A scale-out shows in the metrics after two of their periods; until then they tell of the farm as it was before. */
export const OUT_SETTLES_MS = 20_000;
/** A cooldown that ends within this time is waited for; the minute clock sees the end of a longer one. */
const COOLDOWN_WATCHED_MS = 60_000;
/** Of the nodes that go at once, in each cooldown; below eight nodes that is one at a time. */
export const IN_SHARE_MAX = 0.25;

export interface Decision {
  readonly to: number;
  /** What the load asks for, within the bounds, whether or not it may be had now. Absent: the load is unknown. */
  readonly wanted?: number;
  readonly because: string;
  readonly problems: readonly Problem[];
  readonly lookAgainMs?: number;
}

/** What holds whatever the load is. */
interface Bounds {
  readonly lowest: number;
  readonly highest: number;
  readonly byFloor: string | undefined;
}

/** How many nodes there shall be and why, in one sentence with the numbers that decided. */
export function decide(o: CapacityObservation, group: Group, wish: Floor | undefined): Decision {
  const boot = bootOf(o.boot);
  const bounds = boundsOf(o, group, boot, wish);
  const load = isKnown(o.samples) ? loadOf(o.samples.known, reportersOf(group), o.now) : o.samples;
  if (!isKnown(load)) return unknownLoad(group, bounds, "unknown" in load ? load.unknown : "no metrics");
  const demand = demandOfTier(o, group, load.known, boot);
  const { workersPerNode } = load.known;
  const needed = nodesFor(demand.workers, workersPerNode);
  const wanted = clamp(needed, bounds);
  const because = `${demand.because}; a node has ${workersPerNode}, so that needs ${needed}${boundBy(needed, wanted, bounds, group)}`;
  if (wanted > group.desired)
    return { problems: [], wanted, ...scaleOut(o, group, { wanted, bounds, because, load: load.known }) };
  if (wanted < group.desired)
    return { problems: [], wanted, ...scaleIn(o, group, { load: load.known, demand, bounds, because }) };
  return { problems: [], wanted, to: group.desired, because: `${because}, as there are` };
}

const unknownLoad = (group: Group, bounds: Bounds, why: string): Decision => ({
  to: Math.max(group.desired, bounds.lowest),
  because: `the load is unknown, so no node is taken away: ${why}`,
  problems: [{ code: "load-unknown", detail: why }],
});

/** One boot ahead. Nodes of the warm pool come sooner, as long as there are as many as it takes. */
function demandOfTier(o: CapacityObservation, group: Group, load: Load, boot: BootTimes): Demand {
  const ready = isKnown(o.pool) ? o.pool.known : 0;
  const within = (bootMs: number): Demand =>
    demandOf({
      load,
      minutes: isKnown(o.minutes) ? o.minutes.known : NONE,
      history: o.history,
      now: o.now,
      horizonMs: horizonOf(bootMs),
      heldMs: o.scaleInCooldownMs,
      targetBusyPercent: o.targetBusyPercent,
    });
  const soon = ready > 0 ? within(boot.poolMs) : undefined;
  const isPoolEnough = soon !== undefined && nodesFor(soon.workers, load.workersPerNode) - group.desired <= ready;
  return isPoolEnough ? soon : within(boot.directMs);
}
const NONE: readonly Period[] = [];

interface Out {
  readonly wanted: number;
  readonly bounds: Bounds;
  readonly because: string;
  readonly load: Load;
}

function scaleOut(
  o: CapacityObservation,
  group: Group,
  { wanted, bounds, because, load }: Out,
): Partial<Decision> & Core {
  const last = isKnown(o.lastChange) ? happened(o.lastChange.known, group) : undefined;
  const settlesAt = last !== undefined && last.to > last.from ? last.at + OUT_SETTLES_MS : 0;
  if (o.now < settlesAt)
    return {
      to: Math.max(group.desired, bounds.lowest),
      because: `${because}; the scale-out of ${seconds(o.now - (last?.at ?? 0))} ago does not show in the metrics yet`,
      lookAgainMs: settlesAt - o.now,
    };
  if (!isKnown(o.database)) {
    const why = "unknown" in o.database ? o.database.unknown : "nobody has noted its connections yet";
    return { to: wanted, because: `${because}; what the database has left is not known: ${why}` };
  }
  const room = nodesWithRoom(o.database.known, load.workersPerNode);
  const to = Math.max(group.desired, bounds.lowest, Math.min(wanted, group.desired + room));
  if (to === wanted) return { to, because };
  const detail = `${explainRoom(o.database.known)}: there is room for ${room} more nodes of ${load.workersPerNode} workers`;
  return {
    to,
    because: `${because}; ${wanted - to} of them are not added, because ${detail}`,
    problems: [{ code: "database-bottleneck", detail }],
  };
}

type Core = Pick<Decision, "to" | "because">;

interface In {
  readonly load: Load;
  readonly demand: Demand;
  readonly bounds: Bounds;
  readonly because: string;
}

function scaleIn(
  o: CapacityObservation,
  group: Group,
  { load, demand, bounds, because }: In,
): Partial<Decision> & Core {
  const stay = (why: string, lookAgainMs = Infinity) => ({
    to: group.desired,
    because: `${because}; none of ${group.desired} goes: ${why}`,
    ...(lookAgainMs <= COOLDOWN_WATCHED_MS ? { lookAgainMs } : {}),
  });
  const enoughFor = (workers: number): number => clamp(nodesFor(workers, load.workersPerNode), bounds);
  const enough = enoughFor(demand.stays);
  if (enough >= group.desired)
    return stay(
      "fewer would leave no headroom",
      // Where only what is over holds them, it does not for long.
      enoughFor(demand.now) < group.desired ? o.scaleInCooldownMs : Infinity,
    );
  if ("unknown" in o.minutes) return stay(`the last hours are unknown: ${o.minutes.unknown}`);
  const missing = COMPLETE_SAMPLES_MIN - load.complete.length;
  if (missing > 0)
    return stay(
      `only ${load.complete.length} periods of the last minute are complete`,
      Math.max(o.scaleInCooldownMs, missing * PERIOD_MS),
    );
  if ("unknown" in o.lastChange) return stay(`the last change is unknown: ${o.lastChange.unknown}`);
  const last = isKnown(o.lastChange) ? happened(o.lastChange.known, group) : undefined;
  if (last !== undefined && o.now - last.at < o.scaleInCooldownMs)
    return stay(
      `the last change was ${seconds(o.now - last.at)} ago, the cooldown is ${seconds(o.scaleInCooldownMs)}`,
      last.at + o.scaleInCooldownMs - o.now,
    );
  const nodes = counted(group);
  const moving = nodes.find(({ lifecycleState }) => lifecycleState !== "InService");
  if (moving !== undefined) return stay(`${moving.id} is in ${moving.lifecycleState}`);
  if (nodes.length !== group.desired) return stay(`${nodes.length} of ${group.desired} nodes exist`);
  const step = Math.max(1, Math.floor(group.desired * IN_SHARE_MAX));
  return { to: Math.max(enough, group.desired - step), because };
}

/** A change that was noted and whose call then failed has not happened. */
const happened = (change: CapacityChange, group: Group): CapacityChange | undefined =>
  group.desired === change.from && change.from !== change.to ? undefined : change;

function boundsOf(o: CapacityObservation, group: Group, boot: BootTimes, wish: Floor | undefined): Bounds {
  const scheduled = floorWithin(o.floors, o.now, horizonOf(boot.directMs));
  const floor = Math.max(scheduled, wish?.count ?? 0);
  const byFloor = floor < group.min ? undefined : floor === wish?.count ? "an operator wants" : "the schedule wants";
  return { lowest: Math.min(group.max, Math.max(group.min, floor)), highest: group.max, byFloor };
}

const clamp = (nodes: number, { lowest, highest }: Bounds): number => Math.min(highest, Math.max(lowest, nodes));

function boundBy(needed: number, wanted: number, bounds: Bounds, group: Group): string {
  if (needed > wanted) return `, the maximum is ${group.max}`;
  if (needed === wanted) return "";
  return bounds.byFloor === undefined ? `, the minimum is ${group.min}` : `, ${bounds.byFloor} at least ${wanted}`;
}

const bootOf = (boot: Fact<Partial<BootTimes>>): BootTimes => ({ ...SAFE_BOOT, ...(isKnown(boot) ? boot.known : {}) });

const reportersOf = (group: Group) => ({
  expected: group.instances.filter((instance) => instance.lifecycleState === "InService").length,
  possible: group.instances.length,
});

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
