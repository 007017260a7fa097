import * as z from "zod/mini";
import { isoTime } from "../clock.ts";
import { TandemError } from "../errors.ts";
import { greaterThan, isAbsent } from "../aws/condition.ts";
import type { Item, Table } from "../aws/table.ts";
import { instanceIdSchema } from "../reconcile/scope-schema.ts";

/** What AWS says it will do to an instance, as an event tells it. */
export interface Announcement {
  /** The same announcement has the same id, however often it is sent. */
  readonly id: string;
  /** For the operator: what, in words, without the instance. */
  readonly detail: string;
  /** When the machine may be gone, ms since the epoch; `in`: so long after it was heard. Absent: AWS names no time. */
  readonly ends?: { readonly at: number } | { readonly inMs: number };
}

/**
 * An announcement that was heard. It is kept because it is said once and cannot be read again: an event otherwise only
 * hints at something that can be looked at.
 */
export interface Notice {
  readonly instanceId: string;
  readonly detail: string;
  /** When the machine may be gone, ms since the epoch. Absent: AWS named no time, or one that had passed. */
  readonly endsAt?: number;
}

/** All of a farm in one partition: there are a few a day, and the size of the tier wants them all. */
const PARTITION = "notice";
/** Beyond the largest tier, several times over. */
const NOTICES_MAX = 1_000;
/** What AWS announced and has not done a day later has not come about. */
const KEPT_MS = 86_400_000;
/** The balancer's delay and the node's own drain, and a minute for what is slow. */
const DRAIN_MS = 180_000;

const schema = z.object({
  instanceId: instanceIdSchema,
  detail: z.string(),
  endsAt: z.optional(z.number()),
  expiresAt: z.number(),
});

/** Keeps what was announced of the instance. False: it was kept before, and nothing was written. Throws TandemError. */
export async function keepNotice(
  table: Table,
  now: number,
  instanceId: string,
  { id, detail, ends }: Announcement,
): Promise<boolean> {
  const endsAt = ends === undefined ? undefined : "at" in ends ? ends.at : now + ends.inMs;
  const isAhead = endsAt !== undefined && endsAt > now;
  const expiresAt = (isAhead ? endsAt : now) + KEPT_MS;
  const item: Item = {
    pk: PARTITION,
    sk: `${instanceId}#${id}`,
    instanceId,
    detail,
    ...(isAhead ? { endsAt } : {}),
    expiresAt,
    expires: Math.ceil(expiresAt / 1000),
  };
  return table.put(item, isAbsent("pk"));
}

/** Every notice that still counts. Throws TandemError, `state-corrupt` among others. */
export async function readNotices(table: Table, now: number): Promise<readonly Notice[]> {
  const items = await table.query(PARTITION, { limit: NOTICES_MAX, where: greaterThan("expiresAt", now) });
  return items.map(noticeFrom);
}

/** What is announced of the instance; of several, what comes first. */
export const noticeOf = (notices: readonly Notice[], instanceId: string): Notice | undefined =>
  notices
    .filter((notice) => notice.instanceId === instanceId)
    .toSorted((a, b) => (a.endsAt ?? Infinity) - (b.endsAt ?? Infinity))[0];

/** There is just time left to drain the machine, and none to wait until another one serves. */
export const isUrgent = ({ endsAt }: Notice, now: number): boolean => endsAt !== undefined && endsAt - now <= DRAIN_MS;

/** `EC2 interrupts it (spot), at 2026-01-01T00:02:00.000Z`. */
export const wordsOfNotice = ({ detail, endsAt }: Notice): string =>
  endsAt === undefined ? detail : `${detail}, at ${isoTime(endsAt)}`;

function noticeFrom(item: Item): Notice {
  const read = schema.safeParse(item);
  if (!read.success)
    throw new TandemError("state-corrupt", `the notice ${item.sk} is not one that Tandem wrote`, {
      next: `delete the item (${item.pk}, ${item.sk}) from the state table`,
      cause: read.error,
    });
  const { instanceId, detail, endsAt } = read.data;
  return endsAt === undefined ? { instanceId, detail } : { instanceId, detail, endsAt };
}
