import { isoTime } from "../clock.ts";
import { TandemError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import { applyPlan } from "./act.ts";
import type { Capability } from "./capability.ts";
import type { LoopDeps } from "./deps.ts";
import type { JournalLine } from "./journal.ts";
import type { Lease } from "./lease.ts";
import { render, type Action, type Plan } from "./plan.ts";
import { openRecord, type LookRecord } from "./record.ts";
import type { Watch } from "./watch.ts";

/** How a look at a scope ended. */
export interface Outcome {
  readonly scope: Scope;
  /**
   * `rest`: nothing left to do. `coalesced`: somebody else holds the scope and looks again. `dry-run`: frozen or
   * observe-only. `out-of-time`: the next look goes on. `superseded`: the lease was lost to somebody else.
   * `handed-over`: a watch gave the scope to its successor.
   */
  readonly ended: "rest" | "coalesced" | "dry-run" | "out-of-time" | "superseded" | "handed-over";
  /** The last plan in words, or why there was none. */
  readonly because: string;
  readonly passes: number;
  /** Everything that this look wrote to the journal. */
  readonly lines: readonly JournalLine[];
}

/** Passes of one look. A look that holds its scope for Lambda's 15 minutes and waits a second each time has fewer. */
const PASSES_MAX = 1_000;
/** Passes in a row that acted or failed. More means that acting does not change what is seen. */
const RESTLESS_PASSES_MAX = 20;
/** Failures in a row that are tried again within one look; then the invocation fails, and Lambda tries again later. */
const FAILURES_MAX = 3;
/** The first repeated pass waits this long, each further one twice as long. */
const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 5_000;
/** No pass is begun with less than this left: an AWS call with all its retries, and the release of the lease. */
const PASS_MS_MIN = 10_000;
/** A sleeping holder asks this often whether somebody wants it to look sooner; also keeps a 5 s lease alive. */
const NAP_MS_MAX = 1_000;

type Next = { readonly end: Outcome["ended"] } | { readonly sleepMs: number; readonly restless: boolean };

/**
 * Looks at a scope until there is nothing left to do or time runs out (DESIGN section 3):
 * lease -> observe -> plan -> precondition read again -> apply -> journal -> look again.
 * @throws TandemError of the first failure that trying again did not mend, or any broken invariant; the journal has it
 */
export async function reconcile<O, A extends Action>(
  scope: Scope,
  cause: string,
  deps: LoopDeps,
  capability: Capability<O, A>,
): Promise<Outcome> {
  const lease = await deps.leases.request(scope);
  if (lease === undefined)
    return {
      scope,
      ended: "coalesced",
      because: "somebody else holds the scope and looks again",
      passes: 0,
      lines: [],
    };
  return lookUnder(lease, cause, deps, capability);
}

type Tenancy = Pick<Watch, "everyMs" | "tenureMs" | "standByMs">;

/** The looks of whoever holds the lease, which is given back at the end. With `watch` they go on although nothing is to do. */
export async function lookUnder<O, A extends Action>(
  lease: Lease,
  cause: string,
  deps: LoopDeps,
  capability: Capability<O, A>,
  watch?: Tenancy,
): Promise<Outcome> {
  const record = openRecord(deps, lease, cause, watch !== undefined);
  try {
    return await (watch === undefined
      ? look(deps, lease, record, capability)
      : lookOn(deps, lease, record, capability, watch));
  } catch (error) {
    // The first error is what counts; a lease that could not be given back runs out by itself.
    await Promise.allSettled([record.failed(error), lease.abandon()]);
    throw error;
  } finally {
    await record.close();
  }
}

async function look<O, A extends Action>(
  deps: LoopDeps,
  lease: Lease,
  record: LookRecord,
  capability: Capability<O, A>,
): Promise<Outcome> {
  let because = "no time to look";
  let restless = 0;
  let failures = 0;
  for (let pass = 0; ; pass++) {
    const ended = (how: Outcome["ended"], passes = pass): Outcome => outcomeOf(lease, record, how, because, passes);
    if (deps.remainingMs() < PASS_MS_MIN || pass >= PASSES_MAX) {
      await lease.abandon();
      return ended("out-of-time");
    }
    if (!(await lease.renew())) return ended("superseded");
    const seen = lease.wanted();
    let next: Next;
    try {
      const plan = capability.plan(await observe(lease, deps, capability));
      because = render(plan);
      next = await onePass(deps, lease, record, capability, plan);
      failures = 0;
    } catch (error) {
      if (!(error instanceof TandemError && error.retriable) || ++failures >= FAILURES_MAX) throw error;
      await record.failed(error);
      next = { sleepMs: 0, restless: true };
    }
    restless = "restless" in next && next.restless ? restless + 1 : 0;
    if (restless >= RESTLESS_PASSES_MAX) throw unsettled(lease, because);
    if ("end" in next) {
      const how = await settle(lease, seen, next.end);
      if (how !== undefined) return ended(how, pass + 1);
    } else await nap(deps, lease, seen, next.sleepMs + backoffMs(restless));
  }
}

/**
 * A watch: nothing to do, a dry run or a failure is no end, because nobody else looks every second. What went wrong in
 * the last look fails the invocation when it ends; before that a successor must stand by.
 */
async function lookOn<O, A extends Action>(
  deps: LoopDeps,
  lease: Lease,
  record: LookRecord,
  capability: Capability<O, A>,
  { everyMs, tenureMs, standByMs }: Tenancy,
): Promise<Outcome> {
  const tenureEnds = deps.clock.now() + tenureMs;
  let because = "no time to look";
  let restless = 0;
  let failure: unknown;
  let stoodBySince: number | undefined;
  for (let pass = 0; ; pass++) {
    const ended = (how: Outcome["ended"], passes = pass): Outcome => outcomeOf(lease, record, how, because, passes);
    if (deps.remainingMs() < PASS_MS_MIN) {
      if (failure !== undefined) throw failure;
      await lease.abandon();
      return ended("out-of-time");
    }
    if (!(await lease.renew())) return ended("superseded");
    const seen = lease.wanted();
    let next: Next;
    failure = undefined;
    try {
      const observation = await observe(lease, deps, capability);
      const plan = capability.plan(observation);
      because = render(plan);
      next = await onePass(deps, lease, record, capability, plan);
      if ("sleepMs" in next ? !next.restless : next.end === "rest") await capability.beat?.(observation);
    } catch (error) {
      failure = error;
      await record.failed(error);
      next = { sleepMs: 0, restless: true };
    }
    if ("end" in next && (next.end === "superseded" || next.end === "out-of-time")) {
      if (next.end === "out-of-time") await lease.abandon();
      return ended(next.end, pass + 1);
    }
    const isRestless = "restless" in next && next.restless;
    restless = isRestless ? restless + 1 : 0;
    const now = deps.clock.now();
    stoodBySince = lease.hasSuccessor() ? (stoodBySince ?? now) : undefined;
    const isOver = now >= tenureEnds && stoodBySince !== undefined && now - stoodBySince >= standByMs;
    if (isOver && failure !== undefined) throw failure;
    if (isOver && !isRestless) {
      await lease.abandon();
      return ended("handed-over", pass + 1);
    }
    await nap(deps, lease, seen, "sleepMs" in next ? next.sleepMs + backoffMs(restless) : everyMs);
  }
}

const outcomeOf = (
  lease: Lease,
  record: LookRecord,
  ended: Outcome["ended"],
  because: string,
  passes: number,
): Outcome => ({ scope: lease.scope, ended, because, passes, lines: record.lines });

const observe = async <O, A extends Action>(lease: Lease, deps: LoopDeps, capability: Capability<O, A>): Promise<O> =>
  capability.observe(lease.scope, await deps.requests.pending(lease.scope));

async function onePass<O, A extends Action>(
  deps: LoopDeps,
  lease: Lease,
  record: LookRecord,
  capability: Capability<O, A>,
  plan: Plan<A>,
): Promise<Next> {
  await record.problems(plan.problems ?? []);
  // A capability that never proposes gives no list, and none is read for it.
  if (plan.proposals !== undefined) await record.proposals(plan.proposals);
  const rest: Next = plan.lookAgainMs === undefined ? { end: "rest" } : { sleepMs: plan.lookAgainMs, restless: false };
  if (plan.actions.length === 0) return rest;

  const held = await heldBack(deps, lease.scope);
  if (held !== undefined) {
    for (const action of plan.actions) await record.withheld(action, `dry run: ${held}`);
    return { end: "dry-run" };
  }
  const step = await applyPlan(deps, lease, record, capability, plan.actions);
  return step === "applied" || step === "changed" ? { sleepMs: 0, restless: true } : { end: step };
}

/** Why every plan of this scope is a dry run now, if it is. */
async function heldBack(deps: LoopDeps, scope: Scope): Promise<string | undefined> {
  if (deps.observeOnly) return "the farm is deployed observe-only";
  const freeze = await deps.freezes.of(scope);
  return freeze === undefined ? undefined : `${freeze.scope} is frozen until ${isoTime(freeze.until)}`;
}

/** Undefined: somebody has asked meanwhile, so look again. */
async function settle(lease: Lease, seen: number, end: Outcome["ended"]): Promise<Outcome["ended"] | undefined> {
  if (end === "superseded") return end;
  if (end === "out-of-time") {
    await lease.abandon();
    return end;
  }
  const answer = await lease.release(seen);
  if (answer === "wanted") return undefined;
  return answer === "released" ? end : "superseded";
}

const backoffMs = (restless: number): number =>
  restless < 2 ? 0 : Math.min(BACKOFF_MS * 2 ** (restless - 2), BACKOFF_MS_MAX);

/** Sleeps, keeping the lease, until the time is over, somebody asks for a look, or the invocation nears its end. */
async function nap(deps: LoopDeps, lease: Lease, seen: number, ms: number): Promise<void> {
  const until = deps.clock.now() + ms;
  while (deps.clock.now() < until && deps.remainingMs() >= PASS_MS_MIN) {
    await deps.clock.sleep(Math.min(until - deps.clock.now(), NAP_MS_MAX));
    if (deps.clock.now() >= until || !(await lease.renew()) || lease.wanted() !== seen) return;
  }
}

const unsettled = (lease: Lease, because: string): TandemError =>
  new TandemError("does-not-settle", `after ${RESTLESS_PASSES_MAX} passes ${lease.scope} still wants: ${because}`, {
    next: `read what the actions did: tandem journal; hold the loop meanwhile: tandem freeze ${lease.scope}`,
  });
