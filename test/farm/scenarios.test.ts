import { afterAll, describe, expect, test } from "@jest/globals";
import { isAll } from "../extent.ts";
import { play } from "../scenarios/database/play.ts";
import { SCENARIOS } from "../scenarios/database/scenarios.ts";
import type { PairWorld } from "../scenarios/database/world.ts";
import { openFarmPair } from "./pair-world.ts";

/** A new farm, the longest scenario with all that it may wait for, and its end. */
const SCENARIO_MS = 900_000;

/** Twenty minutes for each flavour: `npm run test:all` has the time for that. */
const real = isAll ? describe : describe.skip;

/** What the farm did, for whoever has to find out why that was not as expected. */
async function told(world: PairWorld): Promise<string> {
  const lines = await world.journal();
  const words = lines.map((line) => [line.at, line.phase, line.problem, line.action, line.result].join(" "));
  return [...words, JSON.stringify(await world.status())].join("\n");
}

real.each(["mysql", "mariadb"] as const)("the scenarios of the pair on %s", (flavour) => {
  const world = openFarmPair(flavour);
  afterAll(() => world.close(), 60_000);

  test.each(SCENARIOS)(
    "$number $title",
    async (scenario) => {
      const startedAt = performance.now();
      const found = await play(scenario, world);
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
      console.log(
        `${flavour} ${scenario.number}: ${found.length === 0 ? "as expected" : found.join("; ")}, ${seconds} s`,
      );
      if (found.length > 0) console.log(`${flavour} ${scenario.number}:\n${await told(world)}`);
      expect(found).toEqual([]);
    },
    SCENARIO_MS,
  );
});
