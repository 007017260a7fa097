import { assertNever } from "../../../../lib/assert.ts";
import type { World } from "../../service.ts";
import {
  closeActivity,
  isOpen,
  launchCause,
  launchWords,
  openActivity,
  placeOf,
  terminationCause,
  warmingCause,
} from "./activities.ts";
import { emitLifecycleAction, emitOutcome, journeyOf } from "./events.ts";
import { type ActionResult, type Group, type Hook, type Launch, type Member } from "./model.ts";
import {
  LAUNCHING,
  globalTimeoutSeconds,
  isCapacity,
  isPending,
  isSuspended,
  isWarm,
  nextHook,
  placementKey,
  wayOf,
} from "./model.ts";
import { enterPool, returnToPool, stopMember, takeFromPool } from "./pool-act.ts";
import { applyRefreshStep, launchFailedIn } from "./refresh-act.ts";
import { activeRefresh, launchTemplate } from "./refresh-view.ts";
import { leaveTargetGroups, registerMember } from "./registration.ts";
import { GROUP_TAG, memberTags } from "./tags.ts";
import type { SeenInstance, Surroundings } from "./source.ts";
import type { Sight, Step, TerminationReason } from "./steps.ts";

/**
 * Pauses after the first, second, ... launch in a row that failed or was abandoned. AWS backs off too, without
 * documenting how far; here a broken template must neither spin nor keep a repaired one waiting for long.
 */
const LAUNCH_BACKOFF_MS = [5_000, 15_000, 30_000, 60_000, 120_000, 300_000] as const;
/** Does one step. Launches and terminations go on in the background and call `wake` when EC2 has answered. */
export function applyStep(around: Surroundings, group: Group, step: Step, wake: () => void): void {
  switch (step.kind) {
    case "launch":
      return launch(around, group, step, wake);
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
      step.member.state = `${wayOf(step.member) ?? "Terminating"}:Proceed`;
      return;
    case "terminate":
      return terminate(around, group, step.member, wake);
    case "remove":
      return removeMember(around, group, step.member);
    case "settle":
      return settle(around, group, step.member);
    case "take-from-pool":
      return takeFromPool(around, group, step.member, capacityOf(group), wake);
    case "stop":
      return stopMember(around, group, step.member, wake);
    case "enter-pool":
      return enterPool(around, group, step.member);
    case "return-to-pool":
      return returnToPool(around, group, step.member);
    case "drop-pool":
      delete group.pool;
      return;
    case "begin-refresh":
    case "reach-checkpoint":
    case "fail-refresh":
    case "end-refresh":
      return applyRefreshStep(around, group, step);
    default:
      return assertNever(step);
  }
}

const deathMessage = (sight: Sight): string =>
  "Instance became unhealthy while waiting for instance to be in InService state. " +
  `Termination Reason: the instance is ${sight.ec2}`;

const capacityOf = (group: Group): number =>
  [...group.members.values()].filter(isCapacity).length + [...group.launches].filter(({ warm }) => !warm).length;

function backOff(world: World, group: Group): void {
  const index = Math.min(group.failedLaunches, LAUNCH_BACKOFF_MS.length - 1);
  group.failedLaunches += 1;
  group.launchNotBefore = world.clock.now() + (LAUNCH_BACKOFF_MS[index] ?? 0);
}

function launch(
  around: Surroundings,
  group: Group,
  { placement, rebalancing, warm }: Pick<Launch, "placement" | "rebalancing" | "warm">,
  wake: () => void,
): void {
  const { world, ec2 } = around;
  const activity = openActivity(world, group, {
    kind: "launch",
    description: launchWords(warm),
    cause: warm
      ? warmingCause(world.clock.now())
      : launchCause(world.clock.now(), group, capacityOf(group), rebalancing),
    details: {
      ...(placement.subnetId === undefined ? {} : { "Subnet ID": placement.subnetId }),
      ...(placement.zone === undefined ? {} : { "Availability Zone": placement.zone }),
    },
    status: "PreInService",
  });
  if (!rebalancing && !warm && group.replacements > 0) group.replacements -= 1;
  const pending: Launch = { placement, activity, rebalancing, warm };
  group.launches.add(pending);
  const cell: { member?: Member } = {};
  const { id, name, version } = launchTemplate(group);
  void ec2
    .launch({
      ...(id === undefined ? {} : { launchTemplateId: id }),
      ...(name === undefined ? {} : { launchTemplateName: name }),
      version,
      ...(placement.subnetId === undefined ? {} : { subnetId: placement.subnetId }),
      ...(placement.zone === undefined ? {} : { availabilityZone: placement.zone }),
      tags: memberTags(group),
      lifecycleState: () => targetState(group, cell.member, warm),
    })
    .then(
      (instance) => {
        cell.member = launched(around, group, pending, instance);
      },
      (error: unknown) => launchFailed(around, group, pending, error),
    )
    .finally(wake);
}

/** The metadata value `autoscaling/target-lifecycle-state`: the state that the instance is on its way to. */
function targetState(group: Group, member: Member | undefined, warm: boolean): string {
  if (member === undefined ? warm : isWarm(member))
    return member !== undefined && wayOf(member) === "Warmed:Terminating"
      ? "Warmed:Terminated"
      : `Warmed:${group.pool?.state ?? "Stopped"}`;
  if (member === undefined || isPending(member) || member.state === "InService") return "InService";
  if (member.state === "Standby" || member.state === "EnteringStandby") return "Standby";
  return member.state === "Detaching" ? "Detached" : "Terminated";
}

function launched(around: Surroundings, group: Group, pending: Launch, instance: SeenInstance): Member {
  group.launches.delete(pending);
  pending.activity.description = `${launchWords(pending.warm)}: ${instance.instanceId}`;
  pending.activity.status = "InProgress";
  const member: Member = {
    instance,
    placement: pending.placement,
    joinedAt: around.world.clock.now(),
    state: pending.warm ? "Warmed:Pending" : "Pending",
    health: "Healthy",
    origin: "EC2",
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
  launchFailedIn(around, group, `${reason} Launching EC2 instance failed.`);
  emitOutcome(around.world, around.emit, {
    group,
    activity: pending.activity,
    instanceId: "",
    phase: "Launch",
    successful: false,
    journey: { Origin: "EC2", Destination: pending.warm ? "WarmPool" : "AutoScalingGroup" },
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
  const way = wayOf(member) ?? (hook.transition === LAUNCHING ? "Pending" : "Terminating");
  member.state = `${way}:Wait`;
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
  const way = wayOf(member) ?? (launching ? "Pending" : "Terminating");
  // An instance that was to return to the pool is not kept there unproven.
  if (!launching && way === "Warmed:Pending" && result === "ABANDON")
    return void beginTermination(around, group, member, "abandoned");
  if (launching && result === "ABANDON") {
    const action = `Lifecycle Action with token ${wait.token} was abandoned: ${why}`;
    return abandonLaunch(around, group, member, `Instance failed to complete user's Lifecycle Action: ${action}`);
  }
  const next = result === "ABANDON" ? undefined : nextHook(group.hooks.values(), wait.hook.transition, wait.hook.name);
  if (next !== undefined) return beginWait(around, group, member, next);
  member.state = `${way}:Proceed`;
  if (member.activity !== undefined) member.activity.status = "InProgress";
}

/** The instance goes through the hooks of termination, which AWS documents for all terminations but a forced deletion. */
function abandonLaunch(around: Surroundings, group: Group, member: Member, message: string): void {
  backOff(around.world, group);
  cancelLaunch(around, group, member, message);
  beginTermination(around, group, member, "abandoned");
  launchFailedIn(around, group, message, member);
}

function cancelLaunch(around: Surroundings, group: Group, member: Member, message: string): void {
  const activity = member.activity;
  delete member.activity;
  if (activity === undefined || !isOpen(activity)) return;
  closeActivity(around.world, activity, "Cancelled", message);
  if (activity.kind !== "launch") return;
  const instanceId = member.instance.instanceId;
  emitOutcome(around.world, around.emit, {
    group,
    activity,
    instanceId,
    phase: "Launch",
    successful: false,
    journey: journeyOf(member),
  });
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
  const refresh = activeRefresh(group);
  if (refresh !== undefined) refresh.movedAt = Math.max(refresh.movedAt, member.inServiceAt);
  startCooldown(world, group);
  if (!isSuspended(group, "AddToLoadBalancer")) registerMember(around, group, member, group.targetGroups);
  const activity = member.activity;
  delete member.activity;
  if (activity === undefined) return;
  closeActivity(world, activity, "Successful");
  if (activity.kind !== "launch") return;
  const instanceId = member.instance.instanceId;
  emitOutcome(world, around.emit, {
    group,
    activity,
    instanceId,
    phase: "Launch",
    successful: true,
    journey: journeyOf(member),
  });
}

const startCooldown = (world: World, group: Group): void => {
  group.cooldownEndsAt = world.clock.now() + group.cooldownSeconds * 1_000;
};

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
  const warm = isWarm(member);
  member.activity = activity;
  member.origin = warm ? "WarmPool" : "AutoScalingGroup";
  member.state = warm ? "Warmed:Terminating" : "Terminating";
  member.withoutHooks = reason === "group-deleted" || reason === "pool-force-deleted";
  if (!warm && (reason === "ec2" || reason === "elb" || reason === "user")) group.replacements += 1;
  leaveTargetGroups(around, group, member);
  if (member.drainEndsAt !== undefined) activity.status = "WaitingForELBConnectionDraining";
  return activity;
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
      const journey = journeyOf(member);
      emitOutcome(world, emit, { group, activity, instanceId, phase: "Terminate", successful: false, journey });
    })
    .finally(wake);
}

function removeMember(around: Surroundings, group: Group, member: Member): void {
  const instanceId = member.instance.instanceId;
  group.members.delete(instanceId);
  if (!isWarm(member)) startCooldown(around.world, group);
  if (member.activity === undefined) return;
  closeActivity(around.world, member.activity, "Successful");
  emitOutcome(around.world, around.emit, {
    group,
    activity: member.activity,
    instanceId,
    phase: "Terminate",
    successful: true,
    journey: journeyOf(member),
  });
}

/** The end of a move: in standby, or out of the group without being terminated. */
function settle(around: Surroundings, group: Group, member: Member): void {
  if (member.activity !== undefined) closeActivity(around.world, member.activity, "Successful");
  delete member.activity;
  delete member.drainEndsAt;
  if (member.state === "EnteringStandby") {
    member.state = "Standby";
    return;
  }
  group.members.delete(member.instance.instanceId);
  around.ec2.untag(member.instance.instanceId, GROUP_TAG);
}
