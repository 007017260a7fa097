import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { brokenInvariants, groupsOf } from "../invariants.ts";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

/**
 * An event is a hint only. Whatever becomes of every event while something happens to the farm, it ends as it would have:
 * the clock sees what was lost, and what comes twice, late or in the wrong order finds nothing left to do.
 */
const FATES = [
  ["arrives", undefined],
  ["is lost", { on: "events", kind: "drop", lateMs: 0 }],
  ["comes twice", { on: "events", kind: "duplicate", lateMs: 5_000 }],
  ["is late", { on: "events", kind: "delay", lateMs: 45_000 }],
  ["is overtaken by the next", { on: "events", kind: "reorder", lateMs: 30_000 }],
] as const;

const MINUTE_MS = 60_000;
let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("backstop", "none");
}, SETUP_MS);
afterEach(async () => {
  await farm.rest();
  expect(await brokenInvariants(farm.world)).toEqual([]);
}, SCENARIO_MS);
afterAll(() => farm.world.close());

/** How the web tier is: its size, and the states of its nodes. */
async function tier() {
  const web = (await groupsOf(farm.world)).find(({ name }) => name === "tandem-local-web");
  const states = new Set(web?.instances.map(({ state, healthy }) => (healthy ? state : "unhealthy")));
  return { desired: web?.desired, nodes: web?.instances.length, states: [...states] };
}
const serving = (nodes: number) => ({ desired: nodes, nodes, states: ["InService"] });
const until = (nodes: number, ms: number) =>
  farm.world.until(`${nodes} serve`, async () => JSON.stringify(await tier()) === JSON.stringify(serving(nodes)), ms);
/** Two ticks of the clock more than the same takes with its events. */
const LATE_MS = 2 * MINUTE_MS;

describe.each(FATES)("when every event %s", (_what, fate) => {
  const befall = (): void => {
    if (fate !== undefined) farm.world.fault(fate);
  };

  test(
    "a node that launches is in service, by one CONTINUE",
    async () => {
      befall();
      const id = await farm.launching();
      await farm.until(id, "InService", 2 * MINUTE_MS + LATE_MS);
      await until(3, LATE_MS);
      expect(farm.results(id, "launch")).toEqual(["CONTINUE"]);
    },
    SCENARIO_MS,
  );

  test(
    "a node that leaves is gone, by one CONTINUE, and another one serves",
    async () => {
      befall();
      const id = await farm.leaving();
      await farm.until(id, "gone", 2 * MINUTE_MS + LATE_MS);
      await until(2, 2 * MINUTE_MS + LATE_MS);
      expect(farm.results(id, "terminate")).toEqual(["CONTINUE"]);
    },
    SCENARIO_MS,
  );

  test(
    "a node with a spot warning is gone with its machine at the latest, and another one serves",
    async () => {
      befall();
      const [id = ""] = await farm.serving();
      farm.world.fault({ kind: "spot-warning", instanceId: id });
      await farm.until(id, "gone", 2 * MINUTE_MS + LATE_MS);
      await until(2, 3 * MINUTE_MS + LATE_MS);
      expect(farm.results(id, "terminate").filter((result) => result !== "CONTINUE")).toEqual([]);
    },
    SCENARIO_MS,
  );

  test(
    "an alarm's load is served by as many nodes as it takes, and they go when it has gone",
    async () => {
      befall();
      farm.world.fault({ kind: "load", perSecond: 400, serviceSeconds: 0.2 });
      await until(6, 8 * MINUTE_MS + LATE_MS);
      farm.world.fault({ kind: "load", perSecond: 4, serviceSeconds: 0.05 });
      await until(2, 10 * MINUTE_MS + LATE_MS);
    },
    SCENARIO_MS,
  );
});
