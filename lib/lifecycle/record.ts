import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import { TandemError } from "../errors.ts";
import { allOf, anyOf, isAbsent, lessThan, type Condition } from "../aws/condition.ts";
import type { Change, Key, Table } from "../aws/table.ts";
import { notFencedOff } from "../reconcile/lease.ts";
import type { HookAction, SendCommand } from "./action.ts";
import type { HookRecord, Transition } from "./observation.ts";

/** Two days are the longest that Auto Scaling keeps an instance in a hook. */
const FORGOTTEN_AFTER_SECONDS = 2 * 86_400;

const stored = z.object({
  waitingSince: z.number(),
  attempt: z._default(z.number(), 0),
  requestedAt: z.optional(z.number()),
  commandId: z.optional(z.string()),
  heartbeats: z._default(z.number(), 0),
  heartbeatAt: z.optional(z.number()),
  heartbeatsRefused: z._default(z.boolean(), false),
});

/** An instance makes each of its transitions once (a pool that reuses instances is not ours), so both name one wait. */
const key = (instanceId: string, transition: Transition): Key => ({ pk: `lifecycle#${instanceId}`, sk: transition });

export interface StoredRecord {
  readonly record: HookRecord;
  /** Absent while an attempt is decided and its command's id not yet known. */
  readonly commandId?: string;
}

/** Undefined before the first write. Throws TandemError `state-corrupt`. */
export async function readRecord(
  table: Table,
  instanceId: string,
  transition: Transition,
): Promise<StoredRecord | undefined> {
  const at = key(instanceId, transition);
  const item = await table.get(at);
  if (item === undefined) return undefined;
  const read = stored.safeParse(item);
  if (!read.success)
    throw new TandemError("state-corrupt", `the record of ${instanceId} ${transition} is not one that Tandem wrote`, {
      next: `delete the item (${at.pk}, ${at.sk}) from the state table`,
      cause: read.error,
    });
  const { commandId, waitingSince, attempt, heartbeats, heartbeatsRefused, requestedAt, heartbeatAt } = read.data;
  const record: HookRecord = {
    waitingSince,
    attempt,
    heartbeats,
    heartbeatsRefused,
    ...(requestedAt === undefined ? {} : { requestedAt }),
    ...(heartbeatAt === undefined ? {} : { heartbeatAt }),
  };
  return commandId === undefined ? { record } : { record, commandId };
}

export interface HookRecords {
  /** Before SendCommand, so that a controller which dies in between leaves a trace of the attempt. */
  attempted(action: SendCommand, fence: number): Promise<void>;
  /** After it. */
  sent(action: SendCommand, commandId: string, fence: number): Promise<void>;
  beaten(action: HookAction, fence: number): Promise<void>;
  refused(action: HookAction, fence: number): Promise<void>;
}

/** Writes of the lease's holder; the fence is their condition. Throws TandemError `fenced-off`, retriable. */
export function hookRecords(table: Table, clock: Clock): HookRecords {
  const write = async (action: HookAction, fence: number, change: Change, condition?: Condition): Promise<void> => {
    const set = { ...change.set, waitingSince: action.waitingSince, fence, expires: expiry(clock.now()) };
    const held = condition === undefined ? notFencedOff(fence) : allOf(notFencedOff(fence), condition);
    if ((await table.update(key(action.instanceId, action.transition), { ...change, set }, held)) === undefined)
      throw new TandemError("fenced-off", `${action.kind} of ${action.instanceId}: another holder was there first`, {
        next: "nothing: the holder of the lease goes on",
        retriable: true,
      });
  };
  return {
    attempted: (action, fence) =>
      write(
        action,
        fence,
        { set: { attempt: action.attempt, requestedAt: clock.now() }, remove: ["commandId"] },
        // The same attempt may be decided again only while its command's id is unknown.
        anyOf(
          isAbsent("attempt"),
          lessThan("attempt", action.attempt),
          allOf(lessThan("attempt", action.attempt + 1), isAbsent("commandId")),
        ),
      ),
    sent: (action, commandId, fence) => write(action, fence, { set: { commandId } }),
    beaten: (action, fence) => write(action, fence, { set: { heartbeatAt: clock.now() }, add: { heartbeats: 1 } }),
    refused: (action, fence) => write(action, fence, { set: { heartbeatsRefused: true } }),
  };
}

const expiry = (now: number): number => Math.ceil(now / 1000) + FORGOTTEN_AFTER_SECONDS;
