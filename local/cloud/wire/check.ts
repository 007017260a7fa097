import type { NormalizedSchema } from "@smithy/core/schema";
import { CloudError } from "../errors.ts";
import { requiredMembers, type Protocol } from "./schema.ts";

/** A member that is required but missing, or of another type than its schema says. */
export interface Flaw {
  readonly path: string;
  readonly problem: "missing" | "type";
  readonly wanted: string;
}

const isMembers = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

function kindOf(schema: NormalizedSchema): string {
  if (schema.isListSchema()) return "list";
  if (schema.isMapSchema()) return "map";
  if (schema.isStructSchema()) return "structure";
  if (schema.isBlobSchema()) return "blob";
  if (schema.isTimestampSchema()) return "timestamp";
  if (schema.isStringSchema()) return "string";
  if (schema.isBooleanSchema()) return "boolean";
  return schema.isNumericSchema() ? "number" : "any";
}

/** How the SDK hands out text with a JSON media type. */
export const isTextObject = (value: unknown): value is { toString(): string; charAt(index: number): string } =>
  Object.prototype.toString.call(value) === "[object String]";

function fits(kind: string, value: unknown): boolean {
  if (kind === "list") return Array.isArray(value);
  if (kind === "map" || kind === "structure") return isMembers(value) && !Array.isArray(value);
  if (kind === "blob") return value instanceof Uint8Array || typeof value === "string";
  if (kind === "timestamp") return value instanceof Date;
  if (kind === "string") return typeof value === "string" || isTextObject(value);
  if (kind === "boolean" || kind === "number") return typeof value === kind;
  return true;
}

function structFlaw(schema: NormalizedSchema, value: Record<string, unknown>, path: string): Flaw | undefined {
  for (const name of requiredMembers(schema))
    if (value[name] === undefined || value[name] === null) {
      const wanted = kindOf(schema.getMemberSchema(name));
      return { path: join(path, name), problem: "missing", wanted };
    }
  for (const [name, member] of schema.structIterator()) {
    const flaw = firstFlaw(member, value[name], join(path, name));
    if (flaw) return flaw;
  }
  return undefined;
}

/** The first flaw of a decoded value, walking members in the schema's order; undefined when there is none. */
export function firstFlaw(schema: NormalizedSchema, value: unknown, path = ""): Flaw | undefined {
  if (value === undefined || value === null) return undefined;
  const kind = kindOf(schema);
  if (!fits(kind, value)) return { path, problem: "type", wanted: kind };
  if (Array.isArray(value) && kind === "list") {
    for (const [index, item] of value.entries()) {
      const flaw = firstFlaw(schema.getValueSchema(), item, join(path, String(index + 1)));
      if (flaw) return flaw;
    }
    return undefined;
  }
  if (!isMembers(value)) return undefined;
  if (kind === "structure") return structFlaw(schema, value, path);
  if (kind !== "map") return undefined;
  for (const [name, item] of Object.entries(value)) {
    const flaw = firstFlaw(schema.getValueSchema(), item, join(path, name));
    if (flaw) return flaw;
  }
  return undefined;
}

const missingCodes: Readonly<Record<Protocol, string>> = {
  query: "ValidationError",
  ec2: "MissingParameter",
  "json-1.0": "ValidationException",
  "json-1.1": "ValidationException",
  "rest-xml": "InvalidInput",
  "rest-json": "ValidationException",
};

const capital = (path: string): string => path.charAt(0).toUpperCase() + path.slice(1);

/** The error that a flaw leads to, in the code that services of this protocol use; the message names the member. */
export function flawError(flaw: Flaw, protocol: Protocol): CloudError {
  const type = `${flaw.path} must be a ${flaw.wanted}`;
  if (flaw.problem === "type")
    return new CloudError(protocol.startsWith("json") ? "SerializationException" : missingCodes[protocol], type);
  const message =
    protocol === "ec2"
      ? `The request must contain the parameter ${capital(flaw.path)}`
      : `1 validation error detected: Value null at '${flaw.path}' failed to satisfy constraint: Member must not be null`;
  return new CloudError(missingCodes[protocol], message);
}
