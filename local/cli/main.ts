import { Command } from "commander";
import { farmCommands } from "./commands.ts";
import { faultCommands } from "./fault.ts";
import { CliError, exitRefused, exitUsage, printNote } from "./output.ts";

/** The CLI of Tandem. It decides nothing: it invokes the farm's `maintain` and `panel`, and `fault` acts on a local farm. */
const program = new Command("tandem")
  .description(
    "Reads and operates a Tandem farm: AWS_ENDPOINT_URL, else --stage/--region/--profile, else the local farm that runs here",
  )
  .option("--stage <stage>", "stage of a farm on AWS")
  .option("--region <region>", "its region")
  .option("--profile <profile>", "AWS profile to use")
  .addHelpText("after", "\nExit codes: 0 done, 1 refused or failed (the reason is on stderr), 2 usage.")
  .showHelpAfterError("(tandem --help lists the commands)")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitUsage));

farmCommands(program);
faultCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  printNote(`tandem: ${error.message}`);
  process.exitCode = error.exitCode;
}
if (process.exitCode === undefined && program.args.length === 0) process.exitCode = exitRefused;
