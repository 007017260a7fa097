import type { NormalizedSchema } from "@smithy/core/schema";
import type { ServiceId } from "../../service.ts";
import { serviceSchema } from "../../wire/schema.ts";

/**
 * An operation's input without its undefined members. Throws an Error that names the first member that the API's
 * schema does not know: what the API would silently never see must not be silently ignored in a template either.
 * (That scalars are of the schema's type is seen to by the endpoint, which every call goes through.)
 */
export async function knownInput(
  service: ServiceId,
  operation: string,
  input: object,
): Promise<Record<string, unknown>> {
  const found = (await serviceSchema(service)).operations.get(operation);
  if (found === undefined) throw new Error(`${service} has no operation ${operation}`);
  return struct(found.input, input, "#");
}

function struct(schema: NormalizedSchema, value: object, path: string): Record<string, unknown> {
  const members = new Map(schema.isStructSchema() ? schema.structIterator() : []);
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const member = members.get(key);
    if (member === undefined)
      throw new Error(`Properties validation failed: ${path}: extraneous key [${key}] is not permitted`);
    out[key] = known(member, item, `${path}/${key}`);
  }
  return out;
}

function known(schema: NormalizedSchema, value: unknown, path: string): unknown {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (schema.isListSchema()) {
    if (!Array.isArray(value)) throw new Error(`Properties validation failed: ${path}: expected a list`);
    return value.map((item, index) => known(schema.getValueSchema(), item, `${path}/${index}`));
  }
  if (schema.isMapSchema() || schema.isStructSchema()) {
    if (!isRecord) throw new Error(`Properties validation failed: ${path}: expected an object`);
    if (schema.isStructSchema()) return struct(schema, value, path);
    const item = schema.getValueSchema();
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, known(item, one, `${path}/${key}`)]));
  }
  return value;
}
