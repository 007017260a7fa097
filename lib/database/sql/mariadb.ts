import { TandemError } from "../../errors.ts";
import type { ServerSession } from "../driver.ts";
import type { Channel, ServerState } from "../server.ts";
import { isOn, text, type Query, type Row } from "./connection.ts";
import type { Flavoured, Until } from "./flavour.ts";
import { closeTimeout, errorOf, list, named } from "./mysql.ts";
import { readHeartbeat, SCHEMA } from "./schema.ts";
import { cutApplications, untilEnded } from "./sessions.ts";

const VARIABLES = [
  "version",
  "gtid_domain_id",
  "read_only",
  "rpl_semi_sync_master_enabled",
  "rpl_semi_sync_slave_enabled",
];
const STATUS = ["Uptime", "Rpl_semi_sync_master_clients", "Rpl_semi_sync_master_wait_sessions"];
/** Of a statement that may wait for the applier or a receiver to stop. */
const THREADS_MS_MAX = 5_000;
/** Of one try to close the server; what holds it up is ended in between. */
const TRY_SECONDS = 1;

/** https://mariadb.com/kb/en/gtid/ and https://mariadb.com/kb/en/semisynchronous-replication/ */
export const mariadb: Flavoured = { readState, openSession };

async function readState(query: Query): Promise<ServerState> {
  const settings = await named(query, `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list(VARIABLES)})`);
  const status = await named(query, `SHOW GLOBAL STATUS WHERE Variable_name IN (${list(STATUS)})`);
  const [gtid] = await query("SELECT @@GLOBAL.gtid_current_pos AS applied, @@GLOBAL.gtid_binlog_pos AS written");
  const channels = (await query("SHOW ALL REPLICAS STATUS")).map(channelOf);
  const heartbeat = await readHeartbeat(query);
  const replicas = await query(
    "SELECT host AS host FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
  );
  return {
    flavour: "mariadb",
    version: settings.get("version") ?? "",
    identity: settings.get("gtid_domain_id") ?? "",
    uptimeSeconds: Number(status.get("Uptime") ?? 0),
    readOnly: isOn(settings.get("read_only") ?? "ON"),
    offline: false,
    gtid: [text(gtid, "applied"), text(gtid, "written")].filter((each) => each !== "").join(","),
    channels,
    semiSync: {
      source: isOn(settings.get("rpl_semi_sync_master_enabled") ?? ""),
      replica: isOn(settings.get("rpl_semi_sync_slave_enabled") ?? ""),
      clients: Number(status.get("Rpl_semi_sync_master_clients") ?? 0),
      waiting: Number(status.get("Rpl_semi_sync_master_wait_sessions") ?? 0),
    },
    replicas: [...new Set(replicas.map((row) => text(row, "host").replace(/:\d+$/, "")))],
    ...(heartbeat === undefined ? {} : { heartbeat }),
  };
}

/** MariaDB does not tell when a source was last heard: `heardMsAgo` stays undefined. */
export function channelOf(row: Row): Channel {
  const lag = text(row, "Seconds_Behind_Master");
  const ioError = errorOf(text(row, "Last_IO_Errno"), text(row, "Last_IO_Error"));
  const sqlError = errorOf(text(row, "Last_SQL_Errno"), text(row, "Last_SQL_Error"));
  return {
    name: text(row, "Connection_name"),
    source: text(row, "Master_Host"),
    io: text(row, "Slave_IO_Running"),
    sql: text(row, "Slave_SQL_Running"),
    retrieved: text(row, "Gtid_IO_Pos"),
    ...(lag === "" ? {} : { lagSeconds: Number(lag) }),
    ...(ioError === undefined ? {} : { ioError }),
    ...(sqlError === undefined ? {} : { sqlError }),
  };
}

/** Whether everything up to this position is in the binary log or applied, domain by domain. */
async function holds(query: Query, position: string): Promise<boolean> {
  if (position === "") return true;
  const [row] = await query("SELECT @@GLOBAL.gtid_current_pos AS applied, @@GLOBAL.gtid_binlog_pos AS written");
  const here = highest(`${text(row, "applied")},${text(row, "written")}`);
  return [...highest(position)].every(([domain, number]) => (here.get(domain) ?? 0) >= number);
}

function highest(positions: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [, domain = "", number = "0"] of positions.matchAll(/(\d+)-\d+-(\d+)/g))
    found.set(domain, Math.max(found.get(domain) ?? 0, Number(number)));
  return found;
}

function openSession(query: Query, until: Until): ServerSession {
  const set = (name: string, value: string): Promise<unknown> => query(`SET GLOBAL ${name} = ${value}`);
  const isClosed = async (): Promise<boolean> => {
    const [row] = await query("SELECT @@GLOBAL.read_only AS closed");
    return text(row, "closed") !== "0";
  };
  return {
    state: () => readState(query),
    async fence(timeoutMs) {
      await query(`SET SESSION lock_wait_timeout = ${TRY_SECONDS}`);
      // Off first: it frees the commits that wait for an acknowledgement, which read_only would wait for.
      await set("rpl_semi_sync_master_enabled", "OFF");
      const closed = await until(async () => {
        await cutApplications(query);
        return closes(query);
      }, timeoutMs);
      if (!closed || !(await isClosed()))
        throw new TandemError("fence-failed", `the server is not read-only after ${timeoutMs} ms`, {
          next: "nothing: it is fenced on its machine",
          retriable: true,
        });
      // Whoever came in between is of a server that is closed by now.
      await cutApplications(query);
    },
    async close(timeoutMs) {
      await untilEnded(query, until, timeoutMs);
      await query(`SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(timeoutMs / 1000))}`);
      try {
        await query("SET GLOBAL read_only = ON", [], timeoutMs + 100);
      } catch (error) {
        await set("read_only", "OFF");
        throw closeTimeout(error, timeoutMs);
      }
      await cutApplications(query);
    },
    async open() {
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
      await query("STOP SLAVE", [], THREADS_MS_MAX);
      await query(
        `CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?,
          MASTER_USE_GTID = slave_pos, MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 0,
          MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1`,
        [source.host, source.port, as.username, as.password],
      );
      await query("START SLAVE", [], THREADS_MS_MAX);
    },
    async startReplication(threads) {
      await query(threads === "both" ? "START SLAVE" : "START SLAVE IO_THREAD", [], THREADS_MS_MAX);
    },
    async stopReplication(threads) {
      await query(threads === "both" ? "STOP SLAVE" : "STOP SLAVE IO_THREAD", [], THREADS_MS_MAX);
    },
    drained: (timeoutMs) =>
      until(async () => {
        const [row] = await query("SHOW ALL REPLICAS STATUS");
        if (row === undefined || text(row, "Slave_SQL_Running") !== "Yes") return false;
        return holds(query, text(row, "Gtid_IO_Pos"));
      }, timeoutMs),
    reached: (gtid, timeoutMs) => until(() => holds(query, gtid), timeoutMs),
    async semiSync(role, on) {
      await set(`rpl_semi_sync_${role === "source" ? "master" : "slave"}_enabled`, on ? "ON" : "OFF");
      if (role === "source") return;
      const [row] = await query("SHOW ALL REPLICAS STATUS");
      if (!on || row === undefined || text(row, "Slave_IO_Running") === "No") return;
      await query("STOP SLAVE IO_THREAD", [], THREADS_MS_MAX);
      await query("START SLAVE IO_THREAD", [], THREADS_MS_MAX);
    },
  };
}

/** One try; false: a session still holds it up. */
async function closes(query: Query): Promise<boolean> {
  try {
    await query("SET GLOBAL read_only = ON");
    return true;
  } catch (error) {
    if (Object(error).code === "ER_LOCK_WAIT_TIMEOUT") return false;
    throw error;
  }
}
