import { isKnown, type Fact } from "../reconcile/fact.ts";
import { PERIOD_MS, type Work } from "./work.ts";

export const MINUTE_MS = 60_000;
/** What volatility is judged by: as long as CloudWatch keeps what the nodes publish at its full resolution. */
export const VOLATILITY_MS = 180 * MINUTE_MS;
/** The same hours before: two weeks, so that each day of the week was there twice. */
export const HISTORY_DAYS = 14;
export const HISTORY_PERIOD_MS = 5 * MINUTE_MS;
const DAY_MS = 1440 * MINUTE_MS;
/** The hour before is what the level of the earliest day is taken from. */
export const HISTORY_MS = HISTORY_DAYS * DAY_MS + 12 * HISTORY_PERIOD_MS;

/** The level is a mean that forgets with this time: a noisy minute moves it by a fifth, a change is seen in five. */
const LEVELS_MS = [1, 3, 10, 30].map((minutes) => minutes * MINUTE_MS);
/** The slope of the level is noisier than the level, and forgets as slowly. */
const SLOPE_SHARE = 0.2;
/** So many minutes in a row of less than this share of the level are no noise: the load is gone, the level follows. */
const GONE_MINUTES = 3;
const GONE_SHARE = 0.4;
const GONE_KEPT = 0.2;
/** The headroom covers so many standard deviations of the recent minutes from their forecasts. */
const DEVIATIONS = 2.5;
/** Fewer minutes tell nothing of volatility, and the headroom is that of a farm that nobody knows. */
const JUDGED_MIN = 20;
export const UNJUDGED_HEADROOM = 1.4;
/** More is no headroom any more but another load. */
const HEADROOM_MAX = 1.7;
/** How far beyond the horizon earlier days are asked, and over how many of their periods the level is taken. */
const AHEAD_PERIODS = 1;
const BASE_PERIODS = 3;
/** One request that is not served is worth the room for so many. */
const MISSED_WEIGHT = 10;
/** What earlier days may add to the level; a day that began at nothing says nothing of a site that has visitors. */
const GROWTH_MAX = 3;
/** Earlier days count as many as there are; fewer than this are no habit. */
const DAYS_MIN = 2;
/** Where the days disagree: three quarters of them did not grow more. */
const DAYS_QUANTILE = 0.75;

export interface Forecast {
  /** The load of the last minutes, smoothed, as workers that it keeps busy. */
  readonly level: number;
  /** The highest of what was lately forecast for one horizon on. */
  readonly expected: number;
  /** Whether the load is at its level or above, and has been going up. */
  readonly rises: boolean;
  /** How much more than forecast a minute may bring, by how far the recent ones were from their forecasts; 1: no more. */
  readonly headroom: number;
  /** Whether the headroom is judged by recent minutes, or the one of a farm that nobody knows. */
  readonly judged: boolean;
  /** By which factor the load grew within a horizon at this hour of earlier days; 1 where there are too few. */
  readonly growth: number;
  readonly days: number;
}

export interface Past {
  /** Whole minutes of the last three hours; one that is missing is not known, and not zero. */
  readonly minutes: readonly Work[];
  /** The periods of the last minute in which all nodes reported: they tell of the minute that is not over. */
  readonly seconds: readonly Work[];
  /** Five-minute periods of the last two weeks. */
  readonly history: Fact<readonly Work[]>;
}

export interface Horizon {
  readonly now: number;
  /** How far the forecast looks ahead. */
  readonly horizonMs: number;
  /** A forecast counts for this long after it was made: a load that comes and goes keeps its nodes meanwhile. */
  readonly heldMs: number;
}

/**
 * What the load may be one horizon from now. The headroom is what the recent past teaches: each of its minutes is held
 * against what had been forecast for it a horizon before, and the headroom covers their mean and some standard deviations
 * more. So it grows with volatility and shrinks in calm, whatever the shape of the load is. Earlier days
 * say by how much the load grows at this hour. Undefined: no minute is known. Pure.
 */
export function forecastOf(past: Past, { horizonMs, heldMs, now }: Horizon): Forecast | undefined {
  const { history } = past;
  const whole = wholeMinutes(past.minutes, now);
  if (whole.loads.length === 0) return undefined;
  const seen: Seen = {
    ...whole,
    steps: Math.max(1, Math.ceil(horizonMs / MINUTE_MS)),
    running: runningMinute(past.seconds, whole.end),
  };
  const heldFrom = now - heldMs;
  const tried = LEVELS_MS.map((levelMs) => triedOn(seen, heldFrom, heldMs, levelMs));
  const best = tried.reduce((a, b) => (b.cost < a.cost ? b : a));
  return {
    level: best.level,
    expected: best.expected,
    rises: best.rises,
    headroom: best.headroom ?? UNJUDGED_HEADROOM,
    judged: best.headroom !== undefined,
    ...growthOf(isKnown(history) ? history.known : [], horizonMs, now),
  };
}

interface Seen {
  /** The load of each minute, from the first known one to the last whole one; undefined where it is not known. */
  readonly loads: readonly (number | undefined)[];
  /** When the last of them ended. */
  readonly end: number;
  /** What came since. */
  readonly running: Running | undefined;
  /** Minutes to look ahead. */
  readonly steps: number;
}

interface Running {
  readonly workers: number;
  readonly share: number;
}

function wholeMinutes(minutes: readonly Work[], now: number): Pick<Seen, "loads" | "end"> {
  const known = minutes.filter(({ at }) => at > now - VOLATILITY_MS - MINUTE_MS && at + MINUTE_MS <= now);
  const first = known[0]?.at ?? now;
  const loads: (number | undefined)[] = [];
  for (const { at, workers } of known) {
    const index = Math.round((at - first) / MINUTE_MS);
    while (loads.length < index) loads.push(undefined);
    loads[index] = workers;
  }
  return { loads, end: first + loads.length * MINUTE_MS };
}

function runningMinute(seconds: readonly Work[], since: number): Running | undefined {
  const periods = seconds.filter(({ at }) => at >= since);
  if (periods.length === 0) return undefined;
  const workers = periods.reduce((sum, period) => sum + period.workers, 0) / periods.length;
  return { workers, share: Math.min(1, (periods.length * PERIOD_MS) / MINUTE_MS) };
}

interface Tried {
  readonly level: number;
  readonly expected: number;
  readonly rises: boolean;
  /** Undefined: too few minutes to judge by. */
  readonly headroom: number | undefined;
  /** Of having forecast each minute so. */
  readonly cost: number;
}

/** Forecasts each minute a horizon ahead, from what was known then, and holds it against what came. */
function triedOn(seen: Seen, heldFrom: number, heldMs: number, levelMs: number): Tried {
  const { loads, steps, end, running } = seen;
  const heldMinutes = Math.floor(heldMs / MINUTE_MS);
  const { forecasts, last } = forecastsOf(seen, levelMs);
  const held = forecasts.map((_, at) => highest(forecasts, Math.max(0, at - heldMinutes), at));
  const judged: Judged[] = [];
  for (let at = steps; at < loads.length; at++) {
    const [load, expected] = [loads[at], held[at - steps]];
    if (load !== undefined && expected !== undefined && expected > 0) judged.push({ load, expected });
  }
  const ratios = judged.map(({ load, expected }) => load / expected);
  const headroom = judged.length < JUDGED_MIN ? undefined : Math.min(HEADROOM_MAX, covering(ratios));
  // A forecast was made when its minute ended; the newest counts in any case.
  const counting = running === undefined ? forecasts.length - 1 : forecasts.length;
  const from = Math.min(counting, Math.max(0, forecasts.length - 1 - Math.floor((end - heldFrom) / MINUTE_MS)));
  return {
    level: last.level,
    expected: Math.max(last.forecast, highest(forecasts, from, forecasts.length - 1)),
    rises: last.rises,
    headroom,
    cost: costOf(judged, headroom ?? UNJUDGED_HEADROOM),
  };
}

interface Judged {
  readonly load: number;
  readonly expected: number;
}

/** What would have been kept ready, and what would have been missed; one missed request weighs as much as many kept. */
const costOf = (judged: readonly Judged[], headroom: number): number =>
  judged.reduce((cost, { load, expected }) => {
    const kept = expected * headroom;
    return cost + kept + MISSED_WEIGHT * Math.max(0, load - kept);
  }, 0);

/** Level and forecast after each minute: an exponential mean, and where it leads to if it goes on to rise as it did. */
function forecastsOf({ loads, running, steps }: Seen, levelMs: number) {
  const forecasts: number[] = [];
  let level = loads[0] ?? 0;
  let slope = 0;
  let low = 0;
  let rises = false;
  /** What a minute brought, or the share of it that is over. */
  const follow = (load: number | undefined, share: number): number => {
    const before = level;
    const isLow = load !== undefined && load < GONE_SHARE * level;
    if (share === 1 || !isLow) low = isLow ? low + 1 : 0;
    const kept = low >= GONE_MINUTES ? GONE_KEPT : Math.exp(-MINUTE_MS / levelMs);
    if (load !== undefined) level = load + kept ** share * (level - load);
    slope += (1 - (1 - SLOPE_SHARE) ** share) * ((level - before) / share - slope);
    if (isLow) slope = Math.min(0, slope);
    rises = slope > 0 && load !== undefined && load >= before;
    return level + Math.max(0, slope * steps);
  };
  for (const load of loads) forecasts.push(follow(load, 1));
  const forecast = running === undefined ? (forecasts.at(-1) ?? 0) : follow(running.workers, running.share);
  return { forecasts, last: { level, forecast, rises } };
}

/** Growth from the quarter of an hour around this time to the highest five minutes within a horizon, on earlier days. */
function growthOf(history: readonly Work[], horizonMs: number, now: number): { growth: number; days: number } {
  const growths: number[] = [];
  for (let day = 1; day <= HISTORY_DAYS; day++) {
    const then = now - day * DAY_MS;
    const base = meanWithin(history, then - BASE_PERIODS * HISTORY_PERIOD_MS, then);
    const ahead = highestOf(history, then, then + horizonMs + AHEAD_PERIODS * HISTORY_PERIOD_MS);
    if (base !== undefined && base > 0 && ahead !== undefined) growths.push(ahead / base);
  }
  if (growths.length < DAYS_MIN) return { growth: 1, days: growths.length };
  return { growth: Math.min(GROWTH_MAX, Math.max(1, quantile(growths, DAYS_QUANTILE))), days: growths.length };
}

/** The highest period that begins within [from, to); undefined when none is known. */
function highestOf(history: readonly Work[], from: number, to: number): number | undefined {
  let best: number | undefined;
  for (let index = firstFrom(history, from); index < history.length; index++) {
    const period = history[index];
    if (period === undefined || period.at >= to) break;
    best = Math.max(best ?? 0, period.workers);
  }
  return best;
}

/** Mean load of the periods that begin within [from, to); undefined when none is known. */
function meanWithin(history: readonly Work[], from: number, to: number): number | undefined {
  let sum = 0;
  let count = 0;
  for (let index = firstFrom(history, from); index < history.length; index++) {
    const period = history[index];
    if (period === undefined || period.at >= to) break;
    sum += period.workers;
    count++;
  }
  return count === 0 ? undefined : sum / count;
}

/** Index of the first period that begins at `from` or later; periods ascend. */
function firstFrom(periods: readonly Work[], from: number): number {
  let [low, high] = [0, periods.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((periods[middle]?.at ?? Infinity) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function highest(values: readonly number[], from: number, to: number): number {
  let best = 0;
  for (let index = from; index <= to; index++) best = Math.max(best, values[index] ?? 0);
  return best;
}

/** What covers all but the rarest: a quantile of so few minutes would rest on the two or three highest of them. */
function covering(ratios: readonly number[]): number {
  const mean = meanOf(ratios);
  return mean + DEVIATIONS * Math.sqrt(meanOf(ratios.map((ratio) => (ratio - mean) ** 2)));
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The value that a share of all does not exceed. */
const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
};
