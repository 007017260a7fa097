/** The nodes publish at this resolution; CloudWatch keeps it for three hours. */
export const PERIOD_MS = 10_000;

/** What the whole tier did in one period, ten seconds or some minutes long, which begins at `at` (ms since the epoch). */
export interface Period {
  readonly at: number;
  /** Requests, health and status requests excluded. */
  readonly arrived: number;
  readonly completed: number;
  /** Requests that waited for a worker, summed over the nodes' reports of the period. */
  readonly queued: number;
  /** Mean number of php-fpm workers busy. */
  readonly busy: number;
  /** Of how many nodes the processors were busy; 0 where the nodes do not publish it. */
  readonly processors: number;
}

/** The load of one period, as workers that it keeps busy. */
export interface Work {
  readonly at: number;
  readonly workers: number;
}

/**
 * How many workers the load of a period keeps busy. That is those that were, and where requests waited, as many more as
 * the arrivals would have taken at the period's own service time (Little's law: busy workers = completions per second x
 * seconds in service). So it is right also when all workers are busy, and it says nothing of other periods, whose pages
 * may have been others. Requests that are still being answered when the period ends did not wait. Where the processors
 * are the scarcer of the two, they count as the workers of as many nodes as they keep busy.
 */
export function workOf({ arrived, completed, queued, busy, processors }: Period, workersPerNode: number): number {
  const waited = Math.min(queued, Math.max(0, arrived - completed));
  return Math.max(busy, processors * workersPerNode) * (1 + waited / Math.max(1, completed));
}

export const worksOf = (periods: readonly Period[], workersPerNode: number): Work[] =>
  periods.map((period) => ({ at: period.at, workers: workOf(period, workersPerNode) }));
