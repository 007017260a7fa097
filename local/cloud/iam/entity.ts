import type { Tag } from "@aws-sdk/client-iam";
import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import { parsePolicy } from "./authorize/policy.ts";

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

/** Keeps the text exactly as given once all of it can be enforced. Throws `MalformedPolicyDocument`. */
export function checkedDocument(text: string | undefined): string {
  const given = text ?? "";
  if (given.length > DOCUMENT_CHARACTERS_MAX)
    throw new CloudError("LimitExceeded", `Maximum policy size of ${DOCUMENT_CHARACTERS_MAX} characters exceeded`, 409);
  parsePolicy(given);
  return given;
}

/** The same for a policy of an identity, which must say of what; whom it means is its holder. */
export function checkedIdentityPolicy(text: string | undefined): string {
  const given = checkedDocument(text);
  for (const { resources, principals } of parsePolicy(given)) {
    if (resources === undefined)
      throw new CloudError("MalformedPolicyDocument", "Policy statement must contain resources.");
    if (principals !== undefined)
      throw new CloudError("MalformedPolicyDocument", "Policy document should not specify a principal.");
  }
  return given;
}

/** The API gives documents URL-encoded (RFC 3986). */
export const encoded = (document: string): string => encodeURIComponent(document);

export type Tags = Map<string, string>;
export const tagsFrom = (tags: readonly Tag[] | undefined): Tags =>
  new Map((tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
export const tagShapes = (tags: Tags): Tag[] => [...tags].map(([Key, Value]) => ({ Key, Value }));
