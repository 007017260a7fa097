import type { Group, Member } from "./model.ts";
import type { Surroundings } from "./source.ts";

/** The longest deregistration delay is an hour; a target that still drains after it is not waited for. */
const DRAIN_MAX_MS = 3_660_000;

export function registerMember(around: Surroundings, group: Group, member: Member, arns: readonly string[]): void {
  member.registered = true;
  for (const arn of arns) {
    try {
      around.targets.register(arn, { id: member.instance.instanceId });
    } catch (error) {
      around.world.note(
        `autoscaling: ${group.name} could not register ${member.instance.instanceId}: ${String(error)}`,
      );
    }
  }
}

/** Draining starts here; how long it lasts is the target group's matter, up to DRAIN_MAX_MS. */
export function deregisterMember(around: Surroundings, member: Member, arns: readonly string[]): void {
  for (const arn of arns) around.targets.deregister(arn, member.instance.instanceId);
}

export function leaveTargetGroups(around: Surroundings, group: Group, member: Member): void {
  if (!member.registered) return;
  member.registered = false;
  if (group.targetGroups.length > 0) member.drainEndsAt = around.world.clock.now() + DRAIN_MAX_MS;
  deregisterMember(around, member, group.targetGroups);
}
