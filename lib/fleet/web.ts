import { assertNever } from "../assert.ts";
import type { Capability } from "../reconcile/capability.ts";
import { factOf, groupsAws } from "../lifecycle/aws.ts";
import { readNotices } from "../lifecycle/notice.ts";
import type { Group, GroupInstance } from "../lifecycle/observation.ts";
import { absent, isKnown, known, type Fact } from "../reconcile/fact.ts";
import { capacityAws, type NodesAws } from "./aws.ts";
import { noteChange, readRemembered } from "./change.ts";
import { departingNodes } from "./departing.ts";
import type { CapacityDeps } from "./deps.ts";
import { letGoOf } from "./let-go.ts";
import { planCapacity, type CapacityAction, type CapacityObservation, type SetDesired } from "./plan.ts";
import { webRefresh } from "./refresh/refresh.ts";
import { answerHolds, applyAnswer } from "../reconcile/answer.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";

/** A class of web nodes. */
interface Tier {
  readonly groupName: string;
  /** Absent: this function changes the size and lets no node go. */
  readonly nodes?: NodesAws;
}

/** Scope `web`, or `special`: how many nodes there are of a class of web nodes. */
export function webCapacity(
  deps: CapacityDeps,
  { groupName, nodes }: Tier,
): Capability<CapacityObservation, CapacityAction> {
  const { clock, table, requests } = deps;
  const aws = capacityAws(deps);
  const groups = groupsAws(deps);
  const refresh = webRefresh(deps);
  const letGo = letGoOf({ table, clock, groups, nodes });
  const observe = tierObserver(deps, groupName, { groups, letGo, refresh });

  const groupHolds = async (action: SetDesired): Promise<true | string> => {
    const group = await groups.group(action.group);
    if (group === undefined) return `${action.group} does not exist any more`;
    if (group.desired !== action.from) return `${action.group} wants ${group.desired} nodes now`;
    if (action.to < group.min || action.to > group.max)
      return `${action.group} allows ${group.min} to ${group.max} nodes now`;
    return true;
  };

  return {
    observe: (_scope, pending) => observe(pending),
    plan: planCapacity,
    async holds(action) {
      switch (action.kind) {
        case "set-desired":
          return groupHolds(action);
        case "retire-node":
        case "replace-node":
          return letGo.holds(action);
        case "answer-request":
          return answerHolds(requests, action);
        default:
          return refresh.holds(action);
      }
    },
    async apply(action, { fence }) {
      switch (action.kind) {
        case "retire-node":
        case "replace-node":
          return letGo.apply(action, fence);
        case "set-desired":
          await noteChange(table, action, clock.now(), fence);
          await aws.setDesired(action.group, action.to);
          return `${action.group} wants ${action.to} nodes, it wanted ${action.from}`;
        case "answer-request":
          return applyAnswer(requests, action);
        case "pin-template":
        case "start-refresh":
        case "cancel-refresh":
        case "roll-back-refresh":
          return refresh.apply(action);
        default:
          return assertNever(action);
      }
    },
  };
}

interface Parts {
  readonly groups: ReturnType<typeof groupsAws>;
  readonly letGo: ReturnType<typeof letGoOf>;
  readonly refresh: ReturnType<typeof webRefresh>;
}

/** Everything that decides the size of the class, read at once; whatever cannot be read is unknown. */
function tierObserver(deps: CapacityDeps, groupName: string, { groups, letGo, refresh }: Parts) {
  const { spec, clock, table } = deps;
  const aws = capacityAws(deps);

  /** A farm without a warm pool is not asked for one. */
  const poolOf = async (group: Fact<Group>): Promise<Fact<readonly GroupInstance[]>> => {
    if (!isKnown(group) || !group.known.hasWarmPool) return absent;
    return factOf(() => groups.warmPool(groupName));
  };

  return async (pending: readonly OperatorRequest[]): Promise<CapacityObservation> => {
    const now = clock.now();
    const { metricNamespace, webGroup, webFloors } = spec;
    const [group, samples, minutes, history, remembered, notices] = await Promise.all([
      factOf(() => groups.group(groupName)),
      factOf(() => aws.samples(metricNamespace, groupName, now)),
      factOf(() => aws.minutes(metricNamespace, groupName, now)),
      factOf(() => aws.history(metricNamespace, groupName, now)),
      readRemembered(table, groupName, now),
      factOf(() => readNotices(table, now)),
    ]);
    const pool = await poolOf(group);
    const seen: CapacityObservation = {
      now,
      group,
      samples,
      minutes,
      history,
      ...remembered,
      pool: isKnown(pool) ? known(pool.known.filter(isReady).length) : pool,
      refresh: await refresh.observe(groupName, pool, pending),
      notices,
      answering: absent,
      floors: groupName === webGroup ? webFloors : [],
      requests: pending,
      groupName,
      targetBusyPercent: spec.targetBusyPercent,
      scaleInCooldownMs: spec.scaleInCooldownSeconds * 1e3,
    };
    const isLeft = isKnown(group) && departingNodes(seen, group.known).length > 0;
    return isLeft ? { ...seen, answering: await letGo.answering(group) } : seen;
  };
}

const isReady = ({ lifecycleState }: GroupInstance): boolean => lifecycleState === "Warmed:Stopped";
