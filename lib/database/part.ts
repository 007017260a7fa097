import type { Plan } from "../reconcile/plan.ts";
import type { DatabaseAction } from "./action.ts";

/** What one part of the plan wants; absent: it wants nothing. */
export type Part = Plan<DatabaseAction>;

/** Parts that do not get into each other's way. */
export function together(parts: readonly Part[]): Part | undefined {
  const waits = parts.flatMap((part) => part.lookAgainMs ?? []);
  if (parts.length === 0) return undefined;
  return {
    actions: parts.flatMap((part) => part.actions),
    because: parts.map((part) => part.because).join("; "),
    problems: parts.flatMap((part) => part.problems ?? []),
    proposals: parts.flatMap((part) => part.proposals ?? []),
    ...(waits.length === 0 ? {} : { lookAgainMs: Math.min(...waits) }),
  };
}
