import type { Clock } from "../../clock.ts";
import type { Credentials, DatabaseDriver, ServerAddress, ServerSession } from "../driver.ts";
import { connect, within, type SqlConnection } from "./connection.ts";
import { SHORT_MS } from "./dialect.ts";
import { causeOf, serverError, SqlError, wordsOf } from "./errors.ts";
import { releaseLock, serverSession, takeLock } from "./session.ts";
import { dialectOf, readState, readVariables } from "./state.ts";

/** A server in the same network answers in milliseconds; the lease of the scope lives for five seconds in all. */
const CONNECT_MS = 1_000;
/** For all the statements of one look together. */
const QUERIES_MS = 1_000;

/** Times are compared with each other: in a zone with summer time an hour comes twice. */
const READ_SETTINGS = "SET SESSION time_zone = '+00:00'";
/**
 * A controller that vanishes holds the lock until the server ends its session: as long as the lease of its scope lives.
 * The mode makes quoting what the driver takes it for, whatever the server's own is.
 */
const SESSION_SETTINGS =
  "SET SESSION time_zone = '+00:00', wait_timeout = 5, lock_wait_timeout = 5, innodb_lock_wait_timeout = 1, sql_mode = 'STRICT_ALL_TABLES'";

const BEAT = `INSERT INTO tandem.heartbeat (id, sequence, written_at) VALUES (1, ?, ?)
  ON DUPLICATE KEY UPDATE sequence = ?, written_at = ?`;

/** MySQL and MariaDB over the network; which of the two a server is, it says itself. */
export const sqlDriver: DatabaseDriver = {
  async read(clock, at, as) {
    let connection: SqlConnection | undefined;
    try {
      // A new one for each look: a pooled one would tell of a server as it was before a restart.
      connection = await connect(at, as, CONNECT_MS);
      const sql = within(connection, clock, QUERIES_MS);
      await sql.query(READ_SETTINGS, SHORT_MS);
      return { known: await readState(sql) };
    } catch (error) {
      return { unknown: `${at.host}:${at.port}: ${wordsOf(error)}`, cause: causeOf(error, "connected") };
    } finally {
      connection?.close();
    }
  },
  async beat(_clock, at, as, { sequence, writtenAt }, timeoutMs) {
    let connection: SqlConnection | undefined;
    try {
      connection = await connect(at, as, CONNECT_MS);
      await connection.query(SESSION_SETTINGS, SHORT_MS);
      await connection.query(BEAT, timeoutMs, [sequence, writtenAt, sequence, writtenAt]);
    } catch (error) {
      throw error instanceof SqlError ? serverError(at, error) : error;
    } finally {
      connection?.close();
    }
  },
  async session(clock, at, as, use) {
    const { connection, session } = await open(clock, at, as);
    try {
      return await use(session);
    } finally {
      await releaseLock(connection);
      connection.close();
    }
  },
};

async function open(
  clock: Clock,
  at: ServerAddress,
  as: Credentials,
): Promise<{ readonly connection: SqlConnection; readonly session: ServerSession }> {
  let connection: SqlConnection | undefined;
  try {
    connection = await connect(at, as, CONNECT_MS);
    await connection.query(SESSION_SETTINGS, SHORT_MS);
    await takeLock(connection, at);
    const dialect = dialectOf(await readVariables(connection));
    return { connection, session: serverSession({ sql: connection, clock, dialect, at, healer: as.username }) };
  } catch (error) {
    connection?.close();
    throw error instanceof SqlError ? serverError(at, error) : error;
  }
}
