import { isHookAction } from "../lifecycle/action.ts";
import { applyHook, hookHolds } from "../lifecycle/apply.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import { answerHolds, applyAnswer } from "../reconcile/answer.ts";
import type { Capability } from "../reconcile/capability.ts";
import type { DatabaseAction } from "./action.ts";
import { applyServerAction } from "./apply.ts";
import { databaseAws } from "./aws.ts";
import { handsOf, type ApplyDeps } from "./hands.ts";
import { beat } from "./heartbeat.ts";
import { databaseObserver } from "./observe.ts";
import { planDatabase, type DatabaseObservation } from "./plan.ts";
import { serverHolds } from "./precondition.ts";
import { notesRoom } from "./room.ts";

/** Scope `database`: the two servers, from the launch hooks of their machines to who of them is the writer. */
export function databaseCapability(deps: ApplyDeps): Capability<DatabaseObservation, DatabaseAction> {
  const aws = lifecycleAws(deps);
  const hooks = { clock: deps.clock, table: deps.table, spec: deps.spec, aws };
  const observe = databaseObserver(deps);
  const pulse = beat(deps);
  const noteRoom = notesRoom(deps);
  return {
    observe: (_scope, requests) => observe(requests),
    plan: planDatabase,
    async holds(action) {
      if (isHookAction(action)) return hookHolds(hooks, action);
      switch (action.kind) {
        case "suspend-processes":
          return (await aws.group(action.group)) !== undefined || `${action.group} does not exist any more`;
        case "answer-request":
          return answerHolds(deps.requests, action);
        default:
          return serverHolds(deps, action);
      }
    },
    async apply(action, tenure) {
      if (isHookAction(action)) return applyHook(hooks, action, tenure.fence);
      switch (action.kind) {
        case "suspend-processes":
          await databaseAws(deps).suspend(action.group, action.processes);
          return `${action.group} leaves its server alone: ${action.processes.join(", ")} suspended`;
        case "answer-request":
          await handsOf(deps, tenure).claim(action.writer);
          return applyAnswer(deps.requests, action);
        default:
          return applyServerAction(handsOf(deps, tenure), action);
      }
    },
    async beat(observation) {
      await Promise.all([pulse(observation), noteRoom(observation.facts)]);
    },
  };
}
