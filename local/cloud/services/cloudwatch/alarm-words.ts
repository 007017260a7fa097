import type { World } from "../../service.ts";
import { comparisonWords, type Alarm, type AlarmSettings, type AlarmState } from "./alarm.ts";
import type { StateValue, Verdict } from "./evaluate.ts";

/** CloudWatch writes these times with `+0000`, not `Z`. */
export const alarmTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "+0000");

const decimal = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));
const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** `dd/mm/yy hh:mm:ss`, as in CloudWatch's own sentences. */
function shortTime(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().split("T");
  const [year = "", month = "", day = ""] = date.split("-");
  return `${day}/${month}/${year.slice(2)} ${time.slice(0, 8)}`;
}

/** The sentence that CloudWatch gives with a new state. */
export function reasonOf(
  settings: AlarmSettings,
  from: StateValue,
  to: StateValue,
  { decisive, missing }: Verdict,
): string {
  if (to === "INSUFFICIENT_DATA")
    return `Insufficient Data: ${count(missing, "datapoint")} ${missing === 1 ? "was" : "were"} unknown.`;
  if (decisive.length === 0) {
    const treated = settings.treatMissing === "breaching" ? "[Breaching]" : "[NonBreaching]";
    return `Threshold Crossed: no datapoints were received for ${count(missing, "period")} and ${count(missing, "missing datapoint")} ${missing === 1 ? "was" : "were"} treated as ${treated}.`;
  }
  const crossing = decisive.filter(
    (one) => one.value !== undefined && settings.breaches(one.value) === (to === "ALARM"),
  );
  const list = crossing.map((one) => `${decimal(one.value ?? 0)} (${shortTime(one.at)})`).join(", ");
  const needed =
    to === "ALARM" ? settings.datapointsToAlarm : settings.evaluationPeriods - settings.datapointsToAlarm + 1;
  return (
    `Threshold Crossed: ${crossing.length} out of the last ${count(settings.evaluationPeriods, "datapoint")} [${list}] ` +
    `${crossing.length === 1 ? "was" : "were"} ${to === "ALARM" ? "" : "not "}${comparisonWords(settings.comparison)} the threshold (${decimal(settings.threshold)}) ` +
    `(minimum ${count(needed, "datapoint")} for ${from} -> ${to} transition).`
  );
}

export function reasonDataOf(settings: AlarmSettings, now: number, startedAt: number, { decisive }: Verdict): string {
  return JSON.stringify({
    version: "1.0",
    queryDate: alarmTime(now),
    startDate: alarmTime(decisive[0]?.at ?? startedAt),
    ...(settings.unit === undefined ? {} : { unit: settings.unit }),
    statistic: settings.statistic,
    period: settings.periodMs / 1000,
    recentDatapoints: decisive.map((one) => one.value),
    threshold: settings.threshold,
    evaluatedDatapoints: decisive.toReversed().map((one) => ({ timestamp: alarmTime(one.at), value: one.value })),
  });
}

const shownState = (state: AlarmState) => ({
  value: state.value,
  reason: state.reason,
  ...(state.reasonData === undefined ? {} : { reasonData: state.reasonData }),
  timestamp: alarmTime(state.at),
});

function configurationOf({ settings, metricId }: Alarm) {
  const { namespace, name, dimensions } = settings.metric;
  return {
    ...(settings.description === undefined ? {} : { description: settings.description }),
    metrics: [
      {
        id: metricId,
        metricStat: {
          metric: { namespace, name, dimensions },
          period: settings.periodMs / 1000,
          stat: settings.statistic,
        },
        returnData: true,
      },
    ],
  };
}

/** Detail of the event `CloudWatch Alarm State Change`. */
export const stateChangeDetail = (alarm: Alarm, previous: AlarmState) => ({
  alarmName: alarm.settings.name,
  configuration: configurationOf(alarm),
  state: shownState(alarm.state),
  previousState: shownState(previous),
});

/** What a Lambda function gets that is an action of the alarm. */
export const actionPayload = (world: World, alarm: Alarm, previous: AlarmState) => ({
  source: "aws.cloudwatch",
  alarmArn: alarm.settings.arn,
  accountId: world.account,
  time: alarmTime(alarm.state.at),
  region: world.region,
  alarmData: {
    alarmName: alarm.settings.name,
    state: shownState(alarm.state),
    previousState: shownState(previous),
    configuration: configurationOf(alarm),
  },
});
