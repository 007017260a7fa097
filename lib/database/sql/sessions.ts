import { number, text, type Row, type Sql } from "./connection.ts";
import { SHORT_MS, type Dialect } from "./dialect.ts";
import { ERRNO, SqlError } from "./errors.ts";

/** A client's session: neither a thread of the server nor a replica that reads the binary log, nor the asking one. */
export interface ClientSession {
  readonly id: string;
  readonly user: string;
  readonly host: string;
  readonly command: string;
  readonly state: string;
  readonly seconds: number;
}

const NO_CLIENTS = new Set(["system user", "event_scheduler"]);
const isDump = (command: string): boolean => command.startsWith("Binlog Dump");

/** Without the port, which is the last of the colons: an IPv6 address has more. */
const hostOf = (host: string): string => host.replace(/:\d+$/, "");

const listing = async (sql: Sql, dialect: Dialect): Promise<readonly Row[]> =>
  sql.query(
    `SELECT ID AS id, USER AS user, HOST AS host, COMMAND AS command, COALESCE(STATE, '') AS state, TIME AS seconds
      FROM ${dialect.processlist} WHERE ID <> CONNECTION_ID()`,
    SHORT_MS,
  );

const sessionOf = (row: Row): ClientSession => ({
  id: text(row, "id"),
  user: text(row, "user"),
  host: hostOf(text(row, "host")),
  command: text(row, "command"),
  state: text(row, "state"),
  seconds: number(row, "seconds") ?? 0,
});

/** Addresses of the replicas whose dump threads are connected. */
export const replicasOf = async (sql: Sql, dialect: Dialect): Promise<readonly string[]> => [
  ...new Set(
    (await listing(sql, dialect))
      .map(sessionOf)
      .filter(({ command }) => isDump(command))
      .map(({ host }) => host),
  ),
];

async function clientsOf(sql: Sql, dialect: Dialect): Promise<readonly ClientSession[]> {
  const sessions = (await listing(sql, dialect)).map(sessionOf);
  return sessions.filter(({ user, command }) => !NO_CLIENTS.has(user) && command !== "Daemon" && !isDump(command));
}

/** Ends every client's session but those of the spared users. One that ends by itself meanwhile, or that no right suffices for, is left. */
export async function cutClients(sql: Sql, dialect: Dialect, spared: readonly string[]): Promise<void> {
  for (const { id, user } of await clientsOf(sql, dialect)) if (!spared.includes(user)) await kill(sql, id);
}

async function kill(sql: Sql, id: string): Promise<void> {
  try {
    await sql.query(`KILL ${id}`, SHORT_MS);
  } catch (error) {
    const isLeft = error instanceof SqlError && [ERRNO.noSuchThread, ERRNO.killDenied].some((n) => n === error.errno);
    if (!isLeft) throw error;
  }
}

/** An open transaction that has changed something. */
export interface OpenTransaction {
  /** Of the transaction, not of its session: a session that has gone on to its next one holds nothing up. */
  readonly id: string;
  readonly words: string;
}

/** Ones that the server itself runs, to apply what it received, are none. */
export async function openTransactions(sql: Sql, dialect: Dialect): Promise<readonly OpenTransaction[]> {
  const rows = await sql.query(
    `SELECT t.trx_id AS id, p.ID AS session, p.USER AS user, p.HOST AS host,
        TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds
      FROM information_schema.innodb_trx t JOIN ${dialect.processlist} p ON p.ID = t.trx_mysql_thread_id
      WHERE t.trx_rows_modified > 0 AND p.USER <> 'system user'`,
    SHORT_MS,
  );
  return rows.map((row) => ({
    id: text(row, "id"),
    words: `session ${text(row, "session")} of ${text(row, "user")} from ${hostOf(text(row, "host"))}, which has had a transaction open for ${text(row, "seconds")} s`,
  }));
}

/** Clients that have been at one statement for a second or longer, in words and without the statement, which may hold anything. */
export async function busyClients(sql: Sql, dialect: Dialect): Promise<readonly string[]> {
  const busy = (await clientsOf(sql, dialect)).filter(({ command, seconds }) => command !== "Sleep" && seconds >= 1);
  return busy.map(
    ({ id, user, host, seconds, state }) =>
      `session ${id} of ${user} from ${host}, ${seconds} s in one statement (${state || "running"})`,
  );
}
