import type { World } from "../../service.ts";
import { ACTIVITIES_MAX, type Activity, type Group, type Member, type StatusCode } from "./model.ts";
import { replacingRefresh } from "./refresh-view.ts";
import type { TerminationReason } from "./steps.ts";

/** The second precision that the texts of AWS use. */
const stamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export function openActivity(
  world: World,
  group: Group,
  what: Pick<Activity, "kind" | "description" | "cause" | "details"> & { status: StatusCode },
): Activity {
  const activity: Activity = { id: world.ids.uuid(), startedAt: world.clock.now(), ...what };
  group.activities.unshift(activity);
  group.activities.length = Math.min(group.activities.length, ACTIVITIES_MAX);
  return activity;
}

/** Ends an activity; a message other than "" is its status reason and joins the description, as on AWS. */
export function closeActivity(
  world: World,
  activity: Activity,
  status: "Successful" | "Failed" | "Cancelled",
  message = "",
): void {
  activity.status = status;
  activity.endedAt = world.clock.now();
  if (message === "") return;
  activity.message = message;
  activity.description += `.  Status Reason: ${message}`;
}

export const isOpen = (activity: Activity): boolean => activity.endedAt === undefined;

/** AWS documents a percentage without rules; these are the stages that its examples show. */
export function progressOf(activity: Activity): number {
  switch (activity.status) {
    case "PreInService":
      return 30;
    case "InProgress":
    case "WaitingForELBConnectionDraining":
      return 50;
    case "MidLifecycleAction":
      return 60;
    default:
      return 100;
  }
}

export const placeOf = (member: Member): Record<string, string> => ({
  ...(member.instance.subnetId === "" ? {} : { "Subnet ID": member.instance.subnetId }),
  "Availability Zone": member.instance.availabilityZone,
});

export const createdCause = (nowMs: number, desired: number): string =>
  `At ${stamp(nowMs)} a user request created an AutoScalingGroup changing the desired capacity from 0 to ${desired}.`;

export const setDesiredCause = (nowMs: number, from: number, to: number): string =>
  `At ${stamp(nowMs)} a user request explicitly set group desired capacity changing the desired capacity from ${from} to ${to}.`;

export const updatedCause = (nowMs: number, group: Group, from: number): string =>
  `At ${stamp(nowMs)} a user request update of AutoScalingGroup constraints to min: ${group.min}, max: ${group.max}, ` +
  `desired: ${group.desired} changing the desired capacity from ${from} to ${group.desired}.`;

const join = (...sentences: readonly (string | undefined)[]): string =>
  sentences.filter((sentence) => sentence !== undefined).join("  ");

export const launchWords = (warm: boolean): string => `Launching a new EC2 instance${warm ? " into warm pool" : ""}`;

export const warmingCause = (nowMs: number): string =>
  `At ${stamp(nowMs)} an instance was started in response to a difference between desired and actual warm pool size.`;

export const returnCause = (nowMs: number, group: Group, member: Member): string =>
  join(
    group.capacityCause,
    `At ${stamp(nowMs)} instance ${member.instance.instanceId} was selected to return to the warm pool.`,
  );

export function launchCause(nowMs: number, group: Group, capacity: number, rebalancing: boolean): string {
  const at = `At ${stamp(nowMs)}`;
  if (rebalancing)
    return `${at} instances were launched to balance instances in zones with other zones resulting in more than desired number of instances in the group.`;
  if (group.replacements > 0)
    return `${at} an instance was launched in response to an unhealthy instance needing to be replaced.`;
  if (replacingRefresh(group) !== undefined)
    return join(group.capacityCause, `${at} an instance was launched while an instance refresh is in progress.`);
  const rise = `increasing the capacity from ${capacity} to ${capacity + 1}`;
  return join(
    group.capacityCause,
    `${at} an instance was started in response to a difference between desired and actual capacity, ${rise}.`,
  );
}

export function terminationCause(
  nowMs: number,
  group: Group,
  member: Member,
  why: TerminationReason,
  capacity: number,
): string {
  const at = `At ${stamp(nowMs)}`;
  const id = member.instance.instanceId;
  const out = `${at} an instance was taken out of service in response to`;
  switch (why) {
    case "capacity":
      return join(
        group.capacityCause,
        `${out} a difference between desired and actual capacity, shrinking the capacity from ${capacity} to ${capacity - 1}.`,
        `${at} instance ${id} was selected for termination.`,
      );
    case "ec2":
      return `${out} an EC2 health check indicating it has been terminated or stopped.`;
    case "elb":
      return `${out} an ELB system health check failure.`;
    case "user":
      return `${out} a user health-check.`;
    case "group-deleted":
      return `${at} a user request force-deleted AutoScalingGroup changing the desired capacity from ${group.desired} to 0.`;
    case "abandoned":
      return `${at} an instance was taken out of service in response to its launch being abandoned.`;
    case "pool":
      return `${at} instance ${id} was selected for termination: the warm pool is larger than it is to be.`;
    case "pool-force-deleted":
      return `${at} a user request force-deleted the warm pool.`;
    case "refresh":
      return `${out} an instance refresh.`;
    case "request":
      return `${at} instance ${id} was taken out of service in response to a user request.`;
  }
}
