import type { ThreadError } from "./server.ts";

/** MySQL's numbers, which MariaDB shares: https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html */
export const ERROR = {
  duplicateKey: 1062,
  rowMissing: 1032,
  denied: 1045,
  /** Of MySQL 8.4 on, around the source's own number in its text. */
  sourceFatal: 13_114,
  purged: 1236,
  relayLogCorrupt: new Set([1594, 13_121]),
  /** MariaDB: the replica asks for a GTID that the source does not have. */
  notAtSource: new Set([1950, 1955]),
  /** What a server says that has no room, or none for this caller: it lives. */
  turnedAway: new Set([1040, 1129, 1130, 1203, 1226]),
} as const;

/** Numbers of the client library: the connection could not be made, or broke. https://dev.mysql.com/doc/mysql-errors/9.0/en/client-error-reference.html */
const CLIENT = { first: 2_000, last: 2_999 } as const;

/** What hinders a receiver; undefined: something else, or the connection only. */
export function errorClass(error: ThreadError | undefined): "denied" | "purged" | undefined {
  if (error === undefined) return undefined;
  if (error.code === ERROR.denied || /\b1045\b|Access denied/i.test(error.text)) return "denied";
  if (error.code === ERROR.purged || ERROR.notAtSource.has(error.code)) return "purged";
  return error.code === ERROR.sourceFatal && /\b1236\b|purged/i.test(error.text) ? "purged" : undefined;
}

/** The source itself has answered, if only to refuse. */
export const isAnswer = (error: ThreadError | undefined): boolean =>
  errorClass(error) !== undefined || (error !== undefined && ERROR.turnedAway.has(error.code));

/** Only the connection was lost: trying again does no harm. */
export const isLost = (error: ThreadError): boolean => error.code >= CLIENT.first && error.code <= CLIENT.last;

export const wordsOf = (error: ThreadError | undefined): string => {
  if (error === undefined) return "";
  return `: ${error.code}: ${error.text}${error.gtid === undefined ? "" : ` (transaction ${error.gtid})`}`;
};
