import { beforeAll, expect, test } from "@jest/globals";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { play } from "../../scenarios/database/play.ts";
import { SCENARIOS } from "../../scenarios/database/scenarios.ts";
import { packagedTemplate, type Template } from "../template.ts";
import { openPairWorld } from "./world.ts";

/** Whoever looks after the pair. Without it nobody provisions it, and no scenario has a pair to begin with. */
const CONTROLLER = "functions/watch-database.ts";
const isControlled = existsSync(join(import.meta.dirname, "../../..", CONTROLLER));
const SCENARIO_MS = 240_000;

test("the list of scenarios names each once", () => {
  const numbers = SCENARIOS.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
});

if (isControlled) {
  let template: Template;
  beforeAll(async () => {
    template = await packagedTemplate();
  }, SCENARIO_MS);

  test.each(SCENARIOS)(
    "$number $title",
    async (scenario) => {
      const world = await openPairWorld({ seed: `scenario ${scenario.number}`, template });
      try {
        expect(await play(scenario, world)).toEqual([]);
        expect(world.broken()).toEqual([]);
      } finally {
        await world.close();
      }
    },
    SCENARIO_MS,
  );
} else console.log(`the scenarios of the pair were not played: this version has no ${CONTROLLER}`);
