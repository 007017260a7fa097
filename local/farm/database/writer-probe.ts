import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "mysql2/promise";
import * as z from "zod";
import { committedBy, countOf, parseGtid } from "../../../lib/database/gtid.ts";
import { connectAs, isRefused, type Account, type At } from "./connect.ts";
import { growthSpans, openTogether, overlaps, type Attempt, type Span } from "./spans.ts";

const CREATE =
  "CREATE TABLE IF NOT EXISTS wordpress.tandem_probe (node VARCHAR(16) NOT NULL PRIMARY KEY, number BIGINT NOT NULL) ENGINE=InnoDB";
const WRITE = "REPLACE INTO wordpress.tandem_probe VALUES (?, ?)";
const EVERY_MS = 20;
/** A server that does not answer a write for so long is asked by a new session: the outcome of this one stays unknown. */
const ANSWER_MS = 1_000;

export interface ProbedServer {
  readonly name: string;
  readonly at: At;
}

export interface ServerTrace {
  readonly name: string;
  readonly attempts: readonly Attempt[];
  /** How many transactions the server has committed itself, by the sets of GTIDs that it told. */
  readonly own: readonly { readonly at: number; readonly count: number }[];
}

export interface ProbeReport {
  readonly servers: readonly ServerTrace[];
  /** When both servers were open for writes. Empty is what single-writer mode promises. */
  readonly twoWriters: readonly Span[];
  /** When both servers committed transactions of their own, as far as their samples tell them apart. */
  readonly bothCommitted: readonly Span[];
}

const identitySchema = z.tuple([z.object({ version: z.string(), identity: z.coerce.string() })]);
const gtidSchema = z.tuple([z.object({ gtid: z.string() })]);
type Own = ServerTrace["own"][number];

interface Session {
  readonly connection: Connection;
  readonly flavour: "mysql" | "mariadb";
  readonly identity: string;
}

async function openSession({ at }: ProbedServer, account: Account): Promise<Session> {
  const connection = await connectAs(at, account, ANSWER_MS);
  const [[{ version }]] = identityRows(await connection.query("SELECT VERSION() AS version, '' AS identity"));
  const flavour = /mariadb/i.test(version) ? "mariadb" : "mysql";
  const variable = flavour === "mysql" ? "server_uuid" : "gtid_domain_id";
  const [[{ identity }]] = identityRows(
    await connection.query(`SELECT VERSION() AS version, @@global.${variable} AS identity`),
  );
  return { connection, flavour, identity };
}

const identityRows = (answer: readonly unknown[]) => [identitySchema.parse(answer[0])] as const;

async function ownTransactions({ connection, flavour, identity }: Session): Promise<number> {
  const variable = flavour === "mysql" ? "gtid_executed" : "gtid_binlog_pos";
  const [rows] = await connection.query({ sql: `SELECT @@global.${variable} AS gtid`, timeout: ANSWER_MS });
  const [{ gtid }] = gtidSchema.parse(rows);
  return countOf(committedBy(parseGtid(flavour, gtid), identity));
}

/** One server, one attempt at a time. Its session is its own: what it finds out does not depend on the other server. */
async function watch(server: ProbedServer, account: Account, signal: AbortSignal, attempts: Attempt[], own: Own[]) {
  let session: Session | undefined;
  const forget = (): void => {
    session?.connection.destroy();
    session = undefined;
  };
  for (let number = 0; !signal.aborted; number++) {
    const sentAt = performance.now();
    const end = (outcome: Attempt["outcome"]): void =>
      void attempts.push({ sentAt, endedAt: performance.now(), outcome });
    try {
      session ??= await openSession(server, account);
    } catch (error) {
      end(isRefused(error) ? "refused" : "unreachable");
    }
    if (session !== undefined) {
      try {
        await session.connection.query({ sql: WRITE, values: [server.name, number], timeout: ANSWER_MS });
        end("accepted");
      } catch (error) {
        end(isRefused(error) ? "refused" : "unknown");
        if (!isRefused(error)) forget();
      }
    }
    if (session !== undefined) {
      const count = await ownTransactions(session).catch(() => undefined);
      if (count === undefined) forget();
      else own.push({ at: performance.now(), count });
    }
    await sleep(Math.max(0, sentAt + EVERY_MS - performance.now()));
  }
  forget();
}

/**
 * Tries to write on each server every 20 ms, as an application and without regard to who should be the writer. `servers`:
 * addresses past the relays, so that a partition hides nothing. The table is made through `writer` first.
 */
export async function startWriterProbe(writer: At, servers: readonly ProbedServer[], account: Account) {
  const first = await connectAs(writer, account, ANSWER_MS);
  await first.query(CREATE);
  await first.end();
  const stopping = new AbortController();
  const traces = servers.map(({ name }) => ({ name, attempts: new Array<Attempt>(), own: new Array<Own>() }));
  const all = servers.map((server, index) => {
    const { attempts, own } = traces[index] ?? { attempts: [], own: [] };
    return watch(server, account, stopping.signal, attempts, own);
  });
  return {
    /** What was seen until now. */
    report: (): ProbeReport => reportOf(traces),
    async stop(): Promise<ProbeReport> {
      stopping.abort();
      await Promise.all(all);
      return reportOf(traces);
    },
  };
}

/** Of two servers. Pure. */
export function reportOf(servers: readonly ServerTrace[]): ProbeReport {
  const [a = NOTHING, b = NOTHING] = servers;
  return {
    servers,
    twoWriters: openTogether(a.attempts, b.attempts),
    bothCommitted: overlaps(growthSpans(a.own), growthSpans(b.own)),
  };
}

const NOTHING: ServerTrace = { name: "", attempts: [], own: [] };
