import { assertNever } from "../assert.ts";
import { TandemError } from "../errors.ts";
import type { Spec } from "../spec.ts";
import type { CompleteHook, Heartbeat, HookAction, SendCommand } from "./action.ts";
import { waitingTransition } from "./observation.ts";
import type { HookDeps } from "./observe.ts";
import { commandKey, DRAIN_DEADLINE_SECONDS } from "./plan.ts";
import { hookRecords } from "./record.ts";

export type HookApplyDeps = HookDeps & { readonly spec: Spec };

/** Every hook action needs the instance to wait where it waited when the plan was made. */
export async function hookHolds(deps: HookApplyDeps, action: HookAction): Promise<true | string> {
  const membership = await deps.aws.membership(action.instanceId);
  if (membership === undefined) return `${action.instanceId} is in no group any more`;
  if (membership.group !== action.group) return `${action.instanceId} is in group ${membership.group} now`;
  return (
    waitingTransition(membership.lifecycleState) === action.transition ||
    `${action.instanceId} is in ${membership.lifecycleState} now`
  );
}

/** One sentence of what was done. Throws TandemError. */
export function applyHook(deps: HookApplyDeps, action: HookAction, fence: number): Promise<string> {
  switch (action.kind) {
    case "send-command":
      return sendCommand(deps, action, fence);
    case "heartbeat":
      return heartbeat(deps, action, fence);
    case "complete-hook":
      return complete(deps, action);
    default:
      return assertNever(action);
  }
}

async function sendCommand(deps: HookApplyDeps, action: SendCommand, fence: number): Promise<string> {
  const { documents } = deps.spec;
  const records = hookRecords(deps.table, deps.clock);
  await records.attempted(action, fence);
  const commandId = await deps.aws.sendCommand({
    instanceId: action.instanceId,
    ...(action.transition === "terminating"
      ? { document: documents.drain, parameters: { deadlineSeconds: String(DRAIN_DEADLINE_SECONDS) } }
      : { document: documents.launch, parameters: {} }),
    comment: commandKey(action.instanceId, action.transition, action.attempt),
  });
  await records.sent(action, commandId, fence);
  return `sent command ${commandId} to ${action.instanceId}`;
}

async function heartbeat(deps: HookApplyDeps, action: Heartbeat, fence: number): Promise<string> {
  const records = hookRecords(deps.table, deps.clock);
  if (await deps.aws.heartbeat(hookOf(deps.spec, action), action.group, action.instanceId)) {
    await records.beaten(action, fence);
    return `the hook of ${action.instanceId} is kept open`;
  }
  await records.refused(action, fence);
  return `Auto Scaling has no wait of ${action.instanceId} to keep open: no more heartbeats`;
}

/**
 * "No active Lifecycle Action found" is success once the instance is past the wait (somebody completed it, or the hook
 * ended); while the instance still waits, Auto Scaling does not know its own action yet, and it is tried again.
 */
async function complete(deps: HookApplyDeps, action: CompleteHook): Promise<string> {
  const { instanceId, group, result, transition } = action;
  if (await deps.aws.complete(hookOf(deps.spec, action), group, instanceId, result))
    return `${result} for ${instanceId} (${transition})`;
  const now = await deps.aws.membership(instanceId);
  if (now === undefined || waitingTransition(now.lifecycleState) !== transition)
    return `${instanceId} is already past its wait (${now?.lifecycleState ?? "in no group"})`;
  throw new TandemError(
    "lifecycle-action-not-open",
    `${instanceId} is in ${now.lifecycleState} without an open lifecycle action`,
    {
      next: "nothing: it is tried again; if it lasts, the hook's own timeout ends the wait",
      retriable: true,
    },
  );
}

const hookOf = (spec: Spec, action: HookAction): string =>
  action.transition === "terminating" ? spec.hooks.terminate : spec.hooks.launch;
