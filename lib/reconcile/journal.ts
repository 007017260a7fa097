import * as z from "zod/mini";
import { isoTime, type Clock } from "../clock.ts";
import { TandemError } from "../errors.ts";
import { isAbsent } from "../aws/condition.ts";
import type { Item, Table } from "../aws/table.ts";
import { scopeSchema } from "./scope-schema.ts";

const lineSchema = z.object({
  id: z.string(),
  /** ISO-8601 UTC with milliseconds. */
  at: z.string(),
  scope: scopeSchema,
  /** What made the loop look. For people only: nothing is decided on it. */
  cause: z.string(),
  problem: z.optional(z.string()),
  phase: z.enum(["detected", "planned", "applied", "verified"]),
  action: z.optional(z.string()),
  reason: z.string(),
  fence: z.number(),
  /** What came of it, e.g. `done: ...`, `dry run`, `failed: ...`. */
  result: z.string(),
});

/** One step of the farm's history: detected -> planned -> applied -> verified, per problem. */
export type JournalLine = z.infer<typeof lineSchema>;

export interface Journal {
  /** Stores one line. Writing the same line twice (same id and time) is a no-op. */
  append(line: JournalLine): Promise<void>;
  /** Lines from `since` (milliseconds since the epoch) on, oldest first; the newest `limit` of them. */
  read(since: number, limit: number): Promise<readonly JournalLine[]>;
}

/** Long enough to compare with last month; after that the log group has it. */
const KEPT_DAYS = 30;
const DAY_MS = 86_400_000;
/** Text of one field: an error message of AWS can be long, an item of DynamoDB ends at 400 KB. */
const TEXT_MAX = 2_000;

/** Day of an ISO-8601 time. */
const partition = (at: string): string => `journal#${at.slice(0, 10)}`;

/** The journal in the state table, one partition per day, so that none grows without bound. */
export function openJournal(table: Table, clock: Clock): Journal {
  return {
    async append(line) {
      const expires = Math.ceil(clock.now() / 1000) + (KEPT_DAYS * DAY_MS) / 1000;
      await table.put(
        { pk: partition(line.at), sk: `${line.at}#${line.id}`, expires, ...stored(line) },
        isAbsent("pk"),
      );
    },
    async read(since, limit) {
      const lines: JournalLine[] = [];
      const oldest = isoTime(Math.max(since, clock.now() - KEPT_DAYS * DAY_MS));
      for (let day = clock.now(); lines.length < limit && partition(isoTime(day)) >= partition(oldest); day -= DAY_MS) {
        const range = { from: oldest, descending: true, limit: limit - lines.length };
        for (const item of await table.query(partition(isoTime(day)), range)) lines.push(lineOf(item));
      }
      return lines.toReversed();
    },
  };
}

/** Absent members are left out: the state table holds no nulls. */
const stored = (line: JournalLine): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(line).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "string" ? value.slice(0, TEXT_MAX) : value]],
    ),
  );

function lineOf(item: Item): JournalLine {
  const read = lineSchema.safeParse(item);
  if (read.success) return read.data;
  throw new TandemError("state-corrupt", `journal line ${item.sk} is not one that Tandem wrote`, {
    next: `delete the item (${item.pk}, ${item.sk}) from the state table`,
    cause: read.error,
  });
}
