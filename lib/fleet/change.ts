import * as z from "zod/mini";
import { TandemError } from "../errors.ts";
import type { Key, Table } from "../aws/table.ts";
import { notFencedOff } from "../reconcile/lease.ts";
import type { CapacityChange, SetDesired } from "./plan.ts";

const stored = z.object({ at: z.number(), from: z.number(), to: z.number() });
const key = (group: string): Key => ({ pk: "capacity", sk: group });

/** Undefined: Tandem never changed the group. Throws TandemError `state-corrupt`. */
export async function readChange(table: Table, group: string): Promise<CapacityChange | undefined> {
  const item = await table.get(key(group));
  if (item === undefined) return undefined;
  const read = stored.safeParse(item);
  if (read.success) return read.data;
  throw new TandemError("state-corrupt", `the last capacity change of ${group} is not one that Tandem wrote`, {
    next: `delete the item (capacity, ${group}) from the state table`,
    cause: read.error,
  });
}

/**
 * Noted before the call is made, with the fence as condition, because Auto Scaling knows no fence. If the call then
 * fails, the group still has the old size, and the plan sees that the change did not happen.
 */
export async function noteChange(table: Table, action: SetDesired, at: number, fence: number): Promise<void> {
  const change = { set: { at, from: action.from, to: action.to, fence } };
  if ((await table.update(key(action.group), change, notFencedOff(fence))) === undefined)
    throw new TandemError("fenced-off", `set-desired of ${action.group}: another holder was there first`, {
      next: "nothing: the holder of the lease goes on",
      retriable: true,
    });
}
