/** A value that an item of the state table may hold. */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };

/**
 * What must hold for a conditional write, as data: one half of it is rendered for DynamoDB, the other is evaluated by
 * the model of a table that the tests use.
 */
export type Condition =
  | { readonly test: "absent" | "present"; readonly attribute: string }
  | { readonly test: "="; readonly attribute: string; readonly value: Value }
  | { readonly test: "<" | ">"; readonly attribute: string; readonly value: number | string }
  | { readonly test: "and" | "or"; readonly parts: readonly Condition[] };

export const isAbsent = (attribute: string): Condition => ({ test: "absent", attribute });
export const isPresent = (attribute: string): Condition => ({ test: "present", attribute });
export const equals = (attribute: string, value: Value): Condition => ({ test: "=", attribute, value });
export const lessThan = (attribute: string, value: number | string): Condition => ({ test: "<", attribute, value });
export const greaterThan = (attribute: string, value: number | string): Condition => ({ test: ">", attribute, value });
export const allOf = (...parts: Condition[]): Condition => ({ test: "and", parts });
export const anyOf = (...parts: Condition[]): Condition => ({ test: "or", parts });

/** Collects the placeholders of one request: every name and value goes through one, so no reserved word can bite. */
export interface Placeholders {
  name(attribute: string): string;
  value(value: Value): string;
}

/**
 * The condition as a DynamoDB expression.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */
export function renderCondition(condition: Condition, use: Placeholders): string {
  switch (condition.test) {
    case "absent":
      return `attribute_not_exists(${use.name(condition.attribute)})`;
    case "present":
      return `attribute_exists(${use.name(condition.attribute)})`;
    case "and":
    case "or":
      return `(${condition.parts.map((part) => renderCondition(part, use)).join(` ${condition.test.toUpperCase()} `)})`;
    default:
      return `${use.name(condition.attribute)} ${condition.test} ${use.value(condition.value)}`;
  }
}
