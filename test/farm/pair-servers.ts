import { describe, expect, test } from "@jest/globals";
import type { Flavour } from "../../lib/database/server.ts";
import { eventually, journal, tandem } from "./farm.ts";
import { connectAs } from "../../local/farm/database/connect.ts";
import { startWriterProbe } from "../../local/farm/database/writer-probe.ts";
import type { WriteReport } from "../../local/farm/database/writes.ts";
import { account, webRoute } from "./database-faults.ts";
import { accountOn, at, isWhole, load, pair, peerOf, whole, writerOf, WRITES_PER_SECOND, type Node } from "./pair.ts";
import { setTimeout as sleep } from "node:timers/promises";

/** Promised (docs/ARCHITECTURE.md). */
const SWITCHOVER_MS_MAX = 2_000;
const FAILOVER_MS_MAX = 10_000;
const STALL_MS_MAX = 8_000;

const CONNECT_MS = 5_000;

/** None lost, none doubled: every acknowledged write is on the server once. */
async function expectAll(writes: WriteReport, node: Node): Promise<void> {
  expect(await accountOn(node, writes)).toMatchObject({ lost: [], doubled: [] });
  expect(writes.acknowledged.length).toBeGreaterThan(WRITES_PER_SECOND);
}

/**
 * The pair of real servers of a farm that runs already, under a write load whose every acknowledgement is accounted for.
 * The scenarios run in order.
 */
export const pairServerTests = (flavour: Flavour): void =>
  describe(`a pair of ${flavour} servers`, () => {
    test("is provisioned by the deployment: one writer, both replicate, and the peer may be promoted", async () => {
      const seen = await whole();

      expect(seen).toMatchObject({ flavour, writer: "db-a" });
      expect(seen.nodes).toMatchObject([{ role: "writer" }, { role: "reader" }]);
    }, 120_000);

    test("changes its writer under 200 writes/s without losing or doubling one, and pauses less than 2 s", async () => {
      await whole();
      const from = await writerOf();
      const writing = await load();
      await sleep(2_000);
      const ran = await tandem("switchover", "--to", peerOf(from));
      await sleep(2_000);
      const writes = await writing.stop();

      console.log(
        `${flavour} switchover: ${ran.stdout.split("\n")[0]}; writers saw a pause of ${writes.longestPauseMs} ms ${ran.stderr}`,
      );
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("switchover is done") });
      expect(await writerOf()).toBe(peerOf(from));
      await expectAll(writes, peerOf(from));
      expect(writes.longestPauseMs).toBeLessThan(SWITCHOVER_MS_MAX);
    }, 60_000);

    test("keeps its writer when a transaction does not end, and says so", async () => {
      await whole();
      const writer = await writerOf();
      const holder = await connectAs(await webRoute(), await account("app"), CONNECT_MS);
      await holder.query("CREATE TABLE IF NOT EXISTS wordpress.held (id INT PRIMARY KEY)");
      await holder.query("BEGIN");
      await holder.query("INSERT INTO wordpress.held (id) VALUES (1)");
      await sleep(2_500);
      const ran = await tandem("switchover");
      holder.destroy();

      expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(`${writer} stays the writer`) });
      expect(await writerOf()).toBe(writer);
    }, 60_000);

    test("lets writers go on within seconds when the peer is gone", async () => {
      if ((await pair()).problems.some(({ code }) => code === "quarantined"))
        return console.log(`${flavour}: not tried, for the old writer is kept apart and writers do not wait for it`);
      const writer = await writerOf();
      const writing = await load();
      await sleep(2_000);
      expect((await tandem("fault", "mysql-kill", peerOf(writer))).code).toBe(0);
      await eventually("the record of it", 30, pair, (seen) => seen.peerEligible === false);
      await sleep(3_000);
      const writes = await writing.stop();

      console.log(`${flavour} peer killed: writers stalled ${writes.longestPauseMs} ms`);
      expect(await writerOf()).toBe(writer);
      await expectAll(writes, writer);
      expect(writes.longestPauseMs).toBeLessThan(STALL_MS_MAX);
      expect((await tandem("fault", "heal")).code).toBe(0);
      await whole();
    }, 180_000);

    test("loses no acknowledged write when the writer's server is killed, and never has two writers", async () => {
      await whole();
      const writer = await writerOf();
      const servers = (["db-a", "db-b"] as const).map((name) => ({ name, at: at(name) }));
      const probe = await startWriterProbe(at(writer), servers, await account("app"));
      const writing = await load();
      await sleep(2_000);
      const killed = await tandem("fault", "mysql-kill", writer);
      await eventually("another writer", 30, pair, (seen) => seen.writer === peerOf(writer));
      await sleep(2_000);
      const writes = await writing.stop();
      const seen = await probe.stop();

      console.log(
        `${flavour} failover: writers saw a pause of ${writes.longestPauseMs} ms, ${writes.refused + writes.unknown} tries failed`,
      );
      expect(killed.code).toBe(0);
      await expectAll(writes, peerOf(writer));
      expect(seen).toMatchObject({ twoWriters: [], bothCommitted: [] });
      expect(writes.longestPauseMs).toBeLessThan(FAILOVER_MS_MAX);
    }, 90_000);

    test("takes the old writer back read-only, or keeps it apart if it holds what nobody else does", async () => {
      const writer = await writerOf();
      const old = peerOf(writer);
      expect((await tandem("fault", "heal")).code).toBe(0);
      const seen = await eventually(
        "the old writer's fate",
        90,
        pair,
        (now) => isWhole(now) || now.problems.some(({ code }) => code === "quarantined"),
      );

      expect(seen.writer).toBe(writer);
      expect(seen.nodes.find(({ name }) => name === old)).toMatchObject({ role: "reader" });
      const lines = await journal("10m");
      const isApart = seen.problems.some(({ code }) => code === "quarantined");
      console.log(`${flavour}: the old writer ${isApart ? "is kept apart" : "replicates again"}`);
      expect(lines.some(({ action, phase }) => action === "quarantine" && phase === "applied")).toBe(isApart);
      if (isApart) expect((await tandem("proposals")).stdout).toContain(`rebuild ${old} from ${writer}`);
    }, 120_000);
  });
