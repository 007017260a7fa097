import { assertNever } from "../assert.ts";
import type { Capability } from "../reconcile/capability.ts";
import { factOf, groupsAws } from "../lifecycle/aws.ts";
import { capacityAws } from "./aws.ts";
import { noteChange, readChange } from "./change.ts";
import type { CapacityDeps } from "./deps.ts";
import { planCapacity, type CapacityAction, type CapacityObservation, type SetDesired } from "./plan.ts";
import { answerHolds, applyAnswer } from "../reconcile/answer.ts";

/** Scope `web`: how many nodes the web tier has. */
export function webCapacity(deps: CapacityDeps): Capability<CapacityObservation, CapacityAction> {
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

  return {
    async observe(_scope, pending) {
      const now = clock.now();
      const [group, samples, lastChange] = await Promise.all([
        factOf(() => groups.group(spec.webGroup)),
        factOf(() => aws.samples(spec.metricNamespace, spec.webGroup, now)),
        factOf(() => readChange(table, spec.webGroup)),
      ]);
      return {
        now,
        group,
        samples,
        lastChange,
        requests: pending,
        groupName: spec.webGroup,
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
