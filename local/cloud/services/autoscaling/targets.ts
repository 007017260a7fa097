import type * as sdk from "@aws-sdk/client-auto-scaling";
import { CloudError } from "../../errors.ts";
import { activeRefresh } from "./refresh-view.ts";
import { deregisterMember, registerMember } from "./registration.ts";
import { given, groupNamed, invalid, LARGE_PAGE, page } from "./checks.ts";
import type { Groups } from "./loop.ts";
import type { Group, Member } from "./model.ts";
import type { Surroundings } from "./source.ts";

/** The metrics of a group that AWS documents; here they are only switched, no service publishes them. */
const GROUP_METRICS = [
  "GroupMinSize",
  "GroupMaxSize",
  "GroupDesiredCapacity",
  "GroupInServiceInstances",
  "GroupPendingInstances",
  "GroupStandbyInstances",
  "GroupTerminatingInstances",
  "GroupTotalInstances",
] as const;

const serving = (group: Group): Member[] => [...group.members.values()].filter((m) => m.state === "InService");

function metricsNamed(names: readonly string[] | undefined): readonly string[] {
  if (names === undefined || names.length === 0) return GROUP_METRICS;
  const unknown = names.find((name) => !GROUP_METRICS.some((metric) => metric === name));
  if (unknown !== undefined) throw invalid(`Metric '${unknown}' is not one of ${GROUP_METRICS.join(", ")}`);
  return names;
}

/** AWS attaches nothing to a group whose instances are being replaced. */
function refuseWhileRefreshed(group: Group): void {
  if (activeRefresh(group) === undefined) return;
  throw new CloudError(
    "InstanceRefreshInProgress",
    `An active instance refresh exists for Auto Scaling group ${group.name}.`,
  );
}

export function targetOperations(around: Surroundings, groups: Groups) {
  const stateOf = (group: Group, arn: string): string => {
    const members = serving(group);
    if (members.length === 0) return "Added";
    return members.some((m) => around.targets.health(arn, m.instance.instanceId) === "healthy") ? "InService" : "Added";
  };
  return {
    AttachLoadBalancerTargetGroups(input: sdk.AttachLoadBalancerTargetGroupsType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      refuseWhileRefreshed(group);
      const added = given(input.TargetGroupARNs, "TargetGroupARNs").filter((arn) => !group.targetGroups.includes(arn));
      group.targetGroups.push(...added);
      for (const member of serving(group)) registerMember(around, group, member, added);
      groups.wake(group);
      return {};
    },

    DetachLoadBalancerTargetGroups(input: sdk.DetachLoadBalancerTargetGroupsType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const gone = given(input.TargetGroupARNs, "TargetGroupARNs");
      for (const member of group.members.values()) if (member.registered) deregisterMember(around, member, gone);
      group.targetGroups = group.targetGroups.filter((arn) => !gone.includes(arn));
      groups.wake(group);
      return {};
    },

    DescribeLoadBalancerTargetGroups(
      input: sdk.DescribeLoadBalancerTargetGroupsRequest,
    ): sdk.DescribeLoadBalancerTargetGroupsResponse {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const { items, ...more } = page(group.targetGroups, input, LARGE_PAGE);
      return {
        LoadBalancerTargetGroups: items.map((arn) => ({
          LoadBalancerTargetGroupARN: arn,
          State: stateOf(group, arn),
        })),
        ...more,
      };
    },

    EnableMetricsCollection(input: sdk.EnableMetricsCollectionQuery) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      if (given(input.Granularity, "Granularity") !== "1Minute") throw invalid("The only valid Granularity is 1Minute");
      for (const metric of metricsNamed(input.Metrics)) group.metrics.add(metric);
      return {};
    },

    DisableMetricsCollection(input: sdk.DisableMetricsCollectionQuery) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      for (const metric of metricsNamed(input.Metrics)) group.metrics.delete(metric);
      return {};
    },
  };
}
