import type { Channel, ThreadError } from "../server.ts";
import { number, text, type Row } from "./connection.ts";

/** MariaDB puts it into some messages, as the last words. */
const GTID_IN_TEXT = /\bGtid (\d+-\d+-\d+)\b/;

/** A row of SHOW REPLICA STATUS, by column name: MariaDB kept the old words, and both add columns from release to release. */
export function channelOf(row: Row): Channel {
  const lag = number(row, "Seconds_Behind_Source") ?? number(row, "Seconds_Behind_Master");
  const ioError = errorOf(row, "Last_IO_Errno", "Last_IO_Error");
  const sqlError = errorOf(row, "Last_SQL_Errno", "Last_SQL_Error");
  return {
    name: either(row, "Channel_Name", "Connection_name"),
    source: either(row, "Source_Host", "Master_Host"),
    io: either(row, "Replica_IO_Running", "Slave_IO_Running"),
    sql: either(row, "Replica_SQL_Running", "Slave_SQL_Running"),
    retrieved: either(row, "Retrieved_Gtid_Set", "Gtid_IO_Pos").replaceAll(/\s/g, ""),
    ...(lag === undefined ? {} : { lagSeconds: lag }),
    ...(ioError === undefined ? {} : { ioError }),
    ...(sqlError === undefined ? {} : { sqlError }),
  };
}

const either = (row: Row, ...names: string[]): string =>
  names.map((name) => text(row, name)).find((value) => value !== "") ?? "";

/** Undefined where the number is 0: the thread has stopped for no error. */
export function errorOf(row: Row, code: string, words: string, gtidColumn = ""): ThreadError | undefined {
  const errno = number(row, code) ?? 0;
  if (errno === 0) return undefined;
  const gtid = text(row, gtidColumn) || GTID_IN_TEXT.exec(text(row, words))?.[1];
  return { code: errno, text: text(row, words), ...(gtid === undefined ? {} : { gtid }) };
}
