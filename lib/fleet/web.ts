import { assertNever } from "../assert.ts";
import type { Capability } from "../reconcile/capability.ts";
import { factOf, groupsAws } from "../lifecycle/aws.ts";
import type { Group, GroupInstance } from "../lifecycle/observation.ts";
import { absent, isKnown, known, type Fact } from "../reconcile/fact.ts";
import { capacityAws } from "./aws.ts";
import { noteChange, readRemembered } from "./change.ts";
import type { CapacityDeps } from "./deps.ts";
import { planCapacity, type CapacityAction, type CapacityObservation, type SetDesired } from "./plan.ts";
import { webRefresh } from "./refresh/refresh.ts";
import { answerHolds, applyAnswer } from "../reconcile/answer.ts";

/** Scope `web`: how many nodes the web tier has. */
export function webCapacity(deps: CapacityDeps): Capability<CapacityObservation, CapacityAction> {
  const { spec, clock, table, requests } = deps;
  const aws = capacityAws(deps);
  const groups = groupsAws(deps);
  const refresh = webRefresh(deps);

  const groupHolds = async (action: SetDesired): Promise<true | string> => {
    const group = await groups.group(action.group);
    if (group === undefined) return `${action.group} does not exist any more`;
    if (group.desired !== action.from) return `${action.group} wants ${group.desired} nodes now`;
    if (action.to < group.min || action.to > group.max)
      return `${action.group} allows ${group.min} to ${group.max} nodes now`;
    return true;
  };

  /** A farm without a warm pool is not asked for one. */
  const poolOf = async (group: Fact<Group>): Promise<Fact<readonly GroupInstance[]>> => {
    if (!isKnown(group) || !group.known.hasWarmPool) return absent;
    return factOf(() => groups.warmPool(spec.webGroup));
  };

  return {
    async observe(_scope, pending) {
      const now = clock.now();
      const { metricNamespace, webGroup } = spec;
      const [group, samples, minutes, history, remembered] = await Promise.all([
        factOf(() => groups.group(webGroup)),
        factOf(() => aws.samples(metricNamespace, webGroup, now)),
        factOf(() => aws.minutes(metricNamespace, webGroup, now)),
        factOf(() => aws.history(metricNamespace, webGroup, now)),
        readRemembered(table, webGroup, now),
      ]);
      const pool = await poolOf(group);
      return {
        now,
        group,
        samples,
        minutes,
        history,
        ...remembered,
        pool: isKnown(pool) ? known(pool.known.filter(isReady).length) : pool,
        refresh: await refresh.observe(webGroup, pool, pending),
        floors: spec.webFloors,
        requests: pending,
        groupName: webGroup,
        targetBusyPercent: spec.targetBusyPercent,
        scaleInCooldownMs: spec.scaleInCooldownSeconds * 1e3,
      };
    },
    plan: planCapacity,
    async holds(action) {
      if (action.kind === "set-desired") return groupHolds(action);
      return action.kind === "answer-request" ? answerHolds(requests, action) : refresh.holds(action);
    },
    async apply(action, { fence }) {
      switch (action.kind) {
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

const isReady = ({ lifecycleState }: GroupInstance): boolean => lifecycleState === "Warmed:Stopped";
