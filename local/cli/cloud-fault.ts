import { Argument, type Command } from "commander";
import * as z from "zod";
import { parseDuration } from "./duration.ts";
import { CliError, exitUsage, printJson, printLine } from "./output.ts";

const API_KINDS = ["throttle", "error", "timeout", "stale"];
const EVENT_KINDS = ["drop", "duplicate", "delay", "reorder"];

const API = "fault api";
const API_OPTIONS = "[--service S [--operation O]] [--rate R] [--seed N] --for T [--json]";
const EVENT_OPTIONS = "[--rate R] [--late T] [--seed N] --for T [--json]";

/** For `fault --list`. */
export const cloudFaults = [
  { kind: "api throttle", usage: `${API} throttle ${API_OPTIONS}`, what: "calls are refused: too many requests" },
  {
    kind: "api error",
    usage: `${API} error ${API_OPTIONS}`,
    what: "calls end in 500 or 503, half of them after their work",
  },
  {
    kind: "api timeout",
    usage: `${API} timeout [--after T] ${API_OPTIONS}`,
    what: "calls are answered after a time, or never; half of them are done all the same",
  },
  {
    kind: "api stale",
    usage: `${API} stale [--after T] ${API_OPTIONS}`,
    what: "Describe* and List* answer as before a change, for a time after it",
  },
  { kind: "events drop", usage: `fault events drop ${EVENT_OPTIONS}`, what: "events on the bus are lost" },
  { kind: "events duplicate", usage: `fault events duplicate ${EVENT_OPTIONS}`, what: "events arrive twice" },
  { kind: "events delay", usage: `fault events delay ${EVENT_OPTIONS}`, what: "events arrive late" },
  { kind: "events reorder", usage: `fault events reorder ${EVENT_OPTIONS}`, what: "an event is overtaken by the next" },
] as const;

interface Options {
  readonly for: string;
  readonly rate?: string;
  readonly seed?: string;
  readonly service?: string;
  readonly operation?: string;
  readonly after?: string;
  readonly late?: string;
  readonly json?: boolean;
}

const SEED_MAX = 0xffffffff;
/** Some of the calls: a farm whose every call fails can only wait. Events are lost one and all unless told otherwise. */
const RATE_DEFAULT = "0.2";
/** A stale answer is given whenever there is one. */
const STALE_RATE_DEFAULT = "1";
const LATE_DEFAULT = "5s";

function numberFrom(name: string, text: string, isAllowed: (value: number) => boolean, allowed: string): number {
  const value = Number(text);
  if (text.trim() === "" || !isAllowed(value)) throw new CliError(`${name} is "${text}": give ${allowed}`, exitUsage);
  return value;
}

const commonOf = (options: Options, rateDefault: string) => ({
  rate: numberFrom("--rate", options.rate ?? rateDefault, (rate) => rate > 0 && rate <= 1, "a number above 0 up to 1"),
  forSeconds: parseDuration(options.for),
  ...(options.seed === undefined
    ? {}
    : {
        seed: numberFrom(
          "--seed",
          options.seed,
          (seed) => Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX,
          `a whole number from 0 to ${SEED_MAX}`,
        ),
      }),
});

/** The order for `fault api`, as the farm takes it. Throws CliError, exit 2. */
export function apiFault(what: string, options: Options): Record<string, unknown> {
  const { service, operation, after } = options;
  if (operation !== undefined && service === undefined)
    throw new CliError(`--operation ${operation} needs --service`, exitUsage);
  if (after !== undefined && what !== "timeout" && what !== "stale")
    throw new CliError("--after is for timeout and stale", exitUsage);
  return {
    kind: "api",
    what,
    ...commonOf(options, what === "stale" ? STALE_RATE_DEFAULT : RATE_DEFAULT),
    ...(service === undefined ? {} : { service }),
    ...(operation === undefined ? {} : { operation }),
    ...(after === undefined ? {} : { afterSeconds: parseDuration(after) }),
  };
}

/** The order for `fault events`, as the farm takes it. Throws CliError, exit 2. */
export const eventFault = (what: string, options: Options): Record<string, unknown> => ({
  kind: "events",
  what,
  ...commonOf(options, "1"),
  lateSeconds: parseDuration(options.late ?? LATE_DEFAULT),
});

const injectedSchema = z.object({ kind: z.string(), seed: z.number(), until: z.string(), struck: z.number() });

type Inject = (wish: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** Adds `api` and `events` to `tandem fault`. */
export function cloudFaultCommands(fault: Command, inject: Inject): void {
  const carryOut = async (wish: Record<string, unknown>, options: Options): Promise<void> => {
    const injected = await inject(wish);
    if (options.json === true) return printJson(injected);
    const { kind, seed, until, struck } = injectedSchema.parse(injected);
    const seen = struck > 0 ? "seen to strike" : "it has struck nothing yet";
    printLine(`${kind} is in force until ${until}: ${seen} (seed ${seed}; \`tandem fault heal\` ends it)`);
  };
  const common = (command: Command): Command =>
    command
      .requiredOption("--for <duration>", "e.g. 90s")
      .option("--rate <r>", "share of them that is struck, above 0 up to 1")
      .option("--seed <n>", "the same seed strikes in the same pattern")
      .option("--json", "as JSON");
  common(fault.command("api"))
    .description("calls to the AWS endpoint go wrong")
    .addArgument(new Argument("<kind>", "what happens to a call").choices(API_KINDS))
    .option("--service <name>", "of this service only, e.g. autoscaling")
    .option("--operation <name>", "of this operation only, e.g. DescribeInstances")
    .option(
      "--after <duration>",
      "timeout: answered after this time, not never; stale: for this long after a change (5s)",
    )
    .action(async (kind: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      await carryOut(apiFault(kind, options), options);
    });
  common(fault.command("events"))
    .description("events on the bus go wrong")
    .addArgument(new Argument("<kind>", "what happens to an event").choices(EVENT_KINDS))
    .option("--late <duration>", "how late: delay exactly, duplicate and reorder at most", LATE_DEFAULT)
    .action(async (kind: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      await carryOut(eventFault(kind, options), options);
    });
}
