import type { DatabaseNode } from "../../../lib/spec.ts";
import type { JournalLine } from "../../../lib/reconcile/journal.ts";
import type { SimulatedWorld } from "../world.ts";
import { acceptsWrites, bothNodes, isUp, peerOf } from "./state.ts";
import type { ToldOfPair } from "./store.ts";
import type { ServerDeed } from "./witness.ts";

/** A server that starts, a fence by StopInstances, a drain, a pause before the peer is trusted again, and their retries. */
const SETTLED_MS_MAX = 6 * 60_000;
/** A freeze of the faults' time runs out, and whatever was begun shows. */
const BEGUN_MS = 60_000;
/** A person who reads what is proposed. */
const PERSON_MS = 90_000;
const STEP_MS = 1_000;
/** Half the time between two heartbeats. */
const UNDER_WAY_MS = 500;

/** What only a person can mend, and why: it is told until then. Everything else the controller mends by itself. */
const FOR_A_PERSON: ReadonlySet<string> = new Set([
  "errant-transactions",
  "quarantined",
  "duplicate-key",
  "writer-incomplete",
  "failover-refused",
]);

/** Some server accepts writes. */
export const isOpen = ({ databases }: SimulatedWorld): boolean =>
  bothNodes.some((node) => acceptsWrites(databases.pair.state().servers[node]));

/**
 * After the faults: waits until the pair is at rest. A writer must be open, if one can be proven; otherwise a person was
 * asked, and approves what is proposed. Resolves to what is not so in time, in words.
 */
export async function settlePair(world: SimulatedWorld): Promise<readonly string[]> {
  const { databases, told } = world;
  const endedAt = world.now();
  let approved: string | undefined;
  await world.advance(BEGUN_MS);
  for (; world.now() - endedAt < SETTLED_MS_MAX; await world.advance(STEP_MS)) {
    if (isOpen(world) && (isWhole(world) || isAsked(told()))) return [];
    const promote = told().proposals.find(({ id }) => id.startsWith("promote-"));
    if (isOpen(world) || promote === undefined || promote.id === approved || world.now() - endedAt < PERSON_MS)
      continue;
    approved = promote.id;
    databases.pair.witness.approved(promote.id);
    await world.deliver({ action: "approve", proposal: promote.id }, `tandem-${world.stage}-maintain`);
  }
  return wrongWithPair(world);
}

/** What is wrong with the pair that is at rest, but for what a person was told. A heartbeat on its way to the peer is not. */
export async function wrongWithPair(world: SimulatedWorld): Promise<string[]> {
  if (wrongNow(world).length === 0) return [];
  await world.advance(UNDER_WAY_MS);
  return wrongNow(world);
}

function wrongNow(world: SimulatedWorld): string[] {
  const told = world.told();
  const { state, witness } = world.databases.pair;
  const words = JSON.stringify(told);
  const wrong = witness.wrongNow(state(), (node) => isKnown(told, node));
  // Why nobody writes must be told.
  const isExplained = told.problems.some(({ code }) => code === "writer-incomplete" || code === "failover-refused");
  return [
    ...wrong
      .filter((each) => each !== "no server accepts writes" || !isExplained)
      .map((each) => `${each}; told is ${words}`),
    ...(isWhole(world) || isAsked(told) ? [] : [`the pair is not whole, and no person was asked; told is ${words}`]),
  ];
}

/** Both receive and apply, nothing is wrong, and the peer may be promoted. */
function isWhole({ databases, told }: SimulatedWorld): boolean {
  const { servers } = databases.pair.state();
  return (
    told().problems.length === 0 &&
    bothNodes.every((node) => {
      const { channel } = servers[node];
      return isUp(servers[node]) && channel?.io === "Yes" && channel.sql === "Yes";
    })
  );
}

const isAsked = ({ problems, proposals }: ToldOfPair): boolean =>
  proposals.length > 0 || problems.some(({ code }) => FOR_A_PERSON.has(code));

/** Whether it was told that this server holds what its peer does not: of itself, or because its peer cannot apply it. */
const isKnown = ({ problems, proposals }: ToldOfPair, node: DatabaseNode): boolean =>
  proposals.some(({ action }) => action.includes(node)) ||
  problems.some(
    (problem) =>
      (problem.node === node && (problem.code === "quarantined" || problem.code === "errant-transactions")) ||
      (problem.node === peerOf(node) && (problem.code === "duplicate-key" || problem.code === "writer-incomplete")) ||
      // nothing is replicated from the writer to a server in quarantine
      (problem.node === peerOf(node) && problem.code === "quarantined"),
  );

/** By which actions the controller changes a server so. */
const ACTIONS_OF: Readonly<Record<string, readonly string[]>> = {
  "read-only true": ["fence", "switchover"],
  "read-only false": ["open-writer", "promote", "switchover"],
  "offline true": ["fence"],
  "offline false": ["fence", "open-writer", "promote", "switchover"],
  "semi-sync true": ["semi-sync", "open-writer", "promote", "switchover"],
  "semi-sync false": ["semi-sync", "open-writer", "promote", "switchover", "fence"],
  threads: ["start-replication", "promote", "quarantine", "replicate"],
  replicate: ["replicate"],
};
/** Lines of one look in the same millisecond are put one after the other. */
const AHEAD_MS = 100;
/** From a line to its deed: a drain, a fence that ends with StopInstances, and the retries of both. */
const EXPLAINED_MS_MAX = 180_000;

/** Every change of a server has a line of its action in the journal, written before it. */
export function unexplainedDeeds(deeds: readonly ServerDeed[], journal: readonly JournalLine[]): string[] {
  const lines = journal.flatMap(({ scope, action, result, at }) =>
    scope === "database" && result === "begun" ? [{ action, at: Date.parse(at) }] : [],
  );
  return deeds.flatMap(({ at, node, kind, on }) => {
    const actions = ACTIONS_OF[kind] ?? ACTIONS_OF[`${kind} ${String(on)}`] ?? [];
    const isExplained = lines.some(
      (line) =>
        line.action !== undefined &&
        actions.includes(line.action) &&
        at >= line.at - AHEAD_MS &&
        at - line.at <= EXPLAINED_MS_MAX,
    );
    return isExplained ? [] : [`${new Date(at).toISOString()}: nothing explains ${kind} ${String(on)} on ${node}`];
  });
}
