import { Command, InvalidArgumentError, Option } from "commander";
import { startDetached, startForeground } from "./farm/start.ts";
import type { Flavour } from "./farm/state.ts";
import { stopFarm } from "./farm/stop.ts";

/** More web nodes than this do not fit on a developer's machine beside two MySQL servers. */
const WEB_NODES_MAX = 6;

function integerBetween(name: string, min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`${name} is "${text}": give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

const program = new Command("local").description(
  "The local farm: the whole stack on this machine, deployed by the Serverless Framework",
);
program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command("start")
  .description("set up what is missing, start the embedded cloud and deploy the farm to it")
  .addOption(new Option("--flavour <name>", "database servers").choices(["mysql", "mariadb"]).default("mysql"))
  .option("--web <n>", "web nodes at least", integerBetween("--web", 1, WEB_NODES_MAX), 2)
  .option("--port <n>", "port of the AWS endpoint on 127.0.0.1", integerBetween("--port", 1024, 65_535), 4566)
  .option("--headless", "start in the background; return when the farm is ready", false)
  .option("--fresh", "also forget the logs of earlier farms (databases are new at every start)", false)
  .action(async (options: { flavour: Flavour; web: number; port: number; headless: boolean; fresh: boolean }) => {
    process.exitCode = await (options.headless ? startDetached(options) : startForeground(options));
  });

program
  .command("stop")
  .description("stop the local farm and everything that it started")
  .action(async () => {
    process.exitCode = await stopFarm();
  });

await program.parseAsync();
// Everything that was started is closed by now. What still waits on the clock of a closed cloud (a stack operation that
// Ctrl-C interrupted, say) has nothing left to wait for and must not keep the process.
process.exit();
