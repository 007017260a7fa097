import type { EndState } from "./end.ts";
import type { Scenario } from "./play.ts";
import type { PairWorld } from "./world.ts";
import {
  FAILOVER_SECONDS,
  NOTHING_SECONDS,
  WHOLE_SECONDS,
  becomesWriter,
  cutBetween,
  isWriter,
  told,
  whole,
  wholeOrAsked,
} from "./steps.ts";

/** db-b does not hear db-a, and lacks what that has acknowledged: db-a dies, and is back later. */
async function writerDiesUnheard(world: PairWorld): Promise<void> {
  await world.advance(5);
  await world.kill("db-a");
  await told(world, "failover-refused");
  await world.advance(NOTHING_SECONDS);
  await world.mend({ from: "db-b", to: "db-a" });
  await world.restart("db-a");
  await whole(world);
}
const NOT_PROMOTED: EndState = {
  ...{ writer: "db-a", promotions: 0, eligible: true, told: ["failover-refused"] },
  ...{ open: [], neverWrote: ["db-b"] },
};

/** The scenarios of the pair that run in every world. Each begins with a whole pair whose writer is db-a. */
export const SCENARIOS: readonly Scenario[] = [
  {
    number: "1",
    title: "the writer is killed and stays down: its peer is promoted once, and the old one rejoins read-only",
    writesPerSecond: 20,
    async act(world) {
      await world.kill("db-a");
      await becomesWriter(world, "db-b");
      await world.advance(NOTHING_SECONDS);
      await world.restart("db-a");
      await wholeOrAsked(world);
    },
    // a commit that waited when the writer was killed is on it alone: then a person is asked
    expected: { writer: "db-b", promotions: 1, told: ["writer-dead"], surplus: "any" },
  },
  {
    number: "2",
    title: "the writer crashes and is back in 3 s: there is one writer at most",
    writesPerSecond: 20,
    async act(world) {
      await world.crashAndBack("db-a", 3_000);
      await world.advance(NOTHING_SECONDS);
      await wholeOrAsked(world);
    },
    // its host refuses at once, and its peer was promoted before it was back
    expected: { writer: "db-b", promotions: 1, told: ["writer-dead"], surplus: "any" },
  },
  {
    number: "3",
    title:
      "the writer is cut off from everyone: its peer is promoted after a proven fence, and the old one is kept apart",
    writesPerSecond: 50,
    async act(world) {
      await world.cutOff("db-a");
      await world.until("db-b is the writer", isWriter(world, "db-b"), 3 * FAILOVER_SECONDS);
      await world.rejoin("db-a");
      await world.until(
        "a person is asked, or nothing was left there",
        async () => (await world.status()).proposals.length > 0 || (await world.status()).peerEligible === true,
        3 * WHOLE_SECONDS,
      );
    },
    expected: { writer: "db-b", promotions: 1, told: ["writer-dead"], surplus: "any" },
  },
  {
    number: "4",
    title: "only the links between the servers are cut: nothing is promoted, it is told, and writers go on",
    writesPerSecond: 20,
    async act(world) {
      await cutBetween(world);
      await told(world, "link-cut");
      await world.advance(NOTHING_SECONDS);
      await world.mend({ from: "db-a", to: "db-b" });
      await world.mend({ from: "db-b", to: "db-a" });
      await whole(world);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      eligible: true,
      told: ["link-cut"],
      neverTold: ["writer-dead"],
      open: [],
      neverWrote: ["db-b"],
    },
  },
  {
    number: "5",
    title: "the controller does not reach the writer, and its peer hears it: nothing is done",
    writesPerSecond: 20,
    async act(world) {
      await world.cut({ from: "controller", to: "db-a" });
      await told(world, "writer-unreachable");
      await world.advance(NOTHING_SECONDS);
      await world.mend({ from: "controller", to: "db-a" });
      await whole(world);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      eligible: true,
      told: ["writer-unreachable"],
      neverTold: ["writer-dead"],
      open: [],
      neverWrote: ["db-b"],
    },
  },
  {
    number: "6",
    title: "the new writer dies too: nothing more is promoted, and a person is called",
    writesPerSecond: 20,
    async act(world) {
      await world.kill("db-a");
      await becomesWriter(world, "db-b");
      await world.advance(5);
      await world.kill("db-b");
      await told(world, "failover-refused");
      await world.advance(NOTHING_SECONDS);
    },
    expected: { writer: null, promotions: 1, told: ["writer-dead", "failover-refused"] },
  },
  {
    number: "7",
    title: "the writer hangs for 4 s of every 9, six times: no failover",
    writesPerSecond: 20,
    async act(world) {
      for (let time = 0; time < 6; time++) {
        await world.hang("db-a");
        await world.advance(4);
        await world.continue("db-a");
        await world.advance(5);
      }
      await whole(world);
    },
    expected: { writer: "db-a", promotions: 0, told: [], neverTold: ["writer-dead"], open: [], neverWrote: ["db-b"] },
  },
  {
    number: "8",
    title: "every connection of the writer is taken: that is unknown, and not dead",
    writesPerSecond: 20,
    async act(world) {
      await world.connections("db-a", true);
      await world.advance(NOTHING_SECONDS);
      await world.connections("db-a", false);
      await whole(world);
    },
    expected: { writer: "db-a", promotions: 0, told: [], neverTold: ["writer-dead"], open: [], neverWrote: ["db-b"] },
  },
  {
    number: "9",
    title:
      "the peer's applier is stopped and the writer dies: nothing is promoted; the writer is back and writes again",
    writesPerSecond: 20,
    async act(world) {
      await world.stopApplier("db-b");
      await world.advance(2);
      await world.kill("db-a");
      await told(world, "failover-refused");
      await world.advance(NOTHING_SECONDS);
      await world.restart("db-a");
      await becomesWriter(world, "db-a");
      await world.advance(NOTHING_SECONDS);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      told: ["writer-dead", "failover-refused"],
      neverWrote: ["db-b"],
      surplus: "any",
    },
  },
  {
    number: "10a",
    title: "the writer dies while its peer is too far behind: nothing is promoted",
    writesPerSecond: 20,
    async act(world) {
      await world.delayApplier("db-b", 60);
      await told(world, "replication-lag");
      await world.kill("db-a");
      await told(world, "failover-refused");
      await world.advance(5);
      await world.restart("db-a");
      await becomesWriter(world, "db-a");
      await world.delayApplier("db-b", 0);
      await whole(world);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      eligible: true,
      told: ["replication-lag", "failover-refused"],
      open: [],
      neverWrote: ["db-b"],
    },
  },
  {
    number: "10b",
    title: "the writer dies while its peer is a little behind: that applies what it has, and is promoted then",
    writesPerSecond: 20,
    async act(world) {
      await world.delayApplier("db-b", 4);
      await world.advance(10);
      await world.kill("db-a");
      await becomesWriter(world, "db-b");
      await world.advance(5);
    },
    expected: { writer: "db-b", promotions: 1, told: ["writer-dead"], surplus: "any" },
  },
  {
    number: "14",
    title: "what the peer holds of the writer and the writer does not show yet is not errant",
    writesPerSecond: 200,
    async act(world) {
      await world.advance(NOTHING_SECONDS);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      eligible: true,
      told: [],
      neverTold: ["errant-transactions", "quarantined"],
      open: [],
      neverWrote: ["db-b"],
    },
  },
  {
    number: "15a",
    title: "the old writer comes back with transactions of its own: it is kept apart, and a person is asked",
    writesPerSecond: 50,
    async act(world) {
      // what is written in the last moment reaches nobody
      await world.cut({ from: "db-b", to: "db-a" });
      await world.advance(0.3);
      await world.kill("db-a");
      await becomesWriter(world, "db-b");
      // not before: what waited on the link would still arrive, also from a server that has died
      await world.mend({ from: "db-b", to: "db-a" });
      await world.restart("db-a");
      await told(world, "quarantined");
      await world.advance(NOTHING_SECONDS);
    },
    expected: {
      writer: "db-b",
      promotions: 1,
      eligible: false,
      told: ["writer-dead", "quarantined"],
      surplus: "asked",
    },
  },
  {
    number: "15b",
    title: "the old writer comes back with nothing of its own: it takes up where it was",
    writesPerSecond: 1,
    async act(world) {
      await world.advance(0.5);
      await world.kill("db-a");
      await becomesWriter(world, "db-b");
      await world.advance(5);
      await world.restart("db-a");
      await wholeOrAsked(world);
    },
    expected: { writer: "db-b", promotions: 1, told: ["writer-dead"], surplus: "any" },
  },
  {
    number: "16",
    title: "both servers are down, and the last writer is back first: it writes again",
    writesPerSecond: 20,
    async act(world) {
      await world.kill("db-b");
      await world.kill("db-a");
      await world.advance(NOTHING_SECONDS);
      await world.restart("db-a");
      await becomesWriter(world, "db-a");
      await world.restart("db-b");
      await whole(world);
    },
    expected: { writer: "db-a", promotions: 0, eligible: true, told: [], open: [], neverWrote: ["db-b"] },
  },
  {
    number: "17",
    title: "both servers are read-only: the one that is on record as the writer is opened, and no other",
    writesPerSecond: 20,
    async act(world) {
      await world.bothReadOnly();
      await becomesWriter(world, "db-a");
      await whole(world);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      eligible: true,
      told: ["no-writer"],
      open: [],
      neverWrote: ["db-b"],
    },
  },
  {
    number: "20",
    title: "a switchover meets a long transaction: it is cancelled, and the writer stays",
    writesPerSecond: 20,
    async act(world) {
      await world.holdTransaction("db-a", 40);
      const { isDone, answer } = await world.switchover("db-b");
      // MariaDB closes beside a transaction, which ends uncommitted with its session: there it may be done
      if (isDone) throw new Error(`the switchover was done: ${answer}`);
      await whole(world);
    },
    expected: { writer: "db-a", promotions: 0, eligible: true, told: [], open: [], neverWrote: ["db-b"] },
  },
  {
    number: "21",
    title: "no replica acknowledges: it is told, writers go on after a short stall, and nothing is promoted",
    writesPerSecond: 20,
    async act(world) {
      await world.kill("db-b");
      await told(world, "peer-dead");
      await world.until("the peer is not eligible", async () => (await world.status()).peerEligible === false, 20);
      await world.advance(NOTHING_SECONDS);
    },
    expected: {
      writer: "db-a",
      promotions: 0,
      eligible: false,
      told: ["peer-dead"],
      neverTold: ["writer-dead"],
      neverWrote: ["db-b"],
      surplus: "any",
    },
  },
  {
    number: "21b",
    title: "the writer went on without its peer and dies before that has caught up: nothing is promoted",
    writesPerSecond: 20,
    async act(world) {
      await world.kill("db-b");
      await world.until("the peer is not eligible", async () => (await world.status()).peerEligible === false, 20);
      await world.advance(5);
      // what was written meanwhile cannot reach the peer any more
      await world.cut({ from: "db-b", to: "db-a" });
      await world.restart("db-b");
      await writerDiesUnheard(world);
    },
    expected: NOT_PROMOTED,
  },
  {
    number: "21c",
    title:
      "writers went on while the peer did not hear the writer, and that dies: the peer, which ran on, is not promoted",
    writesPerSecond: 20,
    async act(world) {
      // nothing but the record says what the peer lacks: it was not restarted, and has applied all that it received
      await world.cut({ from: "db-b", to: "db-a" });
      await world.until("the peer is not eligible", async () => (await world.status()).peerEligible === false, 30);
      await writerDiesUnheard(world);
    },
    expected: NOT_PROMOTED,
  },
];
