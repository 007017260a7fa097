import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import * as z from "zod";
import { cloudFaultCommands, cloudFaults } from "./cloud-fault.ts";
import { parseDuration } from "./duration.ts";
import { interruptionFaultCommands, interruptionFaults } from "./interruption-fault.ts";
import { announce, readStatus } from "./invoke.ts";
import { DECLARED_WAIT_MS, ratedRequestsPerSecond, runLoad } from "./load.ts";
import { CliError, exitUsage, printJson, printLine, printNote, table } from "./output.ts";
import { pairFaultCommands, pairFaults } from "./pair-fault.ts";
import { farmEnvironment, liveFarm, resolveTarget, type FarmJson } from "./target.ts";

const faults: readonly { readonly kind: string; readonly usage: string; readonly what: string }[] = [
  {
    kind: "load",
    usage: "fault load [--factor 1.5] --for 90s [--json]",
    what: "page views at a multiple of what the nodes in service serve",
  },
  {
    kind: "kill",
    usage: "fault kill <instance-id|db-a|db-b> [--json]",
    what: "the machine is lost: every process of it dies at once",
  },
  { kind: "event", usage: "fault event <file|->", what: "puts an event envelope on the default bus unchanged" },
  ...interruptionFaults,
  ...cloudFaults,
  ...pairFaults,
  {
    kind: "heal",
    usage: "fault heal [<kind> [target...]]",
    what: "ends every fault that lasts, or only this one of a link or server, and tells which",
  },
];

/** Faults are for the local farm only; nothing of this can reach AWS. */
function localFarm(): FarmJson {
  const farm = liveFarm();
  if (farm === undefined)
    throw new CliError("faults are for the local farm, and none runs here: start it with `npm run local`");
  printNote(`world local, account ${farm.account}, region ${farm.region}, stage ${farm.stage}`);
  return farm;
}

/** Gives the farm one order. Resolves to what was seen of the fault; throws CliError. */
export async function inject(
  farm: Pick<FarmJson, "endpoint">,
  wish: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${farm.endpoint}/_tandem/fault`, {
    method: "POST",
    headers: { authorization: `Bearer ${farmEnvironment()["AWS_SECRET_ACCESS_KEY"] ?? ""}` },
    body: JSON.stringify(wish),
  });
  const answer: unknown = await response.json();
  if (typeof answer !== "object" || answer === null) throw new CliError(`the farm answered ${JSON.stringify(answer)}`);
  if (!response.ok)
    throw new CliError("error" in answer ? String(answer.error).replace(/^Error: /, "") : `status ${response.status}`);
  return { ...answer };
}

async function workersInService(): Promise<{ nodes: number; workers: number }> {
  const target = resolveTarget({}, {});
  await announce(target);
  const status = await readStatus(target);
  if ("unknown" in status.web) throw new CliError(`the nodes in service are unknown: ${status.web.unknown}`);
  const nodes = status.web.nodes.filter((node) => node.state === "InService").length;
  if (nodes === 0) throw new CliError("no web node is in service");
  return { nodes, workers: nodes * WORKERS_PER_NODE };
}

/** php-fpm workers of a local node (`params.local.phpWorkers` in serverless.yml). */
const WORKERS_PER_NODE = 2;

async function load(options: { factor: string; for: string; json?: boolean }): Promise<void> {
  const factor = Number(options.factor);
  if (!(factor > 0 && factor <= 10))
    throw new CliError(`--factor is "${options.factor}": give a number above 0 up to 10`, exitUsage);
  const seconds = parseDuration(options.for);
  const farm = liveFarm();
  if (farm === undefined)
    throw new CliError("load is for the local farm, and none runs here: start it with `npm run local`");
  const { nodes, workers } = await workersInService();
  const requestsPerSecond = factor * ratedRequestsPerSecond(workers);
  printNote(
    `load: ${requestsPerSecond.toFixed(1)} pages/s for ${seconds} s, ${factor} times what ${nodes} nodes with ${WORKERS_PER_NODE} PHP workers each serve; ` +
      `every page carries a declared wait of ${DECLARED_WAIT_MS} ms`,
  );
  const report = await runLoad(farm.site, { requestsPerSecond, seconds, progress: printNote });
  if (options.json === true) {
    printJson(report);
    return;
  }
  printLine(`sent ${report.sent}: ${report.ok} ok, ${report.non2xx} not 2xx, ${report.failed} failed`);
  printLine(`latency p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms (declared wait ${DECLARED_WAIT_MS} ms included)`);
  for (const [node, count] of Object.entries(report.byNode)) printLine(`  ${node}  ${count}`);
}

/** A visitor's page views while a node dies: what the fault costs is measured, not guessed. */
const WITNESS_PAGES_PER_SECOND = 10;
const WITNESS_SECONDS = 25;
const WITNESS_HEAD_START_MS = 1_000;

async function kill(instanceId: string, options: { json?: boolean }): Promise<void> {
  const farm = localFarm();
  const witness = runLoad(farm.site, {
    requestsPerSecond: WITNESS_PAGES_PER_SECOND,
    seconds: WITNESS_SECONDS,
    waitMs: 0,
  });
  await sleep(WITNESS_HEAD_START_MS);
  const killed = await inject(farm, { kind: "kill", instanceId });
  printNote(
    `${instanceId} is dead; counting what visitors lose for ${WITNESS_SECONDS - 1} s (${WITNESS_PAGES_PER_SECOND} pages/s)`,
  );
  const report = await witness;
  const lost = report.non2xx + report.failed;
  if (options.json === true)
    printJson({
      ...killed,
      sent: report.sent,
      lost,
      non2xx: report.non2xx,
      failed: report.failed,
      byNode: report.byNode,
    });
  else
    printLine(
      `killed ${instanceId}: ${lost} of ${report.sent} requests lost (${report.non2xx} not 2xx, ${report.failed} failed)`,
    );
}

async function event(file: string): Promise<void> {
  const farm = localFarm();
  const text = readFileSync(file === "-" ? 0 : file, "utf8");
  let envelope: unknown;
  try {
    envelope = JSON.parse(text);
  } catch (error) {
    throw new CliError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  await inject(farm, { kind: "event", envelope });
  printLine("delivered to the default bus");
}

const healedSchema = z.looseObject({ failed: z.array(z.string()) });

async function heal(fault: readonly string[]): Promise<void> {
  const wish = { kind: "heal", ...(fault.length > 0 && { fault }) };
  const healed = healedSchema.parse(await inject(localFarm(), wish));
  printJson(healed);
  if (healed.failed.length > 0) throw new CliError(`not everything could be undone: ${healed.failed.join("; ")}`);
}

export function faultCommands(program: Command): void {
  const fault = program
    .command("fault")
    .description("break something in the local farm on purpose")
    .option("--list", "the faults that can be injected")
    .option("--json", "as JSON")
    .action((options: { list?: boolean; json?: boolean }, command: Command) => {
      if (options.list !== true) command.help({ error: true });
      if (options.json === true) printJson(faults);
      else printLine(table(faults.map(({ usage, what }) => [usage, what])));
    });
  fault
    .command("load")
    .description("page views at a multiple of the farm's capacity")
    .option("--factor <x>", "times what the nodes in service can serve", "1.5")
    .requiredOption("--for <duration>", "e.g. 90s")
    .option("--json", "the report as JSON")
    .action(async (_options: unknown, command: Command) => load(command.optsWithGlobals()));
  fault
    .command("kill")
    .argument("<instance-id>", "or db-a, db-b")
    .option("--json", "as JSON")
    .description("lose a machine")
    .action(async (id: string, _options: unknown, command: Command) => kill(id, command.optsWithGlobals()));
  fault
    .command("event")
    .argument("<file>", "event envelope as JSON, - for standard input")
    .description("put an event on the default bus unchanged")
    .action(async (file: string) => event(file));
  interruptionFaultCommands(fault, async (wish) => inject(localFarm(), wish));
  cloudFaultCommands(fault, async (wish) => inject(localFarm(), wish));
  pairFaultCommands(fault, async (wish) => inject(localFarm(), wish));
  fault
    .command("heal")
    .argument("[fault...]", "its kind, and the nodes it was given, e.g. partition db-a db-b")
    .description("end every fault that lasts, or this one")
    .action(heal);
}
