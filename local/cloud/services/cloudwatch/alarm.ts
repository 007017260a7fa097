import type * as Sdk from "@aws-sdk/client-cloudwatch";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import type { Criteria, StateValue, TreatMissing } from "./evaluate.ts";
import type { MetricName } from "./metric-store.ts";
import { statisticNamed } from "./statistic.ts";

/** Documented quota is 5000 a region; a farm has some tens. */
export const ALARMS_MAX = 500;
/** Documented: EvaluationPeriods times Period, a day at most, seven for periods of an hour and more. */
const RANGE_SECONDS_MAX = 86_400;

export interface AlarmState {
  readonly value: StateValue;
  readonly reason: string;
  /** JSON text. */
  readonly reasonData: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface HistoryItem {
  readonly at: number;
  readonly type: "ConfigurationUpdate" | "StateUpdate" | "Action";
  readonly summary: string;
  readonly data: string;
}

export interface AlarmSettings extends Criteria {
  readonly name: string;
  readonly arn: string;
  readonly description: string | undefined;
  readonly metric: MetricName;
  readonly statistic: string;
  /** True when it was given as ExtendedStatistic. */
  readonly extended: boolean;
  readonly unit: string | undefined;
  readonly periodMs: number;
  readonly threshold: number;
  readonly comparison: Comparison;
  readonly actions: Readonly<Record<StateValue, readonly string[]>>;
  readonly treatMissingGiven: string | undefined;
  readonly datapointsGiven: number | undefined;
}

export interface Alarm {
  settings: AlarmSettings;
  /** Id of its metric in events. */
  readonly metricId: string;
  actionsEnabled: boolean;
  state: AlarmState;
  configuredAt: number;
  tags: Record<string, string>;
  history: HistoryItem[];
}

const COMPARISONS = {
  GreaterThanOrEqualToThreshold: {
    test: (value: number, threshold: number) => value >= threshold,
    words: "greater than or equal to",
  },
  GreaterThanThreshold: { test: (value: number, threshold: number) => value > threshold, words: "greater than" },
  LessThanThreshold: { test: (value: number, threshold: number) => value < threshold, words: "less than" },
  LessThanOrEqualToThreshold: {
    test: (value: number, threshold: number) => value <= threshold,
    words: "less than or equal to",
  },
} as const;
export type Comparison = keyof typeof COMPARISONS;

export const comparisonWords = (comparison: Comparison): string => COMPARISONS[comparison].words;

/** Members that this cloud carries out; any other is refused by name. */
const KNOWN_MEMBERS = new Set([
  "AlarmName",
  "AlarmDescription",
  "ActionsEnabled",
  "OKActions",
  "AlarmActions",
  "InsufficientDataActions",
  "MetricName",
  "Namespace",
  "Statistic",
  "ExtendedStatistic",
  "Dimensions",
  "Period",
  "Unit",
  "EvaluationPeriods",
  "DatapointsToAlarm",
  "Threshold",
  "ComparisonOperator",
  "TreatMissingData",
  "Tags",
]);

export const invalid = (message: string): CloudError => new CloudError("InvalidParameterValue", message);

export function required<T>(value: T | undefined | null, member: string): T {
  if (value === undefined || value === null)
    throw new CloudError("MissingParameter", `The parameter ${member} is required.`);
  return value;
}

export const alarmArn = (world: World, name: string): string =>
  `arn:aws:cloudwatch:${world.region}:${world.account}:alarm:${name}`;

export function dimensionsOf(given: readonly Sdk.Dimension[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (given ?? []).map((one) => [required(one.Name, "Dimensions.Name"), required(one.Value, "Dimensions.Value")]),
  );
}

/** An alarm on one metric. Throws InvalidParameterValue that names the member and what is allowed. */
export function settingsFrom(world: World, input: Sdk.PutMetricAlarmCommandInput): AlarmSettings {
  for (const [member, value] of Object.entries(input)) {
    const empty = value === undefined || (Array.isArray(value) && value.length === 0);
    if (!empty && !KNOWN_MEMBERS.has(member))
      throw invalid(`${member} is not known to the embedded cloud's CloudWatch: it knows alarms on one metric`);
  }
  const name = required(input.AlarmName, "AlarmName");
  const statistic = required(input.Statistic ?? input.ExtendedStatistic, "Statistic");
  statisticNamed(statistic);
  const evaluationPeriods = required(input.EvaluationPeriods, "EvaluationPeriods");
  const datapointsToAlarm = input.DatapointsToAlarm ?? evaluationPeriods;
  const threshold = required(input.Threshold, "Threshold");
  const comparison = comparisonOf(required(input.ComparisonOperator, "ComparisonOperator"));
  const periodSeconds = required(input.Period, "Period");
  checkPeriods(periodSeconds, evaluationPeriods, datapointsToAlarm);
  return {
    name,
    arn: alarmArn(world, name),
    description: input.AlarmDescription,
    metric: {
      namespace: required(input.Namespace, "Namespace"),
      name: required(input.MetricName, "MetricName"),
      dimensions: dimensionsOf(input.Dimensions),
    },
    statistic,
    extended: input.Statistic === undefined,
    unit: input.Unit,
    periodMs: periodSeconds * 1000,
    threshold,
    comparison,
    evaluationPeriods,
    datapointsToAlarm,
    treatMissing: treatMissingOf(input.TreatMissingData),
    breaches: (value) => COMPARISONS[comparison].test(value, threshold),
    actions: {
      OK: actionsOf(input.OKActions),
      ALARM: actionsOf(input.AlarmActions),
      INSUFFICIENT_DATA: actionsOf(input.InsufficientDataActions),
    },
    treatMissingGiven: input.TreatMissingData,
    datapointsGiven: input.DatapointsToAlarm,
  };
}

function checkPeriods(periodSeconds: number, evaluationPeriods: number, datapointsToAlarm: number): void {
  if (![10, 20, 30].includes(periodSeconds) && !(periodSeconds >= 60 && periodSeconds % 60 === 0)) {
    throw invalid(`Period ${periodSeconds}: must be 10, 20, 30 or a multiple of 60`);
  }
  if (!Number.isInteger(evaluationPeriods) || evaluationPeriods < 1)
    throw invalid(`EvaluationPeriods ${evaluationPeriods}: must be at least 1`);
  if (datapointsToAlarm < 1 || datapointsToAlarm > evaluationPeriods)
    throw invalid(
      `DatapointsToAlarm ${datapointsToAlarm}: must be between 1 and EvaluationPeriods, ${evaluationPeriods}`,
    );
  const rangeMax = periodSeconds >= 3600 ? 7 * RANGE_SECONDS_MAX : RANGE_SECONDS_MAX;
  if (periodSeconds * evaluationPeriods > rangeMax)
    throw invalid(`Metrics cannot be checked across more than ${rangeMax} seconds (EvaluationPeriods * Period).`);
}

function comparisonOf(given: string): Comparison {
  const found = Object.keys(COMPARISONS).find((one): one is Comparison => one === given);
  if (found === undefined)
    throw invalid(
      `ComparisonOperator ${given} is not known to the embedded cloud: it knows ${Object.keys(COMPARISONS).join(", ")}`,
    );
  return found;
}

function treatMissingOf(given: string | undefined): TreatMissing {
  const known: readonly TreatMissing[] = ["breaching", "notBreaching", "ignore", "missing"];
  const found = known.find((one) => one === (given ?? "missing"));
  if (found === undefined) throw invalid(`TreatMissingData ${given}: must be one of ${known.join(", ")}`);
  return found;
}

export const isTopic = (arn: string): boolean => arn.startsWith("arn:aws:sns:");

function actionsOf(given: readonly string[] | undefined): readonly string[] {
  for (const arn of given ?? []) {
    if (!arn.startsWith("arn:aws:lambda:") && !isTopic(arn))
      throw invalid(`alarm action ${arn}: the embedded cloud's CloudWatch knows Lambda functions and SNS topics`);
  }
  return given ?? [];
}
