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
} as const;

/** What keeps a receiver from receiving until a person or a rebuild mends it; undefined: it may try again. */
export function errorClass(error: ThreadError | undefined): "denied" | "purged" | undefined {
  if (error === undefined) return undefined;
  if (error.code === ERROR.denied || /\b1045\b|Access denied/i.test(error.text)) return "denied";
  if (error.code === ERROR.purged || ERROR.notAtSource.has(error.code)) return "purged";
  return error.code === ERROR.sourceFatal && /\b1236\b|purged/i.test(error.text) ? "purged" : undefined;
}

/** Behind other words; nothing without an error. */
export const wordsOf = (error: ThreadError | undefined): string => {
  if (error === undefined) return "";
  return `: ${error.code}: ${error.text}${error.gtid === undefined ? "" : ` (transaction ${error.gtid})`}`;
};
