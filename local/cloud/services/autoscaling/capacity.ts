import type * as sdk from "@aws-sdk/client-auto-scaling";
import { CloudError } from "../../errors.ts";
import { beginTermination } from "./act.ts";
import { isOpen, setDesiredCause } from "./activities.ts";
import { given, groupNamed, invalid } from "./checks.ts";
import { activityOut } from "./describe.ts";
import type { Groups } from "./loop.ts";
import { PROCESSES, isCapacity, isTerminating, type Group, type ProcessName } from "./model.ts";
import type { Surroundings } from "./source.ts";

function checkDesired(group: Group, desired: number): void {
  const value = `New SetDesiredCapacity value ${desired} is`;
  if (desired > group.max) throw invalid(`${value} above max value ${group.max} for the AutoScalingGroup.`);
  if (desired < group.min) throw invalid(`${value} below min value ${group.min} for the AutoScalingGroup.`);
}

function checkCooldown(group: Group, nowMs: number): void {
  const active = group.activities.find(isOpen);
  if (active === undefined && nowMs >= group.cooldownEndsAt) return;
  const blocker = active ?? group.activities[0];
  throw new CloudError(
    "ScalingActivityInProgress",
    `Scaling activity ${blocker?.id ?? ""} is in progress and blocks this action`,
  );
}

function processesNamed(names: readonly string[] | undefined): readonly ProcessName[] {
  if (names === undefined || names.length === 0) return PROCESSES;
  return names.map((name) => {
    const known = PROCESSES.find((process) => process === name);
    if (known === undefined) throw invalid(`Process type '${name}' is not one of ${PROCESSES.join(", ")}`);
    return known;
  });
}

export function capacityOperations(around: Surroundings, groups: Groups) {
  const { world } = around;
  return {
    SetDesiredCapacity(input: sdk.SetDesiredCapacityType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const desired = given(input.DesiredCapacity, "DesiredCapacity");
      checkDesired(group, desired);
      if (input.HonorCooldown === true) checkCooldown(group, world.clock.now());
      if (desired === group.desired) return {};
      group.capacityCause = setDesiredCause(world.clock.now(), group.desired, desired);
      group.desired = desired;
      groups.wake(group);
      return {};
    },

    TerminateInstanceInAutoScalingGroup(input: sdk.TerminateInstanceInAutoScalingGroupType): sdk.ActivityType {
      const id = input.InstanceId ?? input.InstanceIds?.[0];
      if (id === undefined || (input.InstanceIds?.length ?? 0) > 1)
        throw invalid("TerminateInstanceInAutoScalingGroup: the embedded cloud takes exactly one instance");
      const group = groups.of(id);
      const member = group?.members.get(id);
      if (group === undefined || member === undefined)
        throw invalid(`Instance Id not found - No managed instance found for instance ID: ${id}`);
      // Asked twice, it is still one termination: the one under way is the answer.
      if (isTerminating(member) && member.activity !== undefined)
        return { Activity: activityOut(group, member.activity) };
      if (given(input.ShouldDecrementDesiredCapacity, "ShouldDecrementDesiredCapacity") && isCapacity(member)) {
        if (group.desired - 1 < group.min)
          throw invalid(
            "Currently, desiredSize equals minSize. Terminating instance without replacement will violate group's min " +
              "size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
          );
        group.desired -= 1;
      }
      const activity = beginTermination(around, group, member, "request");
      groups.wake(group);
      return { Activity: activityOut(group, activity) };
    },

    SuspendProcesses(input: sdk.ScalingProcessQuery) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const at = new Date(world.clock.now()).toISOString().slice(0, 19);
      for (const process of processesNamed(input.ScalingProcesses))
        group.suspended.set(process, `User suspended at ${at}Z`);
      return {};
    },

    ResumeProcesses(input: sdk.ScalingProcessQuery) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      for (const process of processesNamed(input.ScalingProcesses)) group.suspended.delete(process);
      groups.wake(group);
      return {};
    },
  };
}
