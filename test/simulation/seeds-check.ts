import { beforeAll, expect, test } from "@jest/globals";
import { SEEDS } from "./seeds.ts";
import { simulate } from "./simulator.ts";
import { packagedTemplate, type Template } from "./template.ts";

/** Seeds of one jest test: a failure names its seed, and none takes longer than this on a busy machine. */
const PER_TEST = 5;
const TEST_MS_MAX = 300_000;

/** Tests of every second seed from `first` on, so that two files share the work between two cores. */
export function checkSeeds(first: number): void {
  const count = process.env["TANDEM_TEST_ALL"] === "1" ? SEEDS.all : SEEDS.some;
  const seeds = Array.from({ length: count }, (_, index) => SEEDS.first + index).filter(
    (seed) => seed % 2 === first % 2,
  );
  let template: Template;
  beforeAll(async () => {
    template = await packagedTemplate();
  }, TEST_MS_MAX);

  for (let at = 0; at < seeds.length; at += PER_TEST) {
    const some = seeds.slice(at, at + PER_TEST);
    test(
      `seeds ${some.join(", ")}: after ${SEEDS.minutes} minutes full of faults the farm is whole, and every rule held`,
      async () => {
        for (const seed of some)
          expect({ seed, broken: (await simulate({ seed, minutes: SEEDS.minutes, template })).broken }).toEqual({
            seed,
            broken: [],
          });
      },
      TEST_MS_MAX,
    );
  }
}
