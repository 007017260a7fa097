import { TandemError } from "../../errors.ts";
import { REPLICATION_MS, SHORT_MS, type Named, type Site } from "./dialect.ts";
import { ERRNO, SqlError } from "./errors.ts";
import { busyClients, cutClients, openTransactions } from "./sessions.ts";
import { readVariables } from "./state.ts";

/** The server counts its lock waits in whole seconds. */
const LOCK_WAIT_SECONDS_MIN = 1;
/** It waits for two locks one after the other; and the way there and back. */
const lockWaitMs = (seconds: number): number => 2 * seconds * 1_000 + SHORT_MS;
/** InnoDB shows the same list of transactions again to whoever asks more often than every 100 ms. */
const TRANSACTIONS_POLL_MS = 150;
/** The observer's name in infra/database.yml: it writes nothing, and a look that is cut off is one more unknown. */
const OBSERVER = "observer";

/** See ServerSession.fence. If it fails, only administrators get in until it is fenced or opened. */
export async function fence(site: Site, timeoutMs: number): Promise<void> {
  const { sql, clock, dialect, at } = site;
  const until = clock.now() + timeoutMs;
  await dialect.lockOut(sql, true);
  for (;;) {
    await cutClients(sql, dialect, []);
    // Not earlier: what waits is now freed, and no application may be there to be told that its commit is safe.
    await semiSyncOff(site);
    if (await becomesReadOnly(site, LOCK_WAIT_SECONDS_MIN)) break;
    if (clock.now() < until) continue;
    const holders = await busyClients(sql, dialect);
    throw new TandemError(
      "fence-failed",
      `${at.host}:${at.port} is not read-only after ${timeoutMs} ms${inWords(holders)}`,
      { next: "stop its machine", retriable: true },
    );
  }
  await dialect.lockOut(sql, false);
}

/** A server without the plugin has no such variable, and nothing that waits. */
async function semiSyncOff({ sql, dialect }: Site): Promise<void> {
  try {
    await sql.query(`SET GLOBAL ${dialect.semiSync.source}_enabled = OFF`, REPLICATION_MS);
  } catch (error) {
    if (!(error instanceof SqlError) || error.errno !== ERRNO.unknownVariable) throw error;
  }
}

/** Read back: what counts is what the server says of itself, not that it took the statement. */
async function becomesReadOnly({ sql, dialect }: Site, waitSeconds: number): Promise<boolean> {
  await sql.query(`SET SESSION lock_wait_timeout = ${waitSeconds}`, SHORT_MS);
  try {
    await sql.query(`SET GLOBAL ${dialect.readOnly} = ON`, lockWaitMs(waitSeconds));
  } catch (error) {
    if (error instanceof SqlError && error.errno === ERRNO.lockWaitTimeout) return false;
    throw error;
  }
  return (await readVariables(sql)).get(dialect.readOnly) === "ON";
}

/** See ServerSession.close. */
export async function closeWriter(site: Site, timeoutMs: number): Promise<void> {
  const { sql, clock, dialect, healer } = site;
  const until = clock.now() + timeoutMs;
  const was = await readVariables(sql);
  await transactionsEnd(site, until, timeoutMs);
  const left = Math.floor((until - clock.now()) / 1_000);
  if (!(await becomesReadOnly(site, Math.max(LOCK_WAIT_SECONDS_MIN, left)))) {
    const holders = await busyClients(sql, dialect);
    await restore(site, was);
    throw closeTimeout(site, timeoutMs, holders);
  }
  await cutClients(sql, dialect, [healer, OBSERVER]);
}

/**
 * The server does not wait for a transaction that is open and idle: it would only fail at its end. So those that were
 * there when it began are waited for while applications still write; later ones are as short as a statement.
 */
async function transactionsEnd(site: Site, until: number, timeoutMs: number): Promise<void> {
  const { sql, clock, dialect } = site;
  const first = new Set((await openTransactions(sql, dialect)).map(({ id }) => id));
  while (first.size > 0) {
    await clock.sleep(TRANSACTIONS_POLL_MS);
    const left = (await openTransactions(sql, dialect)).filter(({ id }) => first.has(id));
    if (left.length === 0) return;
    if (clock.now() < until) continue;
    throw closeTimeout(
      site,
      timeoutMs,
      left.map(({ words }) => words),
    );
  }
}

/** A switch that times out leaves the variables as they were, on the servers tried; this does not rely on it. */
async function restore({ sql, dialect }: Site, was: Named): Promise<void> {
  for (const name of dialect.readOnlyVariables)
    if (was.get(name) === "OFF") await sql.query(`SET GLOBAL ${name} = OFF`, SHORT_MS);
}

const closeTimeout = ({ at }: Site, timeoutMs: number, holders: readonly string[]): TandemError =>
  new TandemError("close-timeout", `${at.host}:${at.port} did not close within ${timeoutMs} ms${inWords(holders)}`, {
    next: "let these sessions come to their end, or end them",
    retriable: true,
  });

/** Enough to find the cause; a busy server has hundreds. */
const HOLDERS_MAX = 5;
function inWords(holders: readonly string[]): string {
  if (holders.length === 0) return "";
  const rest = holders.length > HOLDERS_MAX ? `; and ${holders.length - HOLDERS_MAX} more` : "";
  return `: ${holders.slice(0, HOLDERS_MAX).join("; ")}${rest}`;
}

/** See ServerSession.open. */
export async function openWriter({ sql, dialect, at }: Site): Promise<void> {
  for (const name of dialect.readOnlyVariables) await sql.query(`SET GLOBAL ${name} = OFF`, SHORT_MS);
  await dialect.lockOut(sql, false);
  const now = await readVariables(sql);
  if (dialect.readOnlyVariables.every((name) => now.get(name) === "OFF") && !dialect.isLockedOut(now)) return;
  throw new TandemError("server-failed", `${at.host}:${at.port} took the statements and is not writable`, {
    next: "look at the server's error log",
  });
}
