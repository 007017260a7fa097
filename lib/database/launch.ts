import type { HookAction } from "../lifecycle/action.ts";
import { waitingTransition, type Group, type HookObservation } from "../lifecycle/observation.ts";
import { noticeOf, wordsOfNotice, type Notice } from "../lifecycle/notice.ts";
import { planLaunch, planTermination } from "../lifecycle/plan.ts";
import { isKnown, type Fact } from "../reconcile/fact.ts";
import type { Plan, Problem } from "../reconcile/plan.ts";
import type { DatabaseNode } from "../spec.ts";
import type { SuspendProcesses } from "./action.ts";

/** One of the two servers as Auto Scaling sees it: its group of one, and whatever waits in a hook of it. */
export interface MachineObservation {
  readonly name: DatabaseNode;
  readonly groupName: string;
  readonly group: Fact<Group>;
  /** Instances of the group that wait in a hook. */
  readonly hooks: readonly HookObservation[];
  /** What AWS has announced of instances. */
  readonly notices: Fact<readonly Notice[]>;
}

/** A server that Auto Scaling thinks sick may be the only one with the last writes. */
export const SUSPENDED = ["AZRebalance", "HealthCheck", "ReplaceUnhealthy"] as const;

/** Auto Scaling leaves the states beside the waits by itself, within seconds. */
const LOOK_AGAIN_MS = 1_000;

/** What the machine of a server needs now: its hooks completed, its group tamed. */
export function planMachine(node: MachineObservation): Plan<HookAction | SuspendProcesses> {
  if (!isKnown(node.group)) {
    const why = "unknown" in node.group ? node.group.unknown : "it does not exist";
    return { actions: [], because: `group ${node.groupName} could not be read: ${why}` };
  }
  const group = node.group.known;
  const hooks = node.hooks.map(planHook);
  const isPassing = group.instances.some(
    ({ lifecycleState }) => lifecycleState === "Pending" || lifecycleState === "Pending:Proceed",
  );
  const waits = [...hooks.flatMap((plan) => plan.lookAgainMs ?? []), ...(isPassing ? [LOOK_AGAIN_MS] : [])];
  return {
    actions: [...suspension(node.groupName, group), ...hooks.flatMap((plan) => plan.actions)],
    because: hooks.length > 0 ? hooks.map((plan) => plan.because).join("; ") : `${node.name} has ${instances(group)}`,
    problems: [...hooks.flatMap((plan) => plan.problems ?? []), ...announced(node, group)],
    ...(waits.length === 0 ? {} : { lookAgainMs: Math.min(...waits) }),
  };
}

/** A person is called, and no more is done: a server is never ended because its machine may be. */
const announced = ({ name, notices }: MachineObservation, group: Group): Problem[] =>
  group.instances.flatMap(({ id }) => {
    const notice = isKnown(notices) ? noticeOf(notices.known, id) : undefined;
    const detail = notice === undefined ? "" : `its machine ${id}: ${wordsOfNotice(notice)}`;
    return notice === undefined ? [] : [{ code: "interruption-announced", node: name, page: true, detail }];
  });

function planHook(hook: HookObservation): Plan<HookAction> {
  if (!isKnown(hook.membership))
    return { actions: [], because: `the group of ${hook.instanceId} is not known`, lookAgainMs: LOOK_AGAIN_MS };
  const { lifecycleState, group } = hook.membership.known;
  if (!hook.groups.includes(group))
    return { actions: [], because: `${hook.instanceId} is in no database group of this farm: no writes` };
  const transition = waitingTransition(lifecycleState);
  if (transition === undefined) return { actions: [], because: `${hook.instanceId} is in ${lifecycleState}` };
  return transition === "launching" ? planLaunch(hook) : planTermination(hook);
}

/** From the end of the launch hook on. Before it, the group must still be able to replace a machine that never came up. */
function suspension(groupName: string, group: Group): SuspendProcesses[] {
  const isLaunched = group.instances.some(
    ({ lifecycleState }) => lifecycleState === "InService" || lifecycleState === "Pending:Proceed",
  );
  const missing = SUSPENDED.filter((process) => !group.suspended.includes(process));
  if (!isLaunched || missing.length === 0) return [];
  return [
    {
      kind: "suspend-processes",
      group: groupName,
      processes: missing,
      reason: `only Tandem replaces a database server: suspend ${missing.join(", ")}`,
      precondition: `${groupName} exists`,
      idempotencyKey: `suspend ${groupName} ${missing.join(" ")}`,
    },
  ];
}

const instances = (group: Group): string =>
  group.instances.map((instance) => `${instance.id} in ${instance.lifecycleState}`).join(" and ") || "no machine";
