import { isAll } from "../extent.ts";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SEEDS } from "./seeds.ts";
import { packagedTemplate } from "./template.ts";

/** Seeds of one jest test: a failure names its seed, and none takes longer than this on a busy machine. */
const PER_TEST = 5;
const TEST_MS_MAX = 300_000;
/** Young objects get room, so that they are dead when they are looked at: saves a tenth of the time. */
const YOUNG_MB = 64;

/**
 * Tests of every second seed from `first` on, so that two files share the work between two cores. The seeds run in a
 * process of their own, for the sandbox in which jest runs its tests makes the same code take twice as long.
 */
export function checkSeeds(first: number): void {
  const count = isAll ? SEEDS.all : SEEDS.some;
  const seeds = Array.from({ length: count }, (_, index) => SEEDS.first + index).filter(
    (seed) => seed % 2 === first % 2,
  );
  let run: ReturnType<typeof runSeeds>;
  beforeAll(async () => {
    await packagedTemplate();
    run = runSeeds(first, count);
  }, TEST_MS_MAX);
  afterAll(() => void run.child.kill("SIGKILL"));

  for (let at = 0; at < seeds.length; at += PER_TEST) {
    const some = seeds.slice(at, at + PER_TEST);
    test(
      `seeds ${some.join(", ")}: after ${SEEDS.minutes} minutes full of faults the farm is whole, and every rule held`,
      async () => {
        const verdicts: unknown[] = [];
        for (const _ of some) verdicts.push(await run.next());
        expect(verdicts).toEqual(some.map((seed) => ({ seed, broken: [] })));
      },
      TEST_MS_MAX,
    );
  }
}

/** Verdicts in the order of the seeds; when the process ends before its last, what it said instead. */
function runSeeds(first: number, count: number): { readonly child: ChildProcess; next(): Promise<unknown> } {
  const { minutes } = SEEDS;
  const child = spawn(
    process.execPath,
    [
      `--max-semi-space-size=${YOUNG_MB}`,
      join(import.meta.dirname, "run.ts"),
      ...["--json", "--seed", first, "--seeds", count, "--step", 2, "--minutes", minutes].map(String),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const line = await lines.next();
      return line.done === true ? `the run of the seeds ended early: ${said}` : JSON.parse(line.value);
    },
  };
}
