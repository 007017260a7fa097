import type { ServiceId } from "../service.ts";
import { firstFlaw, flawError } from "./check.ts";
import { notImplemented } from "./decode.ts";
import type { Members } from "./message.ts";
import { serviceSchema } from "./schema.ts";
import { shapeOf, type Kind, type Shape } from "./shape.ts";

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !(value instanceof Date) && !(value instanceof Uint8Array);

/** Text that stands for a number, a boolean or a time, and the reverse: templates write them either way. */
function conformScalar(kind: Kind, value: unknown): unknown {
  if (kind === "string" && (typeof value === "number" || typeof value === "boolean")) return String(value);
  if (typeof value !== "string") return value;
  if (kind === "number" && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value);
  if (kind === "boolean" && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  if (kind === "timestamp" && !Number.isNaN(Date.parse(value))) return new Date(value);
  return value;
}

function conform(shape: Shape, value: unknown): unknown {
  const { kind, value: item } = shape;
  if (kind === "list" && item !== undefined && Array.isArray(value)) return value.map((each) => conform(item, each));
  if (kind === "map" && item !== undefined && isMembers(value))
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, conform(item, each)]));
  if (kind !== "structure" || !isMembers(value)) return conformScalar(kind, value);
  const members: Members = { ...value };
  for (const [name, member] of shape.members)
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
  const shape = shapeOf(known.input);
  const conformed = conform(shape, input);
  const flaw = firstFlaw(shape, conformed);
  if (flaw) throw flawError(flaw, schema.protocol);
  return isMembers(conformed) ? conformed : {};
}
