import * as z from "zod";
import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Flavour } from "../../../lib/database/server.ts";
import { isWhole, statusOf } from "../../scenarios/database/status.ts";
import type { Interval, Line, Link, PairStatus, PairWorld, WriteLoad } from "../../scenarios/database/world.ts";
import { openChance } from "../chance.ts";
import { openWorld, type SimulatedWorld, type WorldOptions } from "../world.ts";
import { writeLoad } from "./clients.ts";
import { bothNodes, peerOf } from "./state.ts";
import { rowsOf } from "./view.ts";

export interface SimulatedPairWorld extends PairWorld {
  readonly world: SimulatedWorld;
  /** Rules that the witness saw broken, in words. */
  broken(): readonly string[];
  close(): Promise<void>;
}

/** From a new stack to a pair that is provisioned, replicates and is proven. */
const READY_SECONDS = 1_200;
const RECOVERY_MS = 1_000;

/** The scenarios' world in the simulation: a whole farm with its cloud, on virtual time. */
export async function openPairWorld(options: WorldOptions & { flavour?: Flavour }): Promise<SimulatedPairWorld> {
  const world = await openWorld({ wire: "none", ...options });
  const { databases, clock } = world;
  const { pair } = databases;
  const chance = openChance(`${options.seed}/clients`);
  let readyAt = world.now();
  let loads = 0;
  let errants = 0;
  const act = async (...happening: Parameters<typeof pair.act>): Promise<void> => {
    pair.act(...happening);
    await clock.settle();
  };
  const links = (node: DatabaseNode): readonly Link[] => [
    { from: "app", to: node },
    { from: "controller", to: node },
    { from: peerOf(node), to: node },
    { from: node, to: peerOf(node) },
  ];
  const status = async (): Promise<PairStatus> => statusOf(await world.status());
  const until: PairWorld["until"] = (goal, predicate, seconds) => world.until(goal, predicate, seconds * 1_000);

  return {
    name: "simulation",
    world,
    broken: () => [...pair.witness.broken, ...world.witness.broken],
    close: () => world.close(),
    now: world.now,
    advance: (seconds) => world.advance(seconds * 1_000),
    until,
    status,
    async ready() {
      world.fault({ kind: "heal" });
      for (const link of bothNodes.flatMap(links)) await act({ kind: "mend", link });
      await until("a whole pair", async () => isWhole(await status()), READY_SECONDS);
      readyAt = world.now();
    },
    async writes(perSecond): Promise<WriteLoad> {
      loads += 1;
      const load = writeLoad({ clock, chance, databases, prefix: `load-${loads}`, perSecond });
      return {
        accounts: load.accounts,
        async stop() {
          const stopped = load.stop();
          await world.advance(STOP_MS);
          return stopped;
        },
      };
    },
    rows: async (node) => rowsOf(pair.state(), node),
    writableIntervals: async () =>
      pair.witness
        .intervals()
        .filter(({ to }) => (to ?? Infinity) > readyAt)
        .map((interval): Interval => ({ ...interval, from: Math.max(interval.from, readyAt) })),
    kill: (node) => act({ kind: "kill", node }),
    restart: (node) => act({ kind: "start", node, recoveryMs: RECOVERY_MS }),
    async crashAndBack(node, ms) {
      await act({ kind: "kill", node });
      clock.after(ms - RECOVERY_MS, () => void pair.act({ kind: "start", node, recoveryMs: RECOVERY_MS }));
    },
    hang: (node) => act({ kind: "hang", node }),
    continue: (node) => act({ kind: "continue", node }),
    cut: (link) => act({ kind: "cut", link }),
    mend: (link) => act({ kind: "mend", link }),
    async cutOff(node) {
      for (const link of links(node)) await act({ kind: "cut", link });
    },
    async rejoin(node) {
      for (const link of links(node)) await act({ kind: "mend", link });
    },
    holdTransaction: (node, seconds) => act({ kind: "hold", node, ms: seconds * 1_000 }),
    delayApplier: (node, seconds) => act({ kind: "delay", node, ms: seconds * 1_000 }),
    stopApplier: (node) => act({ kind: "threads", node, threads: "applier", run: false }),
    async errant(node) {
      errants += 1;
      await act({ kind: "errant", node, id: `errant-${errants}` });
      return `errant-${errants}`;
    },
    async conflictingRow() {
      const node = databases.writer() ?? "db-a";
      await act({ kind: "plant", node: peerOf(node), key: "conflicting", value: "the reader's" });
      const content = { kind: "row", id: "conflicting", key: "conflicting", value: "the writer's" } as const;
      await act({ kind: "write", node, write: { id: "conflicting", client: "app", content } });
    },
    connections: (node, taken) => act({ kind: "full", node, on: taken }),
    async bothReadOnly() {
      for (const node of bothNodes) await act({ kind: "read-only", node, on: true });
    },
    async bothWritable() {
      for (const node of bothNodes) await act({ kind: "read-only", node, on: false });
    },
    async switchover(to) {
      const answer = answerSchema.parse(
        await world.invoke(`tandem-${world.stage}-maintain`, { action: "switchover", to }),
      );
      return { isDone: answer.request?.state === "done", answer: answer.request?.answer ?? answer.text ?? "" };
    },
    journal: async () =>
      (await world.journal()).flatMap((line): Line[] =>
        line.scope === "database" && Date.parse(line.at) >= readyAt
          ? [{ at: line.at, phase: line.phase, action: line.action, problem: line.problem, result: line.result }]
          : [],
      ),
  };
}

/** The last clients of a load hear or give up within this. */
const STOP_MS = 3_000;

const answerSchema = z.object({
  text: z.optional(z.string()),
  request: z.optional(z.object({ state: z.string(), answer: z.optional(z.string()) })),
});
