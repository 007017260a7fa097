import { counted, type Group, type GroupInstance } from "../lifecycle/observation.ts";
import { isUrgent, noticeOf, wordsOfNotice, type Notice } from "../lifecycle/notice.ts";
import { isKnown } from "../reconcile/fact.ts";
import { replaceNode, type ReplaceNode } from "./node/plan.ts";
import { IN_SHARE_MAX, type Decision } from "./decide.ts";
import type { CapacityObservation, RetireNode } from "./plan.ts";

/**
 * Nodes in service that AWS will take, with time left to let others stand in for them first. One that is to go at once is
 * the affair of its own scope, and a dead one is its group's.
 */
export function departingNodes(o: CapacityObservation, group: Group): readonly Notice[] {
  if (!isKnown(o.notices)) return [];
  const { known: notices } = o.notices;
  return group.instances.filter(isServing).flatMap(({ id }) => {
    const notice = noticeOf(notices, id);
    return notice === undefined || isUrgent(notice, o.now) ? [] : [notice];
  });
}

/** The tier as it will be when so many have left: what is decided of it holds beside them. */
export function without(o: CapacityObservation, group: Group, leaving: number): [CapacityObservation, Group] {
  const last = isKnown(o.lastChange) ? o.lastChange.known : undefined;
  const lastChange =
    last === undefined ? o.lastChange : { known: { ...last, from: last.from - leaving, to: last.to - leaving } };
  return [
    { ...o, lastChange },
    { ...group, desired: group.desired - leaving },
  ];
}

/** What is decided, and the leaving nodes beside it as far as the group allows: while some leave, never less than there is. */
export const sizeBeside = ({ to }: Decision, { desired, max }: Group, leaving: number): number =>
  leaving === 0 ? to : Math.max(desired, Math.min(max, to + leaving));

/**
 * Lets go of the leaving nodes for which others serve, as the balancer sees it: where they are over by then without another
 * launch, where there was no room beside them one at a time, each with one. An unknown load, balancer, or function that
 * cannot ask it, keeps them.
 */
export function letGo(
  o: CapacityObservation,
  group: Group,
  decision: Decision,
  leaving: readonly Notice[],
): readonly (RetireNode | ReplaceNode)[] {
  if (decision.wanted === undefined || decision.wanted > decision.to || !isKnown(o.answering)) return [];
  const { known: answering } = o.answering;
  const others = group.instances.filter(
    ({ id }) => answering.has(id) && leaving.every((notice) => notice.instanceId !== id),
  );
  if (others.filter(isServing).length < group.desired - leaving.length) return [];
  const moving = counted(group).filter(({ lifecycleState }) => lifecycleState !== "InService").length;
  if (group.desired < decision.to + leaving.length)
    return leaving
      .slice(0, Math.max(0, 1 - moving))
      .map((notice) => replaceNode(notice.instanceId, o.groupName, wordsOfNotice(notice), PROBLEM));
  const step = Math.max(1, Math.floor(group.desired * IN_SHARE_MAX));
  return leaving
    .slice(0, Math.max(0, step - moving))
    .map((notice, index) => retireNode(o.groupName, group.desired - index, notice));
}

const PROBLEM = "interruption-announced";

const retireNode = (group: string, from: number, notice: Notice): RetireNode => ({
  kind: "retire-node",
  instanceId: notice.instanceId,
  group,
  from,
  to: from - 1,
  reason: `drain ${notice.instanceId}, others serve in its place: ${wordsOfNotice(notice)}`,
  precondition: `${notice.instanceId} is in service in ${group}, which still wants ${from} nodes`,
  idempotencyKey: `retire ${notice.instanceId}`,
  problem: PROBLEM,
});

const isServing = ({ lifecycleState, healthy }: GroupInstance): boolean => lifecycleState === "InService" && healthy;
