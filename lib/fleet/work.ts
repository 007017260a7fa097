/** The nodes publish at this resolution; CloudWatch keeps it for three hours. */
export const PERIOD_MS = 10_000;

/** What the whole tier did in one period, ten seconds or some minutes long, which begins at `at` (ms since the epoch). */
export interface Period {
  readonly at: number;
  /** Requests, health and status requests excluded. */
  readonly arrived: number;
  readonly completed: number;
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

/** So many requests that arrive and are still being answered when the period ends are no sign of a queue. */
const FEW_REQUESTS = 10;

/**
 * How many workers the load of a period keeps busy: its arrivals times its own service time (Little's law: busy workers =
 * completions per second x seconds in service). So it is right also when all workers are busy and requests wait, and
 * it says nothing of other periods, whose pages may have been others. Where the processors are the scarcer of the two,
 * they count as the workers of as many nodes as they keep busy.
 */
export const workOf = (period: Period, workersPerNode: number): number =>
  (Math.max(period.busy, period.processors * workersPerNode) * (period.arrived + FEW_REQUESTS)) /
  (period.completed + FEW_REQUESTS);

export const worksOf = (periods: readonly Period[], workersPerNode: number): Work[] =>
  periods.map((period) => ({ at: period.at, workers: workOf(period, workersPerNode) }));
