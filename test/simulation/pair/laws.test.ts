import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { contains, subtract, union } from "../../../lib/database/gtid.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Happening, Step } from "./event.ts";
import { hasGtid, NO_GTIDS, withGtid } from "./gtids.ts";
import { itemAt, itemsFrom } from "./log.ts";
import { bothNodes, peerOf, type PairState } from "./state.ts";
import { step } from "./step.ts";
import { healthyPair } from "./tale.ts";
import { rowsOf } from "./view.ts";

/** Whatever befalls the pair, these hold: they are laws of the model, and of the servers that it stands for. */
const RUNS = 150;

const node = fc.constantFrom("db-a" as const, "db-b" as const);
const on = fc.boolean();
const link = fc.constantFrom(
  { from: "app", to: "db-a" } as const,
  { from: "app", to: "db-b" } as const,
  { from: "db-a", to: "db-b" } as const,
  { from: "db-b", to: "db-a" } as const,
);
const write = (id: number, to: DatabaseNode): Happening => ({
  kind: "write",
  node: to,
  write: { id: `w${id}`, client: "app", content: { kind: "row", id: `w${id}` } },
});
const fault: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constantFrom("kill" as const, "hang" as const, "continue" as const), node }),
  fc.record({ kind: fc.constant("start" as const), node, recoveryMs: fc.integer({ min: 0, max: 5_000 }) }),
  fc.record({ kind: fc.constant("power" as const), node, on }),
  fc.record({ kind: fc.constantFrom("cut" as const, "mend" as const), link }),
  fc.record({ kind: fc.constantFrom("read-only" as const, "offline" as const, "full" as const), node, on }),
  fc.record({
    kind: fc.constant("semi-sync" as const),
    node,
    role: fc.constantFrom("source" as const, "replica" as const),
    on,
  }),
  fc.record({ kind: fc.constant("replicate" as const), node }),
  fc.record({
    kind: fc.constant("threads" as const),
    node,
    threads: fc.constantFrom("both" as const, "receiver" as const, "applier" as const),
    run: on,
  }),
  fc.record({ kind: fc.constant("delay" as const), node, ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constant("hold" as const), node, ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constantFrom("closing" as const, "unlock" as const), node, session: fc.constant("s") }),
);
const happening = fc.oneof({ weight: 2, arbitrary: fault }, { weight: 3, arbitrary: fc.constant("write" as const) });
const story = fc.array(fc.tuple(happening, fc.constantFrom(0, 1, 2, 7, 300, 1_100, 12_000)), { maxLength: 60 });

/** Every state and step of a story that begins with a healthy pair. */
function told(of: readonly (readonly [Happening | "write", number])[]): readonly { before: PairState; done: Step }[] {
  let state = healthyPair().state();
  let at = state.at;
  return of.flatMap(([what, ms], index) => {
    at += ms;
    // both servers are written to: what accepts it is the model's matter
    const events = what === "write" ? bothNodes.map((to) => write(index, to)) : [what];
    // time first, so that what it brings is seen before the event
    return [{ kind: "time" } as const, ...events].map((each) => {
      const before = state;
      const done = step(before, { ...each, at });
      state = done.state;
      return { before, done };
    });
  });
}

const checked = (law: (before: PairState, done: Step) => void): void =>
  fc.assert(
    fc.property(story, (events) => {
      for (const { before, done } of told(events)) law(before, done);
    }),
    { numRuns: RUNS },
  );

test("what a server shows is in its binlog, and what it hides there waits for an acknowledgement", () => {
  checked((_, { state }) => {
    for (const { held, executed, waiting, log } of bothNodes.map((each) => state.servers[each])) {
      expect(contains(held, executed)).toBe(true);
      const hidden = waiting.reduce((set, { index }) => {
        const entry = itemAt(log, index);
        return entry === undefined ? set : withGtid(set, entry.source, entry.number);
      }, NO_GTIDS);
      expect(subtract(held, executed)).toEqual(hidden);
      expect(itemsFrom(log, 0).reduce((set, { source, number }) => withGtid(set, source, number), NO_GTIDS)).toEqual(
        held,
      );
    }
  });
});

test("whatever was applied or received came from the other server's binlog, where it still is", () => {
  checked((_, { state }) => {
    for (const { node: name, identity, held, channel } of bothNodes.map((each) => state.servers[each])) {
      const foreign = new Map(
        [...union(held, channel?.retrieved ?? NO_GTIDS)].filter(([source]) => source !== identity),
      );
      expect(contains(state.servers[peerOf(name)].held, foreign)).toBe(true);
      expect(channel === undefined ? 0 : channel.applied).toBeLessThanOrEqual(channel?.relay.size ?? 0);
    }
  });
});

test("under semi-sync a commit is done when the other server has had it, and not before", () => {
  fc.assert(
    fc.property(story, (events) => {
      const had = { "db-a": NO_GTIDS, "db-b": NO_GTIDS };
      for (const { before, done } of told(events)) {
        for (const name of bothNodes) {
          const { held, channel } = done.state.servers[name];
          had[name] = union(had[name], union(held, channel?.retrieved ?? NO_GTIDS));
        }
        for (const name of bothNodes)
          for (const { source, number } of doneUnderSemiSync(before, done.state, name))
            expect({ source, number, had: hasGtid(had[peerOf(name)], source, number) }).toMatchObject({ had: true });
      }
    }),
    { numRuns: RUNS },
  );
});

/** What a server that waited before and after has committed itself and shows now and did not show before. */
function doneUnderSemiSync(before: PairState, after: PairState, name: DatabaseNode) {
  const [was, is] = [before.servers[name], after.servers[name]];
  if (was.process.is !== "up" || is.process.is !== "up" || was.start !== is.start) return [];
  if (!was.semiSync.source || !is.semiSync.source) return [];
  return itemsFrom(is.log, 0).filter(
    ({ source, number }) =>
      source === is.identity && hasGtid(is.executed, source, number) && !hasGtid(was.executed, source, number),
  );
}

test("a write that was acknowledged is in the binlog of its server, once", () => {
  checked((_, { state, out }) => {
    for (const output of out)
      if (output.kind === "acknowledged" && output.write.content.kind === "row")
        expect(
          itemsFrom(state.servers[output.node].log, 0).filter(({ content }) => content === output.write.content),
        ).toHaveLength(1);
  });
});

test("the same events give the same pair, in one piece or told from the middle again; what was before stays as it was", () => {
  fc.assert(
    fc.property(story, (events) => {
      const once = told(events);
      const rows = once.map(({ before }) => bothNodes.map((each) => rowsOf(before, each)));
      const again = told(events);
      expect(again.map(({ done }) => done)).toEqual(once.map(({ done }) => done));
      const [middle] = once.slice(once.length / 2);
      // a second future of the same past: its writes go to storage of their own
      if (middle !== undefined) step(middle.before, { ...write(9_999, "db-a"), at: middle.before.at + 5_000 });
      expect(once.map(({ before }) => bothNodes.map((each) => rowsOf(before, each)))).toEqual(rows);
    }),
    { numRuns: RUNS },
  );
});
