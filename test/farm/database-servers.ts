import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { connectAs } from "../../local/farm/database/connect.ts";
import { startWriterProbe } from "../../local/farm/database/writer-probe.ts";
import { accountFor, startWrites } from "../../local/farm/database/writes.ts";
import { account, databaseMachine, fence, pastRelays, webRoute } from "./database-faults.ts";
import { status, tandem } from "./farm.ts";

/** Faults of the servers of a farm that runs already, and what they cost. Leaves them as they were. */
export function databaseServerTests(): void {
  describe("faults of the database servers", () => {
    const done = async (...args: string[]): Promise<void> => {
      expect(await tandem("fault", ...args)).toMatchObject({ code: 0 });
    };

    test("a writer that stands still for a second costs a pause and no acknowledged write, and never were there two", async () => {
      const [app, writer, peer] = [await account("app"), databaseMachine("db-a"), databaseMachine("db-b")];
      const probe = await startWriterProbe(
        pastRelays(writer.address),
        [
          { name: "db-a", at: pastRelays(writer.address) },
          { name: "db-b", at: pastRelays(peer.address) },
        ],
        app,
      );
      const load = await startWrites({ at: await webRoute(), account: app, writers: 4, perSecond: 50 });
      await sleep(1000);
      await done("mysql-stop", "writer");
      await sleep(1000);
      await done("mysql-continue", "db-a");
      await sleep(2000);
      const report = await load.stop();
      const seen = await probe.stop();

      const server = await connectAs(pastRelays(writer.address), await account("admin"), 2000);
      const accounted = await accountFor(server, report.acknowledged);
      server.destroy();
      const { acknowledged, failures, ...numbers } = report;
      console.log(
        `${acknowledged.length} writes acknowledged, ${JSON.stringify(numbers)}, ${JSON.stringify(failures)}`,
      );
      expect(acknowledged.length).toBeGreaterThan(50);
      expect(report.longestPauseMs).toBeGreaterThan(900);
      expect(accounted).toMatchObject({ lost: [], doubled: [] });
      expect(seen.servers.map(({ attempts }) => attempts.some(({ outcome }) => outcome === "accepted"))).toEqual([
        true,
        false,
      ]);
      expect([seen.twoWriters, seen.bothCommitted]).toEqual([[], []]);
    }, 60_000);

    test("a dead server stays dead, is fenced in less than a second, and heal brings it back", async () => {
      const { instanceId } = databaseMachine("db-b");
      await done("mysql-kill", "db-b");
      const dead = await fence(instanceId);
      const again = await tandem("fault", "mysql-stop", "db-b");
      const healed = await tandem("fault", "heal");
      const alive = await fence(instanceId);

      console.log(`dead: ${dead.words.trim()}, ${dead.tookMs.toFixed(0)} ms in all; alive: ${alive.words.trim()}`);
      expect(dead).toMatchObject({ status: "Success", words: expect.stringMatching(/no server runs/) });
      expect(dead.tookMs).toBeLessThan(1000);
      expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/no database server runs on db-b/) });
      expect(JSON.parse(healed.stdout)).toMatchObject({ undone: ["mysql-kill db-b"], failed: [] });
      expect(alive).toMatchObject({ status: "Success", words: expect.stringMatching(/is read-only, as read back/) });
    }, 60_000);

    test("a controller that is cut off from one server sees the other, and both after heal", async () => {
      const known = async (): Promise<boolean[]> =>
        (await status()).database.nodes.map(({ readOnly }) => typeof readOnly === "boolean");
      await done("partition", "controller", "db-b");
      const during = await known();
      await done("heal");

      expect(during).toEqual([true, false]);
      expect(await known()).toEqual([true, true]);
    }, 60_000);
  });
}
