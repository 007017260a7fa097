import { describe, expect, test } from "@jest/globals";
import type { DatabaseAction } from "../../../lib/database/action.ts";
import { planDatabase } from "../../../lib/database/plan.ts";
import type { Plan } from "../../../lib/reconcile/plan.ts";
import { expectGolden } from "../../golden/golden.ts";
import { approve, codes, kinds, observed } from "./facts.ts";
import { violations } from "./safety.ts";
import {
  allNodes,
  allPairs,
  factsOfState,
  isRead,
  PRUNED_NODES,
  PRUNED_PAIRS,
  PRUNED_WRITERS,
  sift,
  wordsOfState,
  type PairState,
} from "./states.ts";

const nodes = sift(allNodes(), PRUNED_NODES);
const writers = sift(allNodes(), PRUNED_WRITERS);
const pairs = sift(allPairs(writers.kept, nodes.kept), PRUNED_PAIRS);

interface Seen {
  readonly state: PairState;
  readonly codes: readonly string[];
  readonly plan: Plan<DatabaseAction>;
}

/** The plan, and what an approval of each of its proposals would make of it. */
function look(state: PairState): Seen & { readonly broken: readonly string[] } {
  const facts = factsOfState(state);
  const rest = observed();
  const plan = planDatabase({ ...rest, facts });
  const approved = (plan.proposals ?? []).map(({ id }) => planDatabase({ ...rest, facts, requests: [approve(id)] }));
  const broken = [...violations(state, plan, false), ...approved.flatMap((each) => violations(state, each, true))];
  return { state, codes: codes(plan), plan, broken };
}

/** Whether the writer hears its peer does not matter: seen on MySQL, a source that skips all that it has to send is not heard. */
const isHealthy = ({ writer, peer, relation, lag, eligible, record }: PairState): boolean =>
  record === "db-a" &&
  isRead(writer) &&
  writer.access === "open" &&
  writer.io === "Yes" &&
  writer.sql === "Yes" &&
  isRead(peer) &&
  peer.access === "closed" &&
  peer.io === "Yes" &&
  peer.heard === "heard" &&
  peer.sql === "Yes" &&
  ["equal", "behind", "lacked"].includes(relation) &&
  ["none", "small"].includes(lag) &&
  eligible === "eligible";

/** Of the plan, and not of the problem table: why nothing is done about it. */
const REFUSALS: ReadonlySet<string> = new Set(["failover-refused", "writer-incomplete"]);

/** What a state leads to: its most urgent problem, what is done, and what is refused or proposed. */
function outcomeOf({ plan }: Seen): string {
  const told = (plan.problems ?? []).map(({ code }) => code);
  const urgent = told.filter((code, index) => index === 0 || REFUSALS.has(code));
  const proposed = (plan.proposals ?? []).map(({ action }) => action);
  return [
    urgent.join(" + ") || "healthy",
    kinds(plan).join(", ") || "nothing",
    ...(proposed.length === 0 ? [] : [`proposes to ${proposed.join(", ")}`]),
  ].join(" -> ");
}

const counted = (
  what: string,
  { total, kept, counts }: { total: number; kept: readonly unknown[]; counts: ReadonlyMap<string, number> },
): string[] => [
  `${what}: ${total} combinations, ${kept.length} kept`,
  ...[...counts].map(([reason, count]) => `  ${count} left out: ${reason}`),
];

describe("over every state that the two servers can be in", () => {
  const seen = pairs.kept.map(look);

  test("no combination is left out without a reason", () => {
    for (const { total, kept, counts } of [nodes, writers, pairs]) {
      expect([...counts.values()].reduce((sum, count) => sum + count, kept.length)).toBe(total);
      expect([...counts].filter(([, count]) => count === 0)).toEqual([]);
    }
    expect([nodes.total, nodes.kept.length, writers.kept.length]).toEqual([5_184, 95, 15]);
    expect([pairs.total, pairs.kept.length]).toEqual([205_200, 40_752]);
  });

  test("nothing destructive rests on an unknown, with and without an operator's approval, and two servers are never open", () => {
    const broken = seen
      .filter(({ broken: each }) => each.length > 0)
      .map(({ state, broken: each, plan }) => `${wordsOfState(state)}: ${each.join(", ")} [${kinds(plan).join(", ")}]`);

    expect(broken.slice(0, 20)).toEqual([]);
  });

  test("the healthy states are those of one writer with a whole peer; every other one has a problem", () => {
    const wrong = seen
      .filter(({ state, codes: told }) => isHealthy(state) !== (told.length === 0))
      .map(({ state, codes: told }) => `${wordsOfState(state)}: ${told.join(", ")}`);

    expect(wrong.slice(0, 20)).toEqual([]);
    expect(seen.filter(({ state }) => isHealthy(state))).toHaveLength(6);
  });

  test("while what was decided cannot be read nothing is done", () => {
    const blind = seen.filter(({ state }) => state.record === "unknown");

    expect(blind.length).toBeGreaterThan(0);
    expect(blind.filter(({ plan }) => plan.actions.length > 0)).toEqual([]);
  });

  test("each leads to what database-matrix.txt says", () => {
    const classes = Map.groupBy(seen, outcomeOf);
    const lines = [...classes].map(
      ([outcome, all]) =>
        `${String(all.length).padStart(6)}  ${outcome}\n        e.g. ${all[0] === undefined ? "" : wordsOfState(all[0].state)}`,
    );
    const head = [...counted("a server", nodes), ...counted("the writer", writers), ...counted("a pair", pairs)];

    expectGolden(
      "database-matrix",
      [...head, "", ...lines.toSorted((a, b) => a.slice(8).localeCompare(b.slice(8)))].join("\n"),
    );
  });
});

describe("over every state of both channels of a pair that can be read", () => {
  test("nothing destructive rests on an unknown, and what is wrong with either channel is told", () => {
    const readable = nodes.kept.filter(isRead);
    const states = readable.flatMap((writer) =>
      readable.map((peer): PairState => ({
        writer,
        peer,
        relation: "behind",
        lag: "small",
        eligible: "eligible",
        record: "db-a",
      })),
    );
    const seen = states.map(look);

    expect(seen).toHaveLength(7056);
    expect(seen.flatMap(({ broken }) => broken)).toEqual([]);
    expect(seen.filter(({ codes: told }) => told.length === 0).map(({ state }) => isHealthy(state))).toEqual([
      true,
      true,
    ]);
  });
});
