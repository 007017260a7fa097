import { isKnown } from "../../reconcile/fact.ts";
import type { Plan } from "../../reconcile/plan.ts";
import type { OperatorRequest } from "../../reconcile/requests.ts";
import { answerRequest, type AnswerRequest } from "../../reconcile/answer.ts";
import type { EnterStandby, ExitStandby, NodeAction, NodeObservation } from "./plan.ts";

/** What an operator can want of one node: that another takes its place, that it stays out of service, that it comes back. */
type What = "replace" | "keep" | "restore";

function whatOf(request: OperatorRequest): What | undefined {
  if (request.action === "restore") return "restore";
  if (request.action !== "drain") return undefined;
  return request.args.keep ? "keep" : "replace";
}

export const wants = (o: NodeObservation, what: What): boolean =>
  o.requests.some((request) => whatOf(request) === what);

/** Ends the open wishes of this kind with a sentence. */
export const answer = (
  o: NodeObservation,
  what: What,
  state: "done" | "refused",
  because: string,
): readonly AnswerRequest[] =>
  o.requests.filter((request) => whatOf(request) === what).map((request) => answerRequest(request, state, because));

export const refuseAll = (o: NodeObservation, because: string): readonly AnswerRequest[] =>
  (["replace", "keep", "restore"] as const).flatMap((what) => answer(o, what, "refused", because));

/**
 * Out of service and kept. The tier gets one node smaller, and its load decides whether it needs another; at its minimum
 * Auto Scaling refuses that, and the group launches one at once.
 */
export function planKeep(o: NodeObservation, groupName: string, lookAgainMs: number): Plan<NodeAction> {
  const { instanceId } = o.hook;
  if (!isKnown(o.group))
    return { actions: [], because: `an operator wants ${instanceId} kept: its group is not known`, lookAgainMs };
  const { desired, min } = o.group.known;
  const shrinks = desired > min;
  const size = shrinks
    ? `${groupName} wants ${desired - 1} nodes then`
    : `${groupName} wants its minimum of ${min}, so it launches another`;
  const action: EnterStandby = {
    kind: "enter-standby",
    instanceId,
    group: groupName,
    shrinks,
    reason: `take ${instanceId} out of service and keep it, an operator wants it: ${size}`,
    precondition: `${instanceId} is in service in ${groupName}, which wants ${shrinks ? "more than" : "no more than"} its minimum`,
    idempotencyKey: `enter-standby ${instanceId}`,
  };
  return { actions: [action], because: `an operator wants ${instanceId} kept out of service` };
}

/** Serves nobody, is neither checked nor replaced nor counted, until an operator has another wish. */
export function planStandby(o: NodeObservation, groupName: string, lookAgainMs: number): Plan<NodeAction> {
  const { instanceId } = o.hook;
  const kept = answer(
    o,
    "keep",
    "done",
    `${instanceId} is out of service and kept; tandem restore ${instanceId} ends it`,
  );
  const rest = { actions: kept, because: `${instanceId} is on standby: an operator keeps it out of service` };
  if (!wants(o, "restore")) return rest;
  if (!isKnown(o.group)) return { ...rest, because: `${rest.because}; its group is not known`, lookAgainMs };
  const { desired, max } = o.group.known;
  if (desired >= max) {
    const full = `${groupName} has its maximum of ${max} nodes: raise that, or wait until it wants fewer`;
    return { ...rest, actions: [...kept, ...answer(o, "restore", "refused", full)] };
  }
  const action: ExitStandby = {
    kind: "exit-standby",
    instanceId,
    group: groupName,
    reason: `put ${instanceId} back into service, an operator wants it: ${groupName} wants ${desired + 1} nodes then`,
    precondition: `${instanceId} is on standby in ${groupName}, which wants fewer than its maximum`,
    idempotencyKey: `exit-standby ${instanceId}`,
  };
  return { actions: [...kept, action], because: `an operator wants ${instanceId} back in service` };
}
