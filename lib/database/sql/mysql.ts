import { TandemError } from "../../errors.ts";
import type { ServerSession } from "../driver.ts";
import type { Channel, SemiSync, ServerState, ThreadError } from "../server.ts";
import { isOn, text, type Query, type Row } from "./connection.ts";
import { cutApplications, untilEnded } from "./sessions.ts";
import { readHeartbeat, SCHEMA } from "./schema.ts";
import type { Flavoured, Until } from "./flavour.ts";

const VARIABLES = [
  "version",
  "server_uuid",
  "read_only",
  "super_read_only",
  "offline_mode",
  "rpl_semi_sync_source_enabled",
  "rpl_semi_sync_replica_enabled",
];
const STATUS = ["Uptime", "Rpl_semi_sync_source_clients", "Rpl_semi_sync_source_wait_sessions"];
/** Of the statements that change a setting: none of them waits for anything but locks. */
const SETTING_SECONDS = 2;
/** Of a statement that may wait for the applier or a receiver to stop. */
const THREADS_MS_MAX = 5_000;
const POLL_MS = 20;

export const mysql: Flavoured = { readState, openSession };

export async function readState(query: Query): Promise<ServerState> {
  const settings = await named(query, `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list(VARIABLES)})`);
  const status = await named(query, `SHOW GLOBAL STATUS WHERE Variable_name IN (${list(STATUS)})`);
  // SHOW VARIABLES cuts long values, and a set of GTIDs can be long.
  const [gtid] = await query("SELECT @@GLOBAL.gtid_executed AS gtid");
  const channels = await readChannels(query);
  const heartbeat = await readHeartbeat(query);
  const semiSync: SemiSync = {
    source: isOn(settings.get("rpl_semi_sync_source_enabled") ?? ""),
    replica: isOn(settings.get("rpl_semi_sync_replica_enabled") ?? ""),
    clients: Number(status.get("Rpl_semi_sync_source_clients") ?? 0),
    waiting: Number(status.get("Rpl_semi_sync_source_wait_sessions") ?? 0),
  };
  return {
    flavour: "mysql",
    version: settings.get("version") ?? "",
    identity: settings.get("server_uuid") ?? "",
    uptimeSeconds: Number(status.get("Uptime") ?? 0),
    readOnly: isOn(settings.get("read_only") ?? "ON"),
    superReadOnly: isOn(settings.get("super_read_only") ?? "ON"),
    offline: isOn(settings.get("offline_mode") ?? "OFF"),
    gtid: text(gtid, "gtid").replaceAll(/\s/g, ""),
    channels,
    semiSync,
    replicas: await readReplicas(query),
    ...(heartbeat === undefined ? {} : { heartbeat }),
  };
}

export const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ");

export async function named(query: Query, sql: string): Promise<ReadonlyMap<string, string>> {
  return new Map((await query(sql)).map((row) => [text(row, "Variable_name"), text(row, "Value")]));
}

/** Milliseconds since a source was last heard: a heartbeat, or the end of a received transaction. */
const HEARD = `SELECT CHANNEL_NAME AS name, TIMESTAMPDIFF(MICROSECOND,
    GREATEST(LAST_HEARTBEAT_TIMESTAMP, LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP), NOW(6)) DIV 1000 AS heard
  FROM performance_schema.replication_connection_status WHERE COUNT_RECEIVED_HEARTBEATS > 0
    OR LAST_QUEUED_TRANSACTION <> ''`;
const FAILED = `SELECT CHANNEL_NAME AS name, LAST_ERROR_NUMBER AS code, LAST_ERROR_MESSAGE AS message,
    APPLYING_TRANSACTION AS gtid FROM performance_schema.replication_applier_status_by_worker
  WHERE LAST_ERROR_NUMBER <> 0 ORDER BY LAST_ERROR_TIMESTAMP DESC`;

async function readChannels(query: Query): Promise<readonly Channel[]> {
  const rows = await query("SHOW REPLICA STATUS");
  if (rows.length === 0) return [];
  const heard = new Map((await query(HEARD)).map((row) => [text(row, "name"), Number(text(row, "heard"))]));
  const failed = await query(FAILED);
  return rows.map((row) => {
    const name = text(row, "Channel_Name");
    const worker = failed.find((each) => text(each, "name") === name);
    return channelOf(row, heard.get(name), worker);
  });
}

export function channelOf(row: Row, heardMsAgo?: number, worker?: Row): Channel {
  const lag = text(row, "Seconds_Behind_Source");
  const ioError = errorOf(text(row, "Last_IO_Errno"), text(row, "Last_IO_Error"));
  const sqlError =
    worker === undefined
      ? errorOf(text(row, "Last_SQL_Errno"), text(row, "Last_SQL_Error"))
      : errorOf(text(worker, "code"), text(worker, "message"), text(worker, "gtid"));
  return {
    name: text(row, "Channel_Name"),
    source: text(row, "Source_Host"),
    io: text(row, "Replica_IO_Running"),
    sql: text(row, "Replica_SQL_Running"),
    retrieved: text(row, "Retrieved_Gtid_Set").replaceAll(/\s/g, ""),
    ...(lag === "" ? {} : { lagSeconds: Number(lag) }),
    ...(heardMsAgo === undefined ? {} : { heardMsAgo: Math.max(0, heardMsAgo) }),
    ...(ioError === undefined ? {} : { ioError }),
    ...(sqlError === undefined ? {} : { sqlError }),
  };
}

export function errorOf(code: string, message: string, gtid = ""): ThreadError | undefined {
  if (Number(code) === 0) return undefined;
  return { code: Number(code), text: message, ...(gtid === "" ? {} : { gtid }) };
}

async function readReplicas(query: Query): Promise<readonly string[]> {
  const rows = await query("SELECT host FROM performance_schema.processlist WHERE command LIKE 'Binlog Dump%'");
  return [...new Set(rows.map((row) => text(row, "host", "HOST").replace(/:\d+$/, "")))];
}

function openSession(query: Query, until: Until): ServerSession {
  const set = (name: string, value: string): Promise<unknown> => query(`SET GLOBAL ${name} = ${value}`);
  const prepare = query(`SET SESSION lock_wait_timeout = ${SETTING_SECONDS}`);
  const state = async (): Promise<ServerState> => {
    await prepare;
    return readState(query);
  };
  return {
    state,
    async fence(timeoutMs) {
      await prepare;
      // Cuts every session but administrators', also those that wait for an acknowledgement; those are freed below.
      await set("offline_mode", "ON");
      await set("rpl_semi_sync_source_enabled", "OFF");
      await cutApplications(query);
      const isClosed = await until(async () => closes(set), timeoutMs);
      if (!isClosed || !(await isReadOnly(query)))
        throw new TandemError("fence-failed", `the server is not read-only after ${timeoutMs} ms`, {
          next: "nothing: it is fenced on its machine",
          retriable: true,
        });
      await set("offline_mode", "OFF");
    },
    async close(timeoutMs) {
      await untilEnded(query, until, timeoutMs);
      await prepare;
      const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
      await query(`SET SESSION lock_wait_timeout = ${seconds}`);
      try {
        await query("SET GLOBAL super_read_only = ON", [], timeoutMs + POLL_MS);
      } catch (error) {
        await restore(query);
        throw closeTimeout(error, timeoutMs);
      }
      await cutApplications(query);
    },
    async open() {
      await prepare;
      await set("offline_mode", "OFF");
      await set("super_read_only", "OFF");
      await set("read_only", "OFF");
    },
    async prepareSchema() {
      for (const statement of SCHEMA) await query(statement);
    },
    ...replication(query, until),
  };
}

/** The channels of a session. */
function replication(
  query: Query,
  until: Until,
): Pick<ServerSession, "replicateFrom" | "startReplication" | "stopReplication" | "drained" | "reached" | "semiSync"> {
  const set = (name: string, value: string): Promise<unknown> => query(`SET GLOBAL ${name} = ${value}`);
  return {
    async replicateFrom(source, as) {
      await query("STOP REPLICA", [], THREADS_MS_MAX);
      const [own] = await query("SELECT @@report_host AS host");
      const host = text(own, "host");
      await query(
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
          SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1,
          SOURCE_RETRY_COUNT = 0, SOURCE_HEARTBEAT_PERIOD = 1${host === "" ? "" : ", SOURCE_BIND = ?"}`,
        [source.host, source.port, as.username, as.password, ...(host === "" ? [] : [host])],
      );
      await query("START REPLICA", [], THREADS_MS_MAX);
    },
    async startReplication(threads) {
      await query(threads === "both" ? "START REPLICA" : "START REPLICA IO_THREAD", [], THREADS_MS_MAX);
    },
    async stopReplication(threads) {
      await query(threads === "both" ? "STOP REPLICA" : "STOP REPLICA IO_THREAD", [], THREADS_MS_MAX);
    },
    drained: (timeoutMs) =>
      until(async () => {
        const [channel] = await readChannels(query);
        if (channel === undefined || channel.sql !== "Yes") return false;
        const [row] = await query("SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed) AS done", [channel.retrieved]);
        return text(row, "done") === "1";
      }, timeoutMs),
    reached: (gtid, timeoutMs) =>
      until(async () => {
        const [row] = await query("SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed) AS done", [gtid]);
        return text(row, "done") === "1";
      }, timeoutMs),
    async semiSync(role, on) {
      await set(`rpl_semi_sync_${role}_enabled`, on ? "ON" : "OFF");
      if (role === "source") return;
      const [channel] = await query("SHOW REPLICA STATUS");
      if (!on || channel === undefined || text(channel, "Replica_IO_Running") === "No") return;
      await query("STOP REPLICA IO_THREAD", [], THREADS_MS_MAX);
      await query("START REPLICA IO_THREAD", [], THREADS_MS_MAX);
    },
  };
}

const LOCK_WAIT = "ER_LOCK_WAIT_TIMEOUT";

/** One try; another session's lock, or a commit that is just being freed, is waited for. */
async function closes(set: (name: string, value: string) => Promise<unknown>): Promise<boolean> {
  try {
    await set("super_read_only", "ON");
    return true;
  } catch (error) {
    if (Object(error).code === LOCK_WAIT) return false;
    throw error;
  }
}

async function isReadOnly(query: Query): Promise<boolean> {
  const [row] = await query("SELECT @@GLOBAL.super_read_only AS closed");
  return text(row, "closed") === "1";
}

/** super_read_only switches read_only on first, and may then give up. */
async function restore(query: Query): Promise<void> {
  await query("SET GLOBAL super_read_only = OFF");
  await query("SET GLOBAL read_only = OFF");
}

/** What holds it up is a lock, for long transactions have ended by then. */
export function closeTimeout(error: unknown, timeoutMs: number): unknown {
  const code: unknown = Object(error).code;
  if (code !== LOCK_WAIT && code !== "PROTOCOL_SEQUENCE_TIMEOUT") return error;
  return new TandemError("close-timeout", `a lock kept the server from closing for ${timeoutMs} ms`, {
    next: "look at the locks that sessions hold, end them, and ask again",
  });
}
