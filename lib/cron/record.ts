import * as z from "zod/mini";
import type { Key, Table } from "../aws/table.ts";
import { TandemError } from "../errors.ts";
import { notFencedOff } from "../reconcile/lease.ts";
import type { CronRecord, RunCron } from "./plan.ts";

const KEY: Key = { pk: "cron", sk: "last" };

const stored = z.object({
  instanceId: z.string(),
  at: z.number(),
  commandId: z.optional(z.string()),
  failure: z.optional(z.string()),
});

export interface StoredRun {
  readonly record: CronRecord;
  /** Absent while the command's id is not known. */
  readonly commandId?: string;
}

/** Undefined before the first run. Throws TandemError `state-corrupt`. */
export async function readLastRun(table: Table): Promise<StoredRun | undefined> {
  const item = await table.get(KEY);
  if (item === undefined) return undefined;
  const read = stored.safeParse(item);
  if (!read.success)
    throw new TandemError("state-corrupt", "the record of the last run of due events is not one that Tandem wrote", {
      next: `delete the item (${KEY.pk}, ${KEY.sk}) from the state table`,
      cause: read.error,
    });
  const { instanceId, at, commandId, failure } = read.data;
  const record = { instanceId, at, ...(failure === undefined ? {} : { failure }) };
  return commandId === undefined ? { record } : { record, commandId };
}

/** Before SendCommand, so that a controller which dies in between does not run the minute's events twice. */
export const noteRun = ({ instanceId, at, failure }: RunCron, table: Table, fence: number): Promise<void> =>
  write(
    table,
    fence,
    failure === undefined
      ? { set: { instanceId, at, fence }, remove: ["commandId", "failure"] }
      : { set: { instanceId, at, fence, failure }, remove: ["commandId"] },
  );

/** After it. */
export const noteCommand = (commandId: string, table: Table, fence: number): Promise<void> =>
  write(table, fence, { set: { commandId } });

async function write(table: Table, fence: number, change: Parameters<Table["update"]>[1]): Promise<void> {
  if ((await table.update(KEY, change, notFencedOff(fence))) === undefined)
    throw new TandemError("fenced-off", "another holder ran the due events", {
      next: "nothing: the holder of the lease goes on",
      retriable: true,
    });
}
