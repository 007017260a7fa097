import { TandemError } from "../../errors.ts";
import { text, type Query } from "./connection.ts";
import type { Until } from "./flavour.ts";

/** Accounts of Tandem itself, by their names in the secrets; whoever else is connected is an application. */
const OWN = ["healer", "observer", "replication", "tandem_writer"];

/**
 * Ends every session of an application. A session that has ended meanwhile is what was wanted.
 * Both flavours have this table; `Binlog Dump` feeds a replica, and `system user` is one.
 */
export async function cutApplications(query: Query): Promise<void> {
  const own = OWN.map((name) => `'${name}'`).join(", ");
  const rows = await query(
    `SELECT id AS id FROM information_schema.processlist WHERE id <> CONNECTION_ID()
      AND command NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_IO', 'Slave_SQL', 'Slave_worker')
      AND user NOT IN ('system user', 'event_scheduler', ${own})`,
  );
  for (const row of rows)
    await query(`KILL ${Number(text(row, "id"))}`).catch((error: unknown) => {
      if (Object(error).code !== "ER_NO_SUCH_THREAD") throw error;
    });
}

/** The shortest age that innodb_trx can tell; a statement that commits by itself is far younger. */
const LONG_SECONDS = 1;

/**
 * Transactions of applications that have changed or locked something and are open for a second or more, in words. Closing
 * the server would not wait for them: they would fail at their end.
 */
export async function longTransactions(query: Query): Promise<readonly string[]> {
  const own = OWN.map((name) => `'${name}'`).join(", ");
  const rows = await query(
    `SELECT t.trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds
      FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
      WHERE (t.trx_rows_modified > 0 OR t.trx_tables_locked > 0) AND p.user NOT IN ('system user', 'event_scheduler', ${own})
      ORDER BY t.trx_started LIMIT 10`,
  );
  return rows
    .filter((row) => Number(text(row, "seconds")) >= LONG_SECONDS)
    .map((row) => `session ${text(row, "id")} since ${text(row, "seconds")} s`);
}

/** Waits until none is left. Throws TandemError `close-timeout` that names them. */
export async function untilEnded(query: Query, until: Until, timeoutMs: number): Promise<void> {
  let open: readonly string[] = [];
  const isOver = await until(async () => (open = await longTransactions(query)).length === 0, timeoutMs);
  if (isOver) return;
  throw new TandemError("close-timeout", `transactions did not end within ${timeoutMs} ms: ${open.join(", ")}`, {
    next: "wait for them or end them, and ask again",
  });
}
