import * as z from "zod";
import type { Item, Key, Table } from "../../../lib/aws/table.ts";
import { DATABASE_NODES, type DatabaseNode } from "../../../lib/spec.ts";
import type { PairWitness } from "./witness.ts";

/** What the controller has told people of the pair, as it last wrote it down. */
export interface ToldOfPair {
  readonly problems: readonly { readonly code: string; readonly node?: DatabaseNode | undefined }[];
  readonly proposals: readonly { readonly id: string; readonly action: string }[];
}

const node = z.enum(DATABASE_NODES);
const recordSchema = z.object({
  writer: node,
  since: z.number(),
  peerEligible: z.boolean(),
  lastChange: z.optional(
    z.object({ to: node, at: z.number(), how: z.enum(["failover", "switchover", "approved"]), lost: z.string() }),
  ),
});
const problemsSchema = z.array(z.object({ code: z.string(), node: z.optional(node) }));
const proposalsSchema = z.array(z.object({ id: z.string(), action: z.string() }));

/** The state table, whose words on the pair the witness reads as they are written. */
export function watchStore(table: Table, witness: PairWitness): { readonly table: Table; told(): ToldOfPair } {
  let told: ToldOfPair = { problems: [], proposals: [] };
  let last: unknown;
  const see = ({ pk, sk }: Key, item: Item): void => {
    if (pk === "database" && sk === "pair" && item["pair"] !== undefined && item["pair"] !== last) {
      last = item["pair"];
      witness.recorded(recordSchema.parse(last));
    }
    if (sk !== "database") return;
    if (pk === "problems") told = { ...told, problems: problemsSchema.parse(item["list"] ?? []) };
    if (pk === "proposals") told = { ...told, proposals: proposalsSchema.parse(item["list"] ?? []) };
  };
  return {
    told: () => told,
    table: {
      ...table,
      async update(key, change, condition) {
        const item = await table.update(key, change, condition);
        if (item !== undefined) see(key, item);
        return item;
      },
    },
  };
}
