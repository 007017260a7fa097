import type { Command } from "commander";
import { parseDuration } from "./duration.ts";
import { printJson, printLine } from "./output.ts";
import { wordsOf } from "./pair-fault.ts";

const MACHINE = "<instance-id|db-a|db-b>";
const AHEAD_DEFAULT = "1h";

const FAULTS = [
  { kind: "spot-warning", takes: MACHINE, what: "EC2 warns that it takes the machine, and takes it two minutes later" },
  { kind: "rebalance", takes: MACHINE, what: "EC2 recommends to leave the machine; nothing follows by itself" },
  {
    kind: "health",
    takes: `${MACHINE} [--in T]`,
    what: `AWS Health announces that the host is retired, and the machine is stopped after T (${AHEAD_DEFAULT})`,
  },
  { kind: "stop", takes: MACHINE, what: "the machine is stopped, as by hand" },
] as const;

/** For `fault --list`. */
export const interruptionFaults = FAULTS.map(({ kind, takes, what }) => ({
  kind,
  usage: `fault ${kind} ${takes} [--json]`,
  what,
}));

interface Options {
  readonly in?: string;
  readonly json?: boolean;
}

/** The order for one of these faults, as the farm takes it. Throws CliError, exit 2. */
export const interruptionFault = (kind: string, instanceId: string, options: Options): Record<string, unknown> => ({
  kind,
  instanceId,
  ...(kind === "health" && { inSeconds: parseDuration(options.in ?? AHEAD_DEFAULT) }),
});

type Inject = (wish: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** Adds what EC2 and AWS Health do to machines to `tandem fault`. */
export function interruptionFaultCommands(fault: Command, inject: Inject): void {
  for (const { kind, what } of FAULTS) {
    const command = fault.command(kind).argument("<instance-id>", "or db-a, db-b").description(what);
    if (kind === "health") command.option("--in <duration>", "e.g. 10m", AHEAD_DEFAULT);
    command.option("--json", "as JSON").action(async (instanceId: string) => {
      const options: Options = command.optsWithGlobals();
      const seen = await inject(interruptionFault(kind, instanceId, options));
      if (options.json === true) printJson(seen);
      else printLine(`${kind}: ${wordsOf(seen)}`);
    });
  }
}
