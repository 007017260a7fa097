import type { World } from "../../service.ts";
import type { Alarm, AlarmSettings, AlarmState } from "./alarm.ts";
import { alarmTime } from "./alarm-words.ts";

/** Names as the subject and the message write them; a region without one keeps its code. */
const REGION_NAMES: Readonly<Record<string, string>> = {
  "eu-central-1": "EU (Frankfurt)",
  "eu-west-1": "EU (Ireland)",
  "eu-west-2": "EU (London)",
  "us-east-1": "US East (N. Virginia)",
  "us-east-2": "US East (Ohio)",
  "us-west-2": "US West (Oregon)",
};
/** SNS's bound of a subject. */
const SUBJECT_MAX = 100;

/** In a notice, dimensions are a list with members in lower case; in an event they are a map. */
function triggerOf(settings: AlarmSettings): object {
  const { namespace, name, dimensions } = settings.metric;
  return {
    MetricName: name,
    Namespace: namespace,
    StatisticType: settings.extended ? "ExtendedStatistic" : "Statistic",
    ...(settings.extended
      ? { ExtendedStatistic: settings.statistic }
      : { Statistic: settings.statistic.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase() }),
    Unit: settings.unit ?? null,
    Dimensions: Object.entries(dimensions).map(([dimension, value]) => ({ value, name: dimension })),
    Period: settings.periodMs / 1000,
    EvaluationPeriods: settings.evaluationPeriods,
    DatapointsToAlarm: settings.datapointsToAlarm,
    ComparisonOperator: settings.comparison,
    Threshold: settings.threshold,
    TreatMissingData: settings.treatMissing,
    EvaluateLowSampleCountPercentile: "",
  };
}

/**
 * What a topic gets that is an action of the alarm: subject, and the message as JSON text.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
 */
export function noticeOf(world: World, alarm: Alarm, previous: AlarmState): { subject: string; message: string } {
  const { settings, state } = alarm;
  const region = REGION_NAMES[world.region] ?? world.region;
  const message = {
    AlarmName: settings.name,
    AlarmDescription: settings.description ?? null,
    AWSAccountId: world.account,
    AlarmConfigurationUpdatedTimestamp: alarmTime(alarm.configuredAt),
    NewStateValue: state.value,
    NewStateReason: state.reason,
    StateChangeTime: alarmTime(state.at),
    Region: region,
    AlarmArn: settings.arn,
    OldStateValue: previous.value,
    OKActions: settings.actions.OK,
    AlarmActions: settings.actions.ALARM,
    InsufficientDataActions: settings.actions.INSUFFICIENT_DATA,
    Trigger: triggerOf(settings),
  };
  return {
    subject: `${state.value}: "${settings.name}" in ${region}`.slice(0, SUBJECT_MAX),
    message: JSON.stringify(message),
  };
}
