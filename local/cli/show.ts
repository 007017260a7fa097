import type { Known } from "../../lib/known.ts";
import type { Proposal } from "../../lib/reconcile/plan.ts";
import type { FarmStatus, RefreshStatus } from "../../lib/status.ts";
import { printLine, table } from "./output.ts";

type Unknown = { readonly unknown: string };
const isUnknown = (value: unknown): value is Unknown =>
  typeof value === "object" && value !== null && "unknown" in value;

/** A fact as a cell; what could not be read is never shown as a value. */
const cell = (value: Known<string | number | boolean>): string =>
  isUnknown(value) ? `unknown: ${value.unknown}` : String(value);

const time = (iso: string): string => iso.replace("T", " ").replace(/\.\d+Z$/, "Z");

export function showStatus(status: FarmStatus): void {
  printLine(`${status.farm} (${status.world}) at ${time(status.at)}`);
  showFrozen(status.frozen);
  showWeb("web", status.web);
  if (status.special !== null) showWeb("special", status.special);
  showDatabase(status.database);
  showCron(status.cron);
  showCache(status.cache);
  showFiles(status.files);
  showEdge(status.edge);
  showAlarms(status.alarms);
  if (isUnknown(status.proposals)) printLine(`proposals: ${cell(status.proposals)}`);
  else if (status.proposals.length > 0) showProposals(status.proposals);
  showRequests(status.requests);
}

function showFrozen(frozen: FarmStatus["frozen"]): void {
  if (frozen === false) return;
  if (isUnknown(frozen)) printLine(`frozen: unknown: ${frozen.unknown}`);
  else for (const { scope, until } of frozen) printLine(`frozen: ${scope} until ${time(until)}`);
}

function showWeb(name: string, web: FarmStatus["web"]): void {
  if (isUnknown(web)) return printLine(`\n${name}: unknown: ${web.unknown}`);
  printLine(`\n${name}: ${web.desired} wanted, ${web.min} to ${web.max} allowed`);
  const rows = web.nodes.map((node) => [
    node.id,
    node.state,
    cell(node.health),
    cell(node.address),
    cell(node.mounted),
  ]);
  printLine(table([["NODE", "STATE", "HEALTH", "ADDRESS", "MOUNTED"], ...rows]));
  if (isUnknown(web.refresh)) return printLine(`refresh: ${cell(web.refresh)}`);
  if (web.refresh !== null) printLine(`refresh ${refreshWords(web.refresh)}`);
}

function refreshWords({ version, state, startedAt, endedAt, percent, toReplace, reason }: RefreshStatus): string {
  const when = endedAt === undefined ? `since ${time(startedAt)}` : `at ${time(endedAt)}`;
  const progress = endedAt === undefined ? `, ${percent} % done, ${toReplace} nodes to replace` : "";
  return `to version ${version ?? "?"}: ${state} ${when}${progress}${reason === undefined ? "" : `: ${reason}`}`;
}

function showDatabase(database: FarmStatus["database"]): void {
  printLine(
    `\ndatabase: ${cell(database.flavour)} ${cell(database.version)}, ${database.mode}, writer ${cell(database.writer)}`,
  );
  const rows = database.nodes.map((node) => [
    node.name,
    `${node.address}:${node.port}`,
    cell(node.role),
    `io ${cell(node.io)}`,
    `sql ${cell(node.sql)}`,
    `${cell(node.lagSeconds)} s`,
  ]);
  printLine(table([["NODE", "ADDRESS", "ROLE", "IO", "SQL", "LAG"], ...rows]));
  printLine(`peer eligible for automatic promotion: ${cell(database.peerEligible)}`);
  if (isUnknown(database.problems)) return printLine(`problems: unknown: ${database.problems.unknown}`);
  for (const { code, node, detail, since } of database.problems) {
    printLine(`problem ${code}${node === undefined ? "" : ` on ${node}`} since ${time(since)}: ${detail}`);
  }
}

function showCron(cron: FarmStatus["cron"]): void {
  if (isUnknown(cron)) return printLine(`\nscheduled events: unknown: ${cron.unknown}`);
  const { last, problems } = cron;
  printLine(`\nscheduled events: ${last === null ? "never run yet" : `last run on ${last.node} at ${time(last.at)}`}`);
  for (const { code, since, detail } of problems) printLine(`problem ${code} since ${time(since)}: ${detail}`);
}

/** Two digits are enough to see a cold cache. */
const percent = (ratio: Known<number>): string => (isUnknown(ratio) ? cell(ratio) : `${Math.round(ratio * 100)} %`);

function showCache(cache: FarmStatus["cache"]): void {
  if (isUnknown(cache)) return printLine(`\ncache: unknown: ${cache.unknown}`);
  printLine(`\ncache: ${cache.nodes.length} nodes`);
  const rows = cache.nodes.map((node) => [
    node.id,
    node.state,
    `${node.address}:${node.port}`,
    cell(node.items),
    percent(node.hitRatio),
  ]);
  printLine(table([["NODE", "STATE", "ADDRESS", "ITEMS", "HITS"], ...rows]));
}

function showFiles(files: FarmStatus["files"]): void {
  if (isUnknown(files)) return printLine(`\nfiles: unknown: ${files.unknown}`);
  printLine(`\nfiles: ${files.server}, mounted on ${cell(files.mounted)} of ${files.of} nodes`);
}

function showEdge({ distribution, records, pendingPaths, invalidations }: FarmStatus["edge"]): void {
  const where =
    distribution === null
      ? "no distribution"
      : isUnknown(distribution)
        ? cell(distribution)
        : `${distribution.domainName} ${distribution.state}`;
  printLine(`\nedge: ${where}, ${cell(pendingPaths)} paths being invalidated`);
  if (isUnknown(invalidations)) printLine(`invalidations: ${cell(invalidations)}`);
  else
    for (const { id, createdAt, state } of invalidations.filter((one) => one.state === "InProgress"))
      printLine(`invalidation ${id} since ${time(createdAt)}: ${state}`);
  if (isUnknown(records)) return printLine(`records: ${cell(records)}`);
  if (records.length === 0) return;
  const rows = records.map(({ name, type, values, routing = "simple" }) => [name, type, routing, values.join(" ")]);
  printLine(table([["RECORD", "TYPE", "ROUTING", "VALUES"], ...rows]));
}

function showAlarms(alarms: FarmStatus["alarms"]): void {
  if (isUnknown(alarms)) return printLine(`\nalarms: unknown: ${alarms.unknown}`);
  printLine(`\nalarms: ${alarms.map(({ name, state }) => `${name} ${state}`).join(", ") || "none"}`);
}

export function showProposals(proposals: readonly Proposal[]): void {
  if (proposals.length === 0) return printLine("nothing is proposed");
  for (const { id, action, reason, evidence } of proposals) {
    printLine(`proposal ${id}: ${action}\n    ${reason}`);
    for (const [name, value] of Object.entries(evidence)) printLine(`    ${name}: ${value}`);
  }
}

function showRequests(requests: FarmStatus["requests"]): void {
  if (isUnknown(requests)) return printLine(`requests: unknown: ${requests.unknown}`);
  for (const { action, args, state, expiresAt } of requests) {
    printLine(`request ${action} ${JSON.stringify(args)}: ${state}, until ${time(expiresAt)}`);
  }
}

/** What a line of the journal needs to be shown. */
export interface ShownLine {
  readonly at: string;
  readonly scope: string;
  readonly phase: string;
  readonly action?: string | undefined;
  readonly problem?: string | undefined;
  readonly reason: string;
  readonly result: string;
}

export function showJournal(lines: readonly ShownLine[]): void {
  for (const line of lines) {
    const what = [line.phase, line.action, line.problem].filter((each) => each !== undefined).join(" ");
    printLine(`${time(line.at)}  ${line.scope}  ${what}\n    ${line.reason}\n    ${line.result}`);
  }
}
