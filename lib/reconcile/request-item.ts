import * as z from "zod/mini";
import { TandemError } from "../errors.ts";
import type { Item } from "../aws/table.ts";
import { DATABASE_NODES } from "../spec.ts";
import { scopeSchema } from "./scope-schema.ts";
import type { OperatorRequest } from "./requests.ts";

const common = {
  id: z.string(),
  scope: scopeSchema,
  createdAt: z.number(),
  expiresAt: z.number(),
  state: z.enum(["pending", "standing", "done", "refused"]),
  answer: z.optional(z.string()),
};

const schema = z.discriminatedUnion("action", [
  z.object({ ...common, action: z.literal("scale"), args: z.object({ count: z.number() }) }),
  z.object({
    ...common,
    action: z.literal("drain"),
    args: z.object({ instanceId: z.string(), keep: z._default(z.boolean(), false) }),
  }),
  z.object({ ...common, action: z.literal("restore"), args: z.object({ instanceId: z.string() }) }),
  z.object({ ...common, action: z.literal("switchover"), args: z.object({ to: z.enum(DATABASE_NODES) }) }),
  z.object({ ...common, action: z.literal("approve"), args: z.object({ proposal: z.string() }) }),
  z.object({
    ...common,
    action: z.literal("refresh"),
    args: z.object({
      version: z.number(),
      minHealthyPercent: z.number(),
      checkpoints: z.array(z.number()),
      checkpointDelaySeconds: z.number(),
    }),
  }),
  z.object({ ...common, action: z.literal("cancel-refresh"), args: z.strictObject({}) }),
  z.object({ ...common, action: z.literal("roll-back-refresh"), args: z.strictObject({}) }),
]);

/** A stored request as it was written. Throws TandemError `state-corrupt`. */
export function requestOf(item: Item): OperatorRequest {
  const read = schema.safeParse(item);
  if (!read.success)
    throw new TandemError(
      "state-corrupt",
      `request ${item.sk} is not one that Tandem wrote: ${z.prettifyError(read.error)}`,
      {
        next: `delete the item (${item.pk}, ${item.sk}) from the state table and state the wish again`,
      },
    );
  const { answer, ...request } = read.data;
  return answer === undefined ? request : { ...request, answer };
}
