import type { Emit } from "../../bus/emit.ts";
import type { World } from "../../service.ts";
import { LAUNCHING, wayOf, type Activity, type Group, type Member, type Refresh, type Wait } from "./model.ts";

const SOURCE = "aws.autoscaling";
const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Where a way began and where it leads, or has led. */
export interface Journey {
  readonly Origin: Member["origin"];
  readonly Destination: Member["origin"];
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html */
export function journeyOf(member: Member): Journey {
  const { origin: Origin, state } = member;
  if (wayOf(member)?.endsWith("Terminating") === true) return { Origin, Destination: "EC2" };
  return { Origin, Destination: state.startsWith("Warmed:") ? "WarmPool" : "AutoScalingGroup" };
}

/** `EC2 Instance-launch Lifecycle Action` or `EC2 Instance-terminate Lifecycle Action`. */
export function emitLifecycleAction(emit: Emit, group: Group, member: Member, wait: Wait): void {
  const launching = wait.hook.transition === LAUNCHING;
  emit({
    source: SOURCE,
    detailType: `EC2 Instance-${launching ? "launch" : "terminate"} Lifecycle Action`,
    resources: [group.arn],
    detail: {
      LifecycleActionToken: wait.token,
      AutoScalingGroupName: group.name,
      LifecycleHookName: wait.hook.name,
      EC2InstanceId: member.instance.instanceId,
      LifecycleTransition: wait.hook.transition,
      ...(wait.hook.notificationMetadata === undefined ? {} : { NotificationMetadata: wait.hook.notificationMetadata }),
      ...journeyOf(member),
    },
  });
}

/** `EC2 Instance Launch|Terminate Successful|Unsuccessful`. */
export function emitOutcome(
  world: World,
  emit: Emit,
  what: {
    group: Group;
    activity: Activity;
    instanceId: string;
    phase: "Launch" | "Terminate";
    successful: boolean;
    journey: Journey;
  },
): void {
  const { group, activity, instanceId, phase, successful, journey } = what;
  const instanceArn = `arn:aws:ec2:${world.region}:${world.account}:instance/${instanceId}`;
  emit({
    source: SOURCE,
    detailType: `EC2 Instance ${phase} ${successful ? "Successful" : "Unsuccessful"}`,
    resources: instanceId === "" ? [group.arn] : [group.arn, instanceArn],
    detail: {
      // AWS's own examples show InProgress on success: the event leaves before the activity is closed.
      StatusCode: successful ? "InProgress" : "Failed",
      Description: activity.description,
      AutoScalingGroupName: group.name,
      ActivityId: activity.id,
      Details: activity.details,
      RequestId: activity.id,
      StatusMessage: activity.message ?? "",
      EndTime: seconds(activity.endedAt ?? world.clock.now()),
      EC2InstanceId: instanceId,
      StartTime: seconds(activity.startedAt),
      Cause: activity.cause,
      ...journey,
    },
  });
}

export type RefreshEvent =
  | "Started"
  | "Checkpoint Reached"
  | "Succeeded"
  | "Failed"
  | "Cancelled"
  | "Rollback Started"
  | "Rollback Succeeded"
  | "Rollback Failed";

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html */
export const emitRefresh = (
  emit: Emit,
  group: Group,
  refresh: Refresh,
  what: RefreshEvent,
  more: Readonly<Record<string, string>> = {},
): void =>
  emit({
    source: SOURCE,
    detailType: `EC2 Auto Scaling Instance Refresh ${what}`,
    resources: [group.arn],
    detail: { InstanceRefreshId: refresh.id, AutoScalingGroupName: group.name, ...more },
  });
