import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "mysql2/promise";
import * as z from "zod";
import { connectAs, isRefused, type Account, type At } from "./connect.ts";
import type { Span } from "./spans.ts";

/** Not unique in `id`: a write that was applied twice must be seen as two rows. */
const CREATE =
  "CREATE TABLE IF NOT EXISTS wordpress.tandem_writes (seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, id CHAR(36) NOT NULL, KEY (id)) ENGINE=InnoDB";
const INSERT = "INSERT INTO wordpress.tandem_writes (id) VALUES (?)";
const CONNECT_MS = 2_000;
/** A writer whose session broke tries again that fast, as a site whose visitors keep coming. */
const AGAIN_MS = 20;
/** Longer than every stall that the farm may cause, so that a stall is measured and not cut off. */
const WRITE_MS_DEFAULT = 30_000;

export interface WriteOptions {
  /** Where applications write: a web node's private HAProxy. */
  readonly at: At;
  readonly account: Account;
  readonly writers: number;
  /** All writers together. */
  readonly perSecond: number;
  readonly writeMsMax?: number;
}

export interface WriteReport {
  readonly sent: number;
  /** Ids of the rows whose insert was answered with success. */
  readonly acknowledged: readonly string[];
  /** Inserts that a closed server refused: their rows are never there. */
  readonly refused: number;
  /** Inserts that failed otherwise, or whose answer was lost: nothing is claimed of their rows. */
  readonly unknown: number;
  /** Attempts to connect that failed. */
  readonly unconnected: number;
  /** The longest time without an acknowledgement of any writer, from start to end. */
  readonly longestPauseMs: number;
  /** The acknowledgements before and after it (or the end), as `performance.now()` tells time. */
  readonly longestPause: Span;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The first words of each kind of failure, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

interface Tally {
  sent: number;
  refused: number;
  unknown: number;
  unconnected: number;
  lastAckAt: number;
  longestPause: Span;
  readonly acknowledged: string[];
  readonly tookMs: number[];
  readonly failures: Map<string, number>;
}

const wordsOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error).slice(0, 80);

const lengthOf = ({ from, to }: Span): number => to - from;

function pauseUntil(tally: Tally, now: number): void {
  if (now - tally.lastAckAt > lengthOf(tally.longestPause)) tally.longestPause = { from: tally.lastAckAt, to: now };
}

async function write(tally: Tally, connection: Connection, timeout: number): Promise<void> {
  const id = randomUUID();
  const startedAt = performance.now();
  tally.sent += 1;
  await connection.query({ sql: INSERT, values: [id], timeout });
  const now = performance.now();
  pauseUntil(tally, now);
  tally.lastAckAt = now;
  tally.acknowledged.push(id);
  tally.tookMs.push(now - startedAt);
}

/** One writer: a write each `everyMs` by its own clock; what is late is not made up for. */
async function writer(tally: Tally, options: WriteOptions, everyMs: number, signal: AbortSignal): Promise<void> {
  let connection: Connection | undefined;
  let nextAt = performance.now() + Math.random() * everyMs;
  while (!signal.aborted) {
    try {
      if (connection === undefined) connection = await open(tally, options);
      await sleep(Math.max(0, nextAt - performance.now()));
      nextAt = Math.max(nextAt + everyMs, performance.now());
      if (!signal.aborted) await write(tally, connection, options.writeMsMax ?? WRITE_MS_DEFAULT);
    } catch (error) {
      if (connection !== undefined) tally[isRefused(error) ? "refused" : "unknown"] += 1;
      tally.failures.set(wordsOf(error), (tally.failures.get(wordsOf(error)) ?? 0) + 1);
      connection?.destroy();
      connection = undefined;
      await sleep(AGAIN_MS);
    }
  }
  connection?.destroy();
}

async function open(tally: Tally, { at, account }: WriteOptions): Promise<Connection> {
  try {
    return await connectAs(at, account, CONNECT_MS);
  } catch (error) {
    tally.unconnected += 1;
    throw error;
  }
}

const share = (sorted: readonly number[], part: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);

function reportOf(tally: Tally): WriteReport {
  const sorted = tally.tookMs.toSorted((a, b) => a - b);
  const { sent, acknowledged, refused, unknown, unconnected, longestPause } = tally;
  return {
    ...{ sent, acknowledged: [...acknowledged], refused, unknown, unconnected },
    ...{ longestPause, longestPauseMs: Math.round(lengthOf(longestPause)) },
    ...{ p50Ms: share(sorted, 0.5), p99Ms: share(sorted, 0.99) },
    failures: Object.fromEntries(tally.failures),
  };
}

/** A load that runs. */
export interface Writes {
  /** What came of it until now; what is neither acknowledged, refused nor unknown waits. */
  report(): WriteReport;
  /** When a write was last acknowledged, as `performance.now()` tells time. */
  lastAckAt(): number;
  /** Waits for the inserts that are under way. */
  stop(): Promise<WriteReport>;
}

/** Starts a load of single inserts, each with an id of its own. */
export async function startWrites(options: WriteOptions): Promise<Writes> {
  const first = await connectAs(options.at, options.account, CONNECT_MS);
  await first.query(CREATE);
  await first.end();
  const startedAt = performance.now();
  const tally: Tally = {
    ...{ sent: 0, refused: 0, unknown: 0, unconnected: 0 },
    ...{ lastAckAt: startedAt, longestPause: { from: startedAt, to: startedAt } },
    ...{ acknowledged: [], tookMs: [], failures: new Map<string, number>() },
  };
  const stopping = new AbortController();
  const everyMs = (1000 * options.writers) / options.perSecond;
  const all = Array.from({ length: options.writers }, () => writer(tally, options, everyMs, stopping.signal));
  return {
    report: () => reportOf(tally),
    lastAckAt: () => tally.lastAckAt,
    async stop() {
      pauseUntil(tally, performance.now());
      stopping.abort();
      await Promise.all(all);
      return reportOf(tally);
    },
  };
}

export interface Accounted {
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly rows: number;
}

const idsSchema = z.array(z.object({ id: z.string() }));

/** Ids of all rows that a load has left on the server, twice what is there twice. */
export async function writtenRows(connection: Connection): Promise<readonly string[]> {
  const [rows] = await connection.query("SELECT id FROM wordpress.tandem_writes");
  return idsSchema.parse(rows).map(({ id }) => id);
}

/** Whether each acknowledged write is on the server exactly once. */
export async function accountFor(connection: Connection, acknowledged: readonly string[]): Promise<Accounted> {
  const rows = await writtenRows(connection);
  const found = new Set<string>();
  const doubled = new Set<string>();
  for (const id of rows) (found.has(id) ? doubled : found).add(id);
  return { lost: acknowledged.filter((id) => !found.has(id)), doubled: [...doubled], rows: found.size };
}
