import { CloudError } from "../errors.ts";

/** Decides whether an event matches a rule. */
export type Match = (event: unknown) => boolean;

/** Documented: deepest wildcard use and longest pattern are limited; this bounds the text. */
const PATTERN_CHARACTERS_MAX = 4096;

type Test = (value: unknown) => boolean;
/** One alternative of a field: a test of its values, or of its absence. */
type Alternative = { readonly test: Test } | { readonly absent: true };

const invalid = (reason: string): CloudError =>
  new CloudError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${reason}`);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Compiles an event pattern: exact values, prefix, suffix, anything-but, exists, numeric, equals-ignore-case, wildcard,
 * `$or` and nested objects. Throws InvalidEventPatternException that names what it does not understand.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function compilePattern(text: string): Match {
  if (text.length > PATTERN_CHARACTERS_MAX) throw invalid(`longer than ${PATTERN_CHARACTERS_MAX} characters`);
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch (error) {
    throw invalid(`not JSON: ${String(error)}`);
  }
  if (!isObject(pattern)) throw invalid("Filter is not an object");
  if (Object.keys(pattern).length === 0) throw invalid("Empty event pattern");
  return compileObject(pattern, "");
}

function compileObject(pattern: Readonly<Record<string, unknown>>, path: string): Match {
  const fields = Object.entries(pattern).map(([name, wanted]) => compileField(name, wanted, `${path}${name}`));
  return (event) => fields.every((matches) => matches(event));
}

function compileField(name: string, wanted: unknown, path: string): Match {
  if (name === "$or" && Array.isArray(wanted)) return compileOr(wanted, path);
  if (isObject(wanted)) {
    const inner = compileObject(wanted, `${path}.`);
    return (event) => {
      const value = memberOf(event, name);
      // In an array of objects any one may match.
      return Array.isArray(value) ? value.some(inner) : inner(value);
    };
  }
  if (!Array.isArray(wanted)) throw invalid(`"${path}" must be an object or an array`);
  if (wanted.length === 0) throw invalid(`Empty arrays are not allowed ("${path}")`);
  const alternatives = wanted.map((one) => compileAlternative(one, path));
  return (event) => {
    const values = leavesOf(memberOf(event, name));
    return alternatives.some((alternative) =>
      "absent" in alternative ? values.length === 0 : values.some(alternative.test),
    );
  };
}

function compileOr(wanted: readonly unknown[], path: string): Match {
  if (wanted.length < 2) throw invalid(`"${path}" needs at least two patterns`);
  const patterns = wanted.map((one) => {
    if (!isObject(one)) throw invalid(`"${path}" must hold objects`);
    return compileObject(one, "");
  });
  return (event) => patterns.some((matches) => matches(event));
}

const memberOf = (event: unknown, name: string): unknown =>
  isObject(event) && Object.hasOwn(event, name) ? event[name] : undefined;

/** The values that a leaf's tests look at: those of an array one by one; an object is no leaf. */
function leavesOf(value: unknown): readonly unknown[] {
  if (value === undefined || isObject(value)) return [];
  return Array.isArray(value) ? value.flatMap(leavesOf) : [value];
}

function compileAlternative(wanted: unknown, path: string): Alternative {
  if (!isObject(wanted)) {
    if (Array.isArray(wanted)) throw invalid(`an array within the array of "${path}"`);
    return { test: (value) => value === wanted };
  }
  const [[operator, operand] = ["", undefined], ...more] = Object.entries(wanted);
  if (more.length > 0) throw invalid(`Only one key allowed in match expression ("${path}")`);
  if (operator === "exists") {
    if (typeof operand !== "boolean") throw invalid(`exists match pattern must be either true or false ("${path}")`);
    return operand ? { test: () => true } : { absent: true };
  }
  if (operator === "numeric") return { test: compileNumeric(operand, path) };
  if (operator === "anything-but") return { test: compileAnythingBut(operand, path) };
  return { test: compileText(operator, operand, path) };
}

const onText =
  (test: (text: string) => boolean): Test =>
  (value) =>
    typeof value === "string" && test(value);

/** The operators on one string; each also stands within `anything-but`. */
function compileText(operator: string, operand: unknown, path: string): Test {
  const ignoreCase = isObject(operand) && Object.keys(operand).length === 1 ? operand["equals-ignore-case"] : undefined;
  const given = ignoreCase ?? operand;
  if (typeof given !== "string") throw invalid(`${operator} match pattern must be a string ("${path}")`);
  const fold = (text: string): string => (ignoreCase === undefined ? text : text.toLowerCase());
  switch (operator) {
    case "prefix":
      return onText((text) => fold(text).startsWith(fold(given)));
    case "suffix":
      return onText((text) => fold(text).endsWith(fold(given)));
    case "equals-ignore-case":
      return onText((text) => text.toLowerCase() === given.toLowerCase());
    case "wildcard": {
      if (given.includes("**")) throw invalid(`Consecutive wildcard characters ("${path}")`);
      const expression = new RegExp(`^${given.split("*").map(literal).join("[^]*")}$`);
      return onText((text) => expression.test(text));
    }
    default:
      throw invalid(`Unrecognized match type ${operator} ("${path}")`);
  }
}

/** The regular expression of a piece of text between wildcards; a backslash makes the next character literal. */
const literal = (text: string): string =>
  text.replaceAll(/\\(.)/g, "$1").replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

function compileAnythingBut(operand: unknown, path: string): Test {
  if (isObject(operand)) {
    const [[operator, inner] = ["", undefined]] = Object.entries(operand);
    const tests = (Array.isArray(inner) ? inner : [inner]).map((one) => compileText(operator, one, path));
    return (value) => !tests.some((test) => test(value));
  }
  const refused: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  if (refused.some((one) => typeof one !== "string" && typeof one !== "number")) {
    throw invalid(`Inside anything-but list, must be strings or numbers ("${path}")`);
  }
  return (value) => !refused.includes(value);
}

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  "=": (value, bound) => value === bound,
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
};

function compileNumeric(operand: unknown, path: string): Test {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) {
    throw invalid(`Value of numeric must be an array of one or two comparisons ("${path}")`);
  }
  const comparisons = [operand.slice(0, 2), operand.slice(2)]
    .filter((pair) => pair.length > 0)
    .map((pair: readonly unknown[]) => {
      const [operator, bound] = pair;
      const compare = typeof operator === "string" ? COMPARISONS[operator] : undefined;
      if (compare === undefined || typeof bound !== "number")
        throw invalid(`Unrecognized numeric range ${JSON.stringify(pair)} ("${path}")`);
      return (value: number): boolean => compare(value, bound);
    });
  return (value) => typeof value === "number" && comparisons.every((compare) => compare(value));
}
