import type { Clock } from "../clock.ts";
import type { Table } from "../aws/table.ts";
import { TandemError } from "../errors.ts";
import { isKnown } from "../reconcile/fact.ts";
import { DATABASE_NODES, type DatabaseNode, type Spec } from "../spec.ts";
import { factOf, lifecycleAws, type LifecycleClients } from "../lifecycle/aws.ts";
import { waitingTransition } from "../lifecycle/observation.ts";
import { observeHook } from "../lifecycle/observe.ts";
import { databaseAws, type DatabaseClients } from "./aws.ts";
import type { Credentials, DatabaseDriver } from "./driver.ts";
import type { DatabaseNodeObservation, DatabaseObservation } from "./plan.ts";
import type { ServerFact } from "./server.ts";
import { sqlDriver } from "./sql/driver.ts";

export const MYSQL_PORT = 3306;

export type DatabaseDeps = DatabaseClients &
  LifecycleClients & {
    readonly spec: Spec;
    readonly clock: Clock;
    readonly table: Table;
    /** Absent: over the network. The simulation gives a model of the pair. */
    readonly databases?: DatabaseDriver;
  };

/** Reads both servers at once. The observer's password is read when first needed and again after it was refused. */
export function serverReader(deps: Omit<DatabaseDeps, "table">): (node: DatabaseNode) => Promise<ServerFact> {
  const aws = databaseAws(deps);
  const { databases = sqlDriver } = deps;
  let credentials: Promise<Credentials> | undefined;
  return async (node) => {
    try {
      credentials ??= aws.credentials(`${deps.spec.secretsPrefix}/database/observer`);
      const at = { host: deps.spec.databaseAddresses[node], port: MYSQL_PORT };
      const server = await databases.read(deps.clock, at, await credentials);
      if ("unknown" in server && server.cause === "denied") credentials = undefined;
      return server;
    } catch (error) {
      credentials = undefined;
      if (error instanceof TandemError) return { unknown: error.message, cause: "no-credentials" };
      throw error;
    }
  };
}

/** The database tier as it is; whatever cannot be read is unknown. */
export function databaseObserver(deps: DatabaseDeps): () => Promise<DatabaseObservation> {
  const aws = lifecycleAws(deps);
  const readServer = serverReader(deps);
  const hooks = { clock: deps.clock, table: deps.table, aws };

  const observeNode = async (name: DatabaseNode): Promise<DatabaseNodeObservation> => {
    const groupName = deps.spec.databaseGroups[name];
    const [group, server] = await Promise.all([factOf(() => aws.group(groupName)), readServer(name)]);
    const waiting = isKnown(group)
      ? group.known.instances.filter((instance) => waitingTransition(instance.lifecycleState) !== undefined)
      : [];
    const observed = await Promise.all(waiting.map((instance) => observeHook(hooks, instance.id, [groupName])));
    return { name, groupName, group, server, hooks: observed };
  };
  return async () => ({ nodes: await Promise.all(DATABASE_NODES.map(observeNode)) });
}
