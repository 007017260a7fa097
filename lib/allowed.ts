import type * as z from "zod/mini";

/** More members of a wrong list are not worth reading. */
const LISTED_MAX = 12;

/**
 * What a schema allows where it found something else, in words, e.g. `a string` or `one of local, aws`. zod/mini
 * carries no messages of its own, which is what keeps it small; a schema's own message wins.
 */
export function allowed(issue: z.core.$ZodIssue): string {
  if (issue.message !== "" && issue.message !== "Invalid input") return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return /^[aeiou]/.test(issue.expected) ? `an ${issue.expected}` : `a ${issue.expected}`;
    case "invalid_value":
      return `${issue.values.length > 1 ? "one of " : ""}${issue.values.slice(0, LISTED_MAX).map(String).join(", ")}`;
    case "too_small":
      return `at least ${issue.minimum}${issue.origin === "string" ? " characters" : ""}`;
    case "too_big":
      return `at most ${issue.maximum}${issue.origin === "string" ? " characters" : ""}`;
    case "unrecognized_keys":
      return `no member ${issue.keys.slice(0, LISTED_MAX).join(", ")}`;
    default:
      return `something else (${issue.code})`;
  }
}
