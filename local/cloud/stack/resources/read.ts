import { isList, isObject, type Json, type JsonObject, textOf } from "../engine/json.ts";

/** Walks an API's answer; throws naming the path when something else than text is there. */
export function textAt(answer: unknown, ...path: readonly (string | number)[]): string {
  const found = valueAt(answer, ...path);
  if (typeof found === "string" || typeof found === "number") return String(found);
  throw new Error(`the answer has no ${path.join(".")}: ${JSON.stringify(answer)}`);
}

export function valueAt(answer: unknown, ...path: readonly (string | number)[]): unknown {
  let here: unknown = answer;
  for (const key of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Reflect.get(here, key);
  }
  return here;
}

export const listAt = (answer: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const found = valueAt(answer, ...path);
  return Array.isArray(found) ? found : [];
};

export const objects = (value: Json | undefined): readonly JsonObject[] =>
  isList(value) ? value.filter(isObject) : [];
export const strings = (value: Json | undefined): readonly string[] => (isList(value) ? value.map(String) : []);
export const isTrue = (value: Json | undefined): boolean => textOf(value) === "true";
/** The value as text, or undefined when it is not given. */
export const optionalText = (value: Json | undefined): string | undefined =>
  value === undefined || value === null ? undefined : textOf(value);
export const requiredText = (properties: JsonObject, name: string): string => {
  const value = properties[name];
  if (value === undefined || value === null) throw new Error(`required key [${name}] not found`);
  return textOf(value);
};

/** A document property (a policy, an event pattern): an object in the template, text in the API. */
export const documentText = (value: Json | undefined): string | undefined =>
  value === undefined || typeof value === "string" ? value : JSON.stringify(value);

/** The members of `properties` that are named, under the same names. */
export function pick(properties: JsonObject, names: readonly string[]): Record<string, Json> {
  const out: Record<string, Json> = {};
  for (const name of names) {
    const value = properties[name];
    if (value !== undefined) out[name] = value;
  }
  return out;
}

/** `VpcId` -> `vpcId`, for APIs whose members start in lower case. */
export const lowerFirst = (properties: JsonObject): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [key.charAt(0).toLowerCase() + key.slice(1), value]),
  );

/** `[{Key, Value}]` -> `{key: value}`. */
export const tagMap = (tags: Json | undefined): Record<string, string> =>
  isObject(tags)
    ? Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, textOf(value)]))
    : Object.fromEntries(objects(tags).map((tag) => [textOf(tag["Key"]), textOf(tag["Value"])]));

const NOT_THERE = /NotFound|NoSuch|NonExistent|DoesNotExist|InvalidDocument$/;

/** Whether an API's error says that the thing is not there. Auto Scaling has no code of its own for it. */
export function isNotThere(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, "code");
  if (NOT_THERE.test(typeof code === "string" ? code : error.name)) return true;
  return code === "ValidationError" && /not found|does not exist/i.test(error.message);
}

/** Deletion is idempotent: not there = already done. */
export async function gone(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
}

/** Brings tags from `before` to `after` by the two operations that every service has in some form. */
export async function retag(
  before: Json | undefined,
  after: Json | undefined,
  put: (tags: Record<string, string>) => Promise<unknown>,
  drop: (keys: string[]) => Promise<unknown>,
): Promise<void> {
  const [old, wanted] = [tagMap(before), tagMap(after)];
  const dropped = Object.keys(old).filter((key) => !(key in wanted));
  const added = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => old[key] !== value));
  if (dropped.length > 0) await drop(dropped);
  if (Object.keys(added).length > 0) await put(added);
}

export const tagList = (tags: Record<string, string>): { Key: string; Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
