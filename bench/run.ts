import { CliError } from "../local/cli/output.ts";
import { bundle } from "./bundle.ts";
import { growth } from "./growth.ts";
import { healing } from "./healing.ts";
import { scaling } from "./scaling.ts";

/** `npm run bench -- NAME`: measures one thing, prints it, and exits with 1 when it is worse than Tandem promises. */
const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  bundle,
  growth,
  healing,
  scaling,
};

const USAGE_EXIT = 2;

const [name = "", ...args] = process.argv.slice(2);
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (bench === undefined) {
  console.error(`usage: npm run bench -- NAME [OPTIONS], where NAME is one of ${Object.keys(BENCHES).join(", ")}`);
  process.exitCode = USAGE_EXIT;
} else {
  process.exitCode = await measured(bench);
}

async function measured(run: NonNullable<typeof bench>): Promise<number> {
  try {
    return (await run(args)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    console.error(error.message);
    return error.exitCode;
  }
}
