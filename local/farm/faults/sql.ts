import { createConnection, type Connection } from "mysql2/promise";
import * as z from "zod";
import { DATABASE_NODES, type DatabaseNode } from "../../../lib/spec.ts";
import { mirrorOf } from "../instance/compute.ts";
import type { FarmMachine, FarmMachines } from "../machines.ts";
import { Refusal } from "./refusal.ts";
import { DATABASE_PORT } from "./server-process.ts";

const CONNECT_MS = 2_000;
/** For one statement: what waits longer waits for something that a fault has to report. */
const STATEMENT_MS = 10_000;

type Account = "admin" | "app";
/** Name and password of an account, from the farm's own Secrets Manager. */
export type ReadAccount = (account: Account) => Promise<{ readonly username: string; readonly password: string }>;

const rowsSchema = z.array(z.record(z.string(), z.unknown()));
type Row = z.infer<typeof rowsSchema>[number];

/** One session on a server, past the relays. Errors are in the server's words, which hold no password. */
export interface Sql {
  readonly connection: Connection;
  readonly isMariadb: boolean;
  run(statement: string, values?: readonly string[]): Promise<readonly Row[]>;
}

export interface Servers {
  open(node: FarmMachine, as: Account): Promise<Sql>;
  use<T>(node: FarmMachine, act: (sql: Sql) => Promise<T>): Promise<T>;
  /** To undo a fault: a machine that is gone took it along. */
  useIfThere(node: FarmMachine, act: (sql: Sql) => Promise<void>): Promise<void>;
  both(): readonly FarmMachine[];
  /** `db-a`, `db-b`, `writer` or `peer`: the last two are whoever is open for writes now, and the other. */
  node(target: string): Promise<FarmMachine>;
  peerOf(node: FarmMachine): FarmMachine;
}

async function dial(node: FarmMachine, { username, password }: Awaited<ReturnType<ReadAccount>>): Promise<Connection> {
  const options = {
    ...{ host: mirrorOf(node.address), port: DATABASE_PORT, user: username, password, connectTimeout: CONNECT_MS },
    ...{ dateStrings: true, supportBigNumbers: true, bigNumberStrings: true },
  };
  try {
    return await createConnection({ ...options, ssl: { rejectUnauthorized: false } });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "HANDSHAKE_NO_SSL_SUPPORT")) throw error;
    return createConnection(options);
  }
}

async function openSql(node: FarmMachine, account: Awaited<ReturnType<ReadAccount>>): Promise<Sql> {
  let connection: Connection;
  try {
    connection = await dial(node, account);
  } catch (error) {
    throw new Error(`${node.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  // A session that breaks between two statements reports to nobody otherwise, and would end the farm.
  connection.on("error", () => undefined);
  const run: Sql["run"] = async (sql, values = []) => {
    try {
      const [rows] = await connection.query({ sql, values: [...values], timeout: STATEMENT_MS });
      return rowsSchema.safeParse(rows).data ?? [];
    } catch (error) {
      throw new Error(`${node.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
  const [row] = await run("SELECT VERSION() AS version");
  return { connection, isMariadb: /mariadb/i.test(String(row?.["version"])), run };
}

export function openServers(machines: FarmMachines, account: ReadAccount): Servers {
  const named = (name: DatabaseNode): FarmMachine => {
    const found = machines.find(name);
    if (found === undefined) throw new Refusal(`${name} does not run`);
    return found;
  };
  const both = (): readonly FarmMachine[] => DATABASE_NODES.map(named);
  const servers: Servers = {
    open: async (node, as) => openSql(node, await account(as)),
    async use(node, act) {
      const sql = await servers.open(node, "admin");
      try {
        return await act(sql);
      } finally {
        sql.connection.destroy();
      }
    },
    async useIfThere(node, act) {
      if (machines.find(node.instanceId) !== undefined) await servers.use(node, act);
    },
    both,
    async node(target) {
      const name = DATABASE_NODES.find((each) => each === target);
      if (name !== undefined) return named(name);
      if (target !== "writer" && target !== "peer")
        throw new Refusal(`${target} is no database node: give db-a, db-b, writer or peer`);
      const open = await Promise.all(both().map(async (node) => ({ node, isOpen: await isOpen(servers, node) })));
      const writers = open.filter(({ isOpen: each }) => each).map(({ node }) => node);
      const [writer, other] = writers;
      if (writer === undefined || other !== undefined)
        throw new Refusal(
          `there is no one writer now (open: ${writers.map(({ name: each }) => each).join(", ") || "none"}): name the node`,
        );
      return target === "writer" ? writer : servers.peerOf(writer);
    },
    peerOf: ({ name }) => named(name === "db-a" ? "db-b" : "db-a"),
  };
  return servers;
}

const isOpen = (servers: Servers, node: FarmMachine): Promise<boolean> =>
  servers.use(node, async ({ run }) => {
    const [row] = await run("SELECT @@global.read_only AS readOnly");
    return String(row?.["readOnly"]) === "0";
  });

export const text = (row: Row | undefined, ...columns: readonly string[]): string =>
  columns
    .map((column) => row?.[column])
    .flatMap((value) => (typeof value === "string" || typeof value === "number" ? [String(value)] : []))[0] ?? "";
