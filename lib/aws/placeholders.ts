import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { toAttribute } from "./attributes.ts";
import type { Placeholders } from "./condition.ts";

export interface OpenPlaceholders extends Placeholders {
  /** The request members that say what the placeholders stand for; DynamoDB refuses empty ones. */
  fields(): {
    ExpressionAttributeNames?: Record<string, string>;
    ExpressionAttributeValues?: Record<string, AttributeValue>;
  };
}

/** The names and values of one DynamoDB request. */
export function placeholders(): OpenPlaceholders {
  const names = new Map<string, string>();
  const values: AttributeValue[] = [];
  return {
    name(attribute) {
      const token = names.get(attribute) ?? `#n${names.size}`;
      names.set(attribute, token);
      return token;
    },
    value: (value) => `:v${values.push(toAttribute(value)) - 1}`,
    fields: () => ({
      ...(names.size === 0
        ? {}
        : { ExpressionAttributeNames: Object.fromEntries([...names].map(([name, token]) => [token, name])) }),
      ...(values.length === 0
        ? {}
        : { ExpressionAttributeValues: Object.fromEntries(values.map((value, index) => [`:v${index}`, value])) }),
    }),
  };
}
