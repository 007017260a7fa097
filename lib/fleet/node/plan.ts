import { isKnown, type Fact } from "../../reconcile/fact.ts";
import type { Action, Plan } from "../../reconcile/plan.ts";
import type { OperatorRequest } from "../../reconcile/requests.ts";
import type { HookAction } from "../../lifecycle/action.ts";
import {
  isDead,
  isLeaving,
  isStandby,
  isWarm,
  waitingTransition,
  type Group,
  type HookObservation,
  type Membership,
} from "../../lifecycle/observation.ts";
import { isUrgent, noticeOf, wordsOfNotice, type Notice } from "../../lifecycle/notice.ts";
import { planLaunch, planTermination, wait } from "../../lifecycle/plan.ts";
import type { AnswerRequest } from "../../reconcile/answer.ts";
import { answer, planKeep, planStandby, refuseAll, wants } from "./wishes.ts";

/** Health of a target as the balancer gives it. `unused` is also what it says of a target that is not registered. */
export type TargetState = "initial" | "healthy" | "unhealthy" | "draining" | "unused" | "unavailable";

/** A target of the node in one target group of its Auto Scaling group. */
export interface Target {
  readonly targetGroup: string;
  readonly state: TargetState;
}

/** Everything that decides a web node's next step. */
export interface NodeObservation {
  readonly hook: HookObservation;
  /** Read where an open wish may depend on its size, and for a node whose targets are read. */
  readonly group: Fact<Group>;
  /** Absent where nothing depends on it: a node that is still on its way in. */
  readonly targets: Fact<readonly Target[]>;
  /** What AWS has announced of instances; read of a node in service or on standby only. */
  readonly notices: Fact<readonly Notice[]>;
  /** Open wishes for this node, oldest first. */
  readonly requests: readonly OperatorRequest[];
}

/** Takes the node out of a target group, so that no new request reaches it. */
export interface DeregisterTarget extends Action {
  readonly kind: "deregister-target";
  readonly instanceId: string;
  readonly targetGroup: string;
}

/** Tells the group that the node is lost, so that it is replaced now and not after the group's next health check. */
export interface MarkUnhealthy extends Action {
  readonly kind: "mark-unhealthy";
  readonly instanceId: string;
  readonly group: string;
}

/** Lets a node go through its terminate hook; the group keeps its size, and launches another for one that it counts. */
export interface ReplaceNode extends Action {
  readonly kind: "replace-node";
  readonly instanceId: string;
  readonly group: string;
}

/** Takes a node out of service that stays: the group neither checks nor replaces nor counts it. */
export interface EnterStandby extends Action {
  readonly kind: "enter-standby";
  readonly instanceId: string;
  readonly group: string;
  /** The group wants one node less from then on. */
  readonly shrinks: boolean;
}

/** Puts such a node back; the group wants one more from then on. */
export interface ExitStandby extends Action {
  readonly kind: "exit-standby";
  readonly instanceId: string;
  readonly group: string;
}

export type NodeAction =
  | HookAction
  | DeregisterTarget
  | MarkUnhealthy
  | ReplaceNode
  | EnterStandby
  | ExitStandby
  | AnswerRequest;

/** A state that Auto Scaling leaves by itself within seconds, without an event when it is read a moment too early. */
const LOOK_AGAIN_MS = 2_000;

/** A web node's next step. An instance of a group that is not the farm's is never written to. */
export function planNode(o: NodeObservation): Plan<NodeAction> {
  const { instanceId, membership, groups } = o.hook;
  if ("unknown" in membership)
    return {
      actions: [],
      because: `the group of ${instanceId} is unknown: ${membership.unknown}`,
      lookAgainMs: LOOK_AGAIN_MS,
    };
  if (!isKnown(membership) || !groups.includes(membership.known.group)) {
    const because = `${instanceId} is in no web group of this farm`;
    return { actions: refuseAll(o, because), because: `${because}: no writes` };
  }
  const state = membership.known.lifecycleState;
  switch (waitingTransition(state)) {
    case "launching":
      return withAnswers(drainsRefused(o), planLaunch(o.hook));
    case "warming":
      return withAnswers(refuseAll(o, `${instanceId} is still launching`), planLaunch(o.hook));
    case "terminating":
      return withAnswers(leaves(o), planLeaving(o));
    case undefined:
      return planBetweenHooks(o, membership.known);
  }
}

function planBetweenHooks(o: NodeObservation, membership: Membership): Plan<NodeAction> {
  const { instanceId } = o.hook;
  const state = membership.lifecycleState;
  if (state === "InService") return planServing(o, membership);
  if (isStandby(state)) return told(announced(o), planKept(o, membership));
  if (state === "Terminating")
    return {
      actions: leaves(o),
      because: `${instanceId} is about to wait in its terminate hook`,
      lookAgainMs: LOOK_AGAIN_MS,
    };
  if (isLeaving(state)) return { actions: leaves(o), because: `${instanceId} is in ${state}` };
  if (isWarm(state))
    return {
      actions: refuseAll(o, `${instanceId} is in the warm pool and serves nobody`),
      because: `${instanceId} is in ${state}: it serves nobody, and whether its machine runs is the pool's affair`,
      ...(state === "Warmed:Pending" ? { lookAgainMs: LOOK_AGAIN_MS } : {}),
    };
  if (state === "Pending")
    return { actions: [], because: `${instanceId} is about to wait in its launch hook`, lookAgainMs: LOOK_AGAIN_MS };
  const isAwaited = state === "Pending:Proceed" && wants(o, "restore");
  return { actions: [], because: `${instanceId} is in ${state}`, ...(isAwaited ? { lookAgainMs: LOOK_AGAIN_MS } : {}) };
}

/** EnteringStandby: its last requests are answered, and only then can it be let go or put back. */
function planKept(o: NodeObservation, { group, lifecycleState }: Membership): Plan<NodeAction> {
  const { instanceId, machine } = o.hook;
  const plan = planStandby(o, group, LOOK_AGAIN_MS);
  if (lifecycleState !== "Standby") {
    const isAwaited = wants(o, "restore") || wants(o, "replace");
    const actions = plan.actions.filter(({ kind }) => kind === "answer-request");
    const because = `${instanceId} answers its last requests on its way to standby`;
    return { actions, because, ...(isAwaited ? { lookAgainMs: LOOK_AGAIN_MS } : {}) };
  }
  if (wants(o, "replace"))
    return {
      actions: [replaceNode(instanceId, group, "an operator wants it")],
      because: `an operator wants ${instanceId} gone`,
    };
  // It is stopped and started at will, but what is terminated never comes back, and no group looks.
  const isGone = isKnown(machine) && machine.known.state === "terminated";
  if (!isGone) return plan;
  const detail = `it is on standby and its machine is terminated: tandem drain ${instanceId} lets it go`;
  return { ...plan, problems: [{ code: "machine-dead", node: instanceId, detail }] };
}

/** The traffic goes first, then the node's own drain, then the node. A dead machine has no traffic to wait for. */
function planLeaving(o: NodeObservation): Plan<NodeAction> {
  const { hook } = o;
  const serving = isKnown(o.targets) ? o.targets.known.filter(isServing) : [];
  const deregister = serving.map((target) =>
    deregisterTarget(hook.instanceId, target.targetGroup, `${hook.instanceId} leaves`),
  );
  if (!isKnown(hook.machine) || isDead(hook.machine.known.state)) {
    const plan = planTermination(hook);
    return { ...plan, actions: [...deregister, ...plan.actions] };
  }
  if (!isKnown(o.targets))
    return wait(
      hook,
      "terminating",
      `its target's state is ${"unknown" in o.targets ? `unknown: ${o.targets.unknown}` : "not read"}`,
    );
  if (deregister.length > 0)
    return { actions: deregister, because: `${hook.instanceId} takes no new requests`, lookAgainMs: LOOK_AGAIN_MS };
  if (o.targets.known.some((target) => target.state === "draining"))
    return wait(hook, "terminating", "its target is draining");
  return planTermination(hook);
}

function planServing(o: NodeObservation, membership: Membership): Plan<NodeAction> {
  const { instanceId, machine } = o.hook;
  if (isKnown(machine) && isDead(machine.known.state))
    return planLost(o, membership, `the machine is ${machine.known.state}`);
  if (wants(o, "replace"))
    return {
      actions: [replaceNode(instanceId, membership.group, "an operator wants it")],
      because: `an operator wants ${instanceId} drained`,
    };
  const notice = announced(o);
  if (notice !== undefined && isUrgent(notice, o.hook.now)) return told(notice, planTaken(membership, notice));
  if (wants(o, "keep")) return told(notice, planKeep(o, membership.group, LOOK_AGAIN_MS));
  const rest = notice === undefined ? planQuiet(o) : planDeparting(notice);
  return told(notice, withAnswers(answer(o, "restore", "done", `${instanceId} is in service`), rest));
}

function planQuiet({ hook: { instanceId, machine } }: NodeObservation): Plan<NodeAction> {
  if ("unknown" in machine)
    return { actions: [], because: `${instanceId} is in service, its machine is unknown: ${machine.unknown}` };
  if (!isKnown(machine))
    return {
      actions: [],
      because: `${instanceId} is in service and EC2 does not show its machine: left to the group's own health check`,
    };
  return { actions: [], because: `${instanceId} is in service` };
}

const announced = ({ hook, notices }: NodeObservation): Notice | undefined =>
  isKnown(notices) ? noticeOf(notices.known, hook.instanceId) : undefined;

/** There is no time for anything but the drain. */
const planTaken = ({ group }: Membership, notice: Notice): Plan<NodeAction> => ({
  actions: [replaceNode(notice.instanceId, group, wordsOfNotice(notice), "interruption-announced")],
  because: `${notice.instanceId} leaves before it is taken`,
});

/** There is time: the tier lets another one serve first (scopes `web` and `special`). */
const planDeparting = ({ instanceId }: Notice): Plan<NodeAction> => ({
  actions: [],
  because: `${instanceId} serves until another one does`,
});

/** What AWS announced is told as a problem, whatever is done about it. */
function told(notice: Notice | undefined, plan: Plan<NodeAction>): Plan<NodeAction> {
  if (notice === undefined) return plan;
  const problem = { code: "interruption-announced", node: notice.instanceId, detail: wordsOfNotice(notice) };
  return { ...plan, problems: [...(plan.problems ?? []), problem] };
}

const STOPPED = "the machine is stopped";

/** A lost node still gets its share of the requests until the balancer's probes notice: take it out at once. */
function planLost(o: NodeObservation, membership: Membership, why: string): Plan<NodeAction> {
  const { instanceId } = o.hook;
  const targets = isKnown(o.targets) ? o.targets.known.filter(isServing) : [];
  // A node from the warm pool was stopped not long ago, and EC2's answer may be that old; the balancer's is its own.
  if (why === STOPPED && targets.some(({ state }) => state === "healthy"))
    return {
      actions: [],
      because: `EC2 shows the machine of ${instanceId} as stopped, and the balancer gets answers from it: not decided`,
      lookAgainMs: LOOK_AGAIN_MS,
    };
  const actions: NodeAction[] = targets.map((target) =>
    deregisterTarget(instanceId, target.targetGroup, why, "machine-dead"),
  );
  if (membership.healthy)
    actions.push({
      kind: "mark-unhealthy",
      instanceId,
      group: membership.group,
      reason: `replace ${instanceId}: ${why}`,
      precondition: `${instanceId} is in service and its machine is dead`,
      idempotencyKey: `mark-unhealthy ${instanceId}`,
      problem: "machine-dead",
    });
  return {
    actions,
    because: actions.length > 0 ? `${instanceId} is lost` : `${instanceId} is lost, and the group replaces it`,
    problems: [{ code: "machine-dead", node: instanceId, detail: why }],
  };
}

const isServing = (target: Target): boolean => target.state !== "unused" && target.state !== "draining";

const deregisterTarget = (
  instanceId: string,
  targetGroup: string,
  why: string,
  problem?: string,
): DeregisterTarget => ({
  kind: "deregister-target",
  instanceId,
  targetGroup,
  reason: `no new requests for ${instanceId}: ${why}`,
  precondition: `${instanceId} leaves or its machine is dead`,
  idempotencyKey: `deregister ${instanceId} ${targetGroup}`,
  ...(problem === undefined ? {} : { problem }),
});

export const replaceNode = (instanceId: string, group: string, why: string, problem?: string): ReplaceNode => ({
  kind: "replace-node",
  instanceId,
  group,
  reason: `drain ${instanceId}, the group keeps its size: ${why}`,
  precondition: `${instanceId} is in service or on standby in ${group}`,
  idempotencyKey: `replace ${instanceId}`,
  ...(problem === undefined ? {} : { problem }),
});

/** A node that launches may be on its way back: such a wish waits for its service. */
const drainsRefused = (o: NodeObservation): AnswerRequest[] => {
  const because = `${o.hook.instanceId} is still launching`;
  return [...answer(o, "replace", "refused", because), ...answer(o, "keep", "refused", because)];
};

const leaves = (o: NodeObservation): AnswerRequest[] => {
  const { instanceId } = o.hook;
  return [
    ...answer(o, "replace", "done", `${instanceId} drains; the group keeps its size`),
    ...answer(o, "keep", "refused", `${instanceId} leaves for good`),
    ...answer(o, "restore", "refused", `${instanceId} leaves for good`),
  ];
};

const withAnswers = (answers: readonly AnswerRequest[], plan: Plan<NodeAction>): Plan<NodeAction> => ({
  ...plan,
  actions: [...answers, ...plan.actions],
});
