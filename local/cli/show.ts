import type { FarmStatus, Known } from "../../lib/status.ts";
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
  showWeb(status.web);
  showDatabase(status.database);
  showAlarms(status.alarms);
  showRequests(status.requests);
}

function showFrozen(frozen: FarmStatus["frozen"]): void {
  if (frozen === false) return;
  if (isUnknown(frozen)) printLine(`frozen: unknown: ${frozen.unknown}`);
  else for (const { scope, until } of frozen) printLine(`frozen: ${scope} until ${time(until)}`);
}

function showWeb(web: FarmStatus["web"]): void {
  if (isUnknown(web)) return printLine(`\nweb: unknown: ${web.unknown}`);
  printLine(`\nweb: ${web.desired} wanted, ${web.min} to ${web.max} allowed`);
  const rows = web.nodes.map((node) => [node.id, node.state, cell(node.health), cell(node.address)]);
  printLine(table([["NODE", "STATE", "HEALTH", "ADDRESS"], ...rows]));
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
  ]);
  printLine(table([["NODE", "ADDRESS", "ROLE", "IO", "SQL"], ...rows]));
  if (isUnknown(database.problems)) return printLine(`problems: unknown: ${database.problems.unknown}`);
  for (const { code, node, detail, since } of database.problems) {
    printLine(`problem ${code}${node === undefined ? "" : ` on ${node}`} since ${time(since)}: ${detail}`);
  }
}

function showAlarms(alarms: FarmStatus["alarms"]): void {
  if (isUnknown(alarms)) return printLine(`\nalarms: unknown: ${alarms.unknown}`);
  printLine(`\nalarms: ${alarms.map(({ name, state }) => `${name} ${state}`).join(", ") || "none"}`);
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
