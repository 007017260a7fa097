import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { TandemError } from "../errors.ts";
import type { Value } from "./condition.ts";
import type { Item } from "./table.ts";

/**
 * JSON-like values as DynamoDB attribute values and back. Sets, binary and null are not used by Tandem: meeting one
 * means that somebody else wrote the item.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
 */
export function toAttribute(value: Value): AttributeValue {
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") return { N: String(value) };
  if (typeof value === "boolean") return { BOOL: value };
  if (isList(value)) return { L: value.map(toAttribute) };
  return { M: toAttributes(value) };
}

export const toAttributes = (values: Readonly<Record<string, Value>>): Record<string, AttributeValue> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toAttribute(value)]));

/** `Array.isArray` alone does not narrow a readonly array. */
const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

function fromAttribute(name: string, attribute: AttributeValue): Value {
  if (attribute.S !== undefined) return attribute.S;
  if (attribute.N !== undefined) return Number(attribute.N);
  if (attribute.BOOL !== undefined) return attribute.BOOL;
  if (attribute.L !== undefined) return attribute.L.map((part) => fromAttribute(name, part));
  if (attribute.M !== undefined) return fromMap(attribute.M);
  throw corrupt(`attribute ${name} has the type ${Object.keys(attribute).join() || "(none)"}`);
}

const fromMap = (attributes: Readonly<Record<string, AttributeValue>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(attributes).map(([name, attribute]) => [name, fromAttribute(name, attribute)]));

/** An item as it was read. Throws TandemError `state-corrupt` if it holds what Tandem never writes. */
export function fromAttributes(attributes: Readonly<Record<string, AttributeValue>>): Item {
  const { pk, sk, ...rest } = fromMap(attributes);
  if (typeof pk !== "string" || typeof sk !== "string") throw corrupt("an item has no pk and sk of type string");
  return { ...rest, pk, sk };
}

const corrupt = (what: string): TandemError =>
  new TandemError("state-corrupt", `the state table holds what Tandem never writes: ${what}`, {
    next: "delete the item named here from the state table; the loop observes the world anew",
  });
