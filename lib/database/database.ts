import { lifecycleAws } from "../lifecycle/aws.ts";
import { isHookAction } from "../lifecycle/action.ts";
import { applyHook, hookHolds } from "../lifecycle/apply.ts";
import type { Capability } from "../reconcile/capability.ts";
import { databaseAws } from "./aws.ts";
import { databaseObserver, type DatabaseDeps } from "./observe.ts";
import { planDatabase, type DatabaseAction, type DatabaseObservation } from "./plan.ts";

/** Scope `database`: the two servers, from the launch hooks of their machines to what is wrong between them. */
export function databaseCapability(deps: DatabaseDeps): Capability<DatabaseObservation, DatabaseAction> {
  const aws = lifecycleAws(deps);
  const hooks = { clock: deps.clock, table: deps.table, spec: deps.spec, aws };
  return {
    observe: databaseObserver(deps),
    plan: planDatabase,
    async holds(action) {
      if (isHookAction(action)) return hookHolds(hooks, action);
      return (await aws.group(action.group)) !== undefined || `${action.group} does not exist any more`;
    },
    async apply(action, fence) {
      if (isHookAction(action)) return applyHook(hooks, action, fence);
      await databaseAws(deps).suspend(action.group, action.processes);
      return `${action.group} leaves its server alone: ${action.processes.join(", ")} suspended`;
    },
  };
}
