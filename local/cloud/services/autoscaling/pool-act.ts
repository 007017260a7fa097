import { closeActivity, launchCause, openActivity, placeOf, returnCause } from "./activities.ts";
import { emitOutcome, journeyOf } from "./events.ts";
import type { Group, Member } from "./model.ts";
import { leaveTargetGroups } from "./registration.ts";
import type { Surroundings } from "./source.ts";

/** Out of the pool: started if it was stopped, and then as a launch, hooks included. */
export function takeFromPool(
  around: Surroundings,
  group: Group,
  member: Member,
  capacity: number,
  wake: () => void,
): void {
  const { world, ec2 } = around;
  const instanceId = member.instance.instanceId;
  member.activity = openActivity(world, group, {
    kind: "launch",
    description: `Launching a new EC2 instance from warm pool: ${instanceId}`,
    cause: launchCause(world.clock.now(), group, capacity, false),
    details: placeOf(member),
    status: "InProgress",
  });
  if (group.replacements > 0) group.replacements -= 1;
  const isStopped = member.state === "Warmed:Stopped";
  member.state = "Pending";
  member.origin = "WarmPool";
  if (!isStopped) return;
  void ec2
    .start(instanceId)
    // It is seen as stopped then, and the launch fails.
    .catch((error: unknown) => world.note(`autoscaling: ${group.name} could not start ${instanceId}: ${String(error)}`))
    .finally(wake);
}

export function stopMember({ world, ec2 }: Surroundings, group: Group, member: Member, wake: () => void): void {
  const instanceId = member.instance.instanceId;
  member.stopCalledAt = world.clock.now();
  void ec2
    .stop(instanceId)
    .catch((error: unknown) => world.note(`autoscaling: ${group.name} could not stop ${instanceId}: ${String(error)}`))
    .finally(wake);
}

/** What scale-in spares: it drains, passes the hooks of termination, and is stopped. */
export function returnToPool(around: Surroundings, group: Group, member: Member): void {
  const { world } = around;
  member.activity = openActivity(world, group, {
    kind: "terminate",
    description: `Returning EC2 instance to warm pool: ${member.instance.instanceId}`,
    cause: returnCause(world.clock.now(), group, member),
    details: placeOf(member),
    status: "InProgress",
  });
  member.state = "Warmed:Pending";
  member.origin = "AutoScalingGroup";
  delete member.inServiceAt;
  leaveTargetGroups(around, group, member);
}

export function enterPool({ world, emit }: Surroundings, group: Group, member: Member): void {
  const activity = member.activity;
  member.state = `Warmed:${group.pool?.state ?? "Stopped"}`;
  delete member.activity;
  delete member.stopCalledAt;
  delete member.drainEndsAt;
  if (activity === undefined) return;
  if (activity.kind === "launch") {
    group.failedLaunches = 0;
    group.launchNotBefore = 0;
  }
  closeActivity(world, activity, "Successful");
  emitOutcome(world, emit, {
    group,
    activity,
    instanceId: member.instance.instanceId,
    phase: activity.kind === "launch" ? "Launch" : "Terminate",
    successful: true,
    journey: journeyOf(member),
  });
}
