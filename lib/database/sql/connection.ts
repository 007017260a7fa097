import { createConnection, type Connection } from "mysql2/promise";
import * as z from "zod/mini";
import type { Clock } from "../../clock.ts";
import { TandemError } from "../../errors.ts";
import type { Credentials, ServerAddress } from "../driver.ts";
import type { UnreadCause } from "../server.ts";

/** A server in the same network answers in milliseconds; the lease of the scope lives for five seconds in all. */
const CONNECT_MS = 1_000;

export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement and gives its rows; none for a statement that has none. Throws what mysql2 throws. */
export type Query = (sql: string, values?: readonly unknown[], timeoutMs?: number) => Promise<readonly Row[]>;

export interface Link {
  readonly query: Query;
  close(): void;
}

const rowsSchema = z.catch(z.array(z.record(z.string(), z.unknown())), []);

/**
 * A new connection, for a pooled one would tell of a server as it was before a restart. TLS where the server offers it, as
 * MySQL's own clients do by default; servers make their own certificates.
 * @param untilMs all statements together must be done by then, by `clock`; each may have a limit of its own
 */
export async function openLink(clock: Clock, at: ServerAddress, as: Credentials, untilMs: number): Promise<Link> {
  const connection = await connect(at, as);
  // A connection that breaks between two statements reports to nobody otherwise, and would end the process.
  connection.on("error", () => undefined);
  return {
    async query(sql, values = [], timeoutMs = untilMs - clock.now()) {
      const [rows] = await connection.query({ sql, values: [...values], timeout: Math.max(1, timeoutMs) });
      return rowsSchema.parse(rows);
    },
    close: () => connection.destroy(),
  };
}

async function connect(at: ServerAddress, as: Credentials): Promise<Connection> {
  const options = {
    ...at,
    user: as.username,
    password: as.password,
    connectTimeout: CONNECT_MS,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  };
  try {
    return await createConnection({ ...options, ssl: { rejectUnauthorized: false } });
  } catch (error) {
    if (codeOf(error) !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return createConnection(options);
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

const numberOf = (error: unknown): number =>
  error instanceof Error && "errno" in error && typeof error.errno === "number" ? error.errno : 0;

/** ER_SERVER_OFFLINE_MODE */
const OFFLINE = 3032;
const SILENT = new Set(["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "PROTOCOL_SEQUENCE_TIMEOUT"]);
const BUSY = new Set(["ER_CON_COUNT_ERROR", "ER_USER_LIMIT_REACHED", "ER_TOO_MANY_USER_CONNECTIONS"]);

/** https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html */
export function causeOf(error: unknown): UnreadCause {
  const code = codeOf(error);
  if (BUSY.has(code)) return "too-many-connections";
  if (numberOf(error) === OFFLINE) return "offline";
  if (/^ER_.*ACCESS_?DENIED|^ER_HOST_NOT_PRIVILEGED|^ER_HOST_IS_BLOCKED/.test(code)) return "denied";
  if (SILENT.has(code)) return "silent";
  // A host whose server is gone cuts the connection off before the greeting, or does not take it at all.
  return /^E[A-Z]+$/.test(code) || code === "PROTOCOL_CONNECTION_LOST" ? "refused" : "failed";
}

export const messageOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return code === "" || message.includes(code) ? message : `${code}: ${message}`;
};

const CODES: Readonly<Record<UnreadCause, string>> = {
  refused: "server-refused",
  silent: "server-silent",
  offline: "server-failed",
  "too-many-connections": "server-busy",
  denied: "server-denied",
  "no-credentials": "server-denied",
  failed: "server-failed",
};

/** What a session failed with, by what was being done. The statement is not told: it may hold a password. */
export function serverError(error: unknown, at: ServerAddress, doing: string): unknown {
  // Whatever has no code comes neither from the server nor from the network: it is passed on as it is.
  if (error instanceof TandemError || codeOf(error) === "") return error;
  const cause = causeOf(error);
  return new TandemError(CODES[cause], `could not ${doing} on ${at.host}:${at.port}: ${messageOf(error)}`, {
    next: "nothing: the next look decides anew; tandem status shows the servers",
    retriable: cause !== "denied",
    cause: codeOf(error),
  });
}

export function text(row: Row | undefined, ...columns: string[]): string {
  for (const column of columns) {
    const value = row?.[column];
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number" || typeof value === "bigint") return String(value);
  }
  return "";
}

export const isOn = (value: string): boolean => value === "ON" || value === "1";
