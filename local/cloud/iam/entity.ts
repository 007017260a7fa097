import type { Tag } from "@aws-sdk/client-iam";
import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";

/** A policy document's documented limit, whitespace not counted by AWS; here it is. */
const DOCUMENT_CHARACTERS_MAX = 10_240;

export const noSuchEntity = (message: string): CloudError => new CloudError("NoSuchEntity", message, 404);
export const alreadyExists = (message: string): CloudError => new CloudError("EntityAlreadyExists", message, 409);
export const deleteConflict = (message: string): CloudError => new CloudError("DeleteConflict", message, 409);

/** The one entity named so, or the documented error. */
export function existing<T>(all: ReadonlyMap<string, T>, name: string | undefined, what: string): T {
  const found = all.get(name ?? "");
  if (found === undefined) throw noSuchEntity(`The ${what} with name ${name} cannot be found.`);
  return found;
}

/** A unique id as IAM makes them, e.g. `AROA` and 17 letters and digits. */
export const entityId = (world: World, prefix: string): string => prefix + world.ids.hex(17).toUpperCase();

/** `/` or `/a/b/`. Throws `ValidationError`. */
export function checkedPath(path: string | undefined): string {
  const given = path ?? "/";
  if (!/^\/(?:[\x21-\x7e]+\/)?$/.test(given))
    throw new CloudError("ValidationError", `The specified value for path is invalid: ${given}`);
  return given;
}

export function checkedName(name: string | undefined, what: string, lengthMax: number): string {
  const given = name ?? "";
  if (!/^[\w+=,.@-]+$/.test(given) || given.length > lengthMax)
    throw new CloudError(
      "ValidationError",
      `The specified value for ${what} is invalid: '${given}' must be 1 to ${lengthMax} of [\\w+=,.@-]`,
    );
  return given;
}

/** Keeps the text exactly as given once it is known to be a policy. Throws `MalformedPolicyDocument`. */
export function checkedDocument(text: string | undefined): string {
  const given = text ?? "";
  if (given.length > DOCUMENT_CHARACTERS_MAX)
    throw new CloudError("LimitExceeded", `Maximum policy size of ${DOCUMENT_CHARACTERS_MAX} characters exceeded`, 409);
  let parsed: unknown;
  try {
    parsed = JSON.parse(given);
  } catch {
    throw new CloudError("MalformedPolicyDocument", "This policy contains invalid Json");
  }
  const statements: unknown =
    typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, "Statement") : undefined;
  const all: unknown[] = Array.isArray(statements) ? statements : [statements];
  if (all.length === 0 || !all.every(isStatement))
    throw new CloudError(
      "MalformedPolicyDocument",
      "Syntax errors in policy: every Statement needs an Effect of Allow or Deny and an Action",
    );
  return given;
}

function isStatement(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const effect: unknown = Reflect.get(value, "Effect");
  return (effect === "Allow" || effect === "Deny") && (Reflect.has(value, "Action") || Reflect.has(value, "NotAction"));
}

/** The API gives documents URL-encoded (RFC 3986). */
export const encoded = (document: string): string => encodeURIComponent(document);

export type Tags = Map<string, string>;
export const tagsFrom = (tags: readonly Tag[] | undefined): Tags =>
  new Map((tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
export const tagShapes = (tags: Tags): Tag[] => [...tags].map(([Key, Value]) => ({ Key, Value }));
