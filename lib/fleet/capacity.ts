import { known, unknown, type Fact } from "../reconcile/fact.ts";
import { PERIOD_MS, workOf, type Period, type Work } from "./work.ts";

/** What scaling decides on: the last six whole periods and the one that is still being filled. */
export const WINDOW_MS = 60_000 + PERIOD_MS;
/** The load of now is that of the last three whole periods; what was over before is no reason for a scale-out. */
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
  /** The samples of the window, oldest first. */
  readonly works: readonly Work[];
  /** Of these, those in which every node in service reported. */
  readonly complete: readonly Work[];
  /** Highest rate of requests of the last three periods, for the words. */
  readonly perSecond: number;
  /** Workers that work off the requests that wait, beside those for the work that keeps coming. */
  readonly backlogWorkers: number;
  readonly workersPerNode: number;
  /** Which of the two fills the nodes first, of late. */
  readonly limit: "workers" | "processors";
}

/**
 * The load on the farm over the window that ends at `now`. Unknown when nobody reported of late, or when requests arrive or
 * wait and none is answered: then nobody knows what they take.
 */
export function loadOf(samples: readonly LoadSample[], nodes: Reporters, now: number): Fact<Load> {
  const window = samples
    .filter((sample) => sample.at > now - WINDOW_MS && sample.reporters > 0)
    .toSorted((a, b) => a.at - b.at);
  const latest = recentOf(window, now).at(-1);
  if (latest === undefined) return unknown("no node published metrics in the last half minute");
  const { workers: workersPerNode } = latest;
  if (workersPerNode <= 0) return unknown("the nodes report no php-fpm workers");

  const periods = window.map((sample) => periodOf(sample, nodes));
  const sum = (of: (period: Period) => number, over = periods): number =>
    over.reduce((total, period) => total + of(period), 0);
  const [arrived, completed] = [sum((period) => period.arrived), sum((period) => period.completed)];
  const queued = latest.queued * reportersOf(latest, nodes);
  if (arrived + queued > 0 && completed === 0)
    return unknown("requests arrive and none was completed in the last minute");
  const serviceSeconds = completed === 0 ? 0 : (sum((period) => period.busy) * PERIOD_MS) / 1000 / completed;
  const recent = recentOf(periods, now);
  const works = periods.map((period) => ({ at: period.at, workers: workOf(period, workersPerNode) }));

  return known({
    works,
    complete: works.filter((_, index) => (window[index]?.reporters ?? 0) >= nodes.expected),
    perSecond: peakOfPairs(recent, (period) => (period.arrived * 1000) / PERIOD_MS),
    backlogWorkers: (queued * serviceSeconds) / BACKLOG_SECONDS,
    workersPerNode,
    limit:
      sum((period) => period.processors, recent) * workersPerNode > sum((period) => period.busy, recent)
        ? "processors"
        : "workers",
  });
}

const recentOf = <T extends { readonly at: number }>(all: readonly T[], now: number): T[] =>
  all.filter(({ at }) => at > now - RECENT_MS);

const reportersOf = (sample: LoadSample, nodes: Reporters): number =>
  Math.min(sample.reporters, Math.max(1, nodes.possible));

/** The means of a node, times the nodes. */
function periodOf(sample: LoadSample, nodes: Reporters): Period {
  const reporters = reportersOf(sample, nodes);
  return {
    at: sample.at,
    arrived: sample.arrived * reporters,
    completed: sample.completed * reporters,
    queued: sample.queued * reporters,
    busy: sample.busy * reporters,
    processors: ((sample.cpuPercent ?? 0) * reporters) / 100,
  };
}

/** The load since then, as the highest mean of two neighbouring periods: one alone is noisy. */
export const peakSince = (works: readonly Work[], since: number): number =>
  peakOfPairs(
    works.filter(({ at }) => at > since),
    ({ workers }) => workers,
  );

/** Two samples are neighbours only if no period is missing between them. */
function peakOfPairs<T extends { readonly at: number }>(samples: readonly T[], of: (sample: T) => number): number {
  const pairs = samples.flatMap((sample, index) => {
    const before = samples[index - 1];
    return before !== undefined && sample.at - before.at <= PERIOD_MS ? [(of(before) + of(sample)) / 2] : [];
  });
  return Math.max(...(pairs.length > 0 ? pairs : samples.map(of)));
}

/** Nodes that carry the load. */
export const nodesFor = (workers: number, workersPerNode: number): number =>
  Math.ceil(workers / workersPerNode - EPSILON);
