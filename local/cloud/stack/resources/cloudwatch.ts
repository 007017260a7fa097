import { textOf } from "../engine/json.ts";
import type { JsonObject } from "../engine/json.ts";
import { gone, optionalText, pick, retag, tagList, textAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

const NAME_MAX = 255;

const SETTINGS = [
  "ActionsEnabled",
  "AlarmActions",
  "AlarmDescription",
  "ComparisonOperator",
  "DatapointsToAlarm",
  "Dimensions",
  "EvaluateLowSampleCountPercentile",
  "EvaluationPeriods",
  "ExtendedStatistic",
  "InsufficientDataActions",
  "MetricName",
  "Metrics",
  "Namespace",
  "OKActions",
  "Period",
  "Statistic",
  "Threshold",
  "ThresholdMetricId",
  "TreatMissingData",
  "Unit",
];

async function put(
  ctx: ResourceContext,
  AlarmName: string,
  properties: JsonObject,
  tags: readonly string[],
): Promise<Attributes> {
  await ctx.call("monitoring", "PutMetricAlarm", { ...pick(properties, [...SETTINGS, ...tags]), AlarmName });
  const answer = await ctx.call("monitoring", "DescribeAlarms", { AlarmNames: [AlarmName] });
  return { Arn: textAt(answer, "MetricAlarms", 0, "AlarmArn") };
}

const alarm: ResourceType = {
  type: "AWS::CloudWatch::Alarm",
  replacing: ["AlarmName"],
  updatable: [...SETTINGS, "Tags"],
  required: ["ComparisonOperator", "EvaluationPeriods"],
  named: "AlarmName",
  tags: "list",
  attributes: ["Arn"],
  async create(ctx, properties) {
    const name = optionalText(properties["AlarmName"]) ?? ctx.physicalName(NAME_MAX);
    ctx.identify(name);
    return { physicalId: name, attributes: await put(ctx, name, properties, ["Tags"]) };
  },
  async update(ctx, { physicalId, properties, attributes }, next) {
    const after = await put(ctx, physicalId, next, []);
    const ResourceARN = textOf(attributes["Arn"]);
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => ctx.call("monitoring", "TagResource", { ResourceARN, Tags: tagList(tags) }),
      (TagKeys) => ctx.call("monitoring", "UntagResource", { ResourceARN, TagKeys }),
    );
    return after;
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("monitoring", "DeleteAlarms", { AlarmNames: [physicalId] })),
};

const putDashboard = (ctx: ResourceContext, DashboardName: string, properties: JsonObject): Promise<unknown> =>
  ctx.call("monitoring", "PutDashboard", { DashboardName, ...pick(properties, ["DashboardBody"]) });

const dashboard: ResourceType = {
  type: "AWS::CloudWatch::Dashboard",
  replacing: ["DashboardName"],
  updatable: ["DashboardBody"],
  required: ["DashboardBody"],
  named: "DashboardName",
  attributes: [],
  async create(ctx, properties) {
    const name = optionalText(properties["DashboardName"]) ?? ctx.physicalName(NAME_MAX);
    await putDashboard(ctx, name, properties);
    return { physicalId: name, attributes: {} };
  },
  async update(ctx, { physicalId }, next) {
    await putDashboard(ctx, physicalId, next);
    return {};
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("monitoring", "DeleteDashboards", { DashboardNames: [physicalId] })),
};

export const cloudwatchTypes: readonly ResourceType[] = [alarm, dashboard];
