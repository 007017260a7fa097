import type { DatabaseNode } from "../../../lib/spec.ts";
import { isWhole } from "./status.ts";
import type { PairWorld } from "./world.ts";

/** From a fault to a new writer, by way of a fence that takes long where the host is gone. */
export const FAILOVER_SECONDS = 90;
/** From the end of a fault until both servers replicate and the peer is eligible: it waits before it trusts a peer. */
export const WHOLE_SECONDS = 120;
/** Long enough for every decision that waits for proofs, were it to be made. */
export const NOTHING_SECONDS = 30;

export const isWriter = (world: PairWorld, node: DatabaseNode) => async (): Promise<boolean> =>
  (await world.status()).writer === node;

export const becomesWriter = (world: PairWorld, node: DatabaseNode): Promise<void> =>
  world.until(`${node} is the writer`, isWriter(world, node), FAILOVER_SECONDS);

const tells = (world: PairWorld, code: string) => async (): Promise<boolean> =>
  (await world.status()).problems.some((problem) => problem.split(" ")[0] === code);

export const told = (world: PairWorld, code: string): Promise<void> =>
  world.until(`${code} is told`, tells(world, code), FAILOVER_SECONDS);

/** No problem is open, both receive and apply, and the peer is eligible. */
export const whole = (world: PairWorld): Promise<void> =>
  world.until("the pair is whole", async () => isWhole(await world.status()), WHOLE_SECONDS);

export const wholeOrAsked = (world: PairWorld): Promise<void> =>
  world.until(
    "the old writer replicates again, or a person is asked",
    async () => {
      const { peerEligible, proposals } = await world.status();
      return peerEligible === true || proposals.length > 0;
    },
    WHOLE_SECONDS,
  );

export async function cutBetween(world: PairWorld): Promise<void> {
  await world.cut({ from: "db-a", to: "db-b" });
  await world.cut({ from: "db-b", to: "db-a" });
}
