import type * as sdk from "@aws-sdk/client-auto-scaling";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { createdCause, isOpen, updatedCause } from "./activities.ts";
import { given, groupNamed, invalid, refuseUnknown } from "./checks.ts";
import { putHook } from "./hooks.ts";
import type { Groups } from "./loop.ts";
import { activeRefresh } from "./refresh-view.ts";
import {
  DEFAULT_COOLDOWN_SECONDS,
  GROUPS_MAX,
  isTerminating,
  isWarm,
  type Group,
  type Placement,
  type TemplateChoice,
} from "./model.ts";
import { TERMINATION_POLICIES } from "./select.ts";
import { putTag } from "./tags.ts";

const SHARED_MEMBERS = [
  "AutoScalingGroupName",
  "LaunchTemplate",
  "MinSize",
  "MaxSize",
  "DesiredCapacity",
  "DefaultCooldown",
  "AvailabilityZones",
  "HealthCheckType",
  "HealthCheckGracePeriod",
  "VPCZoneIdentifier",
  "TerminationPolicies",
  "NewInstancesProtectedFromScaleIn",
  "DefaultInstanceWarmup",
  // The only role that there is here acts for the groups.
  "ServiceLinkedRoleARN",
];
const CREATE_MEMBERS = [...SHARED_MEMBERS, "TargetGroupARNs", "LifecycleHookSpecificationList", "Tags"];
const HEALTH_CHECKS = ["EC2", "ELB"];
/** AWS has no documented bound; a sandbox of this size is beyond any machine that runs it. */
const SIZE_MAX = 10_000;

export function templateChoice(specification: sdk.LaunchTemplateSpecification): TemplateChoice {
  const { LaunchTemplateId: id, LaunchTemplateName: name, Version: version } = specification;
  if ((id === undefined) === (name === undefined))
    throw invalid("Valid requests must contain either LaunchTemplateId or LaunchTemplateName");
  return {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    version: version ?? "$Default",
  };
}

function placementsOf(subnets: string | undefined, zones: readonly string[]): readonly Placement[] {
  const ids = (subnets ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
  if (ids.length > 0) return ids.map((subnetId) => ({ subnetId }));
  if (zones.length > 0) return zones.map((zone) => ({ zone }));
  throw invalid("At least one Availability Zone or VPC Subnet is required.");
}

function healthChecks(type: string): readonly string[] {
  const types = type.split(",").map((each) => each.trim());
  const unknown = types.find((each) => !HEALTH_CHECKS.includes(each));
  if (unknown !== undefined)
    throw invalid(`Invalid HealthCheckType '${unknown}': the embedded cloud knows ${HEALTH_CHECKS.join(" and ")}`);
  return types;
}

function terminationPolicies(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !TERMINATION_POLICIES.includes(name));
  if (unknown !== undefined)
    throw invalid(`Termination policy '${unknown}' is not one of ${TERMINATION_POLICIES.join(", ")}`);
  return names.length === 0 ? ["Default"] : names;
}

function checkBounds(min: number, max: number, desired: number): void {
  if (min < 0 || max > SIZE_MAX) throw invalid(`Group sizes must be between 0 and ${SIZE_MAX}.`);
  if (max < min) throw invalid(`Max bound, ${max}, must be greater than or equal to min bound, ${min}`);
  if (desired < min || desired > max)
    throw invalid(`Desired capacity:${desired} must be between the specified min size:${min} and max size:${max}`);
}

function created(world: World, input: sdk.CreateAutoScalingGroupType): Group {
  const name = given(input.AutoScalingGroupName, "AutoScalingGroupName");
  const min = given(input.MinSize, "MinSize");
  const max = given(input.MaxSize, "MaxSize");
  const desired = input.DesiredCapacity ?? min;
  checkBounds(min, max, desired);
  if (input.LaunchTemplate === undefined)
    throw invalid("Valid requests must contain LaunchTemplate: the embedded cloud knows no launch configurations.");
  const now = world.clock.now();
  const zones = input.AvailabilityZones ?? [];
  const prefix = `arn:aws:autoscaling:${world.region}:${world.account}`;
  const group: Group = {
    name,
    arn: `${prefix}:autoScalingGroup:${world.ids.uuid()}:autoScalingGroupName/${name}`,
    createdAt: now,
    template: templateChoice(input.LaunchTemplate),
    min,
    max,
    desired,
    cooldownSeconds: input.DefaultCooldown ?? DEFAULT_COOLDOWN_SECONDS,
    cooldownEndsAt: 0,
    placements: placementsOf(input.VPCZoneIdentifier, zones),
    zones,
    targetGroups: [...(input.TargetGroupARNs ?? [])],
    healthChecks: healthChecks(input.HealthCheckType ?? "EC2"),
    graceSeconds: input.HealthCheckGracePeriod ?? 0,
    policies: terminationPolicies(input.TerminationPolicies ?? []),
    newInstancesProtected: input.NewInstancesProtectedFromScaleIn ?? false,
    tags: new Map(),
    metrics: new Set(),
    hooks: new Map(),
    suspended: new Map(),
    members: new Map(),
    launches: new Set(),
    activities: [],
    capacityCause: createdCause(now, desired),
    replacements: 0,
    failedLaunches: 0,
    launchNotBefore: 0,
    failing: new Set(),
    deleting: false,
    refreshes: [],
  };
  if (input.VPCZoneIdentifier !== undefined) group.subnets = input.VPCZoneIdentifier;
  if (input.DefaultInstanceWarmup !== undefined) group.warmupSeconds = input.DefaultInstanceWarmup;
  for (const hook of input.LifecycleHookSpecificationList ?? []) putHook(group, hook);
  for (const tag of input.Tags ?? []) putTag(group, tag);
  return group;
}

/** New bounds move desired capacity into them, unless a desired capacity is given that lies outside (AWS). */
function updateSizes(world: World, group: Group, input: sdk.UpdateAutoScalingGroupType): void {
  const min = input.MinSize ?? group.min;
  const max = input.MaxSize ?? group.max;
  const desired = input.DesiredCapacity ?? Math.min(Math.max(group.desired, min), Math.max(min, max));
  checkBounds(min, max, desired);
  const from = group.desired;
  group.min = min;
  group.max = max;
  group.desired = desired;
  if (desired !== from) group.capacityCause = updatedCause(world.clock.now(), group, from);
}

function updateRest(group: Group, input: sdk.UpdateAutoScalingGroupType): void {
  if (input.VPCZoneIdentifier !== undefined || input.AvailabilityZones !== undefined) {
    const zones = input.AvailabilityZones ?? [];
    group.placements = placementsOf(input.VPCZoneIdentifier, zones);
    group.zones = zones;
    group.failing.clear();
    if (input.VPCZoneIdentifier === undefined) delete group.subnets;
    else group.subnets = input.VPCZoneIdentifier;
  }
  if (input.LaunchTemplate !== undefined) {
    group.template = templateChoice(input.LaunchTemplate);
    // A mended template is tried at once: waiting out the pauses of the broken one helps nobody.
    group.failedLaunches = 0;
    group.launchNotBefore = 0;
  }
  if (input.HealthCheckType !== undefined) group.healthChecks = healthChecks(input.HealthCheckType);
  if (input.TerminationPolicies !== undefined) group.policies = terminationPolicies(input.TerminationPolicies);
  group.cooldownSeconds = input.DefaultCooldown ?? group.cooldownSeconds;
  group.graceSeconds = input.HealthCheckGracePeriod ?? group.graceSeconds;
  group.newInstancesProtected = input.NewInstancesProtectedFromScaleIn ?? group.newInstancesProtected;
  if (input.DefaultInstanceWarmup !== undefined) group.warmupSeconds = input.DefaultInstanceWarmup;
}

/** Everything at once, no hooks; actions under way are dropped with the group (AWS, ForceDelete). */
function forceDelete(group: Group): void {
  for (const member of group.members.values()) {
    delete member.wait;
    if (!isTerminating(member)) continue;
    member.withoutHooks = true;
    member.state = isWarm(member) ? "Warmed:Terminating:Proceed" : "Terminating:Proceed";
  }
  group.deleting = true;
}

/**
 * While a refresh with a desired configuration goes on, the group's own is not for anybody to change. A template that
 * stays as it is, which CloudFormation sends with every update, changes nothing.
 */
function refuseWhileRefreshed(group: Group, next: TemplateChoice): void {
  const { id, name, version } = group.template;
  const isSame = next.id === id && next.name === name && next.version === version;
  if (!isSame && activeRefresh(group)?.desired !== undefined)
    throw invalid(
      "An active instance refresh with a desired configuration exists. All configuration options derived from the " +
        "desired configuration are not available for update while the instance refresh is active.",
    );
}

export function groupOperations(world: World, groups: Groups) {
  return {
    CreateAutoScalingGroup(input: sdk.CreateAutoScalingGroupType) {
      refuseUnknown("CreateAutoScalingGroup", input, CREATE_MEMBERS);
      const name = given(input.AutoScalingGroupName, "AutoScalingGroupName");
      if (groups.all.has(name))
        throw new CloudError(
          "AlreadyExists",
          `AutoScalingGroup by this name already exists - A group with the name ${name} already exists`,
        );
      if (groups.all.size >= GROUPS_MAX)
        throw new CloudError("LimitExceeded", `You have reached the limit of ${GROUPS_MAX} Auto Scaling groups.`);
      groups.add(created(world, input));
      return {};
    },

    UpdateAutoScalingGroup(input: sdk.UpdateAutoScalingGroupType) {
      refuseUnknown("UpdateAutoScalingGroup", input, SHARED_MEMBERS);
      const group = groupNamed(groups, input.AutoScalingGroupName);
      if (input.LaunchTemplate !== undefined) refuseWhileRefreshed(group, templateChoice(input.LaunchTemplate));
      updateSizes(world, group, input);
      updateRest(group, input);
      groups.wake(group);
      return {};
    },

    DeleteAutoScalingGroup(input: sdk.DeleteAutoScalingGroupType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      if (input.ForceDelete !== true) {
        if (group.members.size > 0)
          throw new CloudError(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
          );
        if (group.activities.some(isOpen))
          throw new CloudError(
            "ScalingActivityInProgress",
            "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.",
          );
      }
      forceDelete(group);
      groups.wake(group);
      return {};
    },
  };
}
