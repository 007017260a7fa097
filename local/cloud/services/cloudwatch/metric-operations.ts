import type * as Sdk from "@aws-sdk/client-cloudwatch";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { dimensionsOf, invalid, required } from "./alarm.ts";
import { evaluateExpression, type TimeSeries } from "./expression.ts";
import { merge, pointOf, type MetricName, type MetricStore, type Point } from "./metric-store.ts";
import { statisticNamed } from "./statistic.ts";

/** Documented limits. */
const DATUMS_MAX = 1000;
const VALUES_PER_DATUM_MAX = 150;
const DIMENSIONS_MAX = 30;
const PAST_MS_MAX = 14 * 86_400_000;
const FUTURE_MS_MAX = 2 * 3_600_000;
const QUERIES_MAX = 500;
/** Periods of one answer of GetMetricStatistics; GetMetricData allows more, in pages. */
const DATAPOINTS_MAX = 1440;
const DATAPOINTS_OF_DATA_MAX = 100_800;
const METRICS_PER_PAGE = 500;

export function metricOperations(world: World, store: MetricStore): Record<string, Operation> {
  return {
    PutMetricData(input: Sdk.PutMetricDataCommandInput) {
      const namespace = required(input.Namespace, "Namespace");
      const datums = input.MetricData ?? [];
      if (datums.length > DATUMS_MAX)
        throw invalid(`${datums.length} members of MetricData, at most ${DATUMS_MAX} are allowed`);
      // All are checked before the first is stored: a refused call changes nothing.
      for (const put of datums.map((datum) => checkedDatum(world, store, namespace, datum))) put();
      return {};
    },
    GetMetricStatistics(input: Sdk.GetMetricStatisticsCommandInput) {
      const name = nameOf(input);
      const names: string[] = [...(input.Statistics ?? []), ...(input.ExtendedStatistics ?? [])];
      if (names.length === 0)
        throw new CloudError(
          "MissingParameter",
          "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        );
      const times = periodsOf(input, required(input.Period, "Period"), DATAPOINTS_MAX);
      const periodMs = required(input.Period, "Period") * 1000;
      const read = store.reader(name, input.Unit);
      const Datapoints = times.flatMap((at) => {
        const point = read(at, at + periodMs, periodMs);
        if (point === undefined) return [];
        const values = names.map((one) => [one, statisticNamed(one)(point)] as const);
        const simple = Object.fromEntries(values.filter(([one]) => !one.startsWith("p")));
        const extended = Object.fromEntries(values.filter(([one]) => one.startsWith("p")));
        const withExtended = Object.keys(extended).length > 0 ? { ExtendedStatistics: extended } : {};
        return [{ Timestamp: new Date(at), Unit: input.Unit ?? unitOf(store, name), ...simple, ...withExtended }];
      });
      return { Label: name.name, Datapoints };
    },
    GetMetricData: (input: Sdk.GetMetricDataCommandInput) => getMetricData(store, input),
    ListMetrics(input: Sdk.ListMetricsCommandInput) {
      const filters = input.Dimensions ?? [];
      const found = store
        .all()
        .filter(
          (metric) =>
            (input.Namespace === undefined || metric.namespace === input.Namespace) &&
            (input.MetricName === undefined || metric.name === input.MetricName) &&
            (input.RecentlyActive === undefined || metric.lastAt >= world.clock.now() - 3 * 3_600_000) &&
            filters.every(
              ({ Name = "", Value }) =>
                Object.hasOwn(metric.dimensions, Name) && (Value === undefined || metric.dimensions[Name] === Value),
            ),
        );
      const from = Number(input.NextToken ?? 0);
      const page = found.slice(from, from + METRICS_PER_PAGE);
      const Metrics = page.map((metric) => ({
        Namespace: metric.namespace,
        MetricName: metric.name,
        Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
      }));
      return { Metrics, ...(from + page.length < found.length ? { NextToken: String(from + page.length) } : {}) };
    },
  };
}

const nameOf = (given: {
  Namespace?: string | undefined;
  MetricName?: string | undefined;
  Dimensions?: Sdk.Dimension[] | undefined;
}): MetricName => ({
  namespace: required(given.Namespace, "Namespace"),
  name: required(given.MetricName, "MetricName"),
  dimensions: dimensionsOf(given.Dimensions),
});

const unitOf = (store: MetricStore, name: MetricName): string =>
  [
    ...(store
      .all()
      .find((metric) => metric.namespace === name.namespace && metric.name === name.name)
      ?.byUnit.keys() ?? []),
  ][0] ?? "None";

/** Checks a datum and returns what stores it. */
function checkedDatum(world: World, store: MetricStore, Namespace: string, datum: Sdk.MetricDatum): () => void {
  const name = nameOf({ ...datum, Namespace });
  if (Object.keys(name.dimensions).length > DIMENSIONS_MAX)
    throw invalid(`${name.name}: at most ${DIMENSIONS_MAX} dimensions`);
  const at = datum.Timestamp?.getTime() ?? world.clock.now();
  const now = world.clock.now();
  if (!(at >= now - PAST_MS_MAX && at <= now + FUTURE_MS_MAX))
    throw invalid(`${name.name}: Timestamp must be at most two weeks past and two hours ahead`);
  const resolution = datum.StorageResolution ?? 60;
  if (resolution !== 1 && resolution !== 60)
    throw invalid(`${name.name}: StorageResolution ${resolution}: must be 1 or 60`);
  const point = pointFrom(datum, name.name);
  return () => store.put(name, { at, unit: datum.Unit ?? "None", fine: resolution === 1, point });
}

function pointFrom(datum: Sdk.MetricDatum, name: string): Point {
  if (datum.StatisticValues !== undefined) {
    const { SampleCount, Sum, Minimum, Maximum } = datum.StatisticValues;
    const count = finite(required(SampleCount, `${name}: SampleCount`), name);
    return {
      count,
      sum: finite(required(Sum, "Sum"), name),
      min: finite(required(Minimum, "Minimum"), name),
      max: finite(required(Maximum, "Maximum"), name),
      values: undefined,
    };
  }
  if (datum.Values === undefined) return pointOf(finite(required(datum.Value, `${name}: Value`), name));
  const { Values: values, Counts: counts } = datum;
  if (values.length === 0 || values.length > VALUES_PER_DATUM_MAX)
    throw invalid(`${name}: 1 to ${VALUES_PER_DATUM_MAX} Values`);
  if (counts !== undefined && counts.length !== values.length) throw invalid(`${name}: as many Counts as Values`);
  const points = values.map((value, index) => pointOf(finite(value, name), counts?.[index] ?? 1));
  return points.slice(1).reduce(merge, merge(undefined, points[0] ?? pointOf(0, 0)));
}

function finite(value: number, name: string): number {
  if (Number.isFinite(value)) return value;
  throw invalid(`${name}: ${value} is no number that a metric can hold`);
}

/** Starts of the periods that lie in [StartTime, EndTime), aligned as CloudWatch aligns them. */
function periodsOf(
  input: { StartTime?: Date | undefined; EndTime?: Date | undefined },
  periodSeconds: number,
  max: number,
): number[] {
  if (![1, 5, 10, 20, 30].includes(periodSeconds) && !(periodSeconds >= 60 && periodSeconds % 60 === 0)) {
    throw invalid(`Period ${periodSeconds}: must be 1, 5, 10, 20, 30 or a multiple of 60`);
  }
  const [start, end] = [required(input.StartTime, "StartTime").getTime(), required(input.EndTime, "EndTime").getTime()];
  if (start >= end) throw invalid("The parameter StartTime must be less than the parameter EndTime.");
  const periodMs = periodSeconds * 1000;
  const first = Math.floor(start / periodMs) * periodMs;
  const count = Math.ceil((end - first) / periodMs);
  if (count > max)
    throw new CloudError(
      "InvalidParameterCombination",
      `You have requested up to ${count} datapoints, which exceeds the limit of ${max}.`,
    );
  return Array.from({ length: count }, (_, index) => first + index * periodMs);
}

function getMetricData(store: MetricStore, input: Sdk.GetMetricDataCommandInput): unknown {
  const queries = required(input.MetricDataQueries, "MetricDataQueries");
  if (queries.length > QUERIES_MAX) throw invalid(`${queries.length} queries, at most ${QUERIES_MAX} are allowed`);
  const known = new Map<string, TimeSeries>();
  let times: readonly number[] = [];
  for (const query of queries) {
    if (query.MetricStat === undefined) continue;
    const { Metric, Period, Stat, Unit } = query.MetricStat;
    const periodMs = required(Period, "MetricStat.Period") * 1000;
    const name = nameOf(required(Metric, "MetricStat.Metric"));
    const statistic = statisticNamed(required(Stat, "MetricStat.Stat"));
    times = periodsOf(input, periodMs / 1000, DATAPOINTS_OF_DATA_MAX);
    const read = store.reader(name, Unit);
    const found = times.flatMap((at) => {
      const point = read(at, at + periodMs, periodMs);
      const value = point === undefined ? undefined : statistic(point);
      return value === undefined ? [] : [[at, value] as const];
    });
    known.set(required(query.Id, "Id"), new Map(found));
  }
  for (const query of queries) {
    if (query.MetricStat === undefined)
      known.set(required(query.Id, "Id"), evaluateExpression(required(query.Expression, "Expression"), known, times));
  }
  const descending = input.ScanBy !== "TimestampAscending";
  const all = queries
    .filter((query) => query.ReturnData !== false)
    .map((query) => ({
      Id: query.Id,
      Label: query.Label ?? query.MetricStat?.Metric?.MetricName ?? query.Id,
      entries: [...(known.get(query.Id ?? "") ?? [])].toSorted(([a], [b]) => (descending ? b - a : a - b)),
    }));
  return { ...pageOfData(all, input), Messages: [] };
}

interface Entries {
  readonly Id: string | undefined;
  readonly Label: string | undefined;
  readonly entries: readonly (readonly [number, number])[];
}

/** The token is how many datapoints were given before. A metric that goes on in the next page is `PartialData` in this one. */
function pageOfData(all: readonly Entries[], { MaxDatapoints, NextToken }: Sdk.GetMetricDataCommandInput) {
  const room = MaxDatapoints ?? DATAPOINTS_OF_DATA_MAX;
  if (room < 1 || room > DATAPOINTS_OF_DATA_MAX)
    throw invalid(`MaxDatapoints must be between 1 and ${DATAPOINTS_OF_DATA_MAX}, not ${room}`);
  const from = Number(NextToken ?? 0);
  if (!Number.isInteger(from) || from < 0)
    throw new CloudError("InvalidNextToken", `The token '${NextToken}' is invalid.`);
  let before = 0;
  const MetricDataResults = all.flatMap(({ Id, Label, entries }) => {
    const [first, end] = [Math.max(0, from - before), Math.max(0, from + room - before)];
    before += entries.length;
    const isElsewhere = first >= entries.length || end === 0;
    if (isElsewhere && !(from === 0 && entries.length === 0)) return [];
    const given = entries.slice(first, end);
    return [
      {
        Id,
        Label,
        Timestamps: given.map(([at]) => new Date(at)),
        Values: given.map(([, value]) => value),
        StatusCode: end < entries.length ? "PartialData" : "Complete",
      },
    ];
  });
  return { MetricDataResults, ...(from + room < before ? { NextToken: String(from + room) } : {}) };
}
