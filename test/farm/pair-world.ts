import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "mysql2/promise";
import * as z from "zod";
import { inject } from "../../local/cli/fault.ts";
import { invoke, readStatus } from "../../local/cli/invoke.ts";
import { CliError } from "../../local/cli/output.ts";
import { liveFarm, resolveTarget, type Target } from "../../local/cli/target.ts";
import { connectAs } from "../../local/farm/database/connect.ts";
import { openSpans } from "../../local/farm/database/spans.ts";
import { startWriterProbe, type ProbeReport } from "../../local/farm/database/writer-probe.ts";
import { startWrites, writtenRows, type WriteReport } from "../../local/farm/database/writes.ts";
import { DATABASE_NODES, type DatabaseNode } from "../../lib/spec.ts";
import type { Flavour } from "../../lib/database/server.ts";
import { isWhole, statusOf } from "../scenarios/database/status.ts";
import type { Accounts, Interval, Line, PairWorld } from "../scenarios/database/world.ts";
import { account, databaseMachine, pastRelays, webRoute } from "./database-faults.ts";
import { startFarm, stopFarm } from "./farm.ts";

/** From the end of all faults to a pair that is proven: a server's recovery, its catching up, ten seconds of trust. */
const WHOLE_SECONDS = 120;
const CONNECT_MS = 2_000;
const WRITERS = 8;
const LOOK_MS = 1_000;
const JOURNAL_LINES_MAX = 1_000;
/** A fault that the controller undid before it was read back is no fault: it is tried again. */
const TRIES_MAX = 5;

export interface FarmPairWorld extends PairWorld {
  close(): Promise<void>;
}

const linesSchema = z.object({
  lines: z.array(
    z.looseObject({
      ...{ at: z.string(), scope: z.string(), phase: z.string(), result: z.string() },
      ...{ action: z.optional(z.string()), problem: z.optional(z.string()) },
    }),
  ),
});
const answerSchema = z.object({ text: z.optional(z.string()), request: z.object({ state: z.string() }) });

const target = (): Target => resolveTarget({}, {});

async function order(wish: Record<string, unknown>): Promise<Record<string, unknown>> {
  const farm = liveFarm();
  if (farm === undefined) throw new Error("no farm runs");
  return inject(farm, wish);
}

const healedSchema = z.object({ failed: z.array(z.string()) });

/** In force when it resolves; with `kind: heal`, ended. */
async function fault(wish: Record<string, unknown>): Promise<void> {
  const { failed } = healedSchema.safeParse(await order(wish)).data ?? { failed: [] };
  if (failed.length > 0) throw new Error(`not everything could be undone: ${failed.join("; ")}`);
}

async function stubborn(wish: Record<string, unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await fault(wish);
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
    }
  }
}

async function journalSince(sinceMs: number): Promise<Line[]> {
  const since = new Date(sinceMs).toISOString();
  const answer = await invoke(target(), "maintain", { action: "journal", since, limit: JOURNAL_LINES_MAX });
  return linesSchema
    .parse(answer)
    .lines.filter(({ scope, at }) => scope === "database" && Date.parse(at) >= sinceMs)
    .map(({ at, phase, action, problem, result }) => ({ at, phase, action, problem, result }));
}

const accountsOf = ({ sent, acknowledged, refused, unknown }: WriteReport): Accounts => ({
  ...{ sent, acknowledged, refused, unknown },
  waiting: sent - acknowledged.length - refused - unknown,
});

/**
 * When each server accepted writes, as far as that is certain. What the probe knows of two writers beyond that, by single
 * writes and by the transactions that the binary logs count as each server's own, is told as an interval of both.
 */
export function intervalsOf({ servers, twoWriters, bothCommitted }: ProbeReport): readonly Interval[] {
  return DATABASE_NODES.flatMap((node): readonly Interval[] => {
    const attempts = servers.find(({ name }) => name === node)?.attempts ?? [];
    const spans = [...openSpans(attempts), ...twoWriters, ...bothCommitted];
    const moments = attempts
      .filter(({ outcome }) => outcome === "accepted")
      .filter(({ sentAt, endedAt }) => !spans.some(({ from, to }) => sentAt <= to && from <= endedAt))
      .map(({ endedAt }) => ({ from: endedAt, to: endedAt }));
    return [...spans, ...moments].map(({ from, to }) => ({ node, from, to }));
  });
}

const addressOf = (node: DatabaseNode) => pastRelays(databaseMachine(node).address);

/** Not by its class: an error of Node's own is of another realm than a test. */
const refusedSchema = z.object({ code: z.literal("ECONNREFUSED") });

/** A session of the administrator, past the relays. A server that a fault keeps down is started for it. */
async function openAnyway(node: DatabaseNode) {
  const admin = await account("admin");
  return connectAs(addressOf(node), admin, CONNECT_MS).catch(async (error: unknown) => {
    if (!refusedSchema.safeParse(error).success) throw error;
    await fault({ kind: "mysql-restart", node });
    return connectAs(addressOf(node), admin, CONNECT_MS);
  });
}

/** Rows that people wrote, not the load. */
async function rowsByHand(session: Connection): Promise<readonly string[]> {
  const [tables] = await session.query("SHOW TABLES FROM wordpress LIKE 'tandem_fault'");
  if (z.array(z.unknown()).parse(tables).length === 0) return [];
  const [rows] = await session.query("SELECT id FROM wordpress.tandem_fault");
  return z
    .array(z.object({ id: z.string() }))
    .parse(rows)
    .map(({ id }) => id);
}

/** The scenarios' world on real servers: a local farm of its own, which is started anew where a scenario has left its mark. */
export function openFarmPair(flavour: Flavour): FarmPairWorld {
  let probe: Awaited<ReturnType<typeof startWriterProbe>> | undefined;
  let farmSince: number | undefined;
  let readySince = 0;

  const status: PairWorld["status"] = async () => statusOf(await readStatus(target()));
  const until: PairWorld["until"] = async (goal, predicate, seconds) => {
    const startedAt = performance.now();
    for (;;) {
      const lookedAt = performance.now();
      if (await predicate()) return;
      if (performance.now() - startedAt > seconds * 1_000)
        throw new Error(`not reached within ${seconds} s: ${goal}; last seen: ${JSON.stringify(await status())}`);
      await sleep(Math.max(0, lookedAt + LOOK_MS - performance.now()));
    }
  };
  const close = async (): Promise<void> => {
    await probe?.stop();
    probe = undefined;
    farmSince = undefined;
    await stopFarm();
  };
  const begin = async (why: string): Promise<void> => {
    console.log(`${flavour}: a new farm, for ${why}`);
    await close();
    await startFarm("--web", "1", "--fresh", "--flavour", flavour);
    await until("a whole pair", async () => isWhole(await status()), WHOLE_SECONDS);
    farmSince = Date.now();
  };
  /** Why the farm as it is can be no beginning; undefined when it is whole and nothing is remembered. */
  const mark = async (): Promise<string | undefined> => {
    if (farmSince === undefined) return "none runs";
    await fault({ kind: "heal" });
    const lines = await journalSince(farmSince);
    if (lines.some(({ phase, action }) => phase === "applied" && action === "promote"))
      return "after a failover another one within ten minutes is refused";
    let last = await status();
    await until(
      "a whole pair, or a question to a person",
      async () => isWhole((last = await status())) || last.proposals.length > 0,
      WHOLE_SECONDS,
    );
    if (last.proposals.length > 0) return `a rebuild by hand would be next (${last.proposals.join(", ")})`;
    return last.writer === "db-a" ? undefined : `the writer is ${last.writer}`;
  };

  return {
    name: flavour,
    now: () => performance.now(),
    advance: (seconds) => sleep(seconds * 1_000),
    until,
    status,
    close,
    async ready() {
      await probe?.stop();
      probe = undefined;
      const begun = farmSince;
      const why = await mark().catch((error: unknown) => {
        // A farm that does not heal fails this scenario, and the next one has a new farm.
        farmSince = undefined;
        throw error;
      });
      if (why !== undefined || begun === undefined) await begin(why ?? "none runs");
      const servers = DATABASE_NODES.map((name) => ({ name, at: addressOf(name) }));
      probe = await startWriterProbe(addressOf("db-a"), servers, await account("app"));
      readySince = Date.now();
    },
    async writes(perSecond) {
      const load = await startWrites({
        at: await webRoute(),
        account: await account("app"),
        writers: WRITERS,
        perSecond,
      });
      return {
        accounts: () => accountsOf(load.report()),
        async stop() {
          const report = await load.stop();
          const { sent, acknowledged, refused, unknown, longestPauseMs } = report;
          console.log(
            `${flavour}: ${acknowledged.length} of ${sent} writes acknowledged, ${refused} refused, ${unknown} unknown, longest pause ${longestPauseMs} ms`,
          );
          return accountsOf(report);
        },
      };
    },
    async rows(node) {
      const session = await openAnyway(node);
      try {
        return [...(await writtenRows(session)), ...(await rowsByHand(session))];
      } finally {
        session.destroy();
      }
    },
    async writableIntervals() {
      return probe === undefined ? [] : intervalsOf(probe.report());
    },
    kill: (node) => fault({ kind: "mysql-kill", node }),
    restart: (node) => fault({ kind: "mysql-restart", node }),
    crashAndBack: (node, ms) => fault({ kind: "mysql-kill", node, forSeconds: ms / 1_000 }),
    hang: (node) => fault({ kind: "mysql-stop", node }),
    continue: (node) => fault({ kind: "mysql-continue", node }),
    cut: ({ from, to }) => fault({ kind: "partition", from, to }),
    mend: ({ from, to }) => fault({ kind: "heal", fault: ["partition", from, to] }),
    cutOff: (node) => fault({ kind: "partition", from: "all", to: node }),
    rejoin: (node) => fault({ kind: "heal", fault: ["partition", "all", node] }),
    holdTransaction: (node, seconds) => fault({ kind: "hold-transaction", node, forSeconds: seconds }),
    delayApplier: (node, seconds) =>
      fault(seconds === 0 ? { kind: "heal", fault: ["lag", node] } : { kind: "lag", node, seconds }),
    stopApplier: (node) => fault({ kind: "applier-stop", node }),
    async errant(node) {
      await fault({ kind: "errant", node });
      return "errant";
    },
    conflictingRow: () => fault({ kind: "duplicate-row", node: "peer", identical: false }),
    connections: (node, taken) =>
      fault(taken ? { kind: "connections", node } : { kind: "heal", fault: ["connections", node] }),
    bothReadOnly: () => stubborn({ kind: "read-only-both" }),
    bothWritable: () => stubborn({ kind: "writable-both" }),
    async switchover(to) {
      try {
        const { request, text } = answerSchema.parse(await invoke(target(), "maintain", { action: "switchover", to }));
        return { isDone: request.state === "done", answer: text ?? "" };
      } catch (error) {
        if (error instanceof CliError) return { isDone: false, answer: error.message };
        throw error;
      }
    },
    journal: () => journalSince(readySince),
  };
}
