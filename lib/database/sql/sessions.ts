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

/** MySQL says "from replica", MariaDB "from slave". */
const isWaiting = ({ state }: ClientSession): boolean => state.startsWith("Waiting for semi-sync ACK");
/** New ones may come between two listings, but only to be turned away: they are no reason to go on for ever. */
const CUT_ROUNDS_MAX = 10;

/**
 * Ends every client's session but those of the spared users, the ones that wait for an acknowledgement last. On MariaDB
 * one of them waits for a whole group of commits, and its end frees the group: whoever of it is not cut yet would be told
 * that its commit is safe, which it is not (tried on 10.11: 10 to 29 such answers in 12 fences, and none in this order).
 */
export async function cutClients(sql: Sql, dialect: Dialect, spared: readonly string[]): Promise<void> {
  for (let round = 1; round <= CUT_ROUNDS_MAX; round += 1) {
    const left = (await clientsOf(sql, dialect)).filter(
      ({ user, command }) => !spared.includes(user) && command !== "Killed",
    );
    const others = left.filter((session) => !isWaiting(session));
    const isLast = others.length === 0 || round === CUT_ROUNDS_MAX;
    for (const { id } of others) await kill(sql, id);
    if (isLast) for (const { id } of left.filter(isWaiting)) await kill(sql, id);
    if (isLast) return;
  }
}

/** One that has ended by itself meanwhile, or that no right suffices for, is left. */
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
