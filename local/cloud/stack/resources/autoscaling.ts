import { isObject, type JsonObject } from "../engine/json.ts";
import { gone, isTrue, listAt, objects, optionalText, pick, requiredText, strings, valueAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

const NAME_MAX = 255;
/** Until the first instances are in service: boot, launch hook and first page included. */
const STABLE_WAIT_MS = 15 * 60_000;
/** Until the last instance is gone: drain and terminate hooks included. */
const EMPTY_WAIT_MS = 15 * 60_000;

const SIZES = ["MinSize", "MaxSize", "DesiredCapacity"];
/** Properties that the template and the API write alike. */
const SAME = [
  "LaunchTemplate",
  "MixedInstancesPolicy",
  "AvailabilityZones",
  "HealthCheckType",
  "HealthCheckGracePeriod",
  "TerminationPolicies",
  "NewInstancesProtectedFromScaleIn",
  "CapacityRebalance",
  "MaxInstanceLifetime",
  "DefaultInstanceWarmup",
  "Context",
  "ServiceLinkedRoleARN",
];

const asg = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("autoscaling", operation, input);

/** The parts that create and update share, as the API writes them. */
const request = (properties: JsonObject, names: readonly string[]): Record<string, unknown> => {
  const zones = properties["VPCZoneIdentifier"];
  return {
    ...pick(properties, names),
    ...(zones === undefined ? {} : { VPCZoneIdentifier: strings(zones).join(",") }),
    ...(properties["Cooldown"] === undefined ? {} : { DefaultCooldown: properties["Cooldown"] }),
  };
};

/** Hooks that belong to the group exist before its first instance: they are created with it. */
const hooksOf = (properties: JsonObject): Record<string, unknown> =>
  objects(properties["LifecycleHookSpecificationList"]).length === 0
    ? {}
    : pick(properties, ["LifecycleHookSpecificationList"]);

const groupTags = (name: string, properties: JsonObject): Record<string, unknown>[] =>
  objects(properties["Tags"]).map((tag) => ({ ...tag, ResourceId: name, ResourceType: "auto-scaling-group" }));

async function collect(
  ctx: ResourceContext,
  AutoScalingGroupName: string,
  before: JsonObject,
  next: JsonObject,
): Promise<void> {
  if (objects(before["MetricsCollection"]).length > 0)
    await asg(ctx, "DisableMetricsCollection", { AutoScalingGroupName });
  for (const collection of objects(next["MetricsCollection"]))
    await asg(ctx, "EnableMetricsCollection", { AutoScalingGroupName, ...collection });
}

const describe = async (ctx: ResourceContext, name: string): Promise<unknown> =>
  listAt(await asg(ctx, "DescribeAutoScalingGroups", { AutoScalingGroupNames: [name] }), "AutoScalingGroups")[0];

async function attributesOf(ctx: ResourceContext, name: string): Promise<Attributes> {
  const arn = valueAt(await describe(ctx, name), "AutoScalingGroupARN");
  return { AutoScalingGroupARN: typeof arn === "string" ? arn : "" };
}

/** CloudFormation counts a group as created when as many instances are in service as it wants. */
async function untilStable(ctx: ResourceContext, name: string): Promise<void> {
  await ctx.until(`Group ${name}`, STABLE_WAIT_MS, async () => {
    const group = await describe(ctx, name);
    const inService = listAt(group, "Instances").filter(
      (instance) => valueAt(instance, "LifecycleState") === "InService",
    );
    return inService.length >= Number(valueAt(group, "DesiredCapacity") ?? 0);
  });
}

async function alignHooks(
  ctx: ResourceContext,
  AutoScalingGroupName: string,
  before: JsonObject,
  next: JsonObject,
): Promise<void> {
  const hooks = objects(next["LifecycleHookSpecificationList"]);
  for (const hook of hooks) await asg(ctx, "PutLifecycleHook", { AutoScalingGroupName, ...hook });
  const kept = hooks.map((hook) => hook["LifecycleHookName"]);
  for (const hook of objects(before["LifecycleHookSpecificationList"]).filter(
    (one) => !kept.includes(one["LifecycleHookName"] ?? null),
  ))
    await gone(asg(ctx, "DeleteLifecycleHook", { AutoScalingGroupName, ...pick(hook, ["LifecycleHookName"]) }));
}

async function alignTargets(
  ctx: ResourceContext,
  AutoScalingGroupName: string,
  before: JsonObject,
  next: JsonObject,
): Promise<void> {
  const [old, wanted] = [strings(before["TargetGroupARNs"]), strings(next["TargetGroupARNs"])];
  const [added, lost] = [wanted.filter((arn) => !old.includes(arn)), old.filter((arn) => !wanted.includes(arn))];
  if (added.length > 0)
    await asg(ctx, "AttachLoadBalancerTargetGroups", { AutoScalingGroupName, TargetGroupARNs: added });
  if (lost.length > 0)
    await gone(asg(ctx, "DetachLoadBalancerTargetGroups", { AutoScalingGroupName, TargetGroupARNs: lost }));
}

async function alignTags(ctx: ResourceContext, name: string, before: JsonObject, next: JsonObject): Promise<void> {
  const wanted = groupTags(name, next);
  if (wanted.length > 0) await asg(ctx, "CreateOrUpdateTags", { Tags: wanted });
  const lost = groupTags(name, before).filter((tag) => !wanted.some((one) => one["Key"] === tag["Key"]));
  if (lost.length > 0) await asg(ctx, "DeleteTags", { Tags: lost });
}

/**
 * Sizes are sent only where the template changed them, or always where `UpdatePolicy` does not say to leave a size
 * alone that others changed meanwhile. A template without DesiredCapacity never sets it.
 */
function sizes(ctx: ResourceContext, next: JsonObject, changed: readonly string[]): string[] {
  const policy = ctx.updatePolicy["AutoScalingScheduledAction"];
  const leavesUnmodified = isObject(policy) && isTrue(policy["IgnoreUnmodifiedGroupSizeProperties"]);
  return SIZES.filter((name) => next[name] !== undefined && (!leavesUnmodified || changed.includes(name)));
}

const group: ResourceType = {
  type: "AWS::AutoScaling::AutoScalingGroup",
  replacing: ["AutoScalingGroupName", "InstanceId"],
  updatable: [
    ...SIZES,
    ...SAME,
    "VPCZoneIdentifier",
    "Cooldown",
    "TargetGroupARNs",
    "MetricsCollection",
    "LifecycleHookSpecificationList",
    "Tags",
  ],
  required: ["MinSize", "MaxSize"],
  named: "AutoScalingGroupName",
  tags: "propagated",
  attributes: ["AutoScalingGroupARN"],
  async create(ctx, properties) {
    const name = optionalText(properties["AutoScalingGroupName"]) ?? ctx.physicalName(NAME_MAX);
    await asg(ctx, "CreateAutoScalingGroup", {
      ...request(properties, [...SAME, ...SIZES, "TargetGroupARNs", "InstanceId"]),
      ...hooksOf(properties),
      AutoScalingGroupName: name,
      Tags: groupTags(name, properties),
    });
    ctx.identify(name);
    await collect(ctx, name, {}, properties);
    await untilStable(ctx, name);
    return { physicalId: name, attributes: await attributesOf(ctx, name) };
  },
  async update(ctx, { physicalId: name, properties }, next, changed) {
    await alignHooks(ctx, name, properties, next);
    await alignTargets(ctx, name, properties, next);
    if (changed.some((one) => one !== "Tags" && one !== "MetricsCollection"))
      await asg(ctx, "UpdateAutoScalingGroup", {
        ...request(next, [...SAME, ...sizes(ctx, next, changed)]),
        AutoScalingGroupName: name,
      });
    if (changed.includes("MetricsCollection")) await collect(ctx, name, properties, next);
    if (changed.includes("Tags")) await alignTags(ctx, name, properties, next);
    return attributesOf(ctx, name);
  },
  async remove(ctx, { physicalId: AutoScalingGroupName }) {
    if ((await describe(ctx, AutoScalingGroupName)) === undefined) return;
    await gone(
      asg(ctx, "UpdateAutoScalingGroup", { AutoScalingGroupName, MinSize: 0, MaxSize: 0, DesiredCapacity: 0 }),
    );
    await ctx.until(
      `termination of the instances of ${AutoScalingGroupName}`,
      EMPTY_WAIT_MS,
      async () => listAt(await describe(ctx, AutoScalingGroupName), "Instances").length === 0,
    );
    await gone(asg(ctx, "DeleteAutoScalingGroup", { AutoScalingGroupName }));
    await ctx.until(
      `deletion of ${AutoScalingGroupName}`,
      EMPTY_WAIT_MS,
      async () => (await describe(ctx, AutoScalingGroupName)) === undefined,
    );
  },
};

const HOOK = [
  "LifecycleTransition",
  "DefaultResult",
  "HeartbeatTimeout",
  "NotificationMetadata",
  "NotificationTargetARN",
  "RoleARN",
];

const putHook = (ctx: ResourceContext, LifecycleHookName: string, properties: JsonObject): Promise<unknown> =>
  asg(ctx, "PutLifecycleHook", { ...pick(properties, ["AutoScalingGroupName", ...HOOK]), LifecycleHookName });

const hook: ResourceType = {
  type: "AWS::AutoScaling::LifecycleHook",
  replacing: ["AutoScalingGroupName", "LifecycleHookName"],
  updatable: HOOK,
  required: ["AutoScalingGroupName", "LifecycleTransition"],
  named: "LifecycleHookName",
  attributes: [],
  async create(ctx, properties) {
    const name = optionalText(properties["LifecycleHookName"]) ?? ctx.physicalName(NAME_MAX);
    await putHook(ctx, name, properties);
    return { physicalId: name, attributes: {} };
  },
  async update(ctx, { physicalId }, next) {
    await putHook(ctx, physicalId, next);
    return {};
  },
  remove: (ctx, { physicalId, properties }) =>
    gone(
      asg(ctx, "DeleteLifecycleHook", {
        AutoScalingGroupName: requiredText(properties, "AutoScalingGroupName"),
        LifecycleHookName: physicalId,
      }),
    ),
};

export const autoscalingTypes: readonly ResourceType[] = [group, hook];
