import type { Capability } from "./capability.ts";
import type { LoopDeps } from "./deps.ts";
import type { Lease } from "./lease.ts";
import type { Action } from "./plan.ts";
import type { LookRecord } from "./record.ts";

/** Why the applying of a plan ended. `changed`: a precondition no longer held, so the rest of the plan is void. */
export type Step = "applied" | "changed" | "out-of-time" | "superseded";

/** No action is begun with less than this left: it must end, and be journalled, before Lambda ends the process. */
const ACTION_MS_MIN = 10_000;

/**
 * Applies the actions in order, each only while there is time, the lease is ours and its precondition holds.
 * Stops at the first that cannot be; a half-applied plan is never resumed.
 * @throws what `apply` threw, after it was journalled
 */
export async function applyPlan<O, A extends Action>(
  deps: LoopDeps,
  lease: Lease,
  record: LookRecord,
  capability: Capability<O, A>,
  actions: readonly A[],
): Promise<Step> {
  for (const action of actions) {
    if (deps.remainingMs() < ACTION_MS_MIN) {
      await record.withheld(action, "not begun: too little time is left in this invocation");
      return "out-of-time";
    }
    const holds = await capability.holds(action);
    if (holds !== true) {
      await record.withheld(action, `not applied: ${holds}`);
      return "changed";
    }
    // Written ahead: a controller that ends between an act and its line would leave a change that nothing explains.
    await record.action(action, "planned", "begun");
    // Last of all the checks, because it is the one that must be fresh: reading a precondition can take seconds.
    if (!(await lease.renew())) {
      await record.action(action, "planned", "not applied: somebody else holds the lease");
      return "superseded";
    }
    const done = await attempt(action, lease, record, capability);
    // A call may outlast the lease under which it was begun. The journal says so, and nothing more is begun.
    const isOurs = lease.isAlive() || (await lease.renew());
    await record.action(action, "applied", isOurs ? `done: ${done}` : `done, when the lease was lost already: ${done}`);
    if (!isOurs) return "superseded";
  }
  return "applied";
}

async function attempt<O, A extends Action>(
  action: A,
  lease: Lease,
  record: LookRecord,
  capability: Capability<O, A>,
): Promise<string> {
  try {
    return await capability.apply(action, lease);
  } catch (error) {
    await record.failed(error, action);
    throw error;
  }
}
