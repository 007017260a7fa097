import { TandemError } from "../../errors.ts";
import type { ServerAddress } from "../driver.ts";
import type { UnreadCause } from "../server.ts";

/** What a server or the way to it answered instead of rows. Its words hold no password. */
export class SqlError extends Error {
  readonly reason: UnreadCause;
  /** The server's error number; 0 where no server spoke. */
  readonly errno: number;

  constructor(message: string, reason: UnreadCause, errno: number) {
    super(message);
    this.name = "SqlError";
    this.reason = reason;
    this.errno = errno;
  }
}

/** Numbers of https://dev.mysql.com/doc/mysql-errors/9.7/en/server-error-reference.html that the code acts on. */
export const ERRNO = {
  unknownDatabase: 1049,
  noSuchThread: 1094,
  killDenied: 1095,
  noSuchTable: 1146,
  unknownVariable: 1193,
  lockWaitTimeout: 1205,
} as const;

const TOO_MANY = new Set([1040, 1203, 1226]);
/** Also locked accounts (3118, MariaDB 4151), an insecure connection (3159) and an expired password (1820, 1862). */
const DENIED = new Set([1044, 1045, 1129, 1130, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 3159, 4151]);
/** 1184: MariaDB ended the session because its `init_connect` failed, which is what our fence makes it do. */
const OFFLINE = new Set([1184, 3032]);

const REFUSED = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "PROTOCOL_CONNECTION_LOST"]);
const SILENT = new Set([
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "PROTOCOL_SEQUENCE_TIMEOUT",
]);

/**
 * Why nothing was read. A connection that ends after the server let it in is `failed`: it may have been cut on purpose,
 * and the next look tells whether a server is still there.
 */
export function causeOf(error: unknown, phase: "connecting" | "connected"): UnreadCause {
  if (error instanceof SqlError) return error.reason;
  const errno = errnoOf(error);
  if (TOO_MANY.has(errno)) return "too-many-connections";
  if (DENIED.has(errno)) return "denied";
  if (OFFLINE.has(errno)) return "offline";
  const code = codeOf(error);
  if (SILENT.has(code)) return "silent";
  return phase === "connecting" && REFUSED.has(code) ? "refused" : "failed";
}

/** The driver's error as ours: its words without the secrets, and without the statement that it carries along. */
export function sqlError(error: unknown, phase: "connecting" | "connected", secrets: readonly string[]): SqlError {
  if (error instanceof SqlError) return error;
  const message = secrets
    .filter((each) => each !== "")
    .reduce((kept, each) => kept.replaceAll(each, "***"), wordsOf(error));
  const code = codeOf(error);
  const isNamed = code === "" || message.includes(code);
  return new SqlError(isNamed ? message : `${code}: ${message}`, causeOf(error, phase), errnoOf(error));
}

/** Not by `instanceof`: an error of the system is of another realm than this code, in a test that runs in one of its own. */
const partOf = (error: unknown, name: "code" | "errno" | "message"): unknown =>
  typeof error === "object" && error !== null && name in error ? Reflect.get(error, name) : undefined;

export const codeOf = (error: unknown): string => {
  const code = partOf(error, "code");
  return typeof code === "string" ? code : "";
};

/** Errors of the system have negative numbers. */
const errnoOf = (error: unknown): number => {
  const errno = partOf(error, "errno");
  return typeof errno === "number" && errno > 0 ? errno : 0;
};

export const wordsOf = (error: unknown): string => {
  const message = partOf(error, "message");
  return typeof message === "string" ? message : String(error);
};

const NEXT: Readonly<Record<UnreadCause, string>> = {
  refused: "look whether the server runs on its machine",
  silent: "look at the network between here and the server, and at its load",
  offline: "it is fenced: open it, or let it follow its peer",
  "too-many-connections": "look at what holds its connections",
  denied: "compare the secret with the server's accounts",
  "no-credentials": "restore the secret",
  failed: "look at the server's error log",
};
const PASSING: readonly UnreadCause[] = ["refused", "silent", "too-many-connections"];

/** As ServerSession throws it: code `server-` and the cause. */
export const serverError = (at: ServerAddress, error: SqlError): TandemError =>
  new TandemError(`server-${error.reason}`, `${at.host}:${at.port}: ${error.message}`, {
    next: NEXT[error.reason],
    retriable: PASSING.includes(error.reason),
  });

/** Something would have thrown away what was received and not applied. */
export const relayUnapplied = (failure = "the applier has not come to its end"): TandemError =>
  new TandemError("relay-unapplied", `what was received is not all applied: ${failure}`, {
    next: "mend what stops the applier, and start it",
    retriable: true,
  });
