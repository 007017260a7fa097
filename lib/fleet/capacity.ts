import { known, unknown, type Fact } from "../reconcile/fact.ts";

/** The nodes publish at this resolution; CloudWatch keeps it for three hours. */
export const PERIOD_MS = 10_000;
/** What scaling decides on: the last six whole periods and the one that is still being filled. */
export const WINDOW_MS = 60_000 + PERIOD_MS;
/** A scale-out answers the load of the last three whole periods; what was over before is no reason for it. */
export const RECENT_MS = 30_000 + PERIOD_MS;
/** Of the six whole periods one may be incomplete (a node published a moment late) before the load counts as unknown. */
export const COMPLETE_SAMPLES_MIN = 5;
/** Requests that wait now shall be gone after this time, beside the work that keeps coming. */
export const BACKLOG_SECONDS = 20;
/** Rounding of sums of decimals must not cost a node. */
const EPSILON = 1e-9;

/** One period of the nodes' metrics: how many nodes reported, and the mean of a node over them. */
export interface LoadSample {
  /** Start of the period, ms since the epoch. */
  readonly at: number;
  readonly reporters: number;
  /** Requests of the period, health and status requests excluded. */
  readonly arrived: number;
  readonly completed: number;
  /** Mean number of php-fpm workers busy, and how many there are. */
  readonly busy: number;
  readonly workers: number;
  readonly queued: number;
}

/** Who could report: a sample with more reports than nodes counted one node twice, one with fewer misses a node. */
export interface Reporters {
  /** Nodes in service: each must have reported in a complete sample. */
  readonly expected: number;
  /** Every instance of the group, leaving ones included. */
  readonly possible: number;
}

export interface Load {
  /** Highest rate of the last three periods, and of the whole window. */
  readonly recentPerSecond: number;
  readonly peakPerSecond: number;
  readonly serviceSeconds: number;
  readonly queued: number;
  readonly workersPerNode: number;
  /** Samples in which every node in service reported. */
  readonly completeSamples: number;
}

/**
 * The load on the farm over the window that ends at `now`.
 *
 * A rate of arrivals is the highest mean of two neighbouring periods, because one period alone is noisy. Service time
 * is Little's law turned round (busy workers = completions per second x seconds in service): it stays right when every
 * worker is busy, where a response time would count the queue. Unknown when nobody reported of late, or when requests
 * arrive and none completes.
 */
export function loadOf(samples: readonly LoadSample[], nodes: Reporters, now: number): Fact<Load> {
  const window = samples
    .filter((sample) => sample.at > now - WINDOW_MS && sample.reporters > 0)
    .toSorted((a, b) => a.at - b.at);
  const recent = window.filter((sample) => sample.at > now - RECENT_MS);
  const latest = recent.at(-1);
  if (latest === undefined) return unknown("no node published metrics in the last half minute");
  if (latest.workers <= 0) return unknown("the nodes report no php-fpm workers");

  const reporters = (sample: LoadSample): number => Math.min(sample.reporters, Math.max(1, nodes.possible));
  const sum = (of: (sample: LoadSample) => number): number =>
    window.reduce((total, sample) => total + of(sample) * reporters(sample), 0);
  const rate = (sample: LoadSample): number => (sample.arrived * reporters(sample) * 1000) / PERIOD_MS;
  const peakPerSecond = peakOfPairs(window, rate);
  const completed = sum((sample) => sample.completed);
  if (peakPerSecond > 0 && completed === 0) return unknown("requests arrive and none was completed in the last minute");

  return known({
    recentPerSecond: peakOfPairs(recent, rate),
    peakPerSecond,
    serviceSeconds: completed === 0 ? 0 : (sum((sample) => sample.busy) * PERIOD_MS) / 1000 / completed,
    queued: latest.queued * reporters(latest),
    workersPerNode: latest.workers,
    completeSamples: window.filter((sample) => sample.reporters >= nodes.expected).length,
  });
}

/** Two samples are neighbours only if no period is missing between them. */
function peakOfPairs(samples: readonly LoadSample[], rate: (sample: LoadSample) => number): number {
  const pairs = samples.flatMap((sample, index) => {
    const before = samples[index - 1];
    return before !== undefined && sample.at - before.at <= PERIOD_MS ? [(rate(before) + rate(sample)) / 2] : [];
  });
  return Math.max(...(pairs.length > 0 ? pairs : samples.map(rate)));
}

/** Workers that requests at that rate keep busy (Little's law), and those that work off what is waiting. */
export const offeredWorkers = (load: Load, perSecond: number): number => perSecond * load.serviceSeconds;
export const backlogWorkers = (load: Load): number => (load.queued * load.serviceSeconds) / BACKLOG_SECONDS;

/** Nodes of which `targetBusyPercent` of the workers are busy when `workers` are needed. */
export const nodesFor = (workers: number, workersPerNode: number, targetBusyPercent: number): number =>
  Math.ceil((workers * 100) / (workersPerNode * targetBusyPercent) - EPSILON);

/** The rule in one sentence, with the numbers that it was applied to. */
export function explainLoad(load: Load, targetBusyPercent: number): string {
  const workers = offeredWorkers(load, load.recentPerSecond);
  const offered = `${load.recentPerSecond.toFixed(1)} requests/s x ${load.serviceSeconds.toFixed(3)} s keep ${workers.toFixed(1)} workers busy`;
  const backlog =
    load.queued > 0 ? `, ${load.queued.toFixed(0)} waiting requests ${backlogWorkers(load).toFixed(1)} more` : "";
  const nodes = nodesFor(workers + backlogWorkers(load), load.workersPerNode, targetBusyPercent);
  return `${offered}${backlog}; at ${targetBusyPercent}% of ${load.workersPerNode.toFixed(0)} workers a node, that needs ${nodes}`;
}
