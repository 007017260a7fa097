import { MINUTE_MS, SLICE_MS, SLICES } from "./trace.ts";

/** What all policies are given alike. */
export interface Terms {
  /** Requests per minute that one node serves. */
  readonly nodeCapacity: number;
  readonly bootMs: number;
  readonly poolBootMs: number;
  /** Stopped nodes that a warm pool keeps ready. */
  readonly pool: number;
  readonly min: number;
  readonly max: number;
}

interface Node {
  readonly launchedAt: number;
  readonly readyAt: number;
}

/** A tier of nodes that boot for a while, are paid for from their launch on, and go at once. */
export interface Tier {
  desired(): number;
  inService(now: number): number;
  nodes(): readonly Node[];
  /** Nodes of the warm pool that are ready to be started. */
  ready(now: number): number;
  /** Nodes that are paid for: a stopped one is not, one that is being warmed is. */
  paid(now: number): number;
  setDesired(count: number, now: number): void;
  /** Changes of the desired number so far. */
  actions(): number;
}

export function openTier(terms: Terms, initial: number): Tier {
  const first = clamp(initial, terms);
  let nodes: Node[] = Array.from({ length: first }, () => ({ launchedAt: -Infinity, readyAt: -Infinity }));
  // When each node of the pool is warmed and stopped. One that is taken out is followed by another at once.
  let pool: number[] = Array.from({ length: terms.pool }, () => -Infinity);
  let actions = 0;
  const launched = (now: number): Node => {
    const stopped = pool.findIndex((warmedAt) => warmedAt <= now);
    if (stopped < 0) return { launchedAt: now, readyAt: now + terms.bootMs };
    pool = pool.with(stopped, now + terms.bootMs);
    return { launchedAt: now, readyAt: now + terms.poolBootMs };
  };
  return {
    desired: () => nodes.length,
    inService: (now) => nodes.reduce((count, { readyAt }) => count + Number(readyAt <= now), 0),
    nodes: () => nodes,
    ready: (now) => pool.filter((warmedAt) => warmedAt <= now).length,
    paid: (now) => nodes.length + pool.filter((warmedAt) => warmedAt > now).length,
    actions: () => actions,
    setDesired(count, now) {
      const wanted = clamp(count, terms);
      if (wanted === nodes.length) return;
      actions++;
      // Whoever has served longest stays: the newest, booting ones included, are the ones that nobody needs yet.
      nodes =
        wanted < nodes.length
          ? nodes.slice(0, wanted)
          : [...nodes, ...Array.from({ length: wanted - nodes.length }, () => launched(now))];
    },
  };
}

const clamp = (count: number, { min, max }: Terms): number => Math.min(max, Math.max(min, count));

export interface PolicyResult {
  /** Minutes in which some request found no capacity. */
  readonly violationMinutes: number;
  /** Requests beyond the capacity of the nodes in service, of all. */
  readonly unservedRatio: number;
  readonly nodeMinutes: number;
  /** Node-minutes beyond the optimum's, as a share of these. */
  readonly overOptimum: number;
  readonly actions: number;
  /** Nodes in service and nodes paid for at the start of each minute: for the chart. */
  readonly capacity: readonly number[];
  readonly actionsByMinute: readonly number[];
}

/** Sees each ten seconds of the trace once they are over, and may change the tier. */
export type Policy = (
  tier: Tier,
  terms: Terms,
) => (slice: number, arrived: number, inService: number, now: number) => void;

/** Replays the slices. Of a slice's requests as many are served as the nodes that are in service can; the rest is lost. */
export function replay(
  slices: Float64Array,
  startsAt: number,
  terms: Terms,
  policy: Policy,
  initial: number,
): PolicyResult {
  const tier = openTier(terms, initial);
  const seen = policy(tier, terms);
  let unserved = 0;
  let arrivedAll = 0;
  let nodeMs = 0;
  const violated = new Set<number>();
  const capacity: number[] = [];
  const actionsByMinute: number[] = [];
  slices.forEach((arrived, slice) => {
    const at = startsAt + slice * SLICE_MS;
    const inService = tier.inService(at);
    if (slice % SLICES === 0) {
      capacity.push(inService);
      actionsByMinute.push(tier.actions());
    }
    const room = (inService * terms.nodeCapacity * SLICE_MS) / MINUTE_MS;
    // A rounding error of the slices' sum is no request that nobody served.
    const lost = Math.max(0, arrived - room);
    if (lost > 1e-9 * room) {
      unserved += lost;
      violated.add(Math.floor(slice / SLICES));
    }
    arrivedAll += arrived;
    nodeMs += tier.paid(at) * SLICE_MS;
    seen(slice, arrived, inService, at + SLICE_MS);
  });
  return {
    violationMinutes: violated.size,
    unservedRatio: arrivedAll === 0 ? 0 : unserved / arrivedAll,
    nodeMinutes: nodeMs / MINUTE_MS,
    overOptimum: 0,
    actions: tier.actions(),
    capacity,
    actionsByMinute,
  };
}
