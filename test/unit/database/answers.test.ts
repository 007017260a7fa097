import { describe, expect, test } from "@jest/globals";
import { channelOf } from "../../../lib/database/sql/channel.ts";
import { causeOf, serverError, sqlError } from "../../../lib/database/sql/errors.ts";
import { mariadbChannelOf, positionsOf, progressOf } from "../../../lib/database/sql/mariadb.ts";
import { joined } from "../../../lib/database/sql/mysql.ts";
import { dialectOf, named } from "../../../lib/database/sql/state.ts";
import type { UnreadCause } from "../../../lib/database/server.ts";

const coded = (code: string): Error => Object.assign(new Error(code), { code });
const numbered = (errno: number): Error => Object.assign(new Error(`error ${errno}`), { code: "ER_X", errno });

describe("why a server was not read", () => {
  test.each<[string, UnreadCause, UnreadCause]>([
    ["ECONNREFUSED", "refused", "failed"],
    ["ECONNRESET", "refused", "failed"],
    ["PROTOCOL_CONNECTION_LOST", "refused", "failed"],
    ["ETIMEDOUT", "silent", "silent"],
    ["EHOSTUNREACH", "silent", "silent"],
    ["PROTOCOL_SEQUENCE_TIMEOUT", "silent", "silent"],
    ["HANDSHAKE_SSL_ERROR", "failed", "failed"],
    ["ENOTFOUND", "failed", "failed"],
  ])("%s means %s before it let us in, and %s after", (code, connecting, connected) => {
    expect(causeOf(coded(code), "connecting")).toBe(connecting);
    expect(causeOf(coded(code), "connected")).toBe(connected);
  });

  test.each<[number, UnreadCause]>([
    [1040, "too-many-connections"],
    [1203, "too-many-connections"],
    [1045, "denied"],
    [1142, "denied"],
    [1227, "denied"],
    [3032, "offline"],
    [1184, "offline"],
    [1064, "failed"],
    [1205, "failed"],
  ])("the server's error %i means %s", (errno, cause) => {
    expect(causeOf(numbered(errno), "connecting")).toBe(cause);
    expect(causeOf(numbered(errno), "connected")).toBe(cause);
  });

  test("a number of the system is no number of the server", () => {
    const refused = Object.assign(coded("ECONNREFUSED"), { errno: -111 });
    expect(sqlError(refused, "connecting", [])).toMatchObject({ reason: "refused", errno: 0 });
  });

  test("neither the password nor the statement is in what is told", () => {
    const error = Object.assign(new Error("syntax error near 's3cret-word'"), {
      errno: 1064,
      code: "ER_PARSE_ERROR",
      sql: "CHANGE ... 's3cret-word'",
    });

    const told = serverError({ host: "127.0.0.1", port: 3306 }, sqlError(error, "connected", ["s3cret-word"]));

    expect(told).toMatchObject({ code: "server-failed", retriable: false });
    expect(told.message).toBe("127.0.0.1:3306: ER_PARSE_ERROR: syntax error near '***'");
    expect(JSON.stringify(told, Object.getOwnPropertyNames(told))).not.toContain("s3cret");
  });
});

describe("what a server says of itself", () => {
  test.each([
    ["9.7.4-2", "(Debian)", "mysql"],
    ["8.4.3", "MySQL Community Server - GPL", "mysql"],
    ["10.11.19-MariaDB-0+deb12u1-log", "Debian 12", "mariadb"],
    ["11.4.2", "mariadb.org binary distribution (MariaDB)", "mariadb"],
  ])("version %s %s is %s", (version, comment, flavour) => {
    const rows = [
      { Variable_name: "version", Value: version },
      { Variable_name: "version_comment", Value: comment },
    ];
    expect(dialectOf(named(rows)).flavour).toBe(flavour);
  });

  const MYSQL = {
    Channel_Name: "",
    Source_Host: "b",
    Replica_IO_Running: "Yes",
    Replica_SQL_Running: "No",
    Seconds_Behind_Source: null,
    Retrieved_Gtid_Set: "u:1-3,\nv:1",
    Last_IO_Errno: 0,
    Last_SQL_Errno: 1062,
    Last_SQL_Error: "Coordinator stopped because there were error(s) in the worker(s)",
  };
  const MARIADB = {
    Connection_name: "",
    Master_Host: "b",
    Slave_IO_Running: "Connecting",
    Slave_SQL_Running: "No",
    Seconds_Behind_Master: null,
    Gtid_IO_Pos: "10-10-5,11-11-2",
    Last_IO_Errno: 1045,
    Last_IO_Error: "error connecting to master 'replication@b:3306'",
    Last_SQL_Errno: 1062,
    Last_SQL_Error: "Error 'Duplicate entry' on query. Query: '...', Gtid 10-10-6, Internal MariaDB error code: 1062",
    Slave_received_heartbeats: 4,
    Master_Log_File: "binlog.000002",
    Read_Master_Log_Pos: 342,
  };

  test("NULL is no lag of 0, and a set is told without its line breaks", () => {
    expect(channelOf(MYSQL)).toMatchObject({ source: "b", io: "Yes", sql: "No", retrieved: "u:1-3,v:1" });
    expect(channelOf(MYSQL)).not.toHaveProperty("lagSeconds");
    expect(channelOf({ ...MYSQL, Seconds_Behind_Source: 0 }).lagSeconds).toBe(0);
    expect(channelOf(MYSQL)).not.toHaveProperty("ioError");
  });

  test("MySQL's failure is the worker's, with its transaction, and the last time its source was heard", () => {
    const threads = [{ channel: "", heardUs: 512_400, code: 1062, text: "Worker 1 failed", gtid: "u:8" }];

    expect(joined([MYSQL], threads)).toMatchObject([
      { heardMsAgo: 512, sqlError: { code: 1062, text: "Worker 1 failed", gtid: "u:8" } },
    ]);
  });

  test("a source that was never heard, or before the clock was set back, is not heard now", () => {
    for (const heardUs of [null, -5])
      expect(joined([MYSQL], [{ channel: "", heardUs, code: null, text: null, gtid: null }])[0]).not.toHaveProperty(
        "heardMsAgo",
      );
  });

  test("MariaDB's row tells both errors, the transaction where its words do, and no time at which it was heard", () => {
    expect(mariadbChannelOf(MARIADB)).toEqual({
      name: "",
      source: "b",
      io: "Connecting",
      sql: "No",
      retrieved: "10-10-5,11-11-2",
      ioError: { code: 1045, text: MARIADB.Last_IO_Error },
      sqlError: { code: 1062, text: MARIADB.Last_SQL_Error, gtid: "10-10-6" },
      heardMark: "4 binlog.000002 342",
    });
  });

  test("MariaDB holds what either of its two positions names, the further one of each domain", () => {
    expect(positionsOf("10-10-5,11-11-2", "11-11-9,12-11-1")).toBe("10-10-5,11-11-9,12-11-1");
    expect(positionsOf("", "")).toBe("");
  });

  test("MariaDB has applied all when every domain that it received is held, its own writes included", () => {
    expect(progressOf([MARIADB], "10-10-5,11-11-2")).toMatchObject({ isAllApplied: true, applierRuns: false });
    expect(progressOf([MARIADB], "10-10-4,11-11-2")).toMatchObject({
      isAllApplied: false,
      failure: MARIADB.Last_SQL_Error,
    });
    expect(progressOf([], "")).toEqual({ isAllApplied: true, applierRuns: false });
  });
});
