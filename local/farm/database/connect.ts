import { createConnection, type Connection } from "mysql2/promise";

export interface Account {
  readonly username: string;
  readonly password: string;
}

export interface At {
  readonly host: string;
  readonly port: number;
}

/** A session that reports what breaks it to whoever asks it next. TLS where it is offered, as clients do by default. */
export async function connectAs(at: At, { username, password }: Account, timeoutMs: number): Promise<Connection> {
  const options = { ...at, user: username, password, connectTimeout: timeoutMs };
  const connection = await createConnection({ ...options, ssl: { rejectUnauthorized: false } }).catch(
    (error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "HANDSHAKE_NO_SSL_SUPPORT")
        return createConnection(options);
      throw error;
    },
  );
  connection.on("error", () => undefined);
  return connection;
}

/** Read-only, offline, and the right to write that only administrators have meanwhile. */
const REFUSALS = new Set(["ER_OPTION_PREVENTS_STATEMENT", "ER_SERVER_OFFLINE_MODE", "ER_READ_ONLY_MODE"]);

/** The server is closed and said so: what it was asked to write is not there. */
export const isRefused = (error: unknown): boolean =>
  error instanceof Error && "code" in error && REFUSALS.has(String(error.code));
