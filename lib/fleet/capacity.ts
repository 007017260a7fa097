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
/** What was learnt of the service time counts as much as this many requests. */
const LEARNT_REQUESTS = 20;
const SAFE_SERVICE_SECONDS = 0.25;
/** Below this mean use, processors are busy with other things than requests, and tell nothing of their cost. */
const CPU_TELLING_PERCENT = 20;
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
  /** Mean use of the processors, in percent; absent where the nodes do not publish it. */
  readonly cpuPercent?: number;
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
  /** Requests that were completed within the window, and how long each kept a worker. */
  readonly completed: number;
  readonly serviceSeconds: number;
  readonly queued: number;
  readonly workersPerNode: number;
  /** Requests per second at which a node's processors would be fully used; absent where nobody knows. */
  readonly processorPerSecond?: number;
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
  const processors = sum((sample) => sample.cpuPercent ?? 0);

  return known({
    recentPerSecond: peakOfPairs(recent, rate),
    peakPerSecond,
    completed,
    serviceSeconds: completed === 0 ? 0 : (sum((sample) => sample.busy) * PERIOD_MS) / 1000 / completed,
    queued: latest.queued * reporters(latest),
    workersPerNode: latest.workers,
    ...(processors < CPU_TELLING_PERCENT * sum(() => 1)
      ? {}
      : { processorPerSecond: (completed * 100 * 1000) / (processors * PERIOD_MS) }),
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

/** What one node can do. */
export interface NodeCapacity {
  /** Requests per second with every worker busy, or with its processors fully used, whichever comes first. */
  readonly perSecond: number;
  readonly serviceSeconds: number;
  readonly limit: "workers" | "processors";
}

/**
 * Service time is blended from what the last minute shows and what was learnt before, by how many requests each stands
 * for: a quiet minute does not overturn what is known, and a slow page shows at once. Where nothing was learnt, a page
 * takes a quarter of a second until enough of them were seen: more than WordPress takes from its cache.
 */
export function nodeCapacityOf(load: Load, learntServiceSeconds?: number): NodeCapacity {
  const before = learntServiceSeconds ?? SAFE_SERVICE_SECONDS;
  const serviceSeconds =
    (load.completed * load.serviceSeconds + LEARNT_REQUESTS * before) / (load.completed + LEARNT_REQUESTS);
  const byWorkers = load.workersPerNode / serviceSeconds;
  const byProcessors = load.processorPerSecond ?? Infinity;
  return {
    perSecond: Math.min(byWorkers, byProcessors),
    serviceSeconds,
    limit: byProcessors < byWorkers ? "processors" : "workers",
  };
}

/** What works off the requests that wait, as a rate beside the one that keeps coming. */
export const backlogPerSecond = (load: Load): number => load.queued / BACKLOG_SECONDS;

/** Nodes that serve the rate. */
export const nodesFor = (perSecond: number, node: NodeCapacity): number =>
  Math.ceil(perSecond / node.perSecond - EPSILON);
