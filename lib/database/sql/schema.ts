import type { Heartbeat } from "../server.ts";
import { text, type Query } from "./connection.ts";

/** What WordPress and Tandem need of a writer; what is there is left as it is. */
export const SCHEMA = [
  "CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4",
  "CREATE DATABASE IF NOT EXISTS tandem CHARACTER SET utf8mb4",
  `CREATE TABLE IF NOT EXISTS tandem.heartbeat (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY, sequence BIGINT UNSIGNED NOT NULL, written_at BIGINT UNSIGNED NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS wordpress.tandem_outbox (
    id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY, kind VARCHAR(40) NOT NULL, subject VARCHAR(255) NOT NULL,
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3))`,
] as const;

/** Of a schema that is not there yet, or a table: no row. */
export async function readHeartbeat(query: Query): Promise<Heartbeat | undefined> {
  try {
    const [row] = await query("SELECT sequence, written_at FROM tandem.heartbeat WHERE id = 1");
    const sequence = text(row, "sequence");
    return sequence === "" ? undefined : { sequence: Number(sequence), writtenAt: Number(text(row, "written_at")) };
  } catch (error) {
    if (/ER_NO_SUCH_TABLE|ER_BAD_DB_ERROR|ER_TABLEACCESS_DENIED_ERROR/.test(String(Object(error).code)))
      return undefined;
    throw error;
  }
}
