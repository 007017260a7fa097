import { CloudError } from "../errors.ts";
import type { Protocol } from "./schema.ts";
import type { Kind, Shape } from "./shape.ts";

/** A member that is required but missing, or of another type than its schema says. */
export interface Flaw {
  readonly path: string;
  readonly problem: "missing" | "type";
  readonly wanted: string;
}

const isMembers = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** How the SDK hands out text with a JSON media type. */
export const isTextObject = (value: unknown): value is { toString(): string; charAt(index: number): string } =>
  Object.prototype.toString.call(value) === "[object String]";

function fits(kind: Kind, value: unknown): boolean {
  if (kind === "list") return Array.isArray(value);
  if (kind === "map" || kind === "structure") return isMembers(value) && !Array.isArray(value);
  if (kind === "blob") return value instanceof Uint8Array || typeof value === "string";
  if (kind === "timestamp") return value instanceof Date;
  if (kind === "string") return typeof value === "string" || isTextObject(value);
  if (kind === "boolean" || kind === "number") return typeof value === kind;
  return true;
}

function structFlaw(shape: Shape, value: Record<string, unknown>, path: string): Flaw | undefined {
  for (const [name, wanted] of shape.required)
    if (value[name] === undefined || value[name] === null)
      return { path: join(path, name), problem: "missing", wanted };
  for (const [name, member] of shape.members) {
    if (value[name] === undefined) continue;
    const flaw = firstFlaw(member, value[name], join(path, name));
    if (flaw) return flaw;
  }
  return undefined;
}

/** The first flaw of a decoded value, walking members in the schema's order; undefined when there is none. */
export function firstFlaw(shape: Shape, value: unknown, path = ""): Flaw | undefined {
  if (value === undefined || value === null) return undefined;
  const { kind } = shape;
  if (!fits(kind, value)) return { path, problem: "type", wanted: kind };
  if (kind === "structure") return isMembers(value) ? structFlaw(shape, value, path) : undefined;
  if (shape.value === undefined || !isMembers(value)) return undefined;
  for (const [name, item] of Object.entries(value)) {
    const flaw = firstFlaw(shape.value, item, join(path, kind === "list" ? String(Number(name) + 1) : name));
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
