import { Command, Option, InvalidArgumentError } from "commander";
import { readFileSync } from "node:fs";
import { simulate } from "./simulator.ts";
import { packagedTemplate, type Template } from "./template.ts";
import type { WorldOptions } from "./world.ts";

/** `npm run simulate -- --seed N --minutes M`: the story of one seed, and whether every invariant held (exit 1 if not). */
const whole = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError("a whole number");
  return number;
};
const options = new Command("simulate")
  .option("--seed <n>", "which world", whole, 1)
  .option("--seeds <n>", "so many seeds from --seed on, without their stories", whole)
  .option("--step <n>", "of --seeds, only every so manieth", whole, 1)
  .option("--json", "of --seeds, a line for each: its seed and what it broke")
  .option("--minutes <m>", "virtual minutes full of faults", whole, 20)
  .addOption(
    new Option(
      "--wire <what>",
      "what of the functions' calls goes by the wire protocols: slower, and as in the local farm",
    )
      .choices(["none", "calls", "all"])
      .default("none"),
  )
  .option("--template <file>", "a compiled CloudFormation template; the farm's own unless given")
  .parse()
  .opts<{
    seed: number;
    seeds?: number;
    step: number;
    json?: true;
    minutes: number;
    wire: NonNullable<WorldOptions["wire"]>;
    template?: string;
  }>();

const template: Template =
  options.template === undefined ? await packagedTemplate() : JSON.parse(readFileSync(options.template, "utf8"));
let failed = 0;
let done = 0;
for (let seed = options.seed; seed < options.seed + (options.seeds ?? 1); seed += Math.max(1, options.step)) {
  const verdict = await simulate({
    seed,
    minutes: options.minutes,
    wire: options.wire,
    template,
  });
  done += 1;
  if (options.seeds === undefined) console.log(verdict.story);
  if (verdict.broken.length > 0) failed += 1;
  if (options.json === true) console.log(JSON.stringify({ seed, broken: verdict.broken }));
  else if (options.seeds === undefined || verdict.broken.length > 0)
    console.log(
      `seed ${seed}: ${verdict.broken.length === 0 ? "every invariant held" : `BROKEN\n  ${verdict.broken.join("\n  ")}`}`,
    );
}
if (options.seeds !== undefined && options.json !== true) console.log(`${done - failed} of ${done} seeds passed`);
process.exitCode = failed === 0 ? 0 : 1;
