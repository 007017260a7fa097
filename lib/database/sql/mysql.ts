import { parseGtid } from "../gtid.ts";
import type { Channel, ThreadError } from "../server.ts";
import { channelOf, errorOf } from "./channel.ts";
import { number, text, type Row, type Sql } from "./connection.ts";
import { REPLICATION_MS, SHORT_MS, type Dialect } from "./dialect.ts";

/** A year of attempts, one a second: a source that is away is no reason to stop asking. */
const RETRY_COUNT = 31_536_000;

/** The newest of the three is when the source was last heard; all are '0000-00-00' before the first time. */
const HEARD_US = `TIMESTAMPDIFF(MICROSECOND, GREATEST(c.LAST_HEARTBEAT_TIMESTAMP,
  c.LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP, c.QUEUEING_TRANSACTION_START_QUEUE_TIMESTAMP), SYSDATE(6))`;

/** The threads' own tables: with several workers the status row says only that some worker failed. */
const THREADS = `SELECT c.CHANNEL_NAME AS channel, ${HEARD_US} AS heardUs, w.LAST_ERROR_NUMBER AS code,
    w.LAST_ERROR_MESSAGE AS text, w.APPLYING_TRANSACTION AS gtid
  FROM performance_schema.replication_connection_status c
  LEFT JOIN performance_schema.replication_applier_status_by_worker w
    ON w.CHANNEL_NAME = c.CHANNEL_NAME AND w.LAST_ERROR_NUMBER <> 0`;

const PROGRESS = `SELECT GTID_SUBSET(c.RECEIVED_TRANSACTION_SET, @@GLOBAL.gtid_executed) AS applied,
    a.SERVICE_STATE AS applier, COALESCE(MAX(w.LAST_ERROR_MESSAGE), '') AS failure
  FROM performance_schema.replication_connection_status c
  JOIN performance_schema.replication_applier_status a ON a.CHANNEL_NAME = c.CHANNEL_NAME
  LEFT JOIN performance_schema.replication_applier_status_by_worker w
    ON w.CHANNEL_NAME = c.CHANNEL_NAME AND w.LAST_ERROR_NUMBER <> 0
  GROUP BY c.CHANNEL_NAME, c.RECEIVED_TRANSACTION_SET, a.SERVICE_STATE`;

/** MySQL 8.4 and 9.x: https://dev.mysql.com/doc/refman/9.7/en/replication.html */
export const mysqlDialect: Dialect = {
  flavour: "mysql",
  identity: "server_uuid",
  readOnly: "super_read_only",
  readOnlyVariables: ["super_read_only", "read_only"],
  processlist: "performance_schema.processlist",
  semiSync: { source: "rpl_semi_sync_source", replica: "rpl_semi_sync_replica" },
  semiSyncOn: `SET GLOBAL rpl_semi_sync_source_wait_point = AFTER_SYNC, GLOBAL rpl_semi_sync_source_wait_for_replica_count = 1,
    GLOBAL rpl_semi_sync_source_wait_no_replica = ON, GLOBAL rpl_semi_sync_source_timeout = 4294967295,
    GLOBAL rpl_semi_sync_source_enabled = ON`,
  isLockedOut: (variables) => variables.get("offline_mode") === "ON",
  lockOut: async (sql, on) => void (await sql.query(`SET GLOBAL offline_mode = ${on ? "ON" : "OFF"}`, REPLICATION_MS)),
  gtid: readGtid,
  held: async (sql) => parseGtid("mysql", await readGtid(sql)),
  async channels(sql) {
    const rows = await sql.query("SHOW REPLICA STATUS", SHORT_MS);
    return rows.length === 0 ? [] : joined(rows, await sql.query(THREADS, SHORT_MS));
  },
  async progress(sql) {
    const rows = await sql.query(PROGRESS, SHORT_MS);
    const failure = rows.map((row) => text(row, "failure")).find((words) => words !== "");
    return {
      isAllApplied: rows.every((row) => text(row, "applied") === "1"),
      applierRuns: rows.length > 0 && rows.every((row) => text(row, "applier") === "ON"),
      ...(failure === undefined ? {} : { failure }),
    };
  },
  async changeSource(sql, { host, port }, { username, password }) {
    const own = text((await sql.query("SELECT @@GLOBAL.report_host AS own", SHORT_MS))[0], "own");
    await sql.query(
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
        SOURCE_BIND = ?, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1,
        SOURCE_RETRY_COUNT = ${RETRY_COUNT}, SOURCE_HEARTBEAT_PERIOD = 1`,
      REPLICATION_MS,
      [host, port, username, password, own],
    );
  },
  startReplication: async (sql, _clock, threads) =>
    void (await sql.query(`START REPLICA${threads === "both" ? "" : " IO_THREAD"}`, REPLICATION_MS)),
  keepsRelay: () => true,
};

/** Not by SHOW VARIABLES, which cuts long values: a set of GTIDs can be long. */
async function readGtid(sql: Sql): Promise<string> {
  return text((await sql.query("SELECT @@GLOBAL.gtid_executed AS gtid", SHORT_MS))[0], "gtid").replaceAll(/\s/g, "");
}

/** The rows of SHOW REPLICA STATUS with what the threads' own tables say of the same channel. */
export const joined = (rows: readonly Row[], threads: readonly Row[]): readonly Channel[] =>
  rows.map((row) => {
    const channel = channelOf(row);
    const own = threads.filter((thread) => text(thread, "channel") === channel.name);
    const heardUs = number(own[0], "heardUs");
    const workerError = own.map((thread) => errorOf(thread, "code", "text", "gtid")).find((each) => each !== undefined);
    const sqlError: ThreadError | undefined = workerError ?? channel.sqlError;
    return {
      ...channel,
      // Negative: the server's clock was set back meanwhile, and the difference says nothing.
      ...(heardUs === undefined || heardUs < 0 ? {} : { heardMsAgo: Math.round(heardUs / 1_000) }),
      ...(sqlError === undefined ? {} : { sqlError }),
    };
  });
