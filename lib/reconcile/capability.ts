import type { Scope } from "../scope.ts";
import type { Tenure } from "./lease.ts";
import type { Action, Plan } from "./plan.ts";
import type { OperatorRequest } from "./requests.ts";

/**
 * What the loop needs of a noun of the farm. `observe` and `apply` do I/O, `plan` is pure: no clock, no randomness,
 * no environment. Everything that `plan` decides on, the time included, is inside the observation.
 */
export interface Capability<O, A extends Action> {
  observe(scope: Scope, requests: readonly OperatorRequest[]): Promise<O>;
  plan(observation: O): Plan<A>;
  /** Reads the action's precondition again, just before it runs. A string is the reason why it no longer holds. */
  holds(action: A): Promise<true | string>;
  /** Does one thing; resolves to one sentence for the journal. Throws TandemError. */
  apply(action: A, tenure: Tenure): Promise<string>;
  /** What a watch does with every look beside its plan; it is not journalled, and does nothing that a plan would do. */
  beat?(observation: O): Promise<void>;
}
