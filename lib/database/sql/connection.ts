import { createConnection, type Connection } from "mysql2/promise";
import * as z from "zod/mini";
import type { Clock } from "../../clock.ts";
import type { Credentials, ServerAddress } from "../driver.ts";
import { codeOf, sqlError, SqlError } from "./errors.ts";

export type Row = Readonly<Record<string, unknown>>;

/** One connection's statements, one after the other. */
export interface Sql {
  /** Rows of a SELECT or SHOW, none of anything else. `?` stands for a value, which is quoted. Throws SqlError. */
  query(statement: string, timeoutMs: number, values?: readonly (string | number)[]): Promise<readonly Row[]>;
}

export interface SqlConnection extends Sql {
  close(): void;
}

const rowsSchema = z.array(z.record(z.string(), z.unknown()));

/**
 * Opens a connection within `timeoutMs`, greeting, TLS and password included. After a statement that was not answered in
 * time it is closed, because a late answer would be taken for the next one's; every further statement throws the same error.
 * @throws SqlError
 */
export async function connect(at: ServerAddress, as: Credentials, timeoutMs: number): Promise<SqlConnection> {
  const secrets = [as.password];
  let connection: Connection;
  try {
    connection = await open(at, as, timeoutMs);
  } catch (error) {
    throw sqlError(error, "connecting", secrets);
  }
  let broken: SqlError | undefined;
  // A connection that breaks between two statements reports to nobody otherwise, and would end the process.
  connection.on("error", (error: unknown) => {
    broken ??= sqlError(error, "connected", secrets);
  });
  return {
    async query(sql, timeout, values = []) {
      if (broken !== undefined) throw broken;
      try {
        const [rows] = await connection.query({ sql, timeout: Math.max(1, timeout), values: [...values] });
        return Array.isArray(rows) ? rowsSchema.parse(rows) : [];
      } catch (error) {
        const told = sqlError(error, "connected", [
          ...secrets,
          ...values.map(String).filter((each) => each.length > 3),
        ]);
        if (told.errno === 0) broken ??= told;
        if (told.reason === "silent") connection.destroy();
        throw told;
      }
    },
    close: () => connection.destroy(),
  };
}

/** TLS where the server offers it, as MySQL's own clients do by default; servers make their own certificates. */
async function open(at: ServerAddress, as: Credentials, connectTimeout: number): Promise<Connection> {
  const options = {
    ...at,
    user: as.username,
    password: as.password,
    connectTimeout,
    dateStrings: true,
    supportBigNumbers: true,
  };
  try {
    return await createConnection({ ...options, ssl: { rejectUnauthorized: false } });
  } catch (error) {
    if (codeOf(error) !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return createConnection(options);
  }
}

/** The same statements, all together within `totalMs` from now. */
export function within(sql: Sql, clock: Clock, totalMs: number): Sql {
  const until = clock.now() + totalMs;
  return {
    async query(statement, timeoutMs, values) {
      const left = until - clock.now();
      if (left <= 0) throw new SqlError(`no answer to all statements within ${totalMs} ms`, "silent", 0);
      return sql.query(statement, Math.min(timeoutMs, left), values);
    },
  };
}

/** A column as text; NULL and what is not there are empty. */
export function text(row: Row | undefined, column: string): string {
  const value = row?.[column];
  return typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "bigint"
      ? String(value)
      : "";
}

/** A column as a number; undefined for NULL and what is no number. */
export function number(row: Row | undefined, column: string): number | undefined {
  const value = text(row, column);
  return value === "" || !Number.isFinite(Number(value)) ? undefined : Number(value);
}
