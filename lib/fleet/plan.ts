import { isKnown, type Fact } from "../reconcile/fact.ts";
import type { Action, Plan, Problem } from "../reconcile/plan.ts";
import type { AnswerRequest } from "../reconcile/answer.ts";
import type { DatabaseRoom } from "../database/room.ts";
import { wordsOfNotice, type Notice } from "../lifecycle/notice.ts";
import type { Group } from "../lifecycle/observation.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";
import type { LoadSample } from "./capacity.ts";
import { decide, type Decision } from "./decide.ts";
import { planRefresh, type RefreshAction, type RefreshFacts } from "./refresh/plan.ts";
import type { BootTimes } from "./demand.ts";
import { departingNodes, letGo, sizeBeside, without } from "./departing.ts";
import type { ReplaceNode } from "./node/plan.ts";
import type { ScheduledFloor } from "./schedule.ts";
import { answerWishes } from "./wishes.ts";
import type { Period } from "./work.ts";

/** The last change of the desired capacity that Tandem decided. */
export interface CapacityChange {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

export interface CapacityObservation {
  readonly now: number;
  readonly groupName: string;
  readonly targetBusyPercent: number;
  readonly scaleInCooldownMs: number;
  readonly group: Fact<Group>;
  /** Of the last minute, by ten seconds. */
  readonly samples: Fact<readonly LoadSample[]>;
  /** Of the last three hours, by the minute. */
  readonly minutes: Fact<readonly Period[]>;
  /** Of the last two weeks, by five minutes. */
  readonly history: Fact<readonly Period[]>;
  /** How long nodes took to boot; absent: none was seen yet. */
  readonly boot: Fact<Partial<BootTimes>>;
  /** Nodes of the warm pool that are ready to be started; absent: no pool. */
  readonly pool: Fact<number>;
  readonly database: Fact<DatabaseRoom>;
  /** At least so many nodes at certain hours. */
  readonly floors: readonly ScheduledFloor[];
  /** Absent: never changed. */
  readonly lastChange: Fact<CapacityChange>;
  /** Absent: no operator wants anything of an instance refresh. */
  readonly refresh: Fact<RefreshFacts>;
  /** What AWS has announced of instances. */
  readonly notices: Fact<readonly Notice[]>;
  /** Nodes that the balancer gets answers from. Absent: nothing depends on it, or this function does not ask. */
  readonly answering: Fact<ReadonlySet<string>>;
  /** Open wishes for the scope `web`, oldest first. */
  readonly requests: readonly OperatorRequest[];
}

export interface SetDesired extends Action {
  readonly kind: "set-desired";
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

/** Lets a node go through its terminate hook, for which others serve already: the group wants one less. */
export interface RetireNode extends Action {
  readonly kind: "retire-node";
  readonly instanceId: string;
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

export type CapacityAction = SetDesired | RetireNode | ReplaceNode | RefreshAction | AnswerRequest;

/**
 * How many nodes the web tier should have. Out at once, as far as the load of the next boot time asks; in carefully: only
 * on a whole minute of complete metrics, with headroom, after a cooldown, with nothing in motion. What is unknown never
 * takes a node away. Pure.
 */
export function planCapacity(o: CapacityObservation): Plan<CapacityAction> {
  if (!isKnown(o.group)) {
    const why = "unknown" in o.group ? o.group.unknown : "it does not exist";
    return { actions: [], because: `group ${o.groupName} could not be read: ${why}` };
  }
  const group = o.group.known;
  const wishes = answerWishes(o.requests, group);
  const whole = decide(o, group, wishes.floor);
  // Who stands in for whom is a question of the load: while that is unknown, nobody leaves and nobody comes.
  const leaving = whole.wanted === undefined ? [] : departingNodes(o, group);
  const decision = leaving.length === 0 ? whole : decide(...without(o, group, leaving.length), wishes.floor);
  const size = sizeBeside(decision, group, leaving.length);
  // Who leaves is not known: the one that scale-in takes could be who stands in.
  const to = "unknown" in o.notices ? Math.max(group.desired, size) : size;
  const change =
    to === group.desired ? letGo(o, group, decision, leaving) : [setDesired(o, group, to, decision, leaving)];
  return {
    // Visitors first: a roll-out that AWS refuses must not hold up a scale-out.
    actions: [...wishes.answers, ...change, ...planRefresh({ ...o, group })],
    because: change.length === 0 ? becauseBeside(decision, leaving) : `${o.groupName} shall have ${to} nodes`,
    problems: [...suspended(group), ...decision.problems],
    ...(decision.lookAgainMs === undefined ? {} : { lookAgainMs: decision.lookAgainMs }),
  };
}

const becauseBeside = ({ because }: Decision, leaving: readonly Notice[]): string =>
  [because, ...leaving.map((notice) => `${notice.instanceId} will leave: ${wordsOfNotice(notice)}`)].join("; ");

const setDesired = (
  o: CapacityObservation,
  group: Group,
  to: number,
  decision: Decision,
  leaving: readonly Notice[],
): SetDesired => ({
  kind: "set-desired",
  group: o.groupName,
  from: group.desired,
  to,
  reason: `from ${group.desired} to ${to} nodes: ${becauseBeside(decision, leaving)}`,
  precondition: `${o.groupName} still wants ${group.desired} nodes and allows ${to}`,
  idempotencyKey: `set-desired ${o.groupName} ${group.desired} ${to} ${isKnown(o.lastChange) ? o.lastChange.known.at : 0}`,
});

const suspended = (group: Group): Problem[] =>
  group.suspended
    .filter((process) => process === "Launch" || process === "Terminate")
    .map((process) => ({
      code: "scaling-suspended",
      detail: `${process} is suspended on the group: no capacity can change`,
    }));
