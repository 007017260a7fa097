/**
 * A plan is data. Each capability has its own closed union of actions; the loop and `render` need only this much of one.
 */
export interface Action {
  readonly kind: string;
  /** One sentence for the operator: why this action, with the numbers it was decided on. */
  readonly reason: string;
  /** What must still be true when the action starts, in words; `Capability.holds` reads it again. */
  readonly precondition: string;
  /** The same wish has the same key: a repeated action with this key is a no-op at its target. */
  readonly idempotencyKey: string;
  /** Comes back every minute and is explained by a record of its own: only its failures stand in the journal. */
  readonly routine?: true;
  /** The problem code that this action answers, if any (docs/OPERATIONS.md has one entry per code). */
  readonly problem?: string;
}

export interface Plan<A extends Action> {
  readonly actions: readonly A[];
  /** Why nothing is done (if `actions` is empty), or what the plan as a whole wants. */
  readonly because: string;
  /** Look again after this many milliseconds even if nobody asks (work is in progress elsewhere). Absent: rest. */
  readonly lookAgainMs?: number;
  /** What was found wrong, whether or not an action answers it. */
  readonly problems?: readonly Problem[];
  /** What could lose data and is for a human to approve. */
  readonly proposals?: readonly Proposal[];
}

/** An action that is never done alone: `tandem approve <id>` lets it run once. */
export interface Proposal {
  /** The same situation has the same id, so that an approval cannot be taken for another one's. */
  readonly id: string;
  readonly action: string;
  readonly reason: string;
  /** What the decision rests on: GTID sets, times, addresses, in words by name. */
  readonly evidence: Readonly<Record<string, string>>;
}

export interface Problem {
  /** A person is called when it is detected: the metric `Pages` raises an alarm. */
  readonly page?: true;
  readonly code: string;
  readonly node?: string;
  readonly detail: string;
}

/** The dry run, the log line and the golden file. */
export function render<A extends Action>(plan: Plan<A>): string {
  const lines = [plan.actions.length === 0 ? `nothing to do: ${plan.because}` : plan.because];
  for (const problem of plan.problems ?? [])
    lines.push(`problem ${problem.code}${problem.node === undefined ? "" : ` on ${problem.node}`}: ${problem.detail}`);
  for (const { id, action, reason } of plan.proposals ?? []) lines.push(`proposal ${id}: ${action}: ${reason}`);
  plan.actions.forEach((action, index) => {
    lines.push(`${index + 1}. ${action.kind}: ${action.reason}`, `   only if ${action.precondition}`);
  });
  if (plan.lookAgainMs !== undefined) lines.push(`look again after ${plan.lookAgainMs} ms`);
  return lines.join("\n");
}
