import { assertNever } from "../../../../lib/assert.ts";
import type { World } from "../../service.ts";
import { closeActivity, isOpen, launchCause, openActivity, placeOf, terminationCause } from "./activities.ts";
import { emitLifecycleAction, emitOutcome } from "./events.ts";
import { type ActionResult, type Group, type Hook, type Launch, type Member, type Placement } from "./model.ts";
import {
  LAUNCHING,
  globalTimeoutSeconds,
  isCapacity,
  isPending,
  isSuspended,
  nextHook,
  placementKey,
} from "./model.ts";
import type { SeenInstance, Surroundings } from "./source.ts";
import type { Sight, Step, TerminationReason } from "./steps.ts";

/**
 * Pauses after the first, second, ... launch in a row that failed or was abandoned. AWS backs off too, without
 * documenting how far; here a broken template must neither spin nor keep a repaired one waiting for long.
 */
const LAUNCH_BACKOFF_MS = [5_000, 15_000, 30_000, 60_000, 120_000, 300_000] as const;
/** The longest deregistration delay is an hour; a target that still drains after it is not waited for. */
const DRAIN_MAX_MS = 3_660_000;

/** Does one step. Launches and terminations go on in the background and call `wake` when EC2 has answered. */
export function applyStep(around: Surroundings, group: Group, step: Step, wake: () => void): void {
  switch (step.kind) {
    case "launch":
      return launch(around, group, step.placement, step.rebalancing, wake);
    case "fail-launch":
      return abandonLaunch(around, group, step.member, deathMessage(step.sight));
    case "begin-wait":
      return beginWait(around, group, step.member, step.hook);
    case "time-out":
      return endWait(
        around,
        group,
        step.member,
        step.member.wait?.hook.defaultResult ?? "ABANDON",
        "Heartbeat Timeout",
      );
    case "enter-service":
      return enterService(around, group, step.member);
    case "mark-unhealthy":
      step.member.health = "Unhealthy";
      step.member.unhealthyCause = step.cause;
      return;
    case "begin-termination":
      return void beginTermination(around, group, step.member, step.reason);
    case "proceed":
      step.member.state = "Terminating:Proceed";
      return;
    case "terminate":
      return terminate(around, group, step.member, wake);
    case "remove":
      return removeMember(around, group, step.member);
    case "settle":
      return settle(around, group, step.member);
    default:
      return assertNever(step);
  }
}

const deathMessage = (sight: Sight): string =>
  "Instance became unhealthy while waiting for instance to be in InService state. " +
  `Termination Reason: the instance is ${sight.ec2}`;

const capacityOf = (group: Group): number =>
  [...group.members.values()].filter(isCapacity).length + group.launches.size;

function backOff(world: World, group: Group): void {
  const index = Math.min(group.failedLaunches, LAUNCH_BACKOFF_MS.length - 1);
  group.failedLaunches += 1;
  group.launchNotBefore = world.clock.now() + (LAUNCH_BACKOFF_MS[index] ?? 0);
}

function launch(
  around: Surroundings,
  group: Group,
  placement: Placement,
  rebalancing: boolean,
  wake: () => void,
): void {
  const { world, ec2 } = around;
  const activity = openActivity(world, group, {
    kind: "launch",
    description: "Launching a new EC2 instance",
    cause: launchCause(world.clock.now(), group, capacityOf(group), rebalancing),
    details: {
      ...(placement.subnetId === undefined ? {} : { "Subnet ID": placement.subnetId }),
      ...(placement.zone === undefined ? {} : { "Availability Zone": placement.zone }),
    },
    status: "PreInService",
  });
  if (!rebalancing && group.replacements > 0) group.replacements -= 1;
  const pending: Launch = { placement, activity, rebalancing };
  group.launches.add(pending);
  const cell: { member?: Member } = {};
  const { id, name, version } = group.template;
  void ec2
    .launch({
      ...(id === undefined ? {} : { launchTemplateId: id }),
      ...(name === undefined ? {} : { launchTemplateName: name }),
      version,
      ...(placement.subnetId === undefined ? {} : { subnetId: placement.subnetId }),
      ...(placement.zone === undefined ? {} : { availabilityZone: placement.zone }),
      tags: launchTags(group),
      lifecycleState: () => targetState(cell.member),
    })
    .then(
      (instance) => {
        cell.member = launched(around, group, pending, instance);
      },
      (error: unknown) => launchFailed(around, group, pending, error),
    )
    .finally(wake);
}

const launchTags = (group: Group): Record<string, string> => ({
  ...Object.fromEntries(
    [...group.tags.values()].filter((tag) => tag.propagateAtLaunch).map((tag) => [tag.key, tag.value]),
  ),
  "aws:autoscaling:groupName": group.name,
});

/** The metadata value `autoscaling/target-lifecycle-state`: the state that the instance is on its way to. */
function targetState(member: Member | undefined): string {
  if (member === undefined || isPending(member) || member.state === "InService") return "InService";
  if (member.state === "Standby" || member.state === "EnteringStandby") return "Standby";
  return member.state === "Detaching" ? "Detached" : "Terminated";
}

function launched(around: Surroundings, group: Group, pending: Launch, instance: SeenInstance): Member {
  group.launches.delete(pending);
  pending.activity.description = `Launching a new EC2 instance: ${instance.instanceId}`;
  pending.activity.status = "InProgress";
  const member: Member = {
    instance,
    placement: pending.placement,
    joinedAt: around.world.clock.now(),
    state: "Pending",
    health: "Healthy",
    protectedFromScaleIn: group.newInstancesProtected,
    activity: pending.activity,
    rebalancing: pending.rebalancing,
    withoutHooks: false,
    registered: false,
  };
  group.members.set(instance.instanceId, member);
  return member;
}

function launchFailed(around: Surroundings, group: Group, pending: Launch, error: unknown): void {
  group.launches.delete(pending);
  group.failing.add(placementKey(pending.placement));
  backOff(around.world, group);
  const reason = error instanceof Error ? error.message : String(error);
  closeActivity(around.world, pending.activity, "Failed", `${reason} Launching EC2 instance failed.`);
  around.world.note(`autoscaling: ${group.name} could not launch: ${reason}`);
  emitOutcome(around.world, around.emit, {
    group,
    activity: pending.activity,
    instanceId: "",
    phase: "Launch",
    successful: false,
  });
}

function beginWait(around: Surroundings, group: Group, member: Member, hook: Hook): void {
  const { world, emit } = around;
  const now = world.clock.now();
  const wait = {
    hook,
    token: world.ids.uuid(),
    heartbeatEndsAt: now + hook.heartbeatSeconds * 1_000,
    endsAt: now + globalTimeoutSeconds(hook.heartbeatSeconds) * 1_000,
  };
  member.wait = wait;
  member.state = hook.transition === LAUNCHING ? "Pending:Wait" : "Terminating:Wait";
  if (member.activity !== undefined) member.activity.status = "MidLifecycleAction";
  emitLifecycleAction(emit, group, member, wait);
}

/**
 * Ends the action under way. CONTINUE: the next hook, or on. ABANDON skips the remaining hooks; of a launch it
 * terminates the instance, of a termination it lets it go on.
 */
export function endWait(around: Surroundings, group: Group, member: Member, result: ActionResult, why: string): void {
  const wait = member.wait;
  if (wait === undefined) return;
  delete member.wait;
  const launching = wait.hook.transition === LAUNCHING;
  if (launching && result === "ABANDON") {
    const action = `Lifecycle Action with token ${wait.token} was abandoned: ${why}`;
    return abandonLaunch(around, group, member, `Instance failed to complete user's Lifecycle Action: ${action}`);
  }
  const next = result === "ABANDON" ? undefined : nextHook(group.hooks.values(), wait.hook.transition, wait.hook.name);
  if (next !== undefined) return beginWait(around, group, member, next);
  member.state = launching ? "Pending:Proceed" : "Terminating:Proceed";
  if (member.activity !== undefined) member.activity.status = "InProgress";
}

/** The instance goes through the hooks of termination, which AWS documents for all terminations but a forced deletion. */
function abandonLaunch(around: Surroundings, group: Group, member: Member, message: string): void {
  backOff(around.world, group);
  cancelLaunch(around, group, member, message);
  beginTermination(around, group, member, "abandoned");
}

function cancelLaunch(around: Surroundings, group: Group, member: Member, message: string): void {
  const activity = member.activity;
  delete member.activity;
  if (activity === undefined || !isOpen(activity)) return;
  closeActivity(around.world, activity, "Cancelled", message);
  if (activity.kind !== "launch") return;
  const instanceId = member.instance.instanceId;
  emitOutcome(around.world, around.emit, { group, activity, instanceId, phase: "Launch", successful: false });
}

function enterService(around: Surroundings, group: Group, member: Member): void {
  const { world } = around;
  member.state = "InService";
  member.inServiceAt = world.clock.now();
  member.rebalancing = false;
  member.withoutHooks = false;
  group.failedLaunches = 0;
  group.launchNotBefore = 0;
  group.failing.delete(placementKey(member.placement));
  startCooldown(world, group);
  if (!isSuspended(group, "AddToLoadBalancer")) registerMember(around, group, member, group.targetGroups);
  const activity = member.activity;
  delete member.activity;
  if (activity === undefined) return;
  closeActivity(world, activity, "Successful");
  if (activity.kind !== "launch") return;
  const instanceId = member.instance.instanceId;
  emitOutcome(world, around.emit, { group, activity, instanceId, phase: "Launch", successful: true });
}

const startCooldown = (world: World, group: Group): void => {
  group.cooldownEndsAt = world.clock.now() + group.cooldownSeconds * 1_000;
};

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

/** Takes the member out: deregisters it before anything else, so that it drains before a hook sees it. */
export function beginTermination(around: Surroundings, group: Group, member: Member, reason: TerminationReason) {
  const { world } = around;
  const now = world.clock.now();
  const cause = terminationCause(now, group, member, reason, capacityOf(group));
  cancelLaunch(around, group, member, "the instance was taken out of the group before it was in service");
  delete member.wait;
  const activity = openActivity(world, group, {
    kind: "terminate",
    description: `Terminating EC2 instance: ${member.instance.instanceId}`,
    cause,
    details: placeOf(member),
    status: "InProgress",
  });
  member.activity = activity;
  member.state = "Terminating";
  member.withoutHooks = reason === "group-deleted";
  if (reason === "ec2" || reason === "elb" || reason === "user") group.replacements += 1;
  leaveTargetGroups(around, group, member);
  if (member.drainEndsAt !== undefined) activity.status = "WaitingForELBConnectionDraining";
  return activity;
}

export function leaveTargetGroups(around: Surroundings, group: Group, member: Member): void {
  if (!member.registered) return;
  member.registered = false;
  if (group.targetGroups.length > 0) member.drainEndsAt = around.world.clock.now() + DRAIN_MAX_MS;
  deregisterMember(around, member, group.targetGroups);
}

function terminate(around: Surroundings, group: Group, member: Member, wake: () => void): void {
  const { world, ec2, emit } = around;
  const instanceId = member.instance.instanceId;
  member.terminateCalledAt = world.clock.now();
  void ec2
    .terminate(instanceId)
    .catch((error: unknown) => {
      world.note(`autoscaling: ${group.name} could not terminate ${instanceId}: ${String(error)}`);
      const activity = member.activity;
      if (activity === undefined) return;
      emitOutcome(world, emit, { group, activity, instanceId, phase: "Terminate", successful: false });
    })
    .finally(wake);
}

function removeMember(around: Surroundings, group: Group, member: Member): void {
  const instanceId = member.instance.instanceId;
  group.members.delete(instanceId);
  startCooldown(around.world, group);
  if (member.activity === undefined) return;
  closeActivity(around.world, member.activity, "Successful");
  emitOutcome(around.world, around.emit, {
    group,
    activity: member.activity,
    instanceId,
    phase: "Terminate",
    successful: true,
  });
}

/** The end of a move: in standby, or out of the group without being terminated. */
function settle(around: Surroundings, group: Group, member: Member): void {
  if (member.activity !== undefined) closeActivity(around.world, member.activity, "Successful");
  delete member.activity;
  delete member.drainEndsAt;
  if (member.state === "EnteringStandby") member.state = "Standby";
  else group.members.delete(member.instance.instanceId);
}
