import { cidrBlocks } from "./cidr.ts";
import { isList, isObject, type Json, type JsonObject, textOf } from "./json.ts";
import { templateError } from "./template.ts";

/** Whatever the functions of a template can ask for while a value is resolved. */
export interface Scope {
  /** `Ref`: a parameter, a pseudo parameter or a resource's physical id. Undefined = the template names nothing such. */
  reference(name: string): Json | undefined;
  attribute(logicalId: string, name: string): Json;
  condition(name: string): boolean;
  importValue(name: string): string;
  readonly mappings: JsonObject;
  readonly zones: readonly string[];
}

/** `Ref: AWS::NoValue`: the property that gets it is removed. */
export const NO_VALUE = "AWS::NoValue";

/**
 * Stands for a value that exists only after the change set was executed. It never equals a stored value, so that
 * what depends on it counts as changed.
 */
const UNKNOWN = "\u0000known after execution:";
export const unknownValue = (of: string): string => `${UNKNOWN}${of}\u0000`;
const isUnknown = (value: Json): boolean => typeof value === "string" && value.includes(UNKNOWN);

/**
 * Resolves every intrinsic function in `value`. Throws `ValidationError` naming an unknown function or reference.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
export function resolve(value: Json, scope: Scope): Json {
  return resolveOptional(value, scope) ?? null;
}

/** As `resolve`, but undefined for `AWS::NoValue`. */
function resolveOptional(value: Json, scope: Scope): Json | undefined {
  if (isList(value)) return value.map((item) => resolveOptional(item, scope)).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  const name = intrinsicName(value);
  if (name !== undefined) return callFunction(name, value[name] ?? null, scope);
  const out: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    const resolved = resolveOptional(item, scope);
    if (resolved !== undefined) out[key] = resolved;
  }
  return out;
}

/** The function that an object stands for; `Condition` is one only where it holds a name (a policy's holds an object). */
export function intrinsicName(value: JsonObject): string | undefined {
  const [key, second] = Object.keys(value);
  if (key === undefined || second !== undefined) return undefined;
  return key === "Ref" || key.startsWith("Fn::") ? key : undefined;
}

function callFunction(name: string, argument: Json, scope: Scope): Json | undefined {
  if (name === "Fn::If") return chosen(argument, scope);
  if (name === "Ref") {
    if (argument === NO_VALUE) return undefined;
    return referenced(textOf(argument), scope);
  }
  const implementation = FUNCTIONS[name];
  if (implementation === undefined)
    throw templateError(`Template error: the function ${name} is not known to this cloud`);
  return implementation(argument, scope);
}

function referenced(name: string, scope: Scope): Json {
  const value = scope.reference(name);
  if (value === undefined) throw templateError(`Template format error: Unresolved resource dependencies [${name}]`);
  return value;
}

function chosen(argument: Json, scope: Scope): Json | undefined {
  if (!isList(argument) || argument.length !== 3 || typeof argument[0] !== "string")
    throw templateError(
      "Template error: Fn::If requires a list argument with three elements, the first a condition's name",
    );
  return resolveOptional((scope.condition(argument[0]) ? argument[1] : argument[2]) ?? null, scope);
}

const FUNCTIONS: Readonly<Record<string, (argument: Json, scope: Scope) => Json>> = {
  "Fn::GetAtt": (argument, scope) => {
    const [logicalId, attribute] = attributeParts(argument);
    return scope.attribute(logicalId, textOf(resolve(attribute, scope)));
  },
  "Fn::Sub": substitute,
  "Fn::Join": (argument, scope) => {
    const [separator, list] = pair("Fn::Join", argument);
    const items = resolve(list, scope);
    if (isUnknown(items)) return items;
    return listOf("Fn::Join", items)
      .map((item) => text("Fn::Join", item))
      .join(text("Fn::Join", separator));
  },
  "Fn::Select": (argument, scope) => {
    const [index, list] = pair("Fn::Select", argument);
    const items = resolve(list, scope);
    if (isUnknown(items)) return items;
    const at = Number(resolve(index, scope));
    const all = listOf("Fn::Select", items);
    const found = all[at] ?? all.find(isUnknown);
    if (found === undefined)
      throw templateError(`Template error: Fn::Select cannot select nonexistent value at index ${at}`);
    return found;
  },
  "Fn::Split": (argument, scope) => {
    const [separator, source] = pair("Fn::Split", argument);
    const whole = text("Fn::Split", resolve(source, scope));
    return isUnknown(whole) ? [whole] : whole.split(text("Fn::Split", separator));
  },
  "Fn::FindInMap": (argument, scope) => {
    const [map, top, second] = listOf("Fn::FindInMap", resolve(argument, scope)).map(String);
    const level = isObject(scope.mappings[map ?? ""]) ? scope.mappings[map ?? ""] : undefined;
    const row = isObject(level) ? level[top ?? ""] : undefined;
    const found = isObject(row) ? row[second ?? ""] : undefined;
    if (found === undefined) throw templateError(`Template error: Unable to get mapping for ${map}::${top}::${second}`);
    return found;
  },
  "Fn::ImportValue": (argument, scope) => scope.importValue(text("Fn::ImportValue", resolve(argument, scope))),
  "Fn::Base64": (argument, scope) => {
    const plain = text("Fn::Base64", resolve(argument, scope));
    return isUnknown(plain) ? plain : Buffer.from(plain).toString("base64");
  },
  "Fn::Cidr": (argument, scope) => {
    const [block, count, bits] = listOf("Fn::Cidr", resolve(argument, scope));
    const from = text("Fn::Cidr", block ?? null);
    return isUnknown(from) ? from : cidrBlocks(from, Number(count), Number(bits));
  },
  "Fn::GetAZs": (argument, scope) => {
    resolve(argument, scope);
    return scope.zones;
  },
};

function substitute(argument: Json, scope: Scope): Json {
  const [pattern, given] = isList(argument) ? argument : [argument, {}];
  if (typeof pattern !== "string" || !isObject(given))
    throw templateError("Template error: one or more Fn::Sub intrinsic functions don't specify expected arguments");
  return pattern.replaceAll(/\$\{(!?)([^}]+)\}/g, (_whole, literal: string, name: string) => {
    if (literal === "!") return `\${${name}}`;
    return text("Fn::Sub", subVariable(name.trim(), given, scope));
  });
}

function subVariable(name: string, given: JsonObject, scope: Scope): Json {
  const own = given[name];
  if (own !== undefined) return resolve(own, scope);
  const dot = name.indexOf(".");
  return dot < 0 ? referenced(name, scope) : scope.attribute(name.slice(0, dot), name.slice(dot + 1));
}

/** `["A", "B.C"]` or `"A.B.C"` -> logical id and attribute. */
export function attributeParts(argument: Json): readonly [string, Json] {
  if (typeof argument === "string" && argument.includes(".")) {
    const dot = argument.indexOf(".");
    return [argument.slice(0, dot), argument.slice(dot + 1)];
  }
  if (isList(argument) && typeof argument[0] === "string" && argument[1] !== undefined)
    return [argument[0], argument[1]];
  throw templateError("Template error: every Fn::GetAtt object requires two non-empty parameters");
}

/** Conditions may use parameters and mappings only. */
export function evaluateCondition(value: Json, scope: Scope): boolean {
  if (!isObject(value)) throw templateError("Template format error: a condition must be a condition function");
  const [name] = Object.keys(value);
  const argument = value[name ?? ""] ?? null;
  if (name === "Condition") return scope.condition(textOf(argument));
  if (name === "Fn::Equals") {
    const [a, b] = pair(name, argument);
    return text(name, resolve(a, scope)) === text(name, resolve(b, scope));
  }
  const parts = (): boolean[] => listOf(String(name), argument).map((part) => evaluateCondition(part, scope));
  if (name === "Fn::And") return parts().every(Boolean);
  if (name === "Fn::Or") return parts().some(Boolean);
  if (name === "Fn::Not") return !parts()[0];
  throw templateError(`Template error: the condition function ${String(name)} is not known to this cloud`);
}

function pair(name: string, argument: Json): readonly [Json, Json] {
  const list = listOf(name, argument);
  const [first, second] = list;
  if (list.length !== 2 || first === undefined || second === undefined)
    throw templateError(`Template error: ${name} requires two arguments`);
  return [first, second];
}

function listOf(name: string, value: Json): readonly Json[] {
  if (!isList(value)) throw templateError(`Template error: ${name} requires a list`);
  return value;
}

function text(name: string, value: Json): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw templateError(`Template error: ${name} needs a string where it has ${JSON.stringify(value)}`);
}
