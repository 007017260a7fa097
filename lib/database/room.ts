import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import { TandemError } from "../errors.ts";
import { anyOf, isAbsent, lessThan } from "../aws/condition.ts";
import type { Item, Key, Table } from "../aws/table.ts";
import { rolesOf, type NodeFacts, type PairFacts } from "./facts.ts";

/** What the writer has left for more sessions, as the watcher noted it last. */
export interface DatabaseRoom {
  readonly connections: number;
  readonly connectionsMax: number;
  /** It turned the watcher away: too many connections. */
  readonly refuses: boolean;
}

/** Beside what the size of the web tier remembers, so that one query reads both (lib/fleet/change.ts). */
export const ROOM: Key = { pk: "capacity", sk: "database" };

const stored = z.object({ at: z.number(), connections: z.number(), connectionsMax: z.number(), refuses: z.boolean() });

/** Undefined: the item is not one that Tandem wrote. */
export const roomOf = (item: Item): (DatabaseRoom & { readonly at: number }) | undefined => stored.safeParse(item).data;

/** One note a minute keeps it fresh; a change of more than this share of the maximum is noted at once. */
const EVERY_MS = 60_000;
const CHANGE_SHARE = 0.1;

/**
 * Notes the writer's connections for whoever decides on the number of web nodes. Of two watchers the later word stays.
 * What could not be noted is noted with the next look; whoever reads an old note takes it for unknown.
 */
export function notesRoom({ clock, table }: { readonly clock: Clock; readonly table: Table }) {
  let last: (DatabaseRoom & { readonly at: number }) | undefined;
  return async (facts: PairFacts): Promise<void> => {
    const writer = rolesOf(facts)?.writer;
    const seen = writer === undefined ? undefined : roomSeen(writer, last);
    if (seen === undefined) return;
    const at = clock.now();
    if (last !== undefined && at - last.at < EVERY_MS && !isNews(last, seen)) return;
    const note = { ...seen, at };
    last = note;
    try {
      await table.update(ROOM, { set: note }, anyOf(isAbsent("at"), lessThan("at", at)));
    } catch (error) {
      last = undefined;
      if (!(error instanceof TandemError)) throw error;
    }
  };
}

function roomSeen({ server: fact }: NodeFacts, last: DatabaseRoom | undefined): DatabaseRoom | undefined {
  if ("unknown" in fact) {
    if (fact.cause !== "too-many-connections") return undefined;
    const max = last?.connectionsMax ?? 0;
    return { connections: max, connectionsMax: max, refuses: true };
  }
  const { connections } = fact.known;
  if (connections === undefined) return undefined;
  return { connections: connections.used, connectionsMax: connections.max, refuses: false };
}

const isNews = (last: DatabaseRoom, seen: DatabaseRoom): boolean =>
  last.refuses !== seen.refuses ||
  Math.abs(last.connections - seen.connections) > CHANGE_SHARE * Math.max(1, seen.connectionsMax);
