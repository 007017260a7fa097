import { absent, isKnown, unknown, type Fact } from "../../reconcile/fact.ts";
import type { OperatorRequest } from "../../reconcile/requests.ts";
import { factOf, type LifecycleAws } from "../../lifecycle/aws.ts";
import { isDead, isStandby, waitingTransition, type Group, type HookObservation } from "../../lifecycle/observation.ts";
import { readNotices } from "../../lifecycle/notice.ts";
import { observeHook } from "../../lifecycle/observe.ts";
import { webGroups } from "../../spec.ts";
import { targetsOf, type FleetAws } from "../aws.ts";
import type { FleetDeps } from "../deps.ts";
import type { NodeObservation, Target } from "./plan.ts";

export interface NodeAws {
  readonly lifecycle: LifecycleAws;
  readonly fleet: FleetAws;
}

/**
 * Group and targets are read only where the plan depends on them, for a node that leaves, is lost, or shall be kept or put
 * back; notices only of one in service or on standby.
 */
export async function observeNode(
  deps: FleetDeps,
  aws: NodeAws,
  instanceId: string,
  requests: readonly OperatorRequest[],
): Promise<NodeObservation> {
  const { clock, table, spec } = deps;
  const hook = await observeHook({ clock, table, aws: aws.lifecycle }, instanceId, webGroups(spec));
  const needs = needsOf(hook, requests);
  if (needs === undefined) return { hook, group: absent, targets: absent, notices: absent, requests };
  const [group, notices] = await Promise.all([
    needs.group ? factOf(() => aws.lifecycle.group(needs.groupName)) : absent,
    needs.notices ? factOf(() => readNotices(table, hook.now)) : absent,
  ]);
  return { hook, group, targets: needs.targets ? await targetsFact(aws, hook, group) : absent, notices, requests };
}

function needsOf(hook: HookObservation, requests: readonly OperatorRequest[]) {
  if (!isKnown(hook.membership) || !hook.groups.includes(hook.membership.known.group)) return undefined;
  const { group: groupName, lifecycleState } = hook.membership.known;
  const isLost = lifecycleState === "InService" && isKnown(hook.machine) && isDead(hook.machine.known.state);
  const targets = isLost || waitingTransition(lifecycleState) === "terminating";
  const notices = lifecycleState === "InService" || isStandby(lifecycleState);
  return { groupName, group: targets || requests.length > 0, targets, notices };
}

async function targetsFact(aws: NodeAws, hook: HookObservation, group: Fact<Group>): Promise<Fact<readonly Target[]>> {
  if (!isKnown(group)) return "unknown" in group ? group : unknown("its group is gone");
  return factOf(() => targetsOf(aws.fleet, group.known.targetGroups, hook.instanceId));
}
