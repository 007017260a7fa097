import { TandemError } from "../../errors.ts";
import type { Credentials, ServerAddress, ServerSession } from "../driver.ts";
import { contains, parseGtid } from "../gtid.ts";
import { closeWriter, fence, openWriter } from "./close.ts";
import { text, type Sql } from "./connection.ts";
import { REPLICATION_MS, SHORT_MS, type Site } from "./dialect.ts";
import { relayUnapplied, serverError, SqlError } from "./errors.ts";
import { SCHEMA } from "./schema.ts";
import { readState } from "./state.ts";

/** A table is made in milliseconds; a commit that waits for an acknowledgement takes for ever. */
const SCHEMA_MS = 5_000;
/** Shorter than what a switchover may pause; each poll is one or two statements that read memory. */
const POLL_MS = 25;

/** The lock by which controllers keep off each other's server; it ends with its connection. */
const GET_LOCK = "SELECT GET_LOCK('tandem', 0) AS held";
const RELEASE_LOCK = "SELECT RELEASE_LOCK('tandem') AS released";

/** All of ServerSession, on one connection that holds the lock. */
export function serverSession(site: Site): ServerSession {
  const { sql, clock, dialect, at } = site;
  const told =
    <A extends readonly unknown[], T>(act: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      try {
        return await act(...args);
      } catch (error) {
        throw error instanceof SqlError ? serverError(at, error) : error;
      }
    };
  return {
    state: told(async () => readState(sql)),
    fence: told(async (timeoutMs) => fence(site, timeoutMs)),
    close: told(async (timeoutMs) => closeWriter(site, timeoutMs)),
    open: told(async () => openWriter(site)),
    prepareSchema: told(async () => unlocked(site, async () => prepareSchema(sql))),
    replicateFrom: told(async (source, as) => replicateFrom(site, source, as)),
    startReplication: told(async (threads) => dialect.startReplication(sql, clock, threads)),
    stopReplication: told(async (threads) => stopReplication(sql, threads)),
    drained: told(async (timeoutMs) => drained(site, timeoutMs)),
    reached: told(async (gtid, timeoutMs) => reached(site, gtid, timeoutMs)),
    semiSync: told(async (role, on) => (role === "source" ? semiSyncSource(site, on) : semiSyncReplica(site, on))),
  };
}

/**
 * A commit may wait for an acknowledgement for ever, also when its client has gone. It must not hold the lock then: the
 * next session is the one that frees it.
 */
async function unlocked(site: Site, write: () => Promise<void>): Promise<void> {
  await site.sql.query(RELEASE_LOCK, SHORT_MS);
  await write();
  await takeLock(site.sql, site.at);
}

/**
 * Said, and not left to the end of the connection: a server that is busy notices that one late, and would refuse this
 * controller's own next session. A connection that broke has nothing more to say; the server ends that session itself.
 */
export const releaseLock = (sql: Sql): Promise<unknown> => sql.query(RELEASE_LOCK, SHORT_MS).catch(() => undefined);

/** @throws TandemError `server-locked` */
export async function takeLock(sql: Sql, at: ServerAddress): Promise<void> {
  if (text((await sql.query(GET_LOCK, SHORT_MS))[0], "held") === "1") return;
  throw new TandemError("server-locked", `${at.host}:${at.port}: another controller works on this server`, {
    next: "wait until it has ended",
    retriable: true,
  });
}

/** Only what is missing: even CREATE IF NOT EXISTS would be a transaction, and a healthy pair is left alone. */
async function prepareSchema(sql: Sql): Promise<void> {
  for (const { exists, create } of SCHEMA)
    if ((await sql.query(exists, SHORT_MS)).length === 0) await sql.query(create, SCHEMA_MS);
}

async function replicateFrom({ sql, clock, dialect, at }: Site, source: ServerAddress, as: Credentials): Promise<void> {
  if ((await dialect.channels(sql)).length > 0) {
    await stopReplication(sql, "receiver");
    const { isAllApplied, failure } = await dialect.progress(sql);
    if (!isAllApplied) throw relayUnapplied(failure);
    await stopReplication(sql, "both");
  }
  try {
    await dialect.changeSource(sql, source, as);
  } catch (error) {
    // A server quotes a statement that it does not understand, and this one has a password in it.
    if (!(error instanceof SqlError) || error.errno === 0) throw error;
    const words = `error ${error.errno} at the change of its source to ${source.host}:${source.port}`;
    throw serverError(at, new SqlError(words, error.reason, error.errno));
  }
  await dialect.startReplication(sql, clock, "both");
}

const stopReplication = async (sql: Sql, threads: "both" | "receiver"): Promise<void> =>
  void (await sql.query(`STOP REPLICA${threads === "both" ? "" : " IO_THREAD"}`, REPLICATION_MS));

async function drained({ sql, clock, dialect }: Site, timeoutMs: number): Promise<boolean> {
  const until = clock.now() + timeoutMs;
  for (;;) {
    const { isAllApplied, applierRuns } = await dialect.progress(sql);
    if (isAllApplied) return true;
    if (!applierRuns || clock.now() >= until) return false;
    await clock.sleep(POLL_MS);
  }
}

async function reached({ sql, clock, dialect }: Site, gtid: string, timeoutMs: number): Promise<boolean> {
  const until = clock.now() + timeoutMs;
  const wanted = parseGtid(dialect.flavour, gtid);
  for (;;) {
    if (contains(await dialect.held(sql), wanted)) return true;
    if (!(await dialect.progress(sql)).applierRuns || clock.now() >= until) return false;
    await clock.sleep(POLL_MS);
  }
}

async function semiSyncSource({ sql, dialect }: Site, on: boolean): Promise<void> {
  // Off wakes all that wait, which takes the longer the more they are.
  await sql.query(on ? dialect.semiSyncOn : `SET GLOBAL ${dialect.semiSync.source}_enabled = OFF`, REPLICATION_MS);
}

async function semiSyncReplica({ sql, clock, dialect }: Site, on: boolean): Promise<void> {
  const name = dialect.semiSync.replica;
  await sql.query(`SET GLOBAL ${name}_enabled = ${on ? "ON" : "OFF"}`, SHORT_MS);
  const isReceiving = (await dialect.channels(sql)).some(({ io }) => io !== "No");
  const [status] = await sql.query(`SHOW GLOBAL STATUS LIKE '${name}_status'`, SHORT_MS);
  if (!isReceiving || text(status, "Value") === (on ? "ON" : "OFF")) return;
  const progress = await dialect.progress(sql);
  if (!dialect.keepsRelay(progress)) throw relayUnapplied(progress.failure);
  await stopReplication(sql, "receiver");
  await dialect.startReplication(sql, clock, "receiver");
}
