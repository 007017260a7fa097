import { peakSince, RECENT_MS, WINDOW_MS, type Load } from "./capacity.ts";
import { forecastOf, UNJUDGED_HEADROOM, type Forecast, type Horizon } from "./forecast.ts";
import { PERIOD_MS, worksOf, type Period } from "./work.ts";
import { isKnown, known, type Fact } from "../reconcile/fact.ts";

/** From one look of the clock to the next: a load that rises is seen so much later at the worst. */
const LOOK_MS = 60_000;

/** What a node takes from the decision to its first request, by where it comes from. */
export interface BootTimes {
  readonly directMs: number;
  readonly poolMs: number;
}
/** Until a boot was seen: what an ordinary launch and one from a warm pool take at AWS, rounded up. */
export const SAFE_BOOT: BootTimes = { directMs: 300_000, poolMs: 60_000 };

/** How many workers the tier shall have, and why. */
export interface Demand {
  /** For a scale-out. */
  readonly workers: number;
  /** What must be left after a scale-in; more than `workers`, so that a load which stays never swings. */
  readonly stays: number;
  /** What must be left if only the load of now counted: where it is less, time alone lets more nodes go. */
  readonly now: number;
  readonly because: string;
}

export interface DemandInput extends Horizon {
  readonly load: Load;
  readonly minutes: readonly Period[];
  readonly history: Fact<readonly Period[]>;
  readonly targetBusyPercent: number;
}

/** A node goes only if the others could carry this much more; without a forecast, a quarter more. */
const IN_HEADROOM = 1.05;
const IN_HEADROOM_UNFORECAST = 1.25;

export function demandOf({ load, minutes, history, targetBusyPercent, ...horizon }: DemandInput): Demand {
  const { backlogWorkers: backlog, workersPerNode } = load;
  const calm = 100 / targetBusyPercent;
  const past = {
    minutes: worksOf(minutes, workersPerNode),
    seconds: load.complete,
    history: isKnown(history) ? known(worksOf(history.known, workersPerNode)) : history,
  };
  const forecast = forecastOf(past, horizon);
  const now = peakSince(load.works, horizon.now - RECENT_MS);
  // What was there within the cooldown, and within the last minute at the most, may be there again.
  const peakMs = Math.min(WINDOW_MS, Math.max(RECENT_MS, horizon.heldMs + PERIOD_MS));
  const peak = peakSince(load.works, horizon.now - peakMs);
  const words = loadNow(load, now);
  if (forecast === undefined) {
    const headroom = Math.max(calm, UNJUDGED_HEADROOM);
    return {
      workers: now * headroom + backlog,
      stays: peak * headroom * IN_HEADROOM_UNFORECAST + backlog,
      now: now * headroom * IN_HEADROOM_UNFORECAST + backlog,
      because: `${words}, ${percent(headroom)} headroom as nothing was forecast yet`,
    };
  }
  const headroom = Math.max(calm, forecast.headroom);
  const ahead = forecast.expected * headroom;
  const before = forecast.growth > 1 ? forecast.level * forecast.growth * calm : 0;
  // More than what the recent past explains is a load of its own kind: it counts as it is, from its first moment on.
  const surprise = now > ahead ? now * calm : 0;
  const best = Math.max(ahead, before, surprise);
  // A forecast alone is no reason to grow while the load does not: it may remember what is over.
  const grows = forecast.rises ? best : Math.max(before, Math.min(ahead, now * headroom), surprise);
  return {
    workers: grows + backlog,
    stays: Math.max(best * IN_HEADROOM, peak) + backlog,
    now: now * headroom * IN_HEADROOM + backlog,
    because: `${words}, ${wordsOf(forecast, { headroom, grows, ahead, before, surprise, horizonMs: horizon.horizonMs })}`,
  };
}

interface Reasons {
  readonly headroom: number;
  readonly grows: number;
  readonly ahead: number;
  readonly before: number;
  readonly surprise: number;
  readonly horizonMs: number;
}

function wordsOf(forecast: Forecast, r: Reasons): string {
  const expected = forecast.expected.toFixed(1);
  if (r.surprise === r.grows && r.surprise > 0)
    return `more than the forecast of ${expected} and its ${percent(r.headroom)} headroom`;
  const minutes = Math.ceil(r.horizonMs / 60_000);
  if (r.before === r.grows && r.before > 0)
    return `${forecast.level.toFixed(1)} in the last minutes, and at this hour of ${forecast.days} earlier days it grew by ${percent(forecast.growth)} in ${minutes} min`;
  const why = forecast.judged ? "of the last hours" : "of a load that is not known yet";
  const still = r.grows < r.ahead ? " but it does not rise" : "";
  return `${expected} forecast within ${minutes} min${still}, ${percent(r.headroom)} headroom ${why}`;
}

const loadNow = (load: Load, workers: number): string =>
  `load for ${load.limit === "workers" ? "" : "the processors of "}${workers.toFixed(1)} workers now (${load.perSecond.toFixed(1)} requests/s)`;
const percent = (factor: number): string => `${Math.round((factor - 1) * 100)}%`;
export const horizonOf = (bootMs: number): number => bootMs + LOOK_MS;
