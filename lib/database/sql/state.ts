import type { Heartbeat, ServerState } from "../server.ts";
import { number, text, type Row, type Sql } from "./connection.ts";
import { SHORT_MS, type Dialect, type Named } from "./dialect.ts";
import { ERRNO, SqlError } from "./errors.ts";
import { mariadbDialect } from "./mariadb.ts";
import { mysqlDialect } from "./mysql.ts";
import { replicasOf } from "./sessions.ts";

const VARIABLES = [
  "version",
  "version_comment",
  "read_only",
  "super_read_only",
  "offline_mode",
  "init_connect",
  "max_connections",
];
const IDENTITIES = [mysqlDialect.identity, mariadbDialect.identity];
const SEMI_SYNC = [mysqlDialect.semiSync, mariadbDialect.semiSync];

const listed = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ");
/** On both flavours: a name that the server does not know gives no row. */
const SHOW_VARIABLES = `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${listed([
  ...VARIABLES,
  ...IDENTITIES,
  ...SEMI_SYNC.flatMap(({ source, replica }) => [`${source}_enabled`, `${replica}_enabled`]),
])})`;
const SHOW_STATUS = `SHOW GLOBAL STATUS WHERE Variable_name IN (${listed([
  "Uptime",
  "Threads_connected",
  ...SEMI_SYNC.flatMap(({ source }) => [`${source}_clients`, `${source}_wait_sessions`]),
])})`;

/** Names in small letters: the flavours differ in the first one. */
export const named = (rows: readonly Row[]): Named =>
  new Map(rows.map((row) => [text(row, "Variable_name").toLowerCase(), text(row, "Value")]));

export const readVariables = async (sql: Sql): Promise<Named> => named(await sql.query(SHOW_VARIABLES, SHORT_MS));

/** Which of the two flavours the server says that it is. */
export const dialectOf = (variables: Named): Dialect =>
  /mariadb/i.test(`${variables.get("version") ?? ""} ${variables.get("version_comment") ?? ""}`)
    ? mariadbDialect
    : mysqlDialect;

/** All that a look wants to know, in eight or fewer statements. Throws SqlError. */
export async function readState(sql: Sql): Promise<ServerState> {
  const variables = await readVariables(sql);
  const dialect = dialectOf(variables);
  const status = named(await sql.query(SHOW_STATUS, SHORT_MS));
  const isOn = (name: string): boolean => variables.get(`${name}_enabled`) === "ON";
  const count = (name: string): number => Number(status.get(name) ?? 0);
  const superReadOnly = variables.get("super_read_only");
  const { source, replica } = dialect.semiSync;
  const gtid = await dialect.gtid(sql);
  const channels = await dialect.channels(sql);
  const replicas = await replicasOf(sql, dialect);
  const heartbeat = await readHeartbeat(sql);
  return {
    flavour: dialect.flavour,
    version: variables.get("version") ?? "",
    identity: variables.get(dialect.identity) ?? "",
    uptimeSeconds: count("uptime"),
    ...connectionsOf(status.get("threads_connected"), variables.get("max_connections")),
    readOnly: variables.get("read_only") !== "OFF",
    ...(superReadOnly === undefined ? {} : { superReadOnly: superReadOnly !== "OFF" }),
    offline: dialect.isLockedOut(variables),
    gtid,
    channels,
    semiSync: {
      source: isOn(source),
      replica: isOn(replica),
      clients: count(`${source}_clients`),
      waiting: count(`${source}_wait_sessions`),
    },
    replicas,
    ...(heartbeat === undefined ? {} : { heartbeat }),
  };
}

const connectionsOf = (used: string | undefined, max: string | undefined): Pick<ServerState, "connections"> =>
  used === undefined || max === undefined ? {} : { connections: { used: Number(used), max: Number(max) } };

/** A server that nobody has prepared yet lacks the table. A right that is missing is no such case: it stays an error. */
async function readHeartbeat(sql: Sql): Promise<Heartbeat | undefined> {
  try {
    const [row] = await sql.query("SELECT sequence, written_at FROM tandem.heartbeat WHERE id = 1", SHORT_MS);
    const [sequence, writtenAt] = [number(row, "sequence"), number(row, "written_at")];
    return sequence === undefined || writtenAt === undefined ? undefined : { sequence, writtenAt };
  } catch (error) {
    const isMissing =
      error instanceof SqlError && [ERRNO.unknownDatabase, ERRNO.noSuchTable].some((n) => n === error.errno);
    if (isMissing) return undefined;
    throw error;
  }
}
