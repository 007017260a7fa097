import { describe, expect, test } from "@jest/globals";
import { causeOf } from "../../../lib/database/sql/connection.ts";
import { channelOf as ofMariadb } from "../../../lib/database/sql/mariadb.ts";
import { channelOf } from "../../../lib/database/sql/mysql.ts";
import type { UnreadCause } from "../../../lib/database/server.ts";

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe("what a server answers", () => {
  test.each<[string, UnreadCause]>([
    ["ER_CON_COUNT_ERROR", "too-many-connections"],
    ["ER_ACCESS_DENIED_ERROR", "denied"],
    ["ER_SPECIFIC_ACCESS_DENIED_ERROR", "denied"],
    ["ECONNREFUSED", "refused"],
    ["ETIMEDOUT", "silent"],
    ["PROTOCOL_CONNECTION_LOST", "refused"],
    ["PROTOCOL_SEQUENCE_TIMEOUT", "silent"],
    ["ER_PARSE_ERROR", "failed"],
  ])("%s means %s", (code, cause) => {
    expect(causeOf(coded(code))).toBe(cause);
  });

  test("MySQL's and MariaDB's replica rows read the same, and NULL is no lag of 0", () => {
    const mysql = {
      Channel_Name: "",
      Source_Host: "b",
      Replica_IO_Running: "Yes",
      Replica_SQL_Running: "No",
      Seconds_Behind_Source: null,
    };
    const mariadb = {
      Connection_name: "",
      Master_Host: "b",
      Slave_IO_Running: "Yes",
      Slave_SQL_Running: "No",
      Seconds_Behind_Master: null,
    };

    expect(channelOf(mysql)).toEqual({ name: "", source: "b", io: "Yes", sql: "No", retrieved: "" });
    expect(ofMariadb(mariadb)).toEqual(channelOf(mysql));
    expect(channelOf({ ...mysql, Seconds_Behind_Source: 0 }).lagSeconds).toBe(0);
  });
});
