import type { Parameter } from "@aws-sdk/client-cloudformation";
import { isList, type Json, type JsonObject, textOf } from "./json.ts";
import { templateError, type Template } from "./template.ts";

/** Reads one SSM parameter's value, for parameters of the type `AWS::SSM::Parameter::Value<...>`. */
export type ReadParameter = (name: string) => Promise<string>;

export interface ParameterValue {
  /** As given or defaulted: what DescribeStacks shows and `UsePreviousValue` keeps. */
  readonly given: string;
  /** What `Ref` gives: a list for the list types, the stored value for SSM types. */
  readonly value: Json;
  readonly hidden: boolean;
}
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/** Throws `ValidationError` naming the parameter, what was given and what is allowed. */
export async function parameterValues(
  template: Template,
  given: readonly Parameter[],
  previous: ParameterValues,
  readParameter: ReadParameter,
): Promise<ParameterValues> {
  const extra = given.map((one) => one.ParameterKey ?? "").filter((name) => !(name in template.parameters));
  if (extra.length > 0) throw templateError(`Parameters: [${extra.join(", ")}] do not exist in the template`);
  const texts = new Map<string, string>();
  for (const [name, declaration] of Object.entries(template.parameters)) {
    const text = givenText(name, declaration, given, previous);
    if (text !== undefined) texts.set(name, text);
  }
  const missing = Object.keys(template.parameters).filter((name) => !texts.has(name));
  if (missing.length > 0) throw templateError(`Parameters: [${missing.join(", ")}] must have values`);
  const out: Record<string, ParameterValue> = {};
  for (const [name, text] of texts) {
    const declaration = template.parameters[name] ?? {};
    check(name, text, declaration);
    const value = await typed(name, text, textOf(declaration["Type"]), readParameter);
    out[name] = { given: text, value, hidden: textOf(declaration["NoEcho"]) === "true" };
  }
  return out;
}

function givenText(
  name: string,
  declaration: JsonObject,
  given: readonly Parameter[],
  previous: ParameterValues,
): string | undefined {
  const own = given.find((one) => one.ParameterKey === name);
  if (own?.UsePreviousValue === true) {
    const before = previous[name];
    if (before === undefined)
      throw templateError(
        `Invalid input for parameter key ${name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
      );
    return before.given;
  }
  if (own?.ParameterValue !== undefined) return own.ParameterValue;
  const fallback = declaration["Default"];
  return fallback === undefined ? undefined : textOf(fallback);
}

function check(name: string, text: string, declaration: JsonObject): void {
  const refuse = (rule: string): never => {
    const constraint = declaration["ConstraintDescription"];
    const shown = textOf(declaration["NoEcho"]) === "true" ? "****" : text;
    throw templateError(
      `Parameter '${name}' must ${constraint === undefined ? rule : textOf(constraint)} (given: ${shown})`,
    );
  };
  const bound = (key: string): number | undefined =>
    declaration[key] === undefined ? undefined : Number(declaration[key]);
  const allowed = declaration["AllowedValues"];
  if (isList(allowed) && !allowed.some((value) => textOf(value) === text))
    refuse(`be one of [${allowed.map(String).join(", ")}]`);
  const pattern = declaration["AllowedPattern"];
  if (typeof pattern === "string" && !new RegExp(`^(?:${pattern})$`).test(text)) refuse(`match pattern ${pattern}`);
  if (text.length < (bound("MinLength") ?? 0)) refuse(`contain at least ${bound("MinLength")} characters`);
  if (text.length > (bound("MaxLength") ?? Infinity)) refuse(`contain at most ${bound("MaxLength")} characters`);
  if (declaration["Type"] !== "Number") return;
  if (text.trim() === "" || !Number.isFinite(Number(text))) refuse("be a number");
  if (Number(text) < (bound("MinValue") ?? -Infinity)) refuse(`be a number not less than ${bound("MinValue")}`);
  if (Number(text) > (bound("MaxValue") ?? Infinity)) refuse(`be a number not greater than ${bound("MaxValue")}`);
}

async function typed(name: string, text: string, type: string, readParameter: ReadParameter): Promise<Json> {
  const stored = /^AWS::SSM::Parameter::Value<(.+)>$/.exec(type)?.[1];
  if (stored !== undefined) return typed(name, await readParameter(text), stored, readParameter);
  if (type === "CommaDelimitedList" || type.startsWith("List<"))
    return text === "" ? [] : text.split(",").map((item) => item.trim());
  if (type === "String" || type === "Number" || /^AWS::[A-Za-z0-9]+::[A-Za-z0-9:]+$/.test(type)) return text;
  throw templateError(`Template format error: Unrecognized parameter type: ${type} of parameter ${name}`);
}
