/** What Tandem needs on a writer, and how to see whether it is there. WordPress makes its own tables. */
interface Piece {
  /** Gives a row if it is there. */
  readonly exists: string;
  readonly create: string;
}

const database = (name: string): Piece => ({
  exists: `SELECT 1 AS found FROM information_schema.schemata WHERE schema_name = '${name}'`,
  create: `CREATE DATABASE ${name} CHARACTER SET utf8mb4`,
});

const table = (schema: string, name: string, columns: string): Piece => ({
  exists: `SELECT 1 AS found FROM information_schema.tables WHERE table_schema = '${schema}' AND table_name = '${name}'`,
  create: `CREATE TABLE ${schema}.${name} (${columns}) ENGINE = InnoDB`,
});

export const SCHEMA: readonly Piece[] = [
  database("wordpress"),
  database("tandem"),
  // One row, of id 1. The time is the watcher's own, in milliseconds since the epoch.
  table(
    "tandem",
    "heartbeat",
    "id TINYINT UNSIGNED NOT NULL PRIMARY KEY, sequence BIGINT UNSIGNED NOT NULL, written_at BIGINT UNSIGNED NOT NULL",
  ),
  // In the database of the content, so that the row is on the connection, and in the order, of the change that it tells.
  table(
    "wordpress",
    "tandem_outbox",
    `id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY, kind VARCHAR(32) NOT NULL, subject VARCHAR(255) NOT NULL,
      created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)`,
  ),
];
