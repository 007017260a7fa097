import type { Ids } from "../../../lib/ids.ts";
import type { Capability } from "../../../lib/reconcile/capability.ts";
import type { LoopDeps } from "../../../lib/reconcile/deps.ts";
import { openFreezes } from "../../../lib/reconcile/freeze.ts";
import { openJournal, type JournalLine } from "../../../lib/reconcile/journal.ts";
import { openLeases } from "../../../lib/reconcile/lease.ts";
import type { Action, Plan } from "../../../lib/reconcile/plan.ts";
import { openProblems } from "../../../lib/reconcile/problems.ts";
import { openProposals } from "../../../lib/reconcile/proposals.ts";
import { openRequests } from "../../../lib/reconcile/requests.ts";
import { manualClock } from "../manual-clock.ts";
import { memoryTable } from "./memory-table.ts";

export function countingIds(): Ids {
  let next = 0;
  return { uuid: () => `id-${String(++next).padStart(4, "0")}` };
}

/** Everything the loop needs, on a model of the state table and a clock that moves when told to. */
export function loopWorld(own: { forMs?: number; observeOnly?: boolean } = {}) {
  const clock = manualClock();
  const ids = countingIds();
  const table = memoryTable();
  const endsAt = clock.now() + (own.forMs ?? 300_000);
  const logged: JournalLine[] = [];
  const published: JournalLine[] = [];
  const counted: string[] = [];
  const deps: LoopDeps = {
    clock,
    ids,
    leases: openLeases(table, clock, ids),
    journal: openJournal(table, clock),
    freezes: openFreezes(table, clock),
    problems: openProblems(table, clock),
    proposals: openProposals(table),
    requests: openRequests(table, clock),
    observeOnly: own.observeOnly ?? false,
    remainingMs: () => endsAt - clock.now(),
    log: (line) => void logged.push(line),
    publish: async (line) => void published.push(line),
    count: (metric) => void counted.push(metric),
  };
  return { clock, table, deps, logged, published, counted };
}

export const act = (kind: string): Action => ({
  kind,
  reason: `${kind} is wanted`,
  precondition: `${kind} is possible`,
  idempotencyKey: kind,
});

/** A noun of the farm that plans what the test says, pass by pass; the last plan repeats. */
export function scripted(plans: readonly Plan<Action>[], own: Partial<Capability<number, Action>> = {}) {
  const applied: string[] = [];
  let looks = 0;
  const capability: Capability<number, Action> = {
    observe: async () => looks++,
    plan: (look) => plans[Math.min(look, plans.length - 1)] ?? { actions: [], because: "nothing was scripted" },
    holds: async () => true,
    apply: async (action, { fence }) => {
      applied.push(`${action.kind} under fence ${fence}`);
      return `${action.kind} was done`;
    },
    ...own,
  };
  return { capability, applied, looks: () => looks };
}
