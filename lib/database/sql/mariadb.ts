import type { Clock } from "../../clock.ts";
import { contains, parseGtid } from "../gtid.ts";
import type { Channel } from "../server.ts";
import { channelOf } from "./channel.ts";
import { text, type Row, type Sql } from "./connection.ts";
import { REPLICATION_MS, SHORT_MS, type Dialect, type Progress } from "./dialect.ts";
import { relayUnapplied } from "./errors.ts";

/**
 * There is no offline_mode. But a session of anyone without CONNECTION ADMIN runs `init_connect` first and is ended when
 * that fails, and this is no SQL. What stood there before follows it and is put back.
 */
const LOCK_OUT = "fenced by tandem; ";

/** What was received is on this machine's disk: applying it is a matter of seconds, or of a failure that shows. */
const REPLAY_MS = 10_000;
const POLL_MS = 50;

const POSITIONS = "SELECT @@GLOBAL.gtid_current_pos AS current, @@GLOBAL.gtid_binlog_pos AS binlog";

/** MariaDB 10.11 and later: https://mariadb.com/kb/en/gtid/ */
export const mariadbDialect: Dialect = {
  flavour: "mariadb",
  identity: "gtid_domain_id",
  readOnly: "read_only",
  readOnlyVariables: ["read_only"],
  processlist: "information_schema.processlist",
  semiSync: { source: "rpl_semi_sync_master", replica: "rpl_semi_sync_slave" },
  semiSyncOn: `SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC, GLOBAL rpl_semi_sync_master_wait_no_slave = ON,
    GLOBAL rpl_semi_sync_master_timeout = 4294967295, GLOBAL rpl_semi_sync_master_enabled = ON`,
  isLockedOut: (variables) => (variables.get("init_connect") ?? "").startsWith(LOCK_OUT),
  async lockOut(sql, on) {
    const now = text((await sql.query("SELECT @@GLOBAL.init_connect AS init", SHORT_MS))[0], "init");
    if (now.startsWith(LOCK_OUT) === on) return;
    const wanted = on ? `${LOCK_OUT}${now}` : now.slice(LOCK_OUT.length);
    await sql.query("SET GLOBAL init_connect = ?", SHORT_MS, [wanted]);
  },
  gtid: readGtid,
  held: async (sql) => parseGtid("mariadb", await readGtid(sql)),
  channels: async (sql) => (await statusOf(sql)).map(mariadbChannelOf),
  progress: async (sql) => progressOf(await statusOf(sql), await readGtid(sql)),
  async changeSource(sql, { host, port }, { username, password }) {
    await sql.query(
      `CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?, MASTER_USE_GTID = slave_pos,
        MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 0, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1`,
      REPLICATION_MS,
      [host, port, username, password],
    );
  },
  async startReplication(sql, clock, threads) {
    await replay(sql, clock);
    await sql.query(`START REPLICA${threads === "both" ? "" : " IO_THREAD"}`, REPLICATION_MS);
  },
  keepsRelay: ({ isAllApplied, applierRuns }) => isAllApplied || applierRuns,
};

const statusOf = async (sql: Sql): Promise<readonly Row[]> => sql.query("SHOW ALL REPLICAS STATUS", SHORT_MS);

async function readGtid(sql: Sql): Promise<string> {
  const [row] = await sql.query(POSITIONS, SHORT_MS);
  return positionsOf(text(row, "current"), text(row, "binlog"));
}

/** The furthest position of each domain: the last of its own may be in either, depending on who wrote last. */
export function positionsOf(...lists: readonly string[]): string {
  const furthest = new Map<string, readonly [position: string, number: number]>();
  for (const position of lists.flatMap((list) => list.split(",")).map((each) => each.trim())) {
    const [domain = "", , sequence = ""] = position.split("-");
    if (domain !== "" && Number(sequence) > (furthest.get(domain)?.[1] ?? -1))
      furthest.set(domain, [position, Number(sequence)]);
  }
  return [...furthest]
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, [position]]) => position)
    .join(",");
}

/** It counts heartbeats and tells no time: two looks tell whether the source was heard between them. */
export const mariadbChannelOf = (row: Row): Channel => ({
  ...channelOf(row),
  heardMark: ["Slave_received_heartbeats", "Master_Log_File", "Read_Master_Log_Pos"]
    .map((name) => text(row, name))
    .join(" "),
});

export function progressOf(rows: readonly Row[], held: string): Progress {
  const channels = rows.map(channelOf);
  const failure = channels.map(({ sqlError }) => sqlError?.text).find((words) => words !== undefined);
  const has = parseGtid("mariadb", held);
  return {
    isAllApplied: channels.every(({ retrieved }) => contains(has, parseGtid("mariadb", retrieved))),
    applierRuns: channels.length > 0 && channels.every(({ sql }) => sql === "Yes"),
    ...(failure === undefined ? {} : { failure }),
  };
}

/**
 * With GTIDs, MariaDB throws the relay log away when a thread starts while neither runs (tried on 10.11), and what its
 * source has lost meanwhile is then lost here too. So what is in it is applied first, by its place in the relay log, which
 * keeps it; then GTIDs are used again.
 * @throws TandemError `relay-unapplied`
 */
async function replay(sql: Sql, clock: Clock): Promise<void> {
  const rows = await statusOf(sql);
  const row = rows[0];
  if (row === undefined) return;
  const isReplaying = text(row, "Using_Gtid") === "No";
  const { isAllApplied, applierRuns } = progressOf(rows, await readGtid(sql));
  const isStopped = !applierRuns && text(row, "Slave_IO_Running") === "No";
  if (!isReplaying && (!isStopped || isAllApplied)) return;
  if (!isReplaying)
    await sql.query("CHANGE MASTER TO MASTER_USE_GTID = no, RELAY_LOG_FILE = ?, RELAY_LOG_POS = ?", REPLICATION_MS, [
      text(row, "Relay_Log_File"),
      Number(text(row, "Relay_Log_Pos")),
    ]);
  if (!applierRuns) await sql.query("START REPLICA SQL_THREAD", REPLICATION_MS);
  await applied(sql, clock);
  await sql.query("STOP REPLICA", REPLICATION_MS);
  await sql.query("CHANGE MASTER TO MASTER_USE_GTID = slave_pos", REPLICATION_MS);
}

async function applied(sql: Sql, clock: Clock): Promise<void> {
  const until = clock.now() + REPLAY_MS;
  for (;;) {
    const { isAllApplied, applierRuns, failure } = progressOf(await statusOf(sql), await readGtid(sql));
    if (isAllApplied) return;
    if (!applierRuns || clock.now() >= until) throw relayUnapplied(failure);
    await clock.sleep(POLL_MS);
  }
}
