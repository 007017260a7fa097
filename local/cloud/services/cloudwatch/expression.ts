import { CloudError } from "../../errors.ts";

/** Values by time; the time is the start of a period. */
export type TimeSeries = ReadonlyMap<number, number>;
/** Documented for metric math. */
const EXPRESSION_CHARACTERS_MAX = 2048;

type Fail = (why: string) => CloudError;
type Value = number | TimeSeries | readonly TimeSeries[];

const invalid = (expression: string, why: string): CloudError =>
  new CloudError(
    "InvalidParameterValue",
    `Expression ${expression}: ${why}; the embedded cloud knows + - * / ( ), numbers, ids, SUM, AVG, MIN, MAX and FILL`,
  );

const FUNCTIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: (values) => values.reduce((sum, value) => sum + value, 0),
  AVG: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
};

const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
};

/**
 * Metric math: arithmetic over ids of other queries, SUM/AVG/MIN/MAX of one series or of an array, FILL(id, number).
 * `times` are the periods of the query, for FILL. Throws InvalidParameterValue for anything else.
 */
export function evaluateExpression(
  expression: string,
  ids: ReadonlyMap<string, TimeSeries>,
  times: readonly number[],
): TimeSeries {
  const fail: Fail = (why) => invalid(expression, why);
  if (expression.length > EXPRESSION_CHARACTERS_MAX) throw fail(`longer than ${EXPRESSION_CHARACTERS_MAX} characters`);
  const tokens = expression.match(/\d+(?:\.\d+)?|[A-Za-z_]\w*|[-+*/(),[\]]|\S/g) ?? [];
  let position = 0;
  const peek = (): string => tokens[position] ?? "";
  const next = (): string => tokens[position++] ?? "";
  const expect = (token: string): void => {
    if (next() !== token) throw fail(`expected ${token}`);
  };

  const binary = (operators: string, operand: () => Value): Value => {
    let left = operand();
    while (peek() !== "" && operators.includes(peek())) left = combine(fail, next(), left, operand());
    return left;
  };
  const sum = (): Value => binary("+-", product);
  const product = (): Value => binary("*/", factor);
  const factor = (): Value => {
    const token = next();
    if (token === "-") return combine(fail, "*", -1, factor());
    if (/^\d/.test(token)) return Number(token);
    if (token === "(") {
      const inner = sum();
      expect(")");
      return inner;
    }
    if (token === "[") return array();
    if (peek() === "(") return call(token);
    const series = ids.get(token);
    if (series === undefined) throw fail(`${token || "its end"} is unknown`);
    return series;
  };
  const array = (): Value => {
    const members: TimeSeries[] = [];
    do {
      const member = sum();
      if (!(member instanceof Map)) throw fail("an array holds ids");
      members.push(member);
    } while (peek() === "," && next());
    expect("]");
    return members;
  };
  const call = (name: string): Value => {
    expect("(");
    const operand = sum();
    if (name === "FILL") {
      expect(",");
      const filler = sum();
      expect(")");
      if (typeof filler !== "number" || !(operand instanceof Map)) throw fail("FILL takes an id and a number");
      return new Map(times.map((time) => [time, operand.get(time) ?? filler]));
    }
    expect(")");
    return reduced(fail, name, operand);
  };

  const result = sum();
  if (position < tokens.length) throw fail(`${peek()} is unexpected`);
  if (typeof result === "number") return new Map(times.map((time) => [time, result]));
  if (!(result instanceof Map)) throw fail("its value is an array");
  return result;
}

function combine(fail: Fail, operator: string, left: Value, right: Value): Value {
  const apply = OPERATORS[operator];
  if (apply === undefined || Array.isArray(left) || Array.isArray(right)) throw fail("arithmetic on an array");
  if (typeof left === "number" && typeof right === "number") return apply(left, right);
  const at = (value: Value, time: number): number | undefined =>
    typeof value === "number" ? value : value instanceof Map ? value.get(time) : undefined;
  return overTimes([left, right], (time) => {
    const [a, b] = [at(left, time), at(right, time)];
    return a === undefined || b === undefined ? undefined : apply(a, b);
  });
}

/** One series becomes a number; an array of series becomes a series. */
function reduced(fail: Fail, name: string, operand: Value): Value {
  const reduce = FUNCTIONS[name];
  if (reduce === undefined) throw fail(`${name} is unknown`);
  if (typeof operand === "number") return operand;
  if (operand instanceof Map) return operand.size === 0 ? new Map<number, number>() : reduce([...operand.values()]);
  const members: readonly TimeSeries[] = Array.isArray(operand) ? operand : [];
  return overTimes(members, (time) => {
    const values = members.flatMap((member) => member.get(time) ?? []);
    return values.length === 0 ? undefined : reduce(values);
  });
}

function overTimes(values: readonly Value[], at: (time: number) => number | undefined): TimeSeries {
  const times = new Set(values.flatMap((value) => (value instanceof Map ? [...value.keys()] : [])));
  return new Map(
    [...times].flatMap((time) => {
      const value = at(time);
      return value === undefined ? [] : [[time, value] as const];
    }),
  );
}
