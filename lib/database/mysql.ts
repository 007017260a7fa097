import { createConnection, type Connection } from "mysql2/promise";
import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import type { Credentials, ServerAddress } from "./driver.ts";
import type { Channel, ServerFact, ServerState, UnreadCause } from "./server.ts";

/** Reads one server. Never throws for what the server or the network does: that is an unknown, with its cause. */
export type ReadServer = (clock: Clock, at: ServerAddress, as: Credentials) => Promise<ServerFact>;

/** A server in the same network answers in milliseconds; the lease of the scope lives for five seconds in all. */
const CONNECT_MS = 1_000;
/** For all the statements of one look together. */
const QUERIES_MS = 1_000;

/** Reads a server by a new connection: a pooled one would tell of a server as it was before a restart. */
export const readMysql: ReadServer = async (clock, at, as) => {
  let connection: Connection | undefined;
  try {
    connection = await connect(at, as);
    // A connection that breaks between two statements reports to nobody otherwise, and would end the process.
    connection.on("error", () => undefined);
    return { known: await readState(connection, clock.now() + QUERIES_MS, clock) };
  } catch (error) {
    return { unknown: `${at.host}:${at.port}: ${messageOf(error)}`, cause: causeOf(error) };
  } finally {
    connection?.destroy();
  }
};

/** TLS where the server offers it, as MySQL's own clients do by default; servers make their own certificates. */
async function connect(at: ServerAddress, as: Credentials): Promise<Connection> {
  const options = { ...at, user: as.username, password: as.password, connectTimeout: CONNECT_MS, dateStrings: true };
  try {
    return await createConnection({ ...options, ssl: { rejectUnauthorized: false } });
  } catch (error) {
    if (codeOf(error) !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return createConnection(options);
  }
}

const rowsSchema = z.array(z.record(z.string(), z.unknown()));
type Row = Record<string, unknown>;

async function readState(connection: Connection, until: number, clock: Clock): Promise<ServerState> {
  const query = async (sql: string): Promise<readonly Row[]> => {
    const [rows] = await connection.query({ sql, timeout: Math.max(1, until - clock.now()) });
    return rowsSchema.parse(rows);
  };
  const variables = new Map(
    (
      await query(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'read_only', 'super_read_only')",
      )
    ).map((row) => [text(row, "Variable_name"), text(row, "Value")]),
  );
  const version = variables.get("version") ?? "";
  const isMariadb = /mariadb/i.test(`${version} ${variables.get("version_comment") ?? ""}`);
  // SHOW VARIABLES cuts long values, and a set of GTIDs can be long.
  const gtid = text(
    (await query(`SELECT @@GLOBAL.${isMariadb ? "gtid_current_pos" : "gtid_executed"} AS gtid`))[0] ?? {},
    "gtid",
  );
  const channels = await query(isMariadb ? "SHOW ALL REPLICAS STATUS" : "SHOW REPLICA STATUS");
  const superReadOnly = variables.get("super_read_only");
  return {
    flavour: isMariadb ? "mariadb" : "mysql",
    version,
    identity: "",
    uptimeSeconds: 0,
    offline: false,
    semiSync: { source: false, replica: false, clients: 0, waiting: 0 },
    replicas: [],
    readOnly: variables.get("read_only") !== "OFF",
    ...(superReadOnly === undefined ? {} : { superReadOnly: superReadOnly !== "OFF" }),
    gtid: gtid.replaceAll(/\s/g, ""),
    channels: channels.map(channelOf),
  };
}

/** By column name: MariaDB kept the old words, and both add columns from release to release. */
export function channelOf(row: Readonly<Row>): Channel {
  const either = (...names: string[]): string =>
    names.map((name) => text(row, name)).find((value) => value !== "") ?? "";
  const lag = either("Seconds_Behind_Source", "Seconds_Behind_Master");
  return {
    name: either("Channel_Name", "Connection_name"),
    source: either("Source_Host", "Master_Host"),
    io: either("Replica_IO_Running", "Slave_IO_Running"),
    sql: either("Replica_SQL_Running", "Slave_SQL_Running"),
    ...(lag === "" ? {} : { lagSeconds: Number(lag) }),
    retrieved: either("Retrieved_Gtid_Set", "Gtid_IO_Pos"),
  };
}

function text(row: Readonly<Row>, column: string): string {
  const value = row[column];
  return typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "bigint"
      ? String(value)
      : "";
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html */
export function causeOf(error: unknown): UnreadCause {
  const code = codeOf(error);
  if (code === "ER_CON_COUNT_ERROR" || code === "ER_USER_LIMIT_REACHED" || code === "ER_TOO_MANY_USER_CONNECTIONS")
    return "too-many-connections";
  if (/^ER_.*ACCESS_?DENIED|^ER_ACCESS_DENIED|^ER_HOST_NOT_PRIVILEGED|^ER_HOST_IS_BLOCKED/.test(code)) return "denied";
  if (/^E[A-Z]+$/.test(code) || code === "PROTOCOL_CONNECTION_LOST" || code === "PROTOCOL_SEQUENCE_TIMEOUT")
    return code === "ETIMEDOUT" || code === "PROTOCOL_SEQUENCE_TIMEOUT" ? "silent" : "refused";
  return "failed";
}

const messageOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return code === "" || message.includes(code) ? message : `${code}: ${message}`;
};
