import type { CloudError } from "../../errors.ts";
import type { Context } from "./request.ts";
import { filledIn } from "./variables.ts";
import { matchesArn, matchesText } from "./wildcard.ts";

type Compare = (wanted: string, given: string) => boolean;

/** One operator on one key. All the conditions of a statement must hold. */
export interface Condition {
  readonly operator: string;
  readonly compare: Compare;
  /** The operator is the negation of `compare`: no value may match. */
  readonly isNegated: boolean;
  /** Holds also when the request does not have the key. */
  readonly ifExists: boolean;
  readonly over: "one" | "any" | "all";
  readonly key: string;
  readonly wanted: readonly string[];
}

const equals: Compare = (wanted, given) => wanted === given;
const equalsIgnoringCase: Compare = (wanted, given) => wanted.toLowerCase() === given.toLowerCase();
const number =
  (compare: (given: number, wanted: number) => boolean): Compare =>
  (wanted, given) =>
    compare(Number(given), Number(wanted));

/** Those that are compared here, `Null` aside; dates and addresses are refused by name. */
const OPERATORS: ReadonlyMap<string, Compare> = new Map([
  ["StringEquals", equals],
  ["StringEqualsIgnoreCase", equalsIgnoringCase],
  ["StringLike", matchesText],
  ["ArnEquals", matchesArn],
  ["ArnLike", matchesArn],
  ["Bool", equalsIgnoringCase],
  ["NumericEquals", number((given, wanted) => given === wanted)],
  ["NumericLessThan", number((given, wanted) => given < wanted)],
  ["NumericLessThanEquals", number((given, wanted) => given <= wanted)],
  ["NumericGreaterThan", number((given, wanted) => given > wanted)],
  ["NumericGreaterThanEquals", number((given, wanted) => given >= wanted)],
]);

const NEGATIONS: ReadonlyMap<string, string> = new Map([
  ["StringNotEquals", "StringEquals"],
  ["StringNotEqualsIgnoreCase", "StringEqualsIgnoreCase"],
  ["StringNotLike", "StringLike"],
  ["ArnNotEquals", "ArnEquals"],
  ["ArnNotLike", "ArnLike"],
  ["NumericNotEquals", "NumericEquals"],
]);

const OVER: ReadonlyMap<string, Condition["over"]> = new Map([
  ["AnyValue", "any"],
  ["AllValues", "all"],
]);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const listOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).map((each: unknown) => String(each));

/** Conditions of a statement's `Condition` element. Throws what `malformed` makes for an operator that is not known. */
export function conditionsOf(given: unknown, malformed: (message: string) => CloudError): readonly Condition[] {
  if (given === undefined) return [];
  if (!isObject(given)) throw malformed("Syntax errors in policy: Condition must be an object");
  return Object.entries(given).flatMap(([operator, keys]) => {
    const parts = /^(?:For(AnyValue|AllValues):)?(\w+?)(IfExists)?$/.exec(operator);
    const name = parts?.[2] ?? operator;
    const compare = name === "Null" ? equalsIgnoringCase : OPERATORS.get(NEGATIONS.get(name) ?? name);
    if (compare === undefined) throw malformed(`The condition operator ${operator} is not known to this cloud`);
    if (!isObject(keys)) throw malformed(`Syntax errors in policy: ${operator} must be an object`);
    return Object.entries(keys).map(([key, values]): Condition => ({
      operator: name,
      compare,
      isNegated: NEGATIONS.has(name),
      ifExists: parts?.[3] !== undefined,
      over: OVER.get(parts?.[1] ?? "") ?? "one",
      key: key.toLowerCase(),
      wanted: listOf(values),
    }));
  });
}

/**
 * Whether the request has what the condition wants. A missing key fulfils a negated operator, `IfExists` and `ForAllValues`
 * only. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export function holds(condition: Condition, context: Context): boolean {
  const { operator, compare, isNegated, ifExists, over, key, wanted } = condition;
  const given = context.get(key) ?? [];
  if (operator === "Null") return wanted.some((each) => compare(each, String(given.length === 0)));
  if (given.length === 0) return ifExists || over === "all" || (isNegated && over === "one");
  const fits = (value: string): boolean =>
    wanted.some((each) => {
      const filled = filledIn(each, context);
      return filled !== undefined && compare(filled, value);
    }) !== isNegated;
  return over === "all" || (over === "one" && isNegated) ? given.every(fits) : given.some(fits);
}
