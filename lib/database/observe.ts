import type { Clock } from "../clock.ts";
import type { Table } from "../aws/table.ts";
import { TandemError } from "../errors.ts";
import { factOf, lifecycleAws, type LifecycleClients } from "../lifecycle/aws.ts";
import { waitingTransition, type Group } from "../lifecycle/observation.ts";
import { readNotices } from "../lifecycle/notice.ts";
import { observeHook } from "../lifecycle/observe.ts";
import { absent, isKnown, known, type Fact } from "../reconcile/fact.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";
import type { DatabaseNode, Spec } from "../spec.ts";
import { databaseAws, type DatabaseClients } from "./aws.ts";
import type { Credentials, DatabaseDriver, ServerAddress } from "./driver.ts";
import type { NodeFacts, PairFacts } from "./facts.ts";
import { readPair } from "./pair.ts";
import type { DatabaseObservation } from "./plan.ts";
import { SUSPENDED, type MachineObservation } from "./launch.ts";
import type { ServerFact } from "./server.ts";
import { openSightings, type Sightings } from "./sightings.ts";

export const MYSQL_PORT = 3306;

export type DatabaseDeps = DatabaseClients &
  LifecycleClients & {
    readonly spec: Spec;
    readonly clock: Clock;
    readonly table: Table;
    readonly databases: DatabaseDriver;
  };

/** Groups that are at rest are asked for this seldom: a look comes every second, and Auto Scaling counts its callers. */
const GROUPS_MS = 15_000;
/** What was announced is read this seldom: it is for a person, who needs longer. */
const NOTICES_MS = 15_000;
/** EC2 is asked this seldom for a machine whose server cannot be read. */
const MACHINE_MS = 2_000;

export const addressOf = (spec: Spec, node: DatabaseNode): ServerAddress => ({
  host: spec.databaseAddresses[node],
  port: MYSQL_PORT,
});

/** Reads both servers at once. The observer's password is read when first needed and again after it was refused. */
export function serverReader(deps: Pick<DatabaseDeps, "spec" | "clock" | "databases"> & DatabaseClients) {
  const aws = databaseAws(deps);
  let credentials: Promise<Credentials> | undefined;
  return async (node: DatabaseNode): Promise<ServerFact> => {
    try {
      credentials ??= aws.credentials(`${deps.spec.secretsPrefix}/database/observer`);
      const server = await deps.databases.read(deps.clock, addressOf(deps.spec, node), await credentials);
      if ("unknown" in server && server.cause === "denied") credentials = undefined;
      return server;
    } catch (error) {
      credentials = undefined;
      if (error instanceof TandemError) return { unknown: error.message, cause: "no-credentials" };
      throw error;
    }
  };
}

/** The database tier as it is; whatever cannot be read is unknown. One observer for all looks of a run. */
export function databaseObserver(deps: DatabaseDeps) {
  const readServer = serverReader(deps);
  const sightings = openSightings();
  const machines = { "db-a": machineObserver(deps, "db-a"), "db-b": machineObserver(deps, "db-b") };
  const notices = kept(deps.clock, NOTICES_MS, () => factOf(() => readNotices(deps.table, deps.clock.now())), isKnown);

  return async (requests: readonly OperatorRequest[]): Promise<DatabaseObservation> => {
    const [pair, announced, a, b] = await Promise.all([
      factOf(() => readPair(deps.table)),
      notices(""),
      observeNode(machines["db-a"], () => readServer("db-a"), deps.clock, sightings),
      observeNode(machines["db-b"], () => readServer("db-b"), deps.clock, sightings),
    ]);
    const nodes = { "db-a": a.facts, "db-b": b.facts };
    const now = deps.clock.now();
    const writer = isKnown(pair) ? nodes[pair.known.writer].server : undefined;
    const stalledMs = sightings.stalledMs(writer !== undefined && "known" in writer ? writer.known : undefined, now);
    const facts: PairFacts = { now, pair, nodes, ...(stalledMs === undefined ? {} : { stalledMs }) };
    return {
      machines: [a.machine, b.machine].map((machine) => ({ ...machine, notices: announced })),
      facts,
      requests,
      hasRecords: deps.spec.privateZone !== undefined,
    };
  };
}

async function observeNode(
  machine: ReturnType<typeof machineObserver>,
  read: () => Promise<ServerFact>,
  clock: Clock,
  sightings: Sightings,
): Promise<{ readonly facts: NodeFacts; readonly machine: Omit<MachineObservation, "notices"> }> {
  const timed = async () => ({ fact: await read(), readAt: clock.now() });
  const [observed, { fact: server, readAt }] = await Promise.all([machine.observe(), timed()]);
  const unread = sightings.unread(machine.name, server, readAt);
  const facts: NodeFacts = {
    name: machine.name,
    address: machine.address,
    // A group that cannot be read does not silence the server's problems.
    inService:
      !isKnown(observed.group) || observed.group.known.instances.some((one) => one.lifecycleState === "InService"),
    server,
    readAt,
    ...(unread === undefined ? {} : { unread }),
    machine: unread === undefined ? absent : await machine.machine(observed.group),
  };
  return { facts, machine: observed };
}

/** What Auto Scaling and EC2 say of one server's machine, asked again when it may have changed or is old. */
function machineObserver(deps: DatabaseDeps, name: DatabaseNode) {
  const aws = lifecycleAws(deps);
  const { clock, spec } = deps;
  const groupName = spec.databaseGroups[name];
  const hooks = { clock, table: deps.table, aws };
  const group = kept(clock, GROUPS_MS, () => factOf(() => aws.group(groupName)), isAtRest);
  const seen = kept(
    clock,
    MACHINE_MS,
    (instanceId: string) => factOf(async () => (await aws.machines([instanceId])).get(instanceId)),
    // What is not running is about to change.
    (machine) => isKnown(machine) && machine.known.state === "running",
  );
  return {
    name,
    address: spec.databaseAddresses[name],
    async observe(): Promise<Omit<MachineObservation, "notices">> {
      const found = await group(groupName);
      const waiting = isKnown(found)
        ? found.known.instances.filter((one) => waitingTransition(one.lifecycleState) !== undefined)
        : [];
      const observed = await Promise.all(waiting.map((one) => observeHook(hooks, one.id, [groupName])));
      return { name, groupName, group: found, hooks: observed };
    },
    async machine(found: Fact<Group>): Promise<NodeFacts["machine"]> {
      if (!isKnown(found)) return found;
      const instanceId = found.known.instances[0]?.id;
      if (instanceId === undefined) return absent;
      const machine = await seen(instanceId);
      return isKnown(machine) ? known({ instanceId, state: machine.known.state }) : machine;
    },
  };
}

const isAtRest = (group: Fact<Group>): boolean =>
  isKnown(group) &&
  group.known.instances.every(({ lifecycleState }) => lifecycleState === "InService") &&
  SUSPENDED.every((process) => group.known.suspended.includes(process));

/** The last answer for a key while it is young enough and `lasts`. */
function kept<T>(
  clock: Clock,
  ms: number,
  ask: (key: string) => Promise<T>,
  lasts: (answer: T) => boolean = () => true,
): (key: string) => Promise<T> {
  let last: { readonly key: string; readonly at: number; readonly answer: T } | undefined;
  return async (key) => {
    if (last !== undefined && last.key === key && clock.now() - last.at < ms && lasts(last.answer)) return last.answer;
    last = { key, at: clock.now(), answer: await ask(key) };
    return last.answer;
  };
}
