import type { Command } from "commander";
import { parseDuration } from "./duration.ts";
import { CliError, exitUsage, printJson, printLine } from "./output.ts";

const NODE = "<node>";
const LASTS = "[--for T]";

interface PairFault {
  readonly kind: string;
  /** Arguments and options behind the kind. */
  readonly takes: string;
  readonly what: string;
}

/** For `fault --list`. `<node>` is db-a, db-b, writer or peer. `heal` undoes what can be given a time; the rest is done once. */
const FAULTS: readonly PairFault[] = [
  {
    kind: "partition",
    takes: `<from> <to> ${LASTS}`,
    what: "cuts the link <from> -> <to>: connections that <from> opens, in both directions of bytes. <from>: a node, an instance id, controller (the functions), app (all web nodes) or all (nothing reaches <to>, which reaches nobody)",
  },
  {
    kind: "delay",
    takes: `<from> <to> --ms N ${LASTS}`,
    what: "every byte on the link arrives N ms later, in either direction",
  },
  {
    kind: "mysql-kill",
    takes: `${NODE} ${LASTS}`,
    what: "kills the server process; it stays down until mysql-restart or heal",
  },
  {
    kind: "mysql-restart",
    takes: NODE,
    what: "kills the server process, which its supervisor starts again; after mysql-kill only starts it",
  },
  {
    kind: "mysql-stop",
    takes: `${NODE} ${LASTS}`,
    what: "the server process stands still: it takes connections and says nothing",
  },
  { kind: "mysql-continue", takes: NODE, what: "lets a stopped server process go on" },
  { kind: "read-only-both", takes: "", what: "makes both servers read-only by SQL; the controller has to heal it" },
  { kind: "writable-both", takes: "", what: "opens both servers for writes by SQL; the controller has to heal it" },
  {
    kind: "connections",
    takes: `${NODE} ${LASTS}`,
    what: "sessions of the application take all that the server allows (1040 for others)",
  },
  {
    kind: "lag",
    takes: `${NODE} [--seconds N] ${LASTS}`,
    what: "the applier applies each transaction N s (30) after its commit",
  },
  { kind: "applier-stop", takes: `${NODE} ${LASTS}`, what: "stops the applier; what is received waits" },
  { kind: "errant", takes: NODE, what: "a transaction written on the read-only server itself; nothing undoes it" },
  {
    kind: "duplicate-row",
    takes: `${NODE} [--identical]`,
    what: "the next replicated insert collides with a row planted on the replica (1062), of another value or the same",
  },
  {
    kind: "hold-transaction",
    takes: `${NODE} --for T`,
    what: "an application's transaction with a row lock stays open",
  },
];

export const pairFaults = FAULTS.map(({ kind, takes, what }) => ({
  kind,
  usage: `fault ${kind} ${takes} [--json]`.replaceAll(/ +/g, " "),
  what,
}));

export interface PairOptions {
  readonly for?: string;
  readonly ms?: string;
  readonly seconds?: string;
  readonly identical?: boolean;
  readonly json?: boolean;
}

const DELAY_MS_MAX = 60_000;
const LAG_SECONDS_MAX = 86_400;
const LAG_SECONDS_DEFAULT = "30";

function wholeNumber(name: string, given: string, max: number): number {
  const value = Number(given);
  if (!/^\d+$/.test(given) || value < 1 || value > max)
    throw new CliError(`${name} is "${given}": give a whole number from 1 to ${max}`, exitUsage);
  return value;
}

/** The order for one of these faults, as the farm takes it. Throws CliError, exit 2. */
export function pairFault(kind: string, args: readonly string[], options: PairOptions): Record<string, unknown> {
  const [first, second] = args;
  return {
    kind,
    ...(second === undefined ? { ...(first !== undefined && { node: first }) } : { from: first, to: second }),
    ...(options.for !== undefined && { forSeconds: parseDuration(options.for) }),
    ...(kind === "delay" && { ms: wholeNumber("--ms", options.ms ?? "", DELAY_MS_MAX) }),
    ...(kind === "lag" && {
      seconds: wholeNumber("--seconds", options.seconds ?? LAG_SECONDS_DEFAULT, LAG_SECONDS_MAX),
    }),
    ...(kind === "duplicate-row" && { identical: options.identical === true }),
  };
}

/** `{"port":"refuses"}` as `port refuses`. */
export const wordsOf = (seen: Readonly<Record<string, unknown>>): string =>
  Object.entries(seen)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");

type Inject = (wish: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** Adds the faults of links and database servers to `tandem fault`. */
export function pairFaultCommands(fault: Command, inject: Inject): void {
  for (const { kind, takes, what } of FAULTS) {
    const command = fault.command(kind).description(what).option("--json", "as JSON");
    for (const argument of takes.match(/<\w+>/g) ?? []) command.argument(argument);
    if (kind === "hold-transaction") command.requiredOption("--for <duration>", "e.g. 90s");
    else if (takes.includes(LASTS))
      command.option("--for <duration>", "e.g. 90s; until `tandem fault heal` without it");
    if (takes.includes("--ms")) command.requiredOption("--ms <n>", "milliseconds");
    if (takes.includes("--seconds")) command.option("--seconds <n>", "seconds", LAG_SECONDS_DEFAULT);
    if (takes.includes("--identical"))
      command.option("--identical", "the planted row is the one that will be inserted");
    command.action(async () => {
      const options: PairOptions = command.optsWithGlobals();
      const seen = await inject(pairFault(kind, command.args, options));
      if (options.json === true) printJson(seen);
      else printLine(`${kind}: ${wordsOf(seen)}`);
    });
  }
}
