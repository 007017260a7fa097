import { backlogPerSecond, type Load } from "./capacity.ts";
import { forecastOf, UNJUDGED_HEADROOM, type Forecast, type Horizon, type Past } from "./forecast.ts";

/** From one look of the clock to the next: a load that rises is seen so much later at the worst. */
const LOOK_MS = 60_000;

/** What a node takes from the decision to its first request, by where it comes from. */
export interface BootTimes {
  readonly directMs: number;
  readonly poolMs: number;
}
/** Until a boot was seen: what an ordinary launch and one from a warm pool take at AWS, rounded up. */
export const SAFE_BOOT: BootTimes = { directMs: 300_000, poolMs: 60_000 };

/** How many requests per second the tier shall be able to serve, and why. */
export interface Demand {
  /** For a scale-out. */
  readonly perSecond: number;
  /** What must be left after a scale-in; more than `perSecond`, so that a load which stays never swings. */
  readonly staysPerSecond: number;
  readonly because: string;
}

export interface DemandInput extends Horizon {
  readonly load: Load;
  readonly past: Past;
  readonly targetBusyPercent: number;
}

/** A node goes only if the others could carry this much more; without a forecast, a quarter more. */
const IN_HEADROOM = 1.05;
const IN_HEADROOM_UNFORECAST = 1.25;

export function demandOf({ load, past, targetBusyPercent, ...horizon }: DemandInput): Demand {
  const calm = 100 / targetBusyPercent;
  const forecast = forecastOf(past, horizon);
  const backlog = backlogPerSecond(load);
  if (forecast === undefined) {
    const headroom = Math.max(calm, UNJUDGED_HEADROOM);
    return {
      perSecond: load.recentPerSecond * headroom + backlog,
      staysPerSecond: load.peakPerSecond * headroom * IN_HEADROOM_UNFORECAST + backlog,
      because: `${rate(load.recentPerSecond)} now, with ${percent(headroom)} headroom as nothing was forecast yet`,
    };
  }
  const headroom = Math.max(calm, forecast.headroom);
  const ahead = forecast.expectedPerSecond * headroom;
  const before = forecast.levelPerSecond * forecast.growth * calm;
  // More than what the recent past explains is a load of its own kind: it counts as it is, from its first moment on.
  const surprise = load.recentPerSecond > ahead ? load.recentPerSecond * calm : 0;
  const best = Math.max(ahead, before, surprise);
  return {
    perSecond: best + backlog,
    staysPerSecond: Math.max(best * IN_HEADROOM, load.peakPerSecond) + backlog,
    because: wordsOf(load, forecast, { headroom, best, before, surprise, horizonMs: horizon.horizonMs }),
  };
}

interface Reasons {
  readonly headroom: number;
  readonly best: number;
  readonly before: number;
  readonly surprise: number;
  readonly horizonMs: number;
}

function wordsOf(load: Load, forecast: Forecast, r: Reasons): string {
  if (r.surprise === r.best && r.surprise > 0)
    return `${rate(load.recentPerSecond)} now, more than the forecast of ${rate(forecast.expectedPerSecond)} and its ${percent(r.headroom)} headroom`;
  const minutes = Math.ceil(r.horizonMs / 60_000);
  if (r.before === r.best && forecast.growth > 1)
    return `${rate(forecast.levelPerSecond)} now, and at this hour of ${forecast.days} earlier days the load grew by ${percent(forecast.growth)} in ${minutes} min`;
  const why = forecast.judged ? "of the last hours" : "of a load that is not known yet";
  return `${rate(load.recentPerSecond)} now, ${rate(forecast.expectedPerSecond)} forecast within ${minutes} min, ${percent(r.headroom)} headroom ${why}`;
}

export const rate = (perSecond: number): string => `${perSecond.toFixed(1)} requests/s`;
const percent = (factor: number): string => `${Math.round((factor - 1) * 100)}%`;
export const horizonOf = (bootMs: number): number => bootMs + LOOK_MS;
