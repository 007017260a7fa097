import { beforeAll, expect, test } from "@jest/globals";
import { play } from "../../scenarios/database/play.ts";
import { SCENARIOS } from "../../scenarios/database/scenarios.ts";
import { packagedTemplate, type Template } from "../template.ts";
import { openPairWorld } from "./world.ts";

const SCENARIO_MS = 240_000;

test("the list of scenarios names each once", () => {
  const numbers = SCENARIOS.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
});

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
