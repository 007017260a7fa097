import { CloudError } from "../../errors.ts";
import { conditionsOf, type Condition } from "./condition.ts";

/** A list that must match, or (`not`) must not. */
export interface Wanted {
  readonly values: readonly string[];
  readonly not: boolean;
}

export interface Statement {
  readonly effect: "Allow" | "Deny";
  readonly actions: Wanted;
  /** Undefined in a trust policy: the role itself is meant. */
  readonly resources: Wanted | undefined;
  /** By kind (`AWS`, `Service`); undefined in an identity's policy: its holder is meant. */
  readonly principals: ReadonlyMap<string, readonly string[]> | undefined;
  readonly conditions: readonly Condition[];
}

const malformed = (message: string): CloudError => new CloudError("MalformedPolicyDocument", message);

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** IAM takes one text wherever it takes a list. */
export function textsOf(value: unknown, what: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((each) => {
    if (typeof each === "string") return each;
    if (typeof each === "number" || typeof each === "boolean") return String(each);
    throw malformed(`Syntax errors in policy: ${what} must be text or a list of texts`);
  });
}

function wantedOf(statement: Json, name: "Action" | "Resource"): Wanted | undefined {
  const [plain, negated] = [statement[name], statement[`Not${name}`]];
  if (plain !== undefined && negated !== undefined)
    throw malformed(`Syntax errors in policy: a Statement has ${name} or Not${name}, not both`);
  if (plain !== undefined) return { values: textsOf(plain, name), not: false };
  return negated === undefined ? undefined : { values: textsOf(negated, `Not${name}`), not: true };
}

function principalsOf(given: unknown): Statement["principals"] {
  if (given === undefined) return undefined;
  if (given === "*") return new Map([["AWS", ["*"]]]);
  if (!isJson(given)) throw malformed("Syntax errors in policy: Principal must be * or an object");
  return new Map(Object.entries(given).map(([kind, names]) => [kind, textsOf(names, `Principal ${kind}`)]));
}

const MEMBERS = new Set(["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"]);

function statementOf(given: unknown): Statement {
  if (!isJson(given)) throw malformed("Syntax errors in policy: a Statement must be an object");
  const unknown = Object.keys(given).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) throw malformed(`Syntax errors in policy: ${unknown} is not known to this cloud`);
  const effect = given["Effect"];
  const actions = wantedOf(given, "Action");
  if ((effect !== "Allow" && effect !== "Deny") || actions === undefined)
    throw malformed("Syntax errors in policy: every Statement needs an Effect of Allow or Deny and an Action");
  return {
    effect,
    actions,
    resources: wantedOf(given, "Resource"),
    principals: principalsOf(given["Principal"]),
    conditions: conditionsOf(given["Condition"], malformed),
  };
}

/** Statements of a policy as JSON text. Throws `MalformedPolicyDocument` that names what is wrong or not known here. */
export function parsePolicy(document: string): readonly Statement[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch {
    throw malformed("This policy contains invalid Json");
  }
  if (!isJson(parsed)) throw malformed("Syntax errors in policy: it must be an object");
  const given = parsed["Statement"];
  const statements: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (statements.length === 0) throw malformed("Syntax errors in policy: it has no Statement");
  return statements.map(statementOf);
}
