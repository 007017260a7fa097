import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { World } from "../../service.ts";
import { endWait } from "./act.ts";
import { given, groupNamed, invalid, refuseUnknown } from "./checks.ts";
import { hookOut } from "./describe.ts";
import type { Groups } from "./loop.ts";
import { HEARTBEAT_SECONDS, HOOKS_MAX, LAUNCHING, TERMINATING } from "./model.ts";
import type { ActionResult, Group, Hook, Member, Transition, Wait } from "./model.ts";
import type { Surroundings } from "./source.ts";
import { CloudError } from "../../errors.ts";

const HOOK_MEMBERS = [
  "LifecycleHookName",
  "AutoScalingGroupName",
  "LifecycleTransition",
  "NotificationMetadata",
  "HeartbeatTimeout",
  "DefaultResult",
];

function transitionOf(text: string | undefined): Transition {
  if (text === LAUNCHING || text === TERMINATING) return text;
  throw invalid(`Invalid lifecycle transition '${text ?? ""}': ${LAUNCHING} or ${TERMINATING}`);
}

function resultOf(text: string): ActionResult {
  if (text === "CONTINUE" || text === "ABANDON") return text;
  throw invalid(`Invalid lifecycle action result '${text}': CONTINUE or ABANDON`);
}

/** Puts a hook on a group; what is not given keeps the value of a hook of that name, as PutLifecycleHook does. */
export function putHook(group: Group, input: Partial<sdk.LifecycleHookSpecification>): void {
  refuseUnknown("PutLifecycleHook", input, HOOK_MEMBERS);
  const name = given(input.LifecycleHookName, "LifecycleHookName");
  const old = group.hooks.get(name);
  if (old === undefined && group.hooks.size >= HOOKS_MAX)
    throw new CloudError("LimitExceeded", `A group has at most ${HOOKS_MAX} lifecycle hooks.`);
  const heartbeatSeconds = input.HeartbeatTimeout ?? old?.heartbeatSeconds ?? HEARTBEAT_SECONDS.default;
  if (heartbeatSeconds < HEARTBEAT_SECONDS.min || heartbeatSeconds > HEARTBEAT_SECONDS.max)
    throw invalid(
      `HeartbeatTimeout must be between ${HEARTBEAT_SECONDS.min} and ${HEARTBEAT_SECONDS.max} seconds, not ${heartbeatSeconds}`,
    );
  const notificationMetadata = input.NotificationMetadata ?? old?.notificationMetadata;
  group.hooks.set(name, {
    name,
    transition: transitionOf(input.LifecycleTransition ?? old?.transition),
    heartbeatSeconds,
    defaultResult: resultOf(input.DefaultResult ?? old?.defaultResult ?? "ABANDON"),
    ...(notificationMetadata === undefined ? {} : { notificationMetadata }),
  });
}

interface ActionName {
  readonly LifecycleHookName: string | undefined;
  readonly AutoScalingGroupName: string | undefined;
  readonly LifecycleActionToken?: string | undefined;
  readonly InstanceId?: string | undefined;
}

/** The action under way by its token, or else by the instance; it must wait on the named hook. */
function activeAction(group: Group, input: ActionName): { member: Member; wait: Wait } {
  const { LifecycleActionToken: token, InstanceId: instanceId } = input;
  if (token === undefined && instanceId === undefined)
    throw invalid("You must provide either a LifecycleActionToken or an InstanceId");
  const hookName = given(input.LifecycleHookName, "LifecycleHookName");
  for (const member of group.members.values()) {
    const wait = member.wait;
    if (wait === undefined || wait.hook.name !== hookName) continue;
    const named = token === undefined ? member.instance.instanceId === instanceId : wait.token === token;
    if (named) return { member, wait };
  }
  throw invalid(
    token === undefined
      ? `No active Lifecycle Action found with instance ID ${instanceId}`
      : `No active Lifecycle Action found with token ${token}`,
  );
}

/** Pushes the heartbeat's end; the whole wait keeps its own end. */
function beat(world: World, wait: Wait): void {
  wait.heartbeatEndsAt = world.clock.now() + wait.hook.heartbeatSeconds * 1_000;
}

export function hookOperations(around: Surroundings, groups: Groups) {
  return {
    PutLifecycleHook(input: sdk.PutLifecycleHookType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      putHook(group, input);
      return {};
    },

    /** Actions that wait on the hook are completed first: a launch is abandoned, a termination goes on (AWS). */
    DeleteLifecycleHook(input: sdk.DeleteLifecycleHookType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const hook = group.hooks.get(given(input.LifecycleHookName, "LifecycleHookName"));
      if (hook === undefined) throw invalid(`No Lifecycle Hook found with name: ${input.LifecycleHookName}`);
      group.hooks.delete(hook.name);
      const result = hook.transition === LAUNCHING ? "ABANDON" : "CONTINUE";
      for (const member of group.members.values())
        if (member.wait?.hook.name === hook.name)
          endWait(around, group, member, result, "the lifecycle hook was deleted");
      groups.wake(group);
      return {};
    },

    DescribeLifecycleHooks(input: sdk.DescribeLifecycleHooksType): sdk.DescribeLifecycleHooksAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const names = input.LifecycleHookNames ?? [];
      const chosen = (hook: Hook): boolean => names.length === 0 || names.includes(hook.name);
      return { LifecycleHooks: [...group.hooks.values()].filter(chosen).map((hook) => hookOut(group, hook)) };
    },

    CompleteLifecycleAction(input: sdk.CompleteLifecycleActionType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const result = resultOf(given(input.LifecycleActionResult, "LifecycleActionResult"));
      const { member } = activeAction(group, input);
      endWait(around, group, member, result, `Lifecycle Action Completed with ${result} Result`);
      groups.wake(group);
      return {};
    },

    RecordLifecycleActionHeartbeat(input: sdk.RecordLifecycleActionHeartbeatType) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      beat(around.world, activeAction(group, input).wait);
      groups.wake(group);
      return {};
    },
  };
}
