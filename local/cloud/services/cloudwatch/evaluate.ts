export type StateValue = "OK" | "ALARM" | "INSUFFICIENT_DATA";
export type TreatMissing = "breaching" | "notBreaching" | "ignore" | "missing";

export interface Criteria {
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly treatMissing: TreatMissing;
  breaches(value: number): boolean;
}

/** One period: its value, or undefined when nothing was published in it. */
export interface Datapoint {
  /** Start of the period. */
  readonly at: number;
  readonly value: number | undefined;
}

export interface Verdict {
  /** Undefined: the alarm keeps its state. */
  readonly state: StateValue | undefined;
  /** The existing datapoints that decided, oldest first. */
  readonly decisive: readonly Datapoint[];
  /** How many periods had to be filled by the rule for missing data. */
  readonly missing: number;
}

/**
 * CloudWatch looks at more periods than the alarm names ("evaluation range"), and so did the two examples of its
 * documentation: five for three.
 */
export const EXTRA_PERIODS = 2;

/**
 * Decides an alarm from the periods of its evaluation range, oldest first, as documented under "Configuring how
 * CloudWatch alarms treat missing data": enough existing datapoints decide alone; otherwise the missing are filled.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
export function evaluate(criteria: Criteria, range: readonly Datapoint[]): Verdict {
  const { evaluationPeriods, datapointsToAlarm, treatMissing } = criteria;
  const decisive = range.filter((datapoint) => datapoint.value !== undefined).slice(-evaluationPeriods);
  const missing = evaluationPeriods - decisive.length;
  const breaches = (datapoint: Datapoint | undefined): boolean =>
    datapoint?.value !== undefined && criteria.breaches(datapoint.value);
  const filled = treatMissing === "breaching" ? missing : 0;
  const breaching = decisive.filter(breaches).length + filled;
  const verdict = (state: StateValue | undefined): Verdict => ({ state, decisive, missing });

  if (breaching >= datapointsToAlarm) return verdict("ALARM");
  if (missing === 0 || treatMissing === "breaching" || treatMissing === "notBreaching") return verdict("OK");
  if (decisive.some((datapoint) => !breaches(datapoint))) return verdict("OK");
  if (treatMissing === "ignore") return verdict(undefined);
  if (decisive.length === 0) return verdict("INSUFFICIENT_DATA");
  // Only breaching datapoints, fewer than needed: it is an alarm once the oldest of them is old enough, not before.
  const recent = range.slice(-evaluationPeriods);
  const oldest = recent.findIndex((datapoint) => datapoint.value !== undefined);
  return verdict(oldest >= 0 && recent.length - oldest >= datapointsToAlarm ? "ALARM" : undefined);
}
