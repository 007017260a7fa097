import type { NormalizedSchema } from "@smithy/core/schema";
import { requiredMembers } from "./schema.ts";

export type Kind = "list" | "map" | "structure" | "blob" | "timestamp" | "string" | "boolean" | "number" | "any";

/** What of a schema is asked about every member of every call, found once: NormalizedSchema finds it anew each time. */
export interface Shape {
  readonly kind: Kind;
  /** Of a structure, in the schema's order. */
  readonly members: readonly (readonly [name: string, shape: Shape])[];
  readonly required: readonly (readonly [name: string, kind: Kind])[];
  /** Of a list or map. */
  readonly value: Shape | undefined;
}

/** By the SDK's own static schema, of which there are as many as its clients have. */
const known = new Map<unknown, Shape>();

export function shapeOf(schema: NormalizedSchema): Shape {
  const raw = schema.getSchema();
  const before = known.get(raw);
  if (before !== undefined) return before;
  const kind = kindOf(schema);
  const members: [string, Shape][] = [];
  const required: [string, Kind][] = [];
  const shape: { -readonly [K in keyof Shape]: Shape[K] } = { kind, members, required, value: undefined };
  known.set(raw, shape); // before its members, which may be of the same shape again
  if (kind === "list" || kind === "map") shape.value = shapeOf(schema.getValueSchema());
  if (kind !== "structure") return shape;
  for (const [name, member] of schema.structIterator()) members.push([name, shapeOf(member)]);
  for (const name of requiredMembers(schema)) required.push([name, kindOf(schema.getMemberSchema(name))]);
  return shape;
}

function kindOf(schema: NormalizedSchema): Kind {
  if (schema.isListSchema()) return "list";
  if (schema.isMapSchema()) return "map";
  if (schema.isStructSchema()) return "structure";
  if (schema.isBlobSchema()) return "blob";
  if (schema.isTimestampSchema()) return "timestamp";
  if (schema.isStringSchema()) return "string";
  if (schema.isBooleanSchema()) return "boolean";
  return schema.isNumericSchema() ? "number" : "any";
}
