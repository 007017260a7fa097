import { assert, assertNever } from "../../assert.ts";
import type { Capability } from "../../reconcile/capability.ts";
import { scopeInstance } from "../../scope.ts";
import { isHookAction, type CompleteHook, type HookAction } from "../../lifecycle/action.ts";
import { applyHook, hookHolds } from "../../lifecycle/apply.ts";
import { lifecycleAws, type LifecycleAws } from "../../lifecycle/aws.ts";
import { isDead, isLeaving } from "../../lifecycle/observation.ts";
import { fleetAws } from "../aws.ts";
import type { FleetDeps } from "../deps.ts";
import { answerHolds, applyAnswer } from "../../reconcile/answer.ts";
import { learnBoot } from "./boot.ts";
import { observeNode } from "./observe.ts";
import {
  planNode,
  type DeregisterTarget,
  type EnterStandby,
  type ExitStandby,
  type MarkUnhealthy,
  type NodeAction,
  type NodeObservation,
  type ReplaceNode,
} from "./plan.ts";

/** Scope `web/<instance-id>`: one web node, from its launch hook to its terminate hook. */
export function webNode(deps: FleetDeps): Capability<NodeObservation, NodeAction> {
  const aws = { lifecycle: lifecycleAws(deps), fleet: fleetAws(deps) };
  const hooks = { clock: deps.clock, table: deps.table, spec: deps.spec, aws: aws.lifecycle };
  return {
    observe(scope, requests) {
      const instanceId = scopeInstance(scope);
      assert(instanceId !== undefined, `${scope} is the scope of a node`);
      return observeNode(deps, aws, instanceId, requests);
    },
    plan: planNode,
    async holds(action) {
      if (isHookAction(action)) return hookHolds(hooks, action);
      return action.kind === "answer-request" ? answerHolds(deps.requests, action) : nodeHolds(aws.lifecycle, action);
    },
    async apply(action, { fence }) {
      if (isHookAction(action)) {
        const done = await applyHook(hooks, action, fence);
        return isBoot(action) ? `${done}; ${await learnBoot(deps, aws.lifecycle, action)}` : done;
      }
      switch (action.kind) {
        case "deregister-target":
          await aws.fleet.deregister(action.targetGroup, action.instanceId);
          return `${action.instanceId} gets no new requests`;
        case "mark-unhealthy":
          await aws.fleet.markUnhealthy(action.instanceId);
          return `${action.group} replaces ${action.instanceId}`;
        case "replace-node":
          await aws.fleet.terminate(action.instanceId, "keep the size");
          return `${action.instanceId} leaves and ${action.group} keeps its size`;
        case "enter-standby":
          await aws.fleet.enterStandby(action.group, action.instanceId, action.shrinks);
          return `${action.instanceId} gets no new requests and is kept`;
        case "exit-standby":
          await aws.fleet.exitStandby(action.group, action.instanceId);
          return `${action.instanceId} comes back into service`;
        case "answer-request":
          return applyAnswer(deps.requests, action);
        default:
          return assertNever(action);
      }
    },
  };
}

/** A node that goes into service has shown how long it takes; one that goes into the warm pool has not served yet. */
const isBoot = (action: HookAction): action is CompleteHook =>
  action.kind === "complete-hook" && action.transition === "launching" && action.result === "CONTINUE";

async function nodeHolds(
  aws: LifecycleAws,
  action: DeregisterTarget | MarkUnhealthy | ReplaceNode | EnterStandby | ExitStandby,
): Promise<true | string> {
  const { instanceId, kind } = action;
  const membership = await aws.membership(instanceId);
  if (membership === undefined) return `${instanceId} is in no group any more`;
  if (kind === "deregister-target" && isLeaving(membership.lifecycleState)) return true;
  const { lifecycleState: state } = membership;
  const isOnStandby = state === "Standby" && (kind === "replace-node" || kind === "exit-standby");
  if (!isOnStandby && (state !== "InService" || kind === "exit-standby")) return `${instanceId} is in ${state} now`;
  if (kind === "replace-node" || kind === "enter-standby" || kind === "exit-standby") {
    if (membership.group !== action.group) return `${instanceId} is in group ${membership.group} now`;
    return kind === "replace-node" || sizeHolds(aws, action);
  }
  const machine = (await aws.machines([instanceId])).get(instanceId);
  return (
    (machine !== undefined && isDead(machine.state)) ||
    `the machine of ${instanceId} is ${machine?.state ?? "not shown by EC2"}`
  );
}

/** Auto Scaling refuses what would leave the group's bounds. */
async function sizeHolds(aws: LifecycleAws, action: EnterStandby | ExitStandby): Promise<true | string> {
  const group = await aws.group(action.group);
  if (group === undefined) return `${action.group} does not exist any more`;
  const { desired, min, max } = group;
  const holds = action.kind === "exit-standby" ? desired < max : action.shrinks === desired > min;
  return holds || `${action.group} wants ${desired} nodes now`;
}
