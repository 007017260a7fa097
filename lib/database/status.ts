import { isoTime } from "../clock.ts";
import { readable, type Known } from "../known.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import type { Problems } from "../reconcile/problems.ts";
import { DATABASE_NODES, type DatabaseNode } from "../spec.ts";
import { MYSQL_PORT, serverReader, type DatabaseDeps } from "./observe.ts";
import { readPair, type PairRecord } from "./pair.ts";
import { isWritable, type Channel, type Flavour, type ServerFact, type ServerState } from "./server.ts";

export interface DatabaseNodeStatus {
  readonly name: DatabaseNode;
  readonly address: string;
  readonly port: number;
  /** First process of the machine; the local farm only. */
  readonly pid?: number;
  readonly role: Known<"writer" | "reader">;
  readonly readOnly: Known<boolean>;
  readonly io: Known<string>;
  readonly sql: Known<string>;
  /** By the heartbeat row: how far it is behind the writer. */
  readonly lagSeconds: Known<number>;
  readonly gtid: Known<string>;
  /** Empty: none. */
  readonly lastError: Known<string>;
}

/** An open problem; `since` is ISO-8601 UTC. */
export interface ProblemStatus {
  readonly code: string;
  readonly since: string;
  readonly node?: string;
  readonly detail: string;
}

export interface DatabaseStatus {
  readonly flavour: Known<Flavour>;
  readonly version: Known<string>;
  readonly mode: "single-writer";
  /** The server that accepts writes. */
  readonly writer: Known<DatabaseNode>;
  /** The other one holds every acknowledged write: it is promoted without a human's word. */
  readonly peerEligible: Known<boolean>;
  /** The last change of the writer, and the acknowledged writes that it may have cost. */
  readonly lastChange: Known<LastChange | null>;
  readonly problems: Known<readonly ProblemStatus[]>;
  readonly nodes: readonly DatabaseNodeStatus[];
}

/** `at` is ISO-8601 UTC. */
export type LastChange = Omit<NonNullable<PairRecord["lastChange"]>, "at"> & { readonly at: string };

interface Read {
  readonly name: DatabaseNode;
  readonly server: ServerFact;
}

/** The pair as it is now, and what was decided of it. */
export async function databaseStatus(deps: DatabaseDeps & { readonly problems: Problems }): Promise<DatabaseStatus> {
  const readServer = serverReader(deps);
  const [servers, pids, pair, problems] = await Promise.all([
    Promise.all(DATABASE_NODES.map(async (name): Promise<Read> => ({ name, server: await readServer(name) }))),
    Promise.all(DATABASE_NODES.map((name) => pidOf(deps, name))),
    readable(async () => ({ record: await readPair(deps.table) })),
    readable(async () =>
      (await deps.problems.of("database")).map((problem) => ({ ...problem, since: isoTime(problem.since) })),
    ),
  ]);
  return {
    flavour: common(servers, "flavour"),
    version: common(servers, "version"),
    mode: "single-writer",
    writer: writerOf(servers),
    ...("unknown" in pair ? { peerEligible: pair, lastChange: pair } : decided(pair.record)),
    problems,
    nodes: servers.map(({ name, server }, index) => ({
      name,
      address: deps.spec.databaseAddresses[name],
      port: MYSQL_PORT,
      ...(pids[index] === undefined ? {} : { pid: pids[index] }),
      ...serverStatus(server, servers),
    })),
  };
}

function decided(pair: PairRecord | undefined): Pick<DatabaseStatus, "peerEligible" | "lastChange"> {
  if (pair === undefined) return { peerEligible: { unknown: "no writer is recorded yet" }, lastChange: null };
  const { peerEligible, lastChange } = pair;
  return { peerEligible, lastChange: lastChange === undefined ? null : { ...lastChange, at: isoTime(lastChange.at) } };
}

/** A pid is an extra of the local farm: where it cannot be read, it is left out. */
async function pidOf(deps: DatabaseDeps, name: DatabaseNode): Promise<number | undefined> {
  const read = await readable(async () => {
    const aws = lifecycleAws(deps);
    const id = (await aws.group(deps.spec.databaseGroups[name]))?.instances[0]?.id;
    return id === undefined ? undefined : (await aws.machines([id])).get(id)?.pid;
  });
  return typeof read === "number" ? read : undefined;
}

function serverStatus(server: ServerFact, all: readonly Read[]) {
  if ("unknown" in server) {
    const unknown = { unknown: server.unknown };
    return {
      role: unknown,
      readOnly: unknown,
      io: unknown,
      sql: unknown,
      lagSeconds: unknown,
      gtid: unknown,
      lastError: unknown,
    };
  }
  const { known } = server;
  const isOpen = isWritable(known);
  return {
    role: isOpen ? ("writer" as const) : ("reader" as const),
    readOnly: !isOpen,
    gtid: known.gtid,
    ...channelStatus(known),
    lagSeconds: isOpen ? 0 : lagOf(known, all),
  };
}

function lagOf(server: ServerState, all: readonly Read[]): Known<number> {
  const writer = all.find((one) => "known" in one.server && isWritable(one.server.known))?.server;
  const written = writer !== undefined && "known" in writer ? writer.known.heartbeat : undefined;
  if (written === undefined || server.heartbeat === undefined) return { unknown: "no heartbeat of a writer is there" };
  return Math.max(0, Math.round((written.writtenAt - server.heartbeat.writtenAt) / 100) / 10);
}

function channelStatus({ channels }: ServerState) {
  const [channel] = channels;
  if (channel === undefined) {
    const none = { unknown: "replication is not configured" };
    return { io: none, sql: none, lastError: none };
  }
  return { io: channel.io, sql: channel.sql, lastError: errorsOf(channel) };
}

const errorsOf = ({ ioError, sqlError }: Channel): string =>
  [ioError, sqlError].flatMap((error) => (error === undefined ? [] : [`${error.code}: ${error.text}`])).join("; ");

/** What the servers agree on; while they are upgraded one after the other, both are told. */
function common<K extends "flavour" | "version">(nodes: readonly Read[], fact: K): Known<ServerState[K]> {
  const [first, ...others] = nodes.flatMap(({ server }) => ("known" in server ? [server.known[fact]] : []));
  if (first === undefined) return { unknown: "no server could be read" };
  const differing = others.find((other) => other !== first);
  return differing === undefined ? first : { unknown: `the servers differ: ${first} and ${differing}` };
}

/** The server that accepts writes. One that could not be read says so itself, in its own `role`. */
function writerOf(nodes: readonly Read[]): Known<DatabaseNode> {
  const writers = nodes.filter(({ server }) => "known" in server && isWritable(server.known));
  if (writers.length > 1) return { unknown: "more than one server accepts writes" };
  const [writer] = writers;
  if (writer !== undefined) return writer.name;
  return {
    unknown: nodes.every(({ server }) => "known" in server)
      ? "no server accepts writes"
      : "not every server could be read",
  };
}
