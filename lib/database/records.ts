import type { DatabaseNode, Spec } from "../spec.ts";
import { peerOf } from "./pair.ts";

/** The private zone's records that follow the writer, for people and tools: addresses by full name. */
export const databaseRecords = (
  { stage, databaseAddresses }: Pick<Spec, "stage" | "databaseAddresses">,
  writer: DatabaseNode,
): Readonly<Record<string, string>> => ({
  [`writer.${stage}.tandem.internal`]: databaseAddresses[writer],
  [`reader.${stage}.tandem.internal`]: databaseAddresses[peerOf(writer)],
});
