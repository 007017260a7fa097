import { CloudError } from "../../errors.ts";
import type { Point } from "./metric-store.ts";

const SIMPLE: Readonly<Record<string, (point: Point) => number>> = {
  SampleCount: (point) => point.count,
  Sum: (point) => point.sum,
  Average: (point) => point.sum / point.count,
  Minimum: (point) => point.min,
  Maximum: (point) => point.max,
};

/** Reads a statistic by its AWS name: one of the five, or a percentile such as `p99` or `p99.9`. Throws InvalidParameterValue. */
export function statisticNamed(name: string): (point: Point) => number | undefined {
  const simple = SIMPLE[name];
  if (simple !== undefined) return simple;
  const percent = Number(/^p(\d{1,2}(?:\.\d{1,10})?|100)$/.exec(name)?.[1] ?? Number.NaN);
  if (Number.isNaN(percent)) {
    throw new CloudError(
      "InvalidParameterValue",
      `The statistic ${name} is not known to the embedded cloud: it knows ${Object.keys(SIMPLE).join(", ")} and p0 to p100`,
    );
  }
  return (point) => percentile(point, percent);
}

/** Nearest rank. A statistic set without its values has a percentile only when all its values are equal, as in AWS. */
function percentile(point: Point, percent: number): number | undefined {
  if (point.values === undefined) return point.min === point.max ? point.min : undefined;
  const rank = Math.max(1, Math.ceil((percent / 100) * point.count));
  let seen = 0;
  for (const [value, count] of [...point.values].toSorted(([a], [b]) => a - b)) {
    seen += count;
    if (seen >= rank) return value;
  }
  return point.max;
}
