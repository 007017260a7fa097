import * as z from "zod";
import { DATABASE_NODES, type DatabaseNode } from "../../../lib/spec.ts";
import type { PairStatus } from "./world.ts";

const known = <T extends z.ZodType>(type: T) =>
  z.union([type, z.object({ unknown: z.string() }).transform(() => undefined)]);
const nodeSchema = z.enum(DATABASE_NODES);
/** Of `tandem status --json`; what it does not know is undefined here. */
const statusSchema = z.object({
  database: z.object({
    writer: known(nodeSchema),
    peerEligible: known(z.boolean()),
    problems: known(z.array(z.object({ code: z.string(), node: z.optional(z.string()) }))),
    nodes: z.array(z.object({ name: nodeSchema, io: known(z.string()), sql: known(z.string()) })),
  }),
  proposals: known(z.array(z.object({ action: z.string() }))),
});

/** `given`: what `tandem status --json` prints. */
export function statusOf(given: unknown): PairStatus {
  const { database, proposals } = statusSchema.parse(given);
  const replicates = (name: DatabaseNode): boolean | undefined => {
    const node = database.nodes.find((each) => each.name === name);
    return node?.io === undefined || node.sql === undefined ? undefined : node.io === "Yes" && node.sql === "Yes";
  };
  return {
    writer: database.writer,
    peerEligible: database.peerEligible,
    problems: (database.problems ?? []).map(({ code, node }) => (node === undefined ? code : `${code} ${node}`)),
    proposals: (proposals ?? []).map(({ action }) => action),
    replicates: { "db-a": replicates("db-a"), "db-b": replicates("db-b") },
  };
}

/** Nothing is wrong: both receive and apply, and the peer is eligible. */
export const isWhole = ({ writer, peerEligible, problems, replicates }: PairStatus): boolean =>
  writer !== undefined &&
  peerEligible === true &&
  problems.length === 0 &&
  DATABASE_NODES.every((node) => replicates[node] === true);
