import { assertNever } from "../assert.ts";
import type { Capability } from "../reconcile/capability.ts";
import { factOf, groupsAws } from "../lifecycle/aws.ts";
import type { Group, GroupInstance } from "../lifecycle/observation.ts";
import { absent, isKnown, type Fact } from "../reconcile/fact.ts";
import { capacityAws } from "./aws.ts";
import { noteChange, readRemembered } from "./change.ts";
import type { CapacityDeps } from "./deps.ts";
import { planCapacity, type CapacityAction, type CapacityObservation, type SetDesired } from "./plan.ts";
import { answerHolds, applyAnswer } from "../reconcile/answer.ts";

/** Scope `web`, or `special`: how many nodes there are of a class of web nodes. Floors of the schedule are for the first. */
export function webCapacity(
  deps: CapacityDeps,
  groupName: string = deps.spec.webGroup,
): Capability<CapacityObservation, CapacityAction> {
  const { spec, clock, table, requests } = deps;
  const aws = capacityAws(deps);
  const groups = groupsAws(deps);

  const groupHolds = async (action: SetDesired): Promise<true | string> => {
    const group = await groups.group(action.group);
    if (group === undefined) return `${action.group} does not exist any more`;
    if (group.desired !== action.from) return `${action.group} wants ${group.desired} nodes now`;
    if (action.to < group.min || action.to > group.max)
      return `${action.group} allows ${group.min} to ${group.max} nodes now`;
    return true;
  };

  /** A farm without a warm pool is not asked for one. */
  const readyNodes = async (group: Fact<Group>): Promise<Fact<number>> => {
    if (!isKnown(group) || !group.known.hasWarmPool) return absent;
    return factOf(async () => (await groups.warmPool(groupName)).filter(isReady).length);
  };

  return {
    async observe(_scope, pending) {
      const now = clock.now();
      const { metricNamespace } = spec;
      const [group, samples, minutes, history, remembered] = await Promise.all([
        factOf(() => groups.group(groupName)),
        factOf(() => aws.samples(metricNamespace, groupName, now)),
        factOf(() => aws.minutes(metricNamespace, groupName, now)),
        factOf(() => aws.history(metricNamespace, groupName, now)),
        readRemembered(table, groupName, now),
      ]);
      return {
        now,
        group,
        samples,
        minutes,
        history,
        ...remembered,
        pool: await readyNodes(group),
        floors: groupName === spec.webGroup ? spec.webFloors : [],
        requests: pending,
        groupName,
        targetBusyPercent: spec.targetBusyPercent,
        scaleInCooldownMs: spec.scaleInCooldownSeconds * 1e3,
      };
    },
    plan: planCapacity,
    holds: async (action) => (action.kind === "set-desired" ? groupHolds(action) : answerHolds(requests, action)),
    async apply(action, { fence }) {
      switch (action.kind) {
        case "set-desired":
          await noteChange(table, action, clock.now(), fence);
          await aws.setDesired(action.group, action.to);
          return `${action.group} wants ${action.to} nodes, it wanted ${action.from}`;
        case "answer-request":
          return applyAnswer(requests, action);
        default:
          return assertNever(action);
      }
    },
  };
}

const isReady = ({ lifecycleState }: GroupInstance): boolean => lifecycleState === "Warmed:Stopped";
