import { text, type Query } from "./connection.ts";

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
