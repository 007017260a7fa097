import type * as sdk from "@aws-sdk/client-auto-scaling";
import { leaveTargetGroups } from "./registration.ts";
import { openActivity, placeOf } from "./activities.ts";
import { given, groupNamed, invalid, INSTANCES_PER_CALL, membersNamed } from "./checks.ts";
import { activityOut } from "./describe.ts";
import type { Groups } from "./loop.ts";
import type { Activity, Group, Member } from "./model.ts";
import type { Surroundings } from "./source.ts";
import { memberTags } from "./tags.ts";

function requireState(member: Member, state: Member["state"]): void {
  if (member.state === state) return;
  throw invalid(`The instance ${member.instance.instanceId} is not in ${state}: it is in ${member.state}.`);
}

function lowerDesired(group: Group, count: number, doing: string): void {
  if (group.desired - count < group.min)
    throw invalid(
      `AutoScalingGroup ${group.name} has min=${group.min}, max=${group.max}, and desired=${group.desired}. ` +
        `To ${doing} ${count} instance(s), please update the AutoScalingGroup sizes appropriately.`,
    );
  group.desired -= count;
}

function raiseDesired(group: Group, count: number, doing: string): void {
  if (group.desired + count > group.max)
    throw invalid(
      `AutoScalingGroup ${group.name} has min=${group.min}, max=${group.max}, and desired=${group.desired}. ` +
        `To ${doing} ${count} instance(s), please update the AutoScalingGroup sizes appropriately.`,
    );
  group.desired += count;
}

function move(around: Surroundings, group: Group, member: Member, state: Member["state"], verb: string): Activity {
  const id = member.instance.instanceId;
  const at = `${new Date(around.world.clock.now()).toISOString().slice(0, 19)}Z`;
  const activity = openActivity(around.world, group, {
    kind: "move",
    description: `${verb}: ${id}`,
    cause: `At ${at} instance ${id} was moved in response to a user request.`,
    details: placeOf(member),
    status: "InProgress",
  });
  member.activity = activity;
  member.state = state;
  if (state !== "Pending") leaveTargetGroups(around, group, member);
  return activity;
}

/** Moves that an operator asks for: AWS runs no lifecycle hooks in any of them. */
export function moveOperations(around: Surroundings, groups: Groups) {
  const moveAll = (group: Group, members: readonly Member[], state: Member["state"], verb: string) => {
    const activities = members.map((member) => activityOut(group, move(around, group, member, state, verb)));
    groups.wake(group);
    return { Activities: activities };
  };

  return {
    EnterStandby(input: sdk.EnterStandbyQuery): sdk.EnterStandbyAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const members = membersNamed(group, input.InstanceIds);
      for (const member of members) requireState(member, "InService");
      if (given(input.ShouldDecrementDesiredCapacity, "ShouldDecrementDesiredCapacity"))
        lowerDesired(group, members.length, "place into standby");
      return moveAll(group, members, "EnteringStandby", "Moving EC2 instance to Standby");
    },

    /** Back through Pending without launch hooks: AWS runs none when an instance is moved out of standby. */
    ExitStandby(input: sdk.ExitStandbyQuery): sdk.ExitStandbyAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const members = membersNamed(group, input.InstanceIds);
      for (const member of members) requireState(member, "Standby");
      raiseDesired(group, members.length, "move out of standby");
      for (const member of members) member.withoutHooks = true;
      return moveAll(group, members, "Pending", "Moving EC2 instance out of Standby");
    },

    DetachInstances(input: sdk.DetachInstancesQuery): sdk.DetachInstancesAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const members = membersNamed(group, input.InstanceIds);
      for (const member of members) if (member.state !== "Standby") requireState(member, "InService");
      if (given(input.ShouldDecrementDesiredCapacity, "ShouldDecrementDesiredCapacity"))
        lowerDesired(group, members.filter((member) => member.state === "InService").length, "detach");
      return moveAll(group, members, "Detaching", "Detaching EC2 instance");
    },
  };
}

export function attachOperations(around: Surroundings, groups: Groups) {
  const { world, ec2 } = around;
  return {
    AttachInstances(input: sdk.AttachInstancesQuery) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const ids = given(input.InstanceIds, "InstanceIds");
      if (ids.length === 0 || ids.length > INSTANCES_PER_CALL)
        throw invalid(`InstanceIds must name between 1 and ${INSTANCES_PER_CALL} instances`);
      const instances = ids.map((id) => {
        const instance = ec2.instance(id);
        if (instance?.state !== "running")
          throw invalid(`Invalid Instance(s) [${id}]: the instance is ${instance?.state ?? "not known"}, not running`);
        if (groups.of(id) !== undefined) throw invalid(`Instance ${id} is already part of an Auto Scaling group.`);
        return instance;
      });
      raiseDesired(group, instances.length, "attach");
      for (const instance of instances) {
        const member: Member = {
          instance,
          placement: instance.subnetId === "" ? { zone: instance.availabilityZone } : { subnetId: instance.subnetId },
          joinedAt: world.clock.now(),
          state: "Pending",
          health: "Healthy",
          protectedFromScaleIn: group.newInstancesProtected,
          rebalancing: false,
          withoutHooks: true,
          registered: false,
          origin: "EC2",
        };
        group.members.set(instance.instanceId, member);
        ec2.tag(instance.instanceId, memberTags(group));
        move(around, group, member, "Pending", "Attaching an existing EC2 instance");
      }
      groups.wake(group);
      return {};
    },
  };
}
