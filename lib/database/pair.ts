import * as z from "zod/mini";
import type { Item, Key, Table } from "../aws/table.ts";
import { TandemError } from "../errors.ts";
import { notFencedOff } from "../reconcile/lease.ts";
import { DATABASE_NODES, type DatabaseNode } from "../spec.ts";

const nodeSchema = z.enum(DATABASE_NODES);

const schema = z.object({
  /** The only server that may be open for writes. It is written before that server is opened. */
  writer: nodeSchema,
  /** Milliseconds since the epoch. */
  since: z.number(),
  /** The other server holds every write that was acknowledged: only then it is promoted without a human's word. */
  peerEligible: z.boolean(),
  /** When that was last proven, milliseconds since the epoch. A peer that was started after it may lack some. */
  provenAt: z.optional(z.number()),
  /** When that was last given up, milliseconds since the epoch: the peer could not acknowledge. */
  degradedAt: z.optional(z.number()),
  /** `ServerState.identity` of both, as last seen in order. */
  identities: z.object({ "db-a": z.string(), "db-b": z.string() }),
  /**
   * GTID sets: what each server had committed itself when it last ceased to be the writer, or when the pair was recorded.
   * What it commits beyond that, while it is not the writer, is errant.
   */
  baseline: z.object({ "db-a": z.string(), "db-b": z.string() }),
  /** When the last automatic failovers were, milliseconds since the epoch, oldest first. */
  failovers: z.array(z.number()),
  /** A server that holds transactions which the writer does not have: nothing is replicated from or to it. */
  quarantined: z.optional(
    z.object({ node: nodeSchema, /** A GTID set. */ extra: z.string(), count: z.number(), since: z.number() }),
  ),
  /** What the last change of the writer may have cost, for people. */
  lastChange: z.optional(
    z.object({
      from: nodeSchema,
      to: nodeSchema,
      at: z.number(),
      how: z.enum(["failover", "switchover", "approved"]),
      /** Acknowledged transactions that may be lost: 0 where the peer was eligible; unknown until the old writer is seen again. */
      lost: z.string(),
    }),
  ),
  /** The server that the DNS records of writer and reader were last pointed by. */
  recordsFor: z.optional(nodeSchema),
  /** Databases and tables that Tandem needs are there. */
  prepared: z.boolean(),
});

/** What the controller has decided of the pair; one item of the state table, which no plan contradicts. */
export type PairRecord = z.infer<typeof schema>;

/** Failovers that are remembered: more than any limit asks for. */
const FAILOVERS_KEPT = 10;

const KEY: Key = { pk: "database", sk: "pair" };

/** Undefined: nothing was ever decided. Throws TandemError `state-corrupt`. */
export async function readPair(table: Table): Promise<PairRecord | undefined> {
  return pairOf(await table.get(KEY));
}

function pairOf(item: Item | undefined): PairRecord | undefined {
  if (item?.["pair"] === undefined) return undefined;
  const read = schema.safeParse(item["pair"]);
  if (read.success) return read.data;
  throw new TandemError("state-corrupt", "the record of the database pair is not one that Tandem wrote", {
    next: "freeze the database scope, restore the state table to a point in time before the change, then thaw",
    cause: read.error,
  });
}

/**
 * Puts the holder's fence on the record before it acts, and reads the record in the same step: from then on whoever held
 * the lease before can write no more. Undefined: nothing was ever decided. Throws TandemError `fenced-off`, retriable.
 */
export async function claimPair(table: Table, fence: number): Promise<PairRecord | undefined> {
  const item = await table.update(KEY, { set: { fence } }, notFencedOff(fence));
  if (item === undefined) throw fencedOff();
  return pairOf(item);
}

/**
 * Replaces the record. A holder that was overtaken changes nothing.
 * Throws TandemError `fenced-off`, retriable.
 */
export async function writePair(table: Table, pair: PairRecord, fence: number): Promise<void> {
  const kept = { ...pair, failovers: pair.failovers.slice(-FAILOVERS_KEPT) };
  // JSON leaves out what is undefined, and the state table holds nothing undefined.
  const set = { pair: JSON.parse(JSON.stringify(kept)), fence };
  if ((await table.update(KEY, { set }, notFencedOff(fence))) === undefined) throw fencedOff();
}

const fencedOff = (): TandemError =>
  new TandemError("fenced-off", "the record of the database pair is a later holder's", {
    next: "nothing: the holder of the lease goes on",
    retriable: true,
  });

export const peerOf = (node: DatabaseNode): DatabaseNode => (node === "db-a" ? "db-b" : "db-a");
