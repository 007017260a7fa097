import { isoTime } from "./clock.ts";
import { writersOf, type NodeFacts } from "./database/diagnose.ts";
import { MYSQL_PORT, serverReader, type DatabaseDeps } from "./database/observe.ts";
import type { ServerFact, ServerState } from "./database/server.ts";
import { TandemError } from "./errors.ts";
import { fleetAws, type Alarm } from "./fleet/aws.ts";
import type { FleetDeps } from "./fleet/deps.ts";
import type { TargetState } from "./fleet/node/plan.ts";
import { lifecycleAws } from "./lifecycle/aws.ts";
import type { Group, Machine } from "./lifecycle/observation.ts";
import type { Freezes } from "./reconcile/freeze.ts";
import type { Problems } from "./reconcile/problems.ts";
import type { OperatorRequest } from "./reconcile/requests.ts";
import { DATABASE_NODES, type DatabaseNode } from "./spec.ts";

/** A fact that could not be read, and why. */
export interface Unknown {
  readonly unknown: string;
}
export type Known<T> = T | Unknown;

export interface WebNodeStatus {
  readonly id: string;
  /** Auto Scaling's lifecycle state. */
  readonly state: string;
  readonly address: Known<string>;
  /** First process of the machine; the local farm only. */
  readonly pid?: number;
  /** The balancer's word. `unused`: not registered with it. */
  readonly health: Known<TargetState>;
  readonly mounted: Known<boolean>;
}

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

/** What `tandem status --json` prints; every time is ISO-8601 UTC. */
export interface FarmStatus {
  readonly farm: string;
  readonly world: "aws" | "local";
  readonly at: string;
  /** False, or every freeze in force. */
  readonly frozen: Known<false | readonly { readonly scope: string; readonly until: string }[]>;
  readonly web: Known<{
    readonly desired: number;
    readonly min: number;
    readonly max: number;
    readonly nodes: readonly WebNodeStatus[];
  }>;
  readonly database: {
    readonly flavour: Known<"mysql" | "mariadb">;
    readonly version: Known<string>;
    readonly mode: "single-writer";
    readonly writer: Known<DatabaseNode>;
    readonly peerEligible: Known<boolean>;
    readonly problems: Known<readonly ProblemStatus[]>;
    readonly nodes: readonly DatabaseNodeStatus[];
  };
  readonly cache: Unknown;
  readonly files: Unknown;
  readonly edge: Unknown;
  readonly alarms: Known<readonly Alarm[]>;
  /** Nothing that could lose data is done in this version, so nothing is proposed. */
  readonly proposals: readonly never[];
  readonly requests: Known<readonly RequestStatus[]>;
}

export type RequestStatus = Pick<OperatorRequest, "id" | "scope" | "action" | "args" | "state" | "answer"> & {
  readonly createdAt: string;
  readonly expiresAt: string;
};

export type StatusDeps = FleetDeps & DatabaseDeps & { readonly freezes: Freezes; readonly problems: Problems };

const NOT_PROVISIONED: Unknown = { unknown: "not provisioned in this version" };

/** The farm as it is now. What cannot be read is `{unknown}` and fails nothing else; only a broken invariant throws. */
export async function farmStatus(deps: StatusDeps): Promise<FarmStatus> {
  const { spec, clock } = deps;
  const [frozen, web, database, alarms, requests] = await Promise.all([
    readable(() => frozenOf(deps.freezes)),
    readable(() => webOf(deps)),
    databaseOf(deps),
    readable(() => fleetAws(deps).alarms(`${spec.farm}-`)),
    readable(async () => (await deps.requests.open()).map(requestOf)),
  ]);
  const at = isoTime(clock.now());
  const notYet = { cache: NOT_PROVISIONED, files: NOT_PROVISIONED, edge: NOT_PROVISIONED };
  return { farm: spec.farm, world: spec.world, at, frozen, web, database, ...notYet, alarms, proposals: [], requests };
}

async function readable<T>(read: () => Promise<T>): Promise<Known<T>> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TandemError) return { unknown: error.message };
    throw error;
  }
}

const isUnknown = (value: unknown): value is Unknown =>
  typeof value === "object" && value !== null && "unknown" in value;

async function frozenOf(freezes: Freezes): Promise<false | readonly { scope: string; until: string }[]> {
  const all = await freezes.all();
  return all.length === 0 ? false : all.map(({ scope, until }) => ({ scope, until: isoTime(until) }));
}

async function webOf(deps: StatusDeps) {
  const { webGroup } = deps.spec;
  const group = await lifecycleAws(deps).group(webGroup);
  if (group === undefined)
    throw new TandemError("aws-not-found", `group ${webGroup} does not exist`, { next: "deploy the farm" });
  const [machines, health] = await Promise.all([
    readable(() => lifecycleAws(deps).machines(group.instances.map((instance) => instance.id))),
    readable(() => healthOf(deps, group)),
  ]);
  const nodes = group.instances.map(({ id, lifecycleState: state }): WebNodeStatus => ({
    id,
    state,
    ...placeOf(machines, id),
    health: isUnknown(health) ? health : (health.get(id) ?? "unused"),
    mounted: NOT_PROVISIONED,
  }));
  return { desired: group.desired, min: group.min, max: group.max, nodes };
}

/** The web group has one target group. */
async function healthOf(deps: StatusDeps, group: Group): Promise<ReadonlyMap<string, TargetState>> {
  const [targetGroup] = group.targetGroups;
  return targetGroup === undefined ? new Map() : fleetAws(deps).targets(targetGroup);
}

function placeOf(machines: Known<ReadonlyMap<string, Machine>>, id: string): { address: Known<string>; pid?: number } {
  if (isUnknown(machines)) return { address: machines };
  const machine = machines.get(id);
  const address = machine?.address ?? { unknown: "EC2 shows no address" };
  return machine?.pid === undefined ? { address } : { address, pid: machine.pid };
}

async function databaseOf(deps: StatusDeps): Promise<FarmStatus["database"]> {
  const readServer = serverReader(deps);
  const [servers, pids, problems] = await Promise.all([
    Promise.all(
      DATABASE_NODES.map(async (name): Promise<NodeFacts> => ({
        name,
        inService: true,
        server: await readServer(name),
      })),
    ),
    Promise.all(DATABASE_NODES.map((name) => pidOf(deps, name))),
    readable(async () =>
      (await deps.problems.of("database")).map((problem) => ({ ...problem, since: isoTime(problem.since) })),
    ),
  ]);
  return {
    flavour: common(servers, "flavour"),
    version: common(servers, "version"),
    mode: "single-writer",
    writer: writerOf(servers),
    peerEligible: { unknown: "the servers do not replicate in this version" },
    problems,
    nodes: servers.map(({ name, server }, index) => ({
      name,
      address: deps.spec.databaseAddresses[name],
      port: MYSQL_PORT,
      ...(pids[index] === undefined ? {} : { pid: pids[index] }),
      ...serverStatus(server),
    })),
  };
}

/** A pid is an extra of the local farm: where it cannot be read, it is left out. */
async function pidOf(deps: StatusDeps, name: DatabaseNode): Promise<number | undefined> {
  const read = await readable(async () => {
    const aws = lifecycleAws(deps);
    const id = (await aws.group(deps.spec.databaseGroups[name]))?.instances[0]?.id;
    return id === undefined ? undefined : (await aws.machines([id])).get(id)?.pid;
  });
  return typeof read === "number" ? read : undefined;
}

function serverStatus(server: ServerFact) {
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
  const readOnly = known.readOnly || known.superReadOnly === true;
  return {
    role: readOnly ? ("reader" as const) : ("writer" as const),
    readOnly,
    gtid: known.gtid,
    ...channelStatus(known),
  };
}

function channelStatus({ channels }: ServerState) {
  const [channel] = channels;
  if (channel === undefined) {
    const none = { unknown: "replication is not configured" };
    return { io: none, sql: none, lagSeconds: none, lastError: none };
  }
  const lagSeconds = channel.lagSeconds ?? { unknown: "the server says NULL" };
  return { io: channel.io, sql: channel.sql, lagSeconds, lastError: channel.lastError };
}

/** What the servers agree on; while they are upgraded one after the other, both are told. */
function common<K extends "flavour" | "version">(nodes: readonly NodeFacts[], fact: K): Known<ServerState[K]> {
  const [first, ...others] = nodes.flatMap(({ server }) => ("known" in server ? [server.known[fact]] : []));
  if (first === undefined) return { unknown: "no server could be read" };
  const differing = others.find((other) => other !== first);
  return differing === undefined ? first : { unknown: `the servers differ: ${first} and ${differing}` };
}

/** The server that accepts writes. One that could not be read says so itself, in its own `role`. */
function writerOf(nodes: readonly NodeFacts[]): Known<DatabaseNode> {
  const writers = writersOf(nodes);
  if (writers.length > 1) return { unknown: "more than one server accepts writes" };
  const [writer] = writers;
  if (writer !== undefined) return writer.name;
  return {
    unknown: nodes.every(({ server }) => "known" in server)
      ? "no server accepts writes"
      : "not every server could be read",
  };
}

const requestOf = (request: OperatorRequest): RequestStatus => ({
  id: request.id,
  scope: request.scope,
  action: request.action,
  args: request.args,
  state: request.state,
  ...(request.answer === undefined ? {} : { answer: request.answer }),
  createdAt: isoTime(request.createdAt),
  expiresAt: isoTime(request.expiresAt),
});
