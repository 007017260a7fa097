import { TandemError } from "../errors.ts";
import type { Switchover } from "./action.ts";
import { ownOf, unexpected, type Hands } from "./hands.ts";
import { isWritable } from "./server.ts";

/** Running transactions of the writer have this long to end; writers notice a pause of about two seconds. */
const CLOSE_MS_MAX = 1_500;
/** The peer acknowledges every write, so it has nearly all of it applied already. */
const REACH_MS_MAX = 2_000;

/**
 * Moves the writer without losing a write: close the old, wait until the new holds everything, record it, open it.
 * Whatever fails before the new writer is on record leaves the old one open as it was; a controller that ends in between
 * leaves the recorded writer closed, and the next look opens that one.
 */
export async function switchover(hands: Hands, { node: to, writer: from, requestId }: Switchover): Promise<string> {
  const { clock, requests } = hands.deps;
  const before = await hands.pair();
  if (from === undefined || before.writer !== from || !before.peerEligible)
    throw unexpected(`${before.writer} is the writer, and its peer is ${before.peerEligible ? "" : "not "}eligible`);
  let closedAt = clock.now();
  try {
    await hands.on(from, async (old) => {
      closedAt = clock.now();
      await old.close(CLOSE_MS_MAX);
      try {
        await handOver(hands, old, to);
      } catch (error) {
        if ((await hands.pair()).writer === from) await old.open();
        throw error;
      }
    });
  } catch (error) {
    if (!(error instanceof TandemError) || error.code === "lease-lost") throw error;
    const answer = `${from} stays the writer: ${error.message}`;
    await requests.settle(requestId, { state: "refused", answer });
    return answer;
  }
  const answer = `${to} is the writer, ${from} receives from it; writers paused ${clock.now() - closedAt} ms`;
  await requests.settle(requestId, { state: "done", answer });
  return answer;
}

async function handOver(
  hands: Hands,
  old: Parameters<Parameters<Hands["on"]>[1]>[0],
  to: "db-a" | "db-b",
): Promise<void> {
  const closed = await old.state();
  if (isWritable(closed)) throw unexpected("the old writer is still open");
  const before = await hands.pair();
  await hands.on(to, async (next) => {
    if (!(await next.reached(closed.gtid, REACH_MS_MAX)))
      throw unexpected(`${to} does not hold every write after ${REACH_MS_MAX / 1_000} s`);
    // The old writer acknowledges from now on what the new one writes: the peer stays eligible without a gap.
    await old.semiSync("source", false);
    await old.semiSync("replica", true);
    await next.semiSync("source", true);
    const at = hands.deps.clock.now();
    const { writer: from, baseline } = before;
    await hands.write({
      writer: to,
      since: at,
      provenAt: at,
      baseline: { ...baseline, [from]: ownOf(closed) },
      lastChange: { from, to, at, how: "switchover", lost: "0" },
    });
    await next.open();
  });
}
