import type { Clock } from "../clock.ts";
import { TandemError } from "../errors.ts";
import type { Requests } from "../reconcile/requests.ts";
import type { Switchover } from "./action.ts";
import type { DatabaseNode } from "../spec.ts";
import type { ServerSession } from "./driver.ts";
import { ownOf, unexpected, type Hands } from "./hands.ts";
import type { PairRecord } from "./pair.ts";
import { isWritable, type ServerState } from "./server.ts";

/** Running transactions of the writer have this long to end; writers notice a pause of about two seconds. */
const CLOSE_MS_MAX = 1_500;
/** The peer acknowledges every write, so it has nearly all of it applied already. */
const REACH_MS_MAX = 2_000;

/** What a switchover needs of them. */
export type SwitchHands = Pick<Hands, "on" | "pair" | "write"> & {
  readonly deps: { readonly clock: Clock; readonly requests: Pick<Requests, "settle"> };
};

/**
 * Moves the writer without losing a write: close the old, wait until the new holds everything, record it, open it.
 * Whatever fails before the new writer is on record leaves the old one open as it was; a controller that ends in between
 * leaves the recorded writer closed, and the next look opens that one.
 */
export async function switchover(
  hands: SwitchHands,
  { node: to, writer: from, requestId }: Switchover,
): Promise<string> {
  const { clock, requests } = hands.deps;
  const before = await hands.pair();
  if (from === undefined || before.writer !== from || !before.peerEligible)
    throw unexpected(`${before.writer} is the writer, and its peer is ${before.peerEligible ? "" : "not "}eligible`);
  let pausedMs: number;
  try {
    pausedMs = await hands.on(from, async (old) => {
      const closedAt = clock.now();
      await old.close(CLOSE_MS_MAX);
      try {
        return (await handOver(hands, old, to)) - closedAt;
      } catch (error) {
        if ((await hands.pair()).writer === from) await reopen(old);
        throw error;
      }
    });
  } catch (error) {
    if (!(error instanceof TandemError) || error.code === "lease-lost") throw error;
    // The new writer is on record: the next look opens it and answers.
    if ((await hands.pair()).writer !== from) throw error;
    const answer = `${from} stays the writer: ${error.message}`;
    await requests.settle(requestId, { state: "refused", answer });
    return answer;
  }
  const answer = `${to} is the writer, ${from} receives from it; writers paused ${pausedMs} ms`;
  await requests.settle(requestId, { state: "done", answer });
  return answer;
}

/** The peer is on record as one that holds every acknowledged write: it must be waited for before the first write. */
async function reopen(old: ServerSession): Promise<void> {
  await old.semiSync("source", true);
  await old.open();
}

/** Resolves to when the new writer was open. */
async function handOver(hands: SwitchHands, old: ServerSession, to: DatabaseNode): Promise<number> {
  const closed = await old.state();
  if (isWritable(closed)) throw unexpected("the old writer is still open");
  const before = await hands.pair();
  return hands.on(to, async (next) => {
    if (!(await next.reached(closed.gtid, REACH_MS_MAX)))
      throw unexpected(`${to} does not hold every write after ${REACH_MS_MAX / 1_000} s`);
    // Side by side: an idle MySQL takes up to a second to end its own waiting. Until the old writer acknowledges, the new
    // one's writes wait for it: the peer stays eligible without a gap.
    const [taken, left] = await Promise.allSettled([takeOver(hands, next, { before, closed, to }), becomeReader(old)]);
    if (taken.status === "rejected") throw taken.reason;
    if (left.status === "rejected") throw left.reason;
    return taken.value;
  });
}

async function becomeReader(old: ServerSession): Promise<void> {
  await old.semiSync("source", false);
  await old.semiSync("replica", true);
}

async function takeOver(
  hands: SwitchHands,
  next: ServerSession,
  { before, closed, to }: { readonly before: PairRecord; readonly closed: ServerState; readonly to: DatabaseNode },
): Promise<number> {
  const { clock } = hands.deps;
  await next.semiSync("source", true);
  const at = clock.now();
  const { writer: from, baseline } = before;
  await hands.write({
    writer: to,
    since: at,
    provenAt: at,
    baseline: { ...baseline, [from]: ownOf(closed) },
    lastChange: { from, to, at, how: "switchover", lost: "0" },
  });
  await next.open();
  return clock.now();
}
