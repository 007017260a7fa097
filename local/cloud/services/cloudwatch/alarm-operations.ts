import type * as Sdk from "@aws-sdk/client-cloudwatch";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { ALARMS_MAX, dimensionsOf, invalid, required, settingsFrom, type Alarm } from "./alarm.ts";
import type { AlarmBoard } from "./alarms.ts";
import type { StateValue } from "./evaluate.ts";

/** Records of one page, at most and without MaxRecords (API reference: DescribeAlarms, DescribeAlarmHistory). */
const RECORDS_MAX = 100;

export function alarmOperations(world: World, board: AlarmBoard): Record<string, Operation> {
  return { ...changes(world, board), ...descriptions(board), ...alarmTags(board) };
}

function alarmNamed({ alarms }: AlarmBoard, name: string | undefined): Alarm {
  const alarm = alarms.get(required(name, "AlarmName"));
  if (alarm === undefined) throw new CloudError("ResourceNotFound", `Alarm ${name} does not exist`, 404);
  return alarm;
}

function changes(world: World, board: AlarmBoard): Record<string, Operation> {
  const { alarms } = board;
  const named = (name: string | undefined): Alarm => alarmNamed(board, name);
  const enableActions = (names: readonly string[] | undefined, enabled: boolean) => {
    for (const name of names ?? []) named(name).actionsEnabled = enabled;
    return {};
  };

  return {
    PutMetricAlarm(input: Sdk.PutMetricAlarmCommandInput) {
      const settings = settingsFrom(world, input);
      const before = alarms.get(settings.name);
      if (before === undefined && alarms.size >= ALARMS_MAX)
        throw new CloudError("LimitExceeded", `at most ${ALARMS_MAX} alarms`);
      const alarm = before ?? newAlarm(world, settings, input.Tags);
      alarm.settings = settings;
      alarm.actionsEnabled = input.ActionsEnabled ?? true;
      alarm.configuredAt = world.clock.now();
      alarms.set(settings.name, alarm);
      board.note(
        alarm,
        "ConfigurationUpdate",
        `Alarm "${settings.name}" ${before === undefined ? "created" : "updated"}`,
        { type: before === undefined ? "Create" : "Update" },
      );
      return {};
    },
    SetAlarmState(input: Sdk.SetAlarmStateCommandInput) {
      const alarm = named(input.AlarmName);
      const value = stateOf(required(input.StateValue, "StateValue"));
      board.change(alarm, {
        value,
        reason: required(input.StateReason, "StateReason"),
        reasonData: input.StateReasonData,
        at: world.clock.now(),
      });
      return {};
    },
    EnableAlarmActions: (input: Sdk.EnableAlarmActionsCommandInput) => enableActions(input.AlarmNames, true),
    DisableAlarmActions: (input: Sdk.DisableAlarmActionsCommandInput) => enableActions(input.AlarmNames, false),
    DeleteAlarms(input: Sdk.DeleteAlarmsCommandInput) {
      // AWS deletes what exists and says nothing of the rest.
      for (const name of input.AlarmNames ?? []) alarms.delete(name);
      return {};
    },
  };
}

function descriptions({ alarms }: AlarmBoard): Record<string, Operation> {
  return {
    DescribeAlarms(input: Sdk.DescribeAlarmsCommandInput) {
      const names = input.AlarmNames;
      const found = [...alarms.values()].filter(
        ({ settings, state }) =>
          (names === undefined || names.length === 0 || names.includes(settings.name)) &&
          settings.name.startsWith(input.AlarmNamePrefix ?? "") &&
          (input.StateValue === undefined || input.StateValue === state.value) &&
          (input.ActionPrefix === undefined ||
            Object.values(settings.actions)
              .flat()
              .some((arn) => arn.startsWith(input.ActionPrefix ?? ""))),
      );
      const wanted = input.AlarmTypes === undefined || input.AlarmTypes.includes("MetricAlarm");
      const [page, NextToken] = paged(wanted ? found : [], input.NextToken, input.MaxRecords ?? RECORDS_MAX);
      return { MetricAlarms: page.map(shownAlarm), CompositeAlarms: [], ...NextToken };
    },
    DescribeAlarmsForMetric(input: Sdk.DescribeAlarmsForMetricCommandInput) {
      const wanted = JSON.stringify(sortedEntries(dimensionsOf(input.Dimensions)));
      const found = [...alarms.values()].filter(
        ({ settings }) =>
          settings.metric.name === input.MetricName &&
          settings.metric.namespace === input.Namespace &&
          JSON.stringify(sortedEntries(settings.metric.dimensions)) === wanted &&
          (input.Period === undefined || input.Period * 1000 === settings.periodMs) &&
          (input.Statistic ?? input.ExtendedStatistic ?? settings.statistic) === settings.statistic,
      );
      return { MetricAlarms: found.map(shownAlarm) };
    },
    DescribeAlarmHistory(input: Sdk.DescribeAlarmHistoryCommandInput) {
      const items = [...alarms.values()]
        .filter((alarm) => input.AlarmName === undefined || alarm.settings.name === input.AlarmName)
        .flatMap((alarm) => alarm.history.map((item) => ({ name: alarm.settings.name, ...item })))
        .filter((item) => input.HistoryItemType === undefined || item.type === input.HistoryItemType)
        .filter(
          (item) => item.at >= (input.StartDate?.getTime() ?? 0) && item.at <= (input.EndDate?.getTime() ?? Infinity),
        )
        .toSorted((a, b) => (input.ScanBy === "TimestampAscending" ? a.at - b.at : b.at - a.at));
      const [page, NextToken] = paged(items, input.NextToken, input.MaxRecords ?? RECORDS_MAX);
      const AlarmHistoryItems = page.map((item) => ({
        AlarmName: item.name,
        AlarmType: "MetricAlarm",
        Timestamp: new Date(item.at),
        HistoryItemType: item.type,
        HistorySummary: item.summary,
        HistoryData: item.data,
      }));
      return { AlarmHistoryItems, ...NextToken };
    },
  };
}

function alarmTags(board: AlarmBoard): Record<string, Operation> {
  const byArn = (arn: string | undefined): Alarm =>
    alarmNamed(board, required(arn, "ResourceARN").split(":alarm:").at(-1));
  return {
    ListTagsForResource: (input: Sdk.ListTagsForResourceCommandInput) => ({
      Tags: Object.entries(byArn(input.ResourceARN).tags).map(([Key, Value]) => ({ Key, Value })),
    }),
    TagResource(input: Sdk.TagResourceCommandInput) {
      const alarm = byArn(input.ResourceARN);
      alarm.tags = { ...alarm.tags, ...tagsOf(input.Tags) };
      return {};
    },
    UntagResource(input: Sdk.UntagResourceCommandInput) {
      const alarm = byArn(input.ResourceARN);
      const gone = new Set(input.TagKeys);
      alarm.tags = Object.fromEntries(Object.entries(alarm.tags).filter(([key]) => !gone.has(key)));
      return {};
    },
  };
}

const tagsOf = (tags: readonly Sdk.Tag[] | undefined): Record<string, string> =>
  Object.fromEntries((tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));

function stateOf(given: string): StateValue {
  const known: readonly StateValue[] = ["OK", "ALARM", "INSUFFICIENT_DATA"];
  const found = known.find((one) => one === given);
  if (found === undefined) throw invalid(`StateValue ${given}: must be one of ${known.join(", ")}`);
  return found;
}

function newAlarm(world: World, settings: Alarm["settings"], tags: readonly Sdk.Tag[] | undefined): Alarm {
  const now = world.clock.now();
  return {
    settings,
    metricId: world.ids.uuid(),
    actionsEnabled: true,
    state: { value: "INSUFFICIENT_DATA", reason: "Unchecked: Initial alarm creation", reasonData: undefined, at: now },
    configuredAt: now,
    tags: tagsOf(tags),
    history: [],
  };
}

function paged<T>(all: readonly T[], token: string | undefined, limit: number): [T[], { NextToken?: string }] {
  if (limit < 1 || limit > RECORDS_MAX)
    throw new CloudError("ValidationError", `MaxRecords must be between 1 and ${RECORDS_MAX}, not ${limit}`);
  const from = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(from) || from < 0)
    throw new CloudError("InvalidNextToken", `The next token ${token} is invalid.`);
  return [all.slice(from, from + limit), from + limit < all.length ? { NextToken: String(from + limit) } : {}];
}

function shownAlarm({ settings, state, actionsEnabled, configuredAt }: Alarm): Record<string, unknown> {
  return {
    AlarmName: settings.name,
    AlarmArn: settings.arn,
    ...(settings.description === undefined ? {} : { AlarmDescription: settings.description }),
    AlarmConfigurationUpdatedTimestamp: new Date(configuredAt),
    ActionsEnabled: actionsEnabled,
    OKActions: settings.actions.OK,
    AlarmActions: settings.actions.ALARM,
    InsufficientDataActions: settings.actions.INSUFFICIENT_DATA,
    StateValue: state.value,
    StateReason: state.reason,
    ...(state.reasonData === undefined ? {} : { StateReasonData: state.reasonData }),
    StateUpdatedTimestamp: new Date(state.at),
    StateTransitionedTimestamp: new Date(state.at),
    MetricName: settings.metric.name,
    Namespace: settings.metric.namespace,
    ...(settings.extended ? { ExtendedStatistic: settings.statistic } : { Statistic: settings.statistic }),
    Dimensions: Object.entries(settings.metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Period: settings.periodMs / 1000,
    ...(settings.unit === undefined ? {} : { Unit: settings.unit }),
    EvaluationPeriods: settings.evaluationPeriods,
    ...(settings.datapointsGiven === undefined ? {} : { DatapointsToAlarm: settings.datapointsGiven }),
    Threshold: settings.threshold,
    ComparisonOperator: settings.comparison,
    ...(settings.treatMissingGiven === undefined ? {} : { TreatMissingData: settings.treatMissingGiven }),
  };
}

const sortedEntries = (members: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(members).toSorted(([a], [b]) => a.localeCompare(b));
