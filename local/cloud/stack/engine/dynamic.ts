import { isList, isObject, type Json, type JsonObject, parseJson, textOf } from "./json.ts";

/** Where dynamic references are read from. */
export interface Vault {
  parameter(name: string): Promise<string>;
  secret(id: string): Promise<string>;
}

const REFERENCE = /\{\{resolve:([^}]+)\}\}/;

/**
 * Replaces `{{resolve:ssm:<name>}}`, `{{resolve:ssm-secure:<name>}}` and
 * `{{resolve:secretsmanager:<id>:SecretString:<key>}}`. Throws naming any other form.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
 */
export async function revealed(properties: JsonObject, vault: Vault): Promise<JsonObject> {
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(properties)) out[key] = await revealedValue(value, vault);
  return out;
}

async function revealedValue(value: Json, vault: Vault): Promise<Json> {
  if (isList(value)) return Promise.all(value.map((item) => revealedValue(item, vault)));
  if (isObject(value)) return revealed(value, vault);
  if (typeof value !== "string") return value;
  let text = value;
  for (let match = REFERENCE.exec(text); match !== null; match = REFERENCE.exec(text)) {
    const found = await read(match[1] ?? "", vault);
    text = text.slice(0, match.index) + found + text.slice(match.index + match[0].length);
  }
  return text;
}

async function read(reference: string, vault: Vault): Promise<string> {
  const [kind, ...rest] = reference.split(":");
  if (kind === "ssm" || kind === "ssm-secure") return vault.parameter(rest.join(":"));
  if (kind !== "secretsmanager")
    throw new Error(`dynamic reference {{resolve:${reference}}} is not known to this cloud`);
  const at = rest.indexOf("SecretString");
  const id = (at < 0 ? rest : rest.slice(0, at)).join(":");
  const key = at < 0 ? undefined : rest[at + 1];
  const secret = await vault.secret(id);
  if (key === undefined || key === "") return secret;
  const fields = parseJson(secret);
  const found = isObject(fields) ? fields[key] : undefined;
  if (found === undefined) throw new Error(`Could not find a value associated with JSONKey ${key} in the secret ${id}`);
  return textOf(found);
}
