import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";

/** As AWS keeps them: points of one second for three hours, of one minute for fifteen days. */
export const FINE_AGE_MS_MAX = 3 * 3_600_000;
export const COARSE_AGE_MS_MAX = 15 * 86_400_000;
const FINE_MS = 1000;
const COARSE_MS = 60_000;

/** Metrics of one world: a farm has some hundred. */
const METRICS_MAX = 5000;
/** Distinct values kept in one point for percentiles; beyond, values are rounded to three digits, as a sketch would. */
const VALUES_MAX = 500;
const SKETCH_DIGITS = 3;

/** What was published in one span of time. */
export interface Point {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** How often each value was; undefined when a statistic set came without its values. */
  values: Map<number, number> | undefined;
}

interface Series {
  readonly fine: Map<number, Point>;
  readonly coarse: Map<number, Point>;
}

export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface Metric extends MetricName {
  readonly byUnit: Map<string, Series>;
  /** Nothing is known before and after: most of a long span is answered without a look. */
  firstAt: number;
  lastAt: number;
}

export interface Published {
  readonly at: number;
  readonly unit: string;
  /** Published with StorageResolution 1: only then may it be read in periods under a minute. */
  readonly fine: boolean;
  readonly point: Point;
}

export const pointOf = (value: number, count = 1): Point => ({
  count,
  sum: value * count,
  min: value,
  max: value,
  values: new Map([[value, count]]),
});

export function merge(into: Point | undefined, point: Point): Point {
  if (into === undefined) return { ...point, values: point.values === undefined ? undefined : new Map(point.values) };
  into.count += point.count;
  into.sum += point.sum;
  into.min = Math.min(into.min, point.min);
  into.max = Math.max(into.max, point.max);
  if (point.values === undefined) into.values = undefined;
  for (const [value, count] of point.values ?? []) {
    const kept = (into.values?.size ?? 0) < VALUES_MAX ? value : Number(value.toPrecision(SKETCH_DIGITS));
    into.values?.set(kept, (into.values.get(kept) ?? 0) + count);
  }
  return into;
}

const keyOf = ({ namespace, name, dimensions }: MetricName): string =>
  JSON.stringify([namespace, name, ...Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1))]);

/** Everything published in [from, to), to be read only; undefined when there is nothing. `periodMs` decides the resolution. */
export type Reader = (from: number, to: number, periodMs: number) => Point | undefined;

export interface MetricStore {
  put(name: MetricName, published: Published): void;
  all(): readonly Metric[];
  /** Reads the periods of one metric, of one unit or of all. */
  reader(name: MetricName, unit?: string): Reader;
  /** Forgets what is older than AWS keeps it. */
  prune(): void;
}

export function openMetricStore(world: World): MetricStore {
  const metrics = new Map<string, Metric>();

  return {
    put(name, published) {
      const key = keyOf(name);
      const metric = metrics.get(key) ?? { ...name, byUnit: new Map<string, Series>(), firstAt: Infinity, lastAt: 0 };
      if (!metrics.has(key) && metrics.size >= METRICS_MAX)
        throw new CloudError("LimitExceeded", `at most ${METRICS_MAX} metrics`);
      metrics.set(key, metric);
      const series = metric.byUnit.get(published.unit) ?? { fine: new Map(), coarse: new Map() };
      metric.byUnit.set(published.unit, series);
      metric.firstAt = Math.min(metric.firstAt, published.at);
      metric.lastAt = Math.max(metric.lastAt, published.at);
      if (published.fine) add(series.fine, published.at, FINE_MS, published.point);
      add(series.coarse, published.at, COARSE_MS, published.point);
    },
    all: () => [...metrics.values()],
    reader(name, unit) {
      const metric = metrics.get(keyOf(name));
      return (from, to, periodMs) => readPeriod(metric, from, to, periodMs, unit);
    },
    prune() {
      const now = world.clock.now();
      for (const [key, metric] of metrics) {
        for (const [unit, series] of metric.byUnit) {
          forget(series.fine, now - FINE_AGE_MS_MAX);
          forget(series.coarse, now - COARSE_AGE_MS_MAX);
          if (series.coarse.size === 0) metric.byUnit.delete(unit);
        }
        if (metric.byUnit.size === 0) metrics.delete(key);
      }
    },
  };
}

function add(points: Map<number, Point>, at: number, stepMs: number, point: Point): void {
  const start = Math.floor(at / stepMs) * stepMs;
  points.set(start, merge(points.get(start), point));
}

function forget(points: Map<number, Point>, before: number): void {
  for (const at of points.keys()) if (at < before) points.delete(at);
}

function readPeriod(
  metric: Metric | undefined,
  from: number,
  to: number,
  periodMs: number,
  unit: string | undefined,
): Point | undefined {
  const step = periodMs < COARSE_MS ? FINE_MS : COARSE_MS;
  // A point stands at the start of its step, which may be before its first value.
  if (metric === undefined || to <= metric.firstAt - step || from > metric.lastAt) return undefined;
  const found: Point[] = [];
  for (const [seriesUnit, series] of metric.byUnit) {
    if (unit !== undefined && unit !== seriesUnit) continue;
    const points = step === FINE_MS ? series.fine : series.coarse;
    for (let at = Math.ceil(from / step) * step; at < to; at += step) {
      const point = points.get(at);
      if (point !== undefined) found.push(point);
    }
  }
  const [first, ...others] = found;
  return others.length === 0 ? first : others.reduce(merge, merge(undefined, first ?? pointOf(0, 0)));
}
