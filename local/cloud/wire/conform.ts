import type { NormalizedSchema } from "@smithy/core/schema";
import type { ServiceId } from "../service.ts";
import { firstFlaw, flawError } from "./check.ts";
import { notImplemented } from "./decode.ts";
import type { Members } from "./message.ts";
import { serviceSchema } from "./schema.ts";

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !(value instanceof Date) && !(value instanceof Uint8Array);

/** Text that stands for a number, a boolean or a time, and the reverse: templates write them either way. */
function conformScalar(schema: NormalizedSchema, value: unknown): unknown {
  if (schema.isStringSchema() && (typeof value === "number" || typeof value === "boolean")) return String(value);
  if (typeof value !== "string") return value;
  if (schema.isNumericSchema() && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value);
  if (schema.isBooleanSchema() && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  if (schema.isTimestampSchema() && !Number.isNaN(Date.parse(value))) return new Date(value);
  return value;
}

function conform(schema: NormalizedSchema, value: unknown): unknown {
  if (schema.isListSchema() && Array.isArray(value)) return value.map((item) => conform(schema.getValueSchema(), item));
  if (schema.isMapSchema() && isMembers(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, conform(schema.getValueSchema(), item)]),
    );
  if (!schema.isStructSchema() || !isMembers(value)) return conformScalar(schema, value);
  const members: Members = { ...value };
  for (const [name, member] of schema.structIterator())
    if (members[name] !== undefined) members[name] = conform(member, members[name]);
  return members;
}

/**
 * The input of a call that did not come over the wire, with scalars in the types of the schema, as CloudFormation
 * turns a template's text into them. Throws CloudError for a missing or wrong member and for an unknown operation.
 */
export async function checkedInput(service: ServiceId, operation: string, input: Readonly<Members>): Promise<Members> {
  const schema = await serviceSchema(service);
  const known = schema.operations.get(operation);
  if (known === undefined) throw notImplemented(service, operation);
  const conformed = conform(known.input, input);
  const flaw = firstFlaw(known.input, conformed);
  if (flaw) throw flawError(flaw, schema.protocol);
  return isMembers(conformed) ? conformed : {};
}
