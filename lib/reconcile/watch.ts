import { TandemError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import type { Action } from "./plan.ts";
import type { Capability } from "./capability.ts";
import type { LoopDeps } from "./deps.ts";
import type { Lease } from "./lease.ts";
import { lookUnder, type Outcome } from "./loop.ts";

/** How a scope is watched without a gap: one look after the other, and a successor that stands by. */
export interface Watch {
  /** Between two looks at a scope in which there is nothing to do. */
  readonly everyMs: number;
  /** Before that the holder does not hand over. */
  readonly tenureMs: number;
  /**
   * The holder hands over to a successor that has stood by this long. Nearly the time between the beginnings of two runs:
   * then the next successor comes just after the hand-over, and somebody nearly always stands by for a holder that is killed.
   */
  readonly standByMs: number;
  /** A run that finds two others, one that watches and one that stands by, waits this long for a place and then ends. */
  readonly patienceMs: number;
}

/** A successor tries this often: the longest gap when a holder hands over. */
const TRY_MS = 500;

/**
 * Stands by until the scope is free or handed over, then looks at it every `everyMs` until the tenure is over and a successor
 * has stood by for `standByMs`. Runs that overlap, start twice or late share the work so; when a holder is killed, whoever stands by
 * takes over as soon as its lease runs out.
 * @throws TandemError of the last look if that one failed; a look that fails in between is journalled and tried again
 */
export async function watch<O, A extends Action>(
  scope: Scope,
  cause: string,
  deps: LoopDeps,
  capability: Capability<O, A>,
  how: Watch,
): Promise<Outcome> {
  const lease = await succeed(scope, deps, how.patienceMs);
  if (typeof lease !== "string") return lookUnder(lease, cause, deps, capability, how);
  return { scope, ended: "coalesced", because: lease, passes: 0, lines: [] };
}

async function succeed(scope: Scope, deps: LoopDeps, patienceMs: number): Promise<Lease | string> {
  const successor = deps.ids.uuid();
  let besideSince: number | undefined;
  // Half of what is left would be too little to be worth a tenure; the next run stands by then.
  for (const until = deps.clock.now() + deps.remainingMs() / 2; deps.clock.now() < until;) {
    const got = await retried(() => deps.leases.standBy(scope, successor));
    if (got !== undefined && typeof got !== "string") return got;
    besideSince = got === "beside" ? (besideSince ?? deps.clock.now()) : undefined;
    if (besideSince !== undefined && deps.clock.now() - besideSince > patienceMs)
      return "one watches already and another stands by";
    await deps.clock.sleep(TRY_MS);
  }
  return "the one who watches needed no successor";
}

/** A try that the state table throttles is followed by the next one anyway. */
async function retried<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof TandemError && error.retriable) return undefined;
    throw error;
  }
}
