import type { Context } from "./request.ts";
import { LITERAL_MARK } from "./wildcard.ts";

/** A wildcard that comes from a variable stands for itself. */
const literal = (value: string): string => value.replaceAll(/[*?]/g, `${LITERAL_MARK}$&`);

/**
 * A policy text with its variables filled in, e.g. `${aws:ResourceTag/team, 'none'}`. Undefined when one has neither
 * a value nor a default: the element then matches nothing.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
export function filledIn(text: string, context: Context): string | undefined {
  if (!text.includes("${")) return text;
  let isLacking = false;
  const filled = text.replaceAll(/\$\{([^},]+)(?:,\s*'([^']*)')?\}/g, (_all, name: string, fallback?: string) => {
    if (/^[*?$]$/.test(name)) return literal(name);
    const values = context.get(name.trim().toLowerCase());
    const value = values?.length === 1 ? values[0] : fallback;
    if (value === undefined) isLacking = true;
    return literal(value ?? "");
  });
  return isLacking ? undefined : filled;
}
