import { isKnown, type Fact } from "../reconcile/fact.ts";
import type { Action, Plan, Problem } from "../reconcile/plan.ts";
import type { Group } from "../lifecycle/observation.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";
import {
  backlogWorkers,
  COMPLETE_SAMPLES_MIN,
  explainLoad,
  loadOf,
  nodesFor,
  offeredWorkers,
  type Load,
  type LoadSample,
} from "./capacity.ts";
import { answerRequest, type AnswerRequest } from "../reconcile/answer.ts";

/** A scale-out shows in the metrics after two of their periods; until then they tell of the farm as it was before. */
export const OUT_SETTLES_MS = 20_000;
/** A node goes only if the others could carry a quarter more: a load that stays where it is never brings it back. */
export const IN_HEADROOM = 1.25;
/** A cooldown that ends within this time is waited for; the minute clock sees the end of a longer one. */
const COOLDOWN_WATCHED_MS = 60_000;
/** Of the nodes that go at once; below ten nodes that is one at a time. */
const IN_SHARE_MAX = 0.1;

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
  readonly samples: Fact<readonly LoadSample[]>;
  /** Absent: never changed. */
  readonly lastChange: Fact<CapacityChange>;
  /** Open wishes for the scope `web`, oldest first. */
  readonly requests: readonly OperatorRequest[];
}

export interface SetDesired extends Action {
  readonly kind: "set-desired";
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

export type CapacityAction = SetDesired | AnswerRequest;

/**
 * How many nodes the web tier should have. Out at once, as far as the load asks; in carefully: only on a whole minute
 * of complete metrics, with headroom, after a cooldown, with nothing in motion. What is unknown never takes a node away.
 */
export function planCapacity(o: CapacityObservation): Plan<CapacityAction> {
  if (!isKnown(o.group)) {
    const why = "unknown" in o.group ? o.group.unknown : "it does not exist";
    return { actions: [], because: `group ${o.groupName} could not be read: ${why}` };
  }
  const group = o.group.known;
  const wishes = answerWishes(o.requests, group);
  const decision = decide(o, group, wishes.floor);
  const problems = [...suspended(group), ...(decision.problem === undefined ? [] : [decision.problem])];
  const change: SetDesired[] = decision.to === group.desired ? [] : [setDesired(o, group, decision)];
  return {
    actions: [...wishes.answers, ...change],
    because: change.length === 0 ? decision.because : `${o.groupName} shall have ${decision.to} nodes`,
    problems,
    ...(decision.lookAgainMs === undefined ? {} : { lookAgainMs: decision.lookAgainMs }),
  };
}

interface Decision {
  readonly to: number;
  readonly because: string;
  readonly problem?: Problem;
  readonly lookAgainMs?: number;
}

function decide(o: CapacityObservation, group: Group, floor: Floor | undefined): Decision {
  const lowest = Math.min(group.max, Math.max(group.min, floor?.count ?? 0));
  const clamp = (nodes: number): number => Math.min(group.max, Math.max(lowest, nodes));
  const load = isKnown(o.samples) ? loadOf(o.samples.known, reportersOf(group), o.now) : o.samples;
  if (!isKnown(load)) {
    const why = "unknown" in load ? load.unknown : "no metrics";
    return {
      to: Math.max(group.desired, lowest),
      because: `the load is unknown, so no node is taken away: ${why}`,
      problem: { code: "load-unknown", detail: why },
    };
  }
  const recent = offeredWorkers(load.known, load.known.recentPerSecond) + backlogWorkers(load.known);
  const needed = nodesFor(recent, load.known.workersPerNode, o.targetBusyPercent);
  const wanted = clamp(needed);
  const because = `${explainLoad(load.known, o.targetBusyPercent)}${boundBy(needed, wanted, group, floor)}`;
  if (wanted > group.desired) return scaleOut(o, group, wanted, lowest, because);
  if (wanted < group.desired) return scaleIn(o, group, load.known, clamp, because);
  return { to: group.desired, because: `${because}, as there are` };
}

function scaleOut(o: CapacityObservation, group: Group, to: number, lowest: number, because: string): Decision {
  const last = isKnown(o.lastChange) ? happened(o.lastChange.known, group) : undefined;
  const settlesAt = last !== undefined && last.to > last.from ? last.at + OUT_SETTLES_MS : 0;
  if (o.now >= settlesAt) return { to, because };
  return {
    to: Math.max(group.desired, lowest),
    because: `${because}; the scale-out of ${seconds(o.now - (last?.at ?? 0))} ago does not show in the metrics yet`,
    lookAgainMs: settlesAt - o.now,
  };
}

function scaleIn(
  o: CapacityObservation,
  group: Group,
  load: Load,
  clamp: (nodes: number) => number,
  because: string,
): Decision {
  const stay = (why: string, lookAgainMs = Infinity): Decision => ({
    to: group.desired,
    because: `${because}; none of ${group.desired} goes: ${why}`,
    ...(lookAgainMs <= COOLDOWN_WATCHED_MS ? { lookAgainMs } : {}),
  });
  const workers = offeredWorkers(load, load.peakPerSecond) * IN_HEADROOM + backlogWorkers(load);
  const enough = clamp(nodesFor(workers, load.workersPerNode, o.targetBusyPercent));
  if (enough >= group.desired) return stay("the peak of the last minute leaves fewer no headroom");
  if (load.completeSamples < COMPLETE_SAMPLES_MIN)
    return stay(`only ${load.completeSamples} periods of the last minute are complete`);
  if ("unknown" in o.lastChange) return stay(`the last change is unknown: ${o.lastChange.unknown}`);
  const last = isKnown(o.lastChange) ? happened(o.lastChange.known, group) : undefined;
  if (last !== undefined && o.now - last.at < o.scaleInCooldownMs)
    return stay(
      `the last change was ${seconds(o.now - last.at)} ago, the cooldown is ${seconds(o.scaleInCooldownMs)}`,
      last.at + o.scaleInCooldownMs - o.now,
    );
  const moving = group.instances.find((instance) => instance.lifecycleState !== "InService");
  if (moving !== undefined) return stay(`${moving.id} is in ${moving.lifecycleState}`);
  if (group.instances.length !== group.desired)
    return stay(`${group.instances.length} of ${group.desired} nodes exist`);
  const step = Math.max(1, Math.floor(group.desired * IN_SHARE_MAX));
  return { to: Math.max(enough, group.desired - step), because };
}

/** A change that was noted and whose call then failed has not happened. */
const happened = (change: CapacityChange, group: Group): CapacityChange | undefined =>
  group.desired === change.from && change.from !== change.to ? undefined : change;

const setDesired = (o: CapacityObservation, group: Group, decision: Decision): SetDesired => ({
  kind: "set-desired",
  group: o.groupName,
  from: group.desired,
  to: decision.to,
  reason: `from ${group.desired} to ${decision.to} nodes: ${decision.because}`,
  precondition: `${o.groupName} still wants ${group.desired} nodes and allows ${decision.to}`,
  idempotencyKey: `set-desired ${o.groupName} ${group.desired} ${decision.to} ${isKnown(o.lastChange) ? o.lastChange.known.at : 0}`,
});

function boundBy(needed: number, wanted: number, group: Group, floor: Floor | undefined): string {
  if (needed > wanted) return `, the maximum is ${group.max}`;
  if (needed === wanted) return "";
  return floor !== undefined && floor.count >= group.min
    ? `, an operator wants at least ${wanted}`
    : `, the minimum is ${group.min}`;
}

const reportersOf = (group: Group) => ({
  expected: group.instances.filter((instance) => instance.lifecycleState === "InService").length,
  possible: group.instances.length,
});

const suspended = (group: Group): Problem[] =>
  group.suspended
    .filter((process) => process === "Launch" || process === "Terminate")
    .map((process) => ({
      code: "scaling-suspended",
      detail: `${process} is suspended on the group: no capacity can change`,
    }));

interface Floor {
  readonly count: number;
}

/** The newest valid wish is the floor until it expires; older ones are superseded, impossible ones refused. */
function answerWishes(requests: readonly OperatorRequest[], group: Group): { floor?: Floor; answers: AnswerRequest[] } {
  const wishes = requests.filter((request) => request.action === "scale");
  const isPossible = (count: number): boolean => Number.isInteger(count) && count >= group.min && count <= group.max;
  const newest = wishes.findLast((wish) => wish.state === "standing" || isPossible(wish.args.count));
  const answers = wishes.flatMap((wish): AnswerRequest[] => {
    if (wish === newest)
      return wish.state === "standing"
        ? []
        : [answerRequest(wish, "standing", `at least ${wish.args.count} nodes until the wish expires`)];
    if (isPossible(wish.args.count) || wish.state === "standing")
      return [answerRequest(wish, "done", `superseded by the newer wish for ${newest?.args.count ?? 0} nodes`)];
    return [
      answerRequest(
        wish,
        "refused",
        `count is ${wish.args.count}, allowed is a whole number from ${group.min} to ${group.max}`,
      ),
    ];
  });
  return { answers, ...(newest === undefined ? {} : { floor: { count: newest.args.count } }) };
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
