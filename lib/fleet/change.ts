import * as z from "zod/mini";
import { TandemError } from "../errors.ts";
import { equals, isAbsent } from "../aws/condition.ts";
import type { Item, Key, Table } from "../aws/table.ts";
import { ROOM, roomOf, type DatabaseRoom } from "../database/room.ts";
import { factOf } from "../lifecycle/aws.ts";
import { absent, isKnown, known, unknown, type Fact } from "../reconcile/fact.ts";
import { notFencedOff } from "../reconcile/lease.ts";
import type { BootTimes } from "./demand.ts";
import type { CapacityChange, RetireNode, SetDesired } from "./plan.ts";

/** What the size of the web tier remembers: items of one partition, so that one query reads them all. */
const PARTITION = "capacity";
const changeKey = (group: string): Key => ({ pk: PARTITION, sk: group });
const bootKey = (group: string): Key => ({ pk: PARTITION, sk: `${group}#boot` });
const ITEMS_MAX = 10;

const change = z.object({ at: z.number(), from: z.number(), to: z.number() });
const boot = z.object({ at: z.number(), directMs: z.optional(z.number()), poolMs: z.optional(z.number()) });

/** The watcher notes it once in each of its runs, which last a minute; what is older is no news of the database any more. */
const ROOM_AGE_MS_MAX = 300_000;
/** Boots get shorter slowly in what is learnt, and longer at once: to expect too little costs visitors. */
const SHORTER_SHARE = 0.25;

export interface Remembered {
  /** Absent: Tandem never changed the group. */
  readonly lastChange: Fact<CapacityChange>;
  /** Absent: no boot was seen yet. */
  readonly boot: Fact<Partial<BootTimes>>;
  readonly database: Fact<DatabaseRoom>;
}

/** Everything that is remembered, by one call. An item that Tandem did not write is unknown, and the others are not. */
export async function readRemembered(table: Table, group: string, now: number): Promise<Remembered> {
  const items = await factOf(() => table.query(PARTITION, { limit: ITEMS_MAX }));
  if (!isKnown(items)) return { lastChange: items, boot: items, database: items };
  const of = (key: Key): Item | undefined => items.known.find(({ sk }) => sk === key.sk);
  return {
    lastChange: parsed(of(changeKey(group)), changeOf),
    boot: parsed(of(bootKey(group)), bootOf),
    database: recent(parsed(of(ROOM), roomOf), now),
  };
}

const changeOf = (item: Item): CapacityChange | undefined => change.safeParse(item).data;

function bootOf(item: Item): Partial<BootTimes> | undefined {
  const read = boot.safeParse(item).data;
  if (read === undefined) return undefined;
  const { directMs, poolMs } = read;
  return { ...(directMs === undefined ? {} : { directMs }), ...(poolMs === undefined ? {} : { poolMs }) };
}

function parsed<T>(item: Item | undefined, read: (item: Item) => T | undefined): Fact<T> {
  if (item === undefined) return absent;
  const value = read(item);
  return value === undefined
    ? unknown(`the item (${item.pk}, ${item.sk}) of the state table is not one that Tandem wrote: delete it`)
    : known(value);
}

function recent(fact: Fact<DatabaseRoom & { readonly at: number }>, now: number): Fact<DatabaseRoom> {
  if (!isKnown(fact)) return fact;
  const { at, ...noted } = fact.known;
  return now - at <= ROOM_AGE_MS_MAX
    ? known(noted)
    : unknown("the database's connections were last noted too long ago");
}

/**
 * Noted before the call is made, with the fence as condition, because Auto Scaling knows no fence. If the call then
 * fails, the group still has the old size, and the plan sees that the change did not happen.
 */
export async function noteChange(
  table: Table,
  { kind, group, from, to }: SetDesired | RetireNode,
  at: number,
  fence: number,
): Promise<void> {
  const set = { at, from, to, fence };
  if ((await table.update(changeKey(group), { set }, notFencedOff(fence))) === undefined)
    throw new TandemError("fenced-off", `${kind} of ${group}: another holder was there first`, {
      next: "nothing: the holder of the lease goes on",
      retriable: true,
    });
}

/**
 * A node has booted. Many may at a time, each under a lease of its own, so their fences tell nothing of one another: the
 * condition is that nothing was noted since it was read. False: something was, and this boot is not learnt.
 */
export async function noteBoot(
  table: Table,
  group: string,
  seen: { readonly from: "directMs" | "poolMs"; readonly ms: number; readonly at: number },
): Promise<boolean> {
  const read = boot.safeParse(await table.get(bootKey(group))).data;
  const before = read?.[seen.from] ?? seen.ms;
  const learnt = Math.round(seen.ms >= before ? seen.ms : before + SHORTER_SHARE * (seen.ms - before));
  const set = { [seen.from]: learnt, at: seen.at };
  const unchanged = read === undefined ? isAbsent("at") : equals("at", read.at);
  return (await table.update(bootKey(group), { set }, unchanged)) !== undefined;
}
