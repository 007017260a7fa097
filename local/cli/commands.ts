import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import * as z from "zod";
import { parseDuration, parseSince } from "./duration.ts";
import { announce, invoke, readStatus } from "./invoke.ts";
import { CliError, exitUsage, printJson, printLine } from "./output.ts";
import { showJournal, showProposals, showStatus } from "./show.ts";
import { resolveTarget, type Target, type TargetOptions } from "./target.ts";

const WATCH_MS = 2_000;
/** What `journal` asks for when no time is given. */
const JOURNAL_SINCE = "1h";
const JOURNAL_LINES_MAX = 1_000;

/** Answers of `maintain` hold at least the journal lines that the request led to. */
const journalLineSchema = z.looseObject({
  ...{ id: z.string(), at: z.string(), scope: z.string(), phase: z.string(), reason: z.string(), result: z.string() },
  ...{ action: z.optional(z.string()), problem: z.optional(z.string()) },
});
const proposalSchema = z.object({
  ...{ id: z.string(), action: z.string(), reason: z.string() },
  evidence: z.record(z.string(), z.string()),
});
const requestSchema = z.looseObject({ state: z.string() });
const answerSchema = z.looseObject({
  proposals: z.optional(z.array(proposalSchema)),
  request: z.optional(requestSchema),
  lines: z.optional(z.array(journalLineSchema)),
  text: z.optional(z.string()),
});

async function openTarget(command: Command): Promise<Target> {
  const options: TargetOptions = command.optsWithGlobals();
  const target = resolveTarget(options, process.env);
  await announce(target);
  return target;
}

/** Invokes `maintain` and prints what came of it. */
async function maintain(command: Command, payload: Record<string, unknown>): Promise<void> {
  const target = await openTarget(command);
  const answer = answerSchema.parse(await invoke(target, "maintain", payload));
  if (answer.request?.state === "refused") throw new CliError(answer.text ?? "refused");
  if (answer.text !== undefined) printLine(answer.text);
  if (answer.lines !== undefined) showJournal(answer.lines);
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new CliError(`${name} is "${text}": give a whole number from ${min} to ${max}`, exitUsage);
  }
  return value;
}

interface RefreshOptions {
  readonly minHealthy?: string;
  readonly checkpoints?: string;
  readonly checkpointDelay?: string;
  readonly cancel?: boolean;
  readonly rollback?: boolean;
}

/** The order that the options of `refresh` make. Throws CliError for those that contradict each other. */
export function refreshOrder(options: RefreshOptions): Record<string, unknown> {
  const { minHealthy, checkpoints, checkpointDelay, cancel, rollback } = options;
  if ((cancel === true || rollback === true) && Object.keys(options).length > 1)
    throw new CliError(`${cancel === true ? "--cancel" : "--rollback"} takes no other option with it`, exitUsage);
  if (cancel === true) return { action: "cancel-refresh" };
  if (rollback === true) return { action: "roll-back-refresh" };
  if (checkpointDelay !== undefined && checkpoints === undefined)
    throw new CliError("--checkpoint-delay is for --checkpoints: say where to pause, e.g. 20,50,100", exitUsage);
  return {
    action: "refresh",
    ...(minHealthy !== undefined && { minHealthyPercent: wholeNumber("--min-healthy", minHealthy, 0, 100) }),
    ...(checkpoints !== undefined && {
      checkpoints: checkpoints.split(",").map((percent) => wholeNumber("--checkpoints", percent.trim(), 1, 100)),
    }),
    ...(checkpointDelay !== undefined && { checkpointDelaySeconds: parseDuration(checkpointDelay) }),
  };
}

export function farmCommands(program: Command): void {
  readCommands(program);
  nodeCommands(program);
  orderCommands(program);
}

function readCommands(program: Command): void {
  program
    .command("status")
    .description("the farm as it is now")
    .option("--json", "as JSON")
    .option("--watch", "again every 2 s until Ctrl-C")
    .action(async (options: { json?: boolean; watch?: boolean }, command: Command) => {
      const target = await openTarget(command);
      do {
        const status = await readStatus(target);
        if (options.json === true) printJson(status);
        else showStatus(status);
        if (options.watch === true) await sleep(WATCH_MS);
      } while (options.watch === true);
    });

  program
    .command("plan")
    .argument("[scope]", "web, special, web/<instance-id>, database or cron; all of the farm without it")
    .description("what the controller would do now (a dry run)")
    .action(async (scope: string | undefined, _options: unknown, command: Command) =>
      maintain(command, { action: "plan", ...(scope !== undefined && { scope }) }),
    );

  program
    .command("proposals")
    .description("what could lose data and waits for your approval, with its evidence")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const target = await openTarget(command);
      const { proposals = [] } = answerSchema.parse(await invoke(target, "maintain", { action: "proposals" }));
      if (options.json === true) printJson(proposals);
      else showProposals(proposals);
    });

  program
    .command("journal")
    .description("what was detected, planned and done, and why")
    .option("--json", "one JSON object a line")
    .option("--since <time>", "ISO-8601 time, or a duration such as 10m", JOURNAL_SINCE)
    .action(async (options: { json?: boolean; since: string }, command: Command) => {
      const since = parseSince(options.since, Date.now());
      const target = await openTarget(command);
      const { lines = [] } = answerSchema.parse(
        await invoke(target, "maintain", { action: "journal", since, limit: JOURNAL_LINES_MAX }),
      );
      if (options.json === true) lines.forEach(printJson);
      else showJournal(lines);
    });
}

/** Orders about the web nodes. */
function nodeCommands(program: Command): void {
  program
    .command("scale")
    .argument("<n>", "web nodes to hold at least")
    .option("--for <duration>", "for this long; then the capacity rule alone decides again", "1h")
    .description("hold at least N web nodes for a while")
    .action(async (n: string, options: { for: string }, command: Command) =>
      maintain(command, {
        action: "scale",
        count: wholeNumber("N", n, 0, 10_000),
        forSeconds: parseDuration(options.for),
      }),
    );

  program
    .command("drain")
    .argument("<id>", "instance id")
    .option("--keep", "keep the node for maintenance instead of replacing it; tandem restore puts it back")
    .description("take one web node out of service; a replacement joins")
    .action(async (id: string, options: { keep?: boolean }, command: Command) =>
      maintain(command, { action: "drain", instanceId: id, ...(options.keep === true && { keep: true }) }),
    );

  program
    .command("restore")
    .argument("<id>", "instance id of a node that was taken out with drain --keep")
    .description("put a kept web node back into service")
    .action(async (id: string, _options: unknown, command: Command) =>
      maintain(command, { action: "restore", instanceId: id }),
    );

  program
    .command("refresh")
    .description("replace the web nodes, some at a time, by ones of the newest launch template version")
    .option("--min-healthy <percent>", "of the wanted nodes that stay in service (90)")
    .option("--checkpoints <percents>", "pause when so many are replaced, e.g. 20,50,100")
    .option("--checkpoint-delay <duration>", "how long each pause lasts (10m)")
    .option("--cancel", "end the refresh that is under way; what was replaced stays")
    .option("--rollback", "end it, and bring the version before it back")
    .action(async (options: RefreshOptions, command: Command) => maintain(command, refreshOrder(options)));
}

function orderCommands(program: Command): void {
  program
    .command("switchover")
    .option("--to <server>", "db-a or db-b; the one that is not the writer, without it")
    .description("make the other database server the writer, without losing a write")
    .action(async (options: { to?: string }, command: Command) =>
      maintain(command, { action: "switchover", ...(options.to !== undefined && { to: options.to }) }),
    );

  program
    .command("approve")
    .argument("<id>", "as tandem proposals shows it")
    .description("let a proposal run once; it may lose data, and says what")
    .action(async (proposal: string, _options: unknown, command: Command) =>
      maintain(command, { action: "approve", proposal }),
    );

  program
    .command("freeze")
    .argument("[scope]", "web, special, web/<instance-id>, database or cron; the whole farm without it")
    .option("--for <duration>", "for this long", "1h")
    .description("make every plan a dry run for a while")
    .action(async (scope: string | undefined, options: { for: string }, command: Command) =>
      maintain(command, {
        action: "freeze",
        ...(scope !== undefined && { scope }),
        forSeconds: parseDuration(options.for),
      }),
    );

  program
    .command("thaw")
    .argument("[scope]", "as given to freeze")
    .description("end a freeze")
    .action(async (scope: string | undefined, _options: unknown, command: Command) =>
      maintain(command, { action: "thaw", ...(scope !== undefined && { scope }) }),
    );
}
