import { absent, isKnown, unknown, type Fact } from "../../reconcile/fact.ts";
import type { OperatorRequest } from "../../reconcile/requests.ts";
import { factOf, type LifecycleAws } from "../../lifecycle/aws.ts";
import { isDead, waitingTransition, type HookObservation } from "../../lifecycle/observation.ts";
import { readNotices, type Notice } from "../../lifecycle/notice.ts";
import { observeHook } from "../../lifecycle/observe.ts";
import { targetsOf, type FleetAws } from "../aws.ts";
import type { FleetDeps } from "../deps.ts";
import type { NodeObservation, Target } from "./plan.ts";

export interface NodeAws {
  readonly lifecycle: LifecycleAws;
  readonly fleet: FleetAws;
}

/**
 * The targets are read only where the plan depends on them, for a node that leaves and for one that is lost; notices only
 * of one in service.
 */
export async function observeNode(
  deps: FleetDeps,
  aws: NodeAws,
  instanceId: string,
  requests: readonly OperatorRequest[],
): Promise<NodeObservation> {
  const { clock, table, spec } = deps;
  const hook = await observeHook({ clock, table, aws: aws.lifecycle }, instanceId, [spec.webGroup]);
  const [targets, notices] = await Promise.all([targetsFact(aws, hook), noticesFact(deps, hook)]);
  return { hook, targets, notices, requests };
}

async function noticesFact({ table }: FleetDeps, hook: HookObservation): Promise<Fact<readonly Notice[]>> {
  const { membership, groups, now } = hook;
  if (!isKnown(membership) || !groups.includes(membership.known.group)) return absent;
  return membership.known.lifecycleState === "InService" ? factOf(() => readNotices(table, now)) : absent;
}

async function targetsFact(aws: NodeAws, hook: HookObservation): Promise<Fact<readonly Target[]>> {
  if (!isKnown(hook.membership)) return absent;
  const { group, lifecycleState } = hook.membership.known;
  const isLost = lifecycleState === "InService" && isKnown(hook.machine) && isDead(hook.machine.known.state);
  if (!hook.groups.includes(group) || !(isLost || waitingTransition(lifecycleState) === "terminating")) return absent;
  const found = await factOf(() => aws.lifecycle.group(group));
  if (!isKnown(found)) return "unknown" in found ? found : unknown(`group ${group} is gone`);
  return factOf(() => targetsOf(aws.fleet, found.known.targetGroups, hook.instanceId));
}
