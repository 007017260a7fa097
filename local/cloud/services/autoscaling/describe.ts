import type * as sdk from "@aws-sdk/client-auto-scaling";
import { progressOf } from "./activities.ts";
import { GROUPS_MAX, globalTimeoutSeconds, isWarm, type Activity, type Group, type GroupTag } from "./model.ts";
import type { Hook, Member, WarmPool } from "./model.ts";
import { groupNamed, INSTANCES_PAGE, invalid, LARGE_PAGE, page } from "./checks.ts";
import type { Groups } from "./loop.ts";
import type { InstanceSource } from "./source.ts";

export function activityOut(group: Group, activity: Activity): sdk.Activity {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.startedAt),
    StatusCode: activity.status,
    Progress: progressOf(activity),
    Details: JSON.stringify(activity.details),
    ...(activity.endedAt === undefined ? {} : { EndTime: new Date(activity.endedAt) }),
    ...(activity.message === undefined ? {} : { StatusMessage: activity.message }),
    ...(group.deleting ? { AutoScalingGroupState: "Deleted" } : {}),
  };
}

export const tagOut = (group: Group, tag: GroupTag): sdk.TagDescription => ({
  ResourceId: group.name,
  ResourceType: "auto-scaling-group",
  Key: tag.key,
  Value: tag.value,
  PropagateAtLaunch: tag.propagateAtLaunch,
});

export const hookOut = (group: Group, hook: Hook): sdk.LifecycleHook => ({
  LifecycleHookName: hook.name,
  AutoScalingGroupName: group.name,
  LifecycleTransition: hook.transition,
  HeartbeatTimeout: hook.heartbeatSeconds,
  GlobalTimeout: globalTimeoutSeconds(hook.heartbeatSeconds),
  DefaultResult: hook.defaultResult,
  ...(hook.notificationMetadata === undefined ? {} : { NotificationMetadata: hook.notificationMetadata }),
});

const templateOut = (group: Group): sdk.LaunchTemplateSpecification => ({
  ...(group.template.id === undefined ? {} : { LaunchTemplateId: group.template.id }),
  ...(group.template.name === undefined ? {} : { LaunchTemplateName: group.template.name }),
  Version: group.template.version,
});

/** The template with the version that the instance was launched from, not the group's `$Latest`. */
function memberTemplate(group: Group, member: Member): sdk.LaunchTemplateSpecification {
  const { launchTemplateId: id, launchTemplateVersion: version } = member.instance;
  return {
    ...templateOut(group),
    ...(id === undefined ? {} : { LaunchTemplateId: id }),
    ...(version === undefined ? {} : { Version: String(version) }),
  };
}

export const poolOut = (pool: WarmPool): sdk.WarmPoolConfiguration => ({
  MinSize: pool.min,
  PoolState: pool.state,
  InstanceReusePolicy: { ReuseOnScaleIn: pool.reuseOnScaleIn },
  ...(pool.maxPrepared === undefined ? {} : { MaxGroupPreparedCapacity: pool.maxPrepared }),
  ...(pool.deleting ? { Status: "PendingDelete" } : {}),
});

export const instanceOut = (group: Group, member: Member) => ({
  InstanceId: member.instance.instanceId,
  AvailabilityZone: member.instance.availabilityZone,
  LifecycleState: member.state,
  HealthStatus: member.health,
  LaunchTemplate: memberTemplate(group, member),
  ProtectedFromScaleIn: member.protectedFromScaleIn,
  ...(member.instance.instanceType === undefined ? {} : { InstanceType: member.instance.instanceType }),
});

/** As given, or else the zones of its subnets, as far as they are known. */
function zonesOf(group: Group, ec2: InstanceSource): string[] {
  if (group.zones.length > 0) return [...group.zones];
  const known = group.placements.map((placement) => ec2.zoneOfSubnet?.(placement.subnetId ?? ""));
  const seen = [...group.members.values()].map((member) => member.instance.availabilityZone);
  return [...new Set([...known, ...seen].filter((zone) => zone !== undefined))].toSorted();
}

/** The instances of the warm pool are its own to tell: DescribeWarmPool. */
function groupOut(group: Group, ec2: InstanceSource, withInstances: boolean): sdk.AutoScalingGroup {
  const members = [...group.members.values()];
  const serving = members.filter((member) => !isWarm(member));
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    LaunchTemplate: templateOut(group),
    MinSize: group.min,
    MaxSize: group.max,
    DesiredCapacity: group.desired,
    DefaultCooldown: group.cooldownSeconds,
    AvailabilityZones: zonesOf(group, ec2),
    LoadBalancerNames: [],
    TargetGroupARNs: [...group.targetGroups],
    HealthCheckType: group.healthChecks.join(","),
    HealthCheckGracePeriod: group.graceSeconds,
    Instances: withInstances ? serving.map((member) => instanceOut(group, member)) : [],
    CreatedTime: new Date(group.createdAt),
    SuspendedProcesses: [...group.suspended].map(([ProcessName, SuspensionReason]) => ({
      ProcessName,
      SuspensionReason,
    })),
    VPCZoneIdentifier: group.subnets ?? "",
    EnabledMetrics: [...group.metrics].map((Metric) => ({ Metric, Granularity: "1Minute" })),
    Tags: [...group.tags.values()].map((tag) => tagOut(group, tag)),
    TerminationPolicies: [...group.policies],
    NewInstancesProtectedFromScaleIn: group.newInstancesProtected,
    CapacityRebalance: false,
    TrafficSources: group.targetGroups.map((Identifier) => ({ Identifier, Type: "elbv2" })),
    ...(group.warmupSeconds === undefined ? {} : { DefaultInstanceWarmup: group.warmupSeconds }),
    ...(group.pool === undefined
      ? {}
      : { WarmPoolConfiguration: poolOut(group.pool), WarmPoolSize: members.length - serving.length }),
    ...(group.deleting ? { Status: "Delete in progress" } : {}),
  };
}

/** Filters of groups by their tags: `tag-key`, `tag-value`, `tag:<key>`; all must hold. */
function hasTags(group: Group, filters: readonly sdk.Filter[]): boolean {
  const tags = [...group.tags.values()];
  return filters.every(({ Name = "", Values = [] }) => {
    if (Name === "tag-key") return tags.some((tag) => Values.includes(tag.key));
    if (Name === "tag-value") return tags.some((tag) => Values.includes(tag.value));
    if (Name.startsWith("tag:")) return tags.some((tag) => tag.key === Name.slice(4) && Values.includes(tag.value));
    throw invalid(`The filter name '${Name}' is not valid: tag-key, tag-value, tag:<key>`);
  });
}

/** The read operations. `deleted` are groups that are gone, kept for their activities. */
export function describeOperations(groups: Groups, ec2: InstanceSource, deleted: readonly Group[]) {
  return {
    DescribeAutoScalingGroups(input: sdk.AutoScalingGroupNamesType): sdk.AutoScalingGroupsType {
      const names = input.AutoScalingGroupNames ?? [];
      const chosen = [...groups.all.values()]
        .filter((group) => names.length === 0 || names.includes(group.name))
        .filter((group) => hasTags(group, input.Filters ?? []));
      const { items, ...more } = page(chosen, input);
      return { AutoScalingGroups: items.map((group) => groupOut(group, ec2, input.IncludeInstances ?? true)), ...more };
    },

    DescribeAutoScalingInstances(input: sdk.DescribeAutoScalingInstancesType): sdk.AutoScalingInstancesType {
      const ids = input.InstanceIds ?? [];
      if (ids.length > INSTANCES_PAGE.max)
        throw invalid(`InstanceIds must name at most ${INSTANCES_PAGE.max} instances, not ${ids.length}`);
      const all = [...groups.all.values()].flatMap((group) =>
        [...group.members.values()]
          .filter((member) => ids.length === 0 || ids.includes(member.instance.instanceId))
          .map((member) => ({
            ...instanceOut(group, member),
            AutoScalingGroupName: group.name,
            // This operation alone writes the status in capitals.
            HealthStatus: member.health.toUpperCase(),
          })),
      );
      const { items, ...more } = page(all, input, INSTANCES_PAGE);
      return { AutoScalingInstances: items, ...more };
    },

    DescribeScalingActivities(input: sdk.DescribeScalingActivitiesType): sdk.ActivitiesType {
      const name = input.AutoScalingGroupName;
      if (name !== undefined && input.IncludeDeletedGroups !== true) groupNamed(groups, name);
      const scope = [...groups.all.values(), ...(input.IncludeDeletedGroups === true ? deleted : [])];
      const found = scope
        .filter((group) => name === undefined || group.name === name)
        .flatMap((group) => group.activities.map((activity) => ({ group, activity })))
        .filter(({ activity }) => input.ActivityIds === undefined || input.ActivityIds.includes(activity.id))
        .toSorted((a, b) => b.activity.startedAt - a.activity.startedAt);
      const { items, ...more } = page(found, input, LARGE_PAGE);
      return { Activities: items.map(({ group, activity }) => activityOut(group, activity)), ...more };
    },

    DescribeAccountLimits(): sdk.DescribeAccountLimitsAnswer {
      return {
        MaxNumberOfAutoScalingGroups: GROUPS_MAX,
        NumberOfAutoScalingGroups: groups.all.size,
        MaxNumberOfLaunchConfigurations: 0,
        NumberOfLaunchConfigurations: 0,
      };
    },
  };
}
