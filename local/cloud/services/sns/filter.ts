import { CloudError } from "../../errors.ts";
import { compilePattern, type Match } from "../../bus/pattern.ts";
import { invalid, type Subscription } from "./model.ts";
import { textFor, type Attributes, type Notification } from "./message.ts";

/** https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html */
const KEYS_MAX = 5;

/** Filter policies have the operators of event patterns. Throws InvalidParameter. */
export function compileFilter(text: string): Match | undefined {
  if (text === "" || text === "{}") return undefined;
  try {
    const compiled = compilePattern(text);
    if (Object.keys(JSON.parse(text)).length > KEYS_MAX)
      throw new CloudError("InvalidParameter", `Filter policy can not have more than ${KEYS_MAX} keys`);
    return compiled;
  } catch (error) {
    throw invalid(`FilterPolicy: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Values of attributes as a policy compares them; binary ones never match. */
const valuesOf = (attributes: Attributes): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, { DataType, StringValue = "" }]) => {
      if (DataType === "Binary") return [];
      if (DataType === "Number") return [[name, Number(StringValue)]];
      return [[name, DataType === "String.Array" ? parsed(StringValue) : StringValue]];
    }),
  );

/** Whether a subscription wants the message. */
export function wants({ matches, attributes, protocol }: Subscription, notification: Notification): boolean {
  if (matches === undefined) return true;
  if (attributes.get("FilterPolicyScope") !== "MessageBody") return matches(valuesOf(notification.attributes));
  const body = parsed(textFor(notification, protocol));
  return typeof body === "object" && body !== null && matches(body);
}
