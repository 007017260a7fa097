import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { groupsOf, isRestored } from "./invariants.ts";
import { KEPT_SEEDS } from "./seeds.ts";
import { simulate } from "./simulator.ts";
import { packagedTemplate, type Template } from "./template.ts";
import { openWorld, type SimulatedWorld } from "./world.ts";

/** What a seed may meet in the cloud (local/cloud/faults), and beside it. */
const FAULTS = ["throttle", "error", "timeout", "stale", "drop", "duplicate", "delay", "reorder", "crash", "script"];
const HOUR_MS = 3_600_000;
const LONG_MS = 240_000;
const WORLDS = 6;
let template: Template;
beforeAll(async () => {
  template = await packagedTemplate();
}, LONG_MS);

describe("a simulated farm", () => {
  let world: SimulatedWorld;
  beforeAll(async () => {
    world = await openWorld({ seed: 1, template, wire: "all" });
    await world.until("the farm serves", () => isRestored(world), HOUR_MS);
  }, LONG_MS);
  afterAll(() => world.close());

  test("is deployed from its own template, and its nodes join", async () => {
    const groups = await groupsOf(world);
    expect(groups.map(({ name, instances }) => [name, instances.map(({ state }) => state)])).toEqual([
      ["tandem-local-db-a", ["InService"]],
      ["tandem-local-db-b", ["InService"]],
      ["tandem-local-web", ["InService", "InService"]],
    ]);
  });

  test(
    "tells its status as the real one does",
    async () => {
      expect(await world.status()).toMatchObject({
        farm: "tandem-local",
        web: { desired: 2 },
        database: { writer: "db-a" },
      });
    },
    LONG_MS,
  );

  test(
    "keeps a journal of how it came to be, in the order in which it happened",
    async () => {
      const journal = await world.journal();
      const times = journal.map(({ at }) => at);
      expect(times).toEqual(times.toSorted());
      expect(journal.filter(({ phase, action }) => phase === "applied" && action === "complete-hook")).toHaveLength(4);
    },
    LONG_MS,
  );

  test("has no call refused: every action is in the roles of the template", () => {
    expect(world.calls().filter(({ error }) => /AccessDenied|Unauthorized/.test(error ?? ""))).toEqual([]);
  });
});

describe("virtual time", () => {
  test(
    "a quiet hour changes nothing, and costs some timers a second for the watch of the databases and forty calls a minute",
    async () => {
      const world = await openWorld({ seed: 2, template, wire: "none" });
      await world.until("the farm serves", () => isRestored(world), HOUR_MS);
      await world.advance(HOUR_MS / 4);
      const [journal, fired, calls] = [(await world.journal()).length, world.timers().fired, world.calls().length];
      await world.advance(HOUR_MS);
      expect((await world.journal()).length).toBe(journal);
      expect(world.timers().fired - fired).toBeLessThan(45_000);
      expect(world.calls().length - calls).toBeLessThan(2_500);
      await world.close();
      // What a function slept for when its environment ended.
      await world.advance(2_000);
      expect(world.timers().pending).toBe(0);
    },
    LONG_MS,
  );

  test(
    "no timer of the wall clock is left behind",
    async () => {
      const before = timeouts();
      // jest has timers of its own that come and go: what every world leaves behind adds up
      for (let seed = 0; seed < WORLDS; seed++) {
        const world = await openWorld({ seed, template, wire: "none" });
        await world.advance(HOUR_MS / 12);
        await world.close();
      }
      expect(timeouts() - before).toBeLessThan(WORLDS);
    },
    LONG_MS,
  );
});

describe("a seed", () => {
  test.each(["none", "all"] as const)(
    "gives the same story twice (wire: %s)",
    async (wire) => {
      const run = () => simulate({ seed: 4, minutes: wire === "none" ? 4 : 1, template, wire });
      const [once, again] = [await run(), await run()];
      expect(once.story).toBe(again.story);
      expect(once.calls).toBe(again.calls);
      expect(once.broken).toEqual([]);
    },
    LONG_MS,
  );

  test(
    "gives the same story after others and alone in a process",
    async () => {
      const { story } = await simulate({ seed: 4, minutes: 4, template });
      const args = [join(import.meta.dirname, "run.ts"), "--seed", "4", "--minutes", "4"];
      const alone = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
      expect(alone.stdout).toBe(`${story}\nseed 4: every invariant held\n`);
    },
    LONG_MS,
  );

  test(
    "gives the same story twice, whichever faults it has",
    async () => {
      const stories: string[] = [];
      for (const seed of [4, 7, 8, 9]) {
        const run = async () => (await simulate({ seed, minutes: 6, template })).story;
        const [once, again] = [await run(), await run()];
        expect(once).toBe(again);
        stories.push(once);
      }
      for (const kind of FAULTS) expect(stories.join("\n")).toContain(`"kind":"${kind}"`);
    },
    LONG_MS,
  );

  test(
    "gives another story than another",
    async () => {
      const [one, other] = [
        await simulate({ seed: 5, minutes: 2, template }),
        await simulate({ seed: 6, minutes: 2, template }),
      ];
      expect(one.story).not.toBe(other.story);
    },
    LONG_MS,
  );

  test.each(KEPT_SEEDS)(
    "$seed, which once showed a bug, passes: $bug",
    async ({ seed, minutes }) => {
      expect((await simulate({ seed, minutes, template })).broken).toEqual([]);
    },
    LONG_MS,
  );
});

const timeouts = (): number => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
