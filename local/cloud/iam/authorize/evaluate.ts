import { holds } from "./condition.ts";
import type { Statement, Wanted } from "./policy.ts";
import type { AccessRequest, Context } from "./request.ts";
import { filledIn } from "./variables.ts";
import { matchesResource, matchesText } from "./wildcard.ts";

/** `implicit`: no statement allows it. `explicit`: one denies it, whatever others allow. */
export type Verdict = "allowed" | "implicit" | "explicit";

const wants = ({ values, not }: Wanted, fits: (value: string) => boolean): boolean => values.some(fits) !== not;

/** Asked with every call, and of no more answers than there are operations: each is found once. */
const fitting = new WeakMap<Wanted, Map<string, boolean>>();

function fitsAction(wanted: Wanted, action: string): boolean {
  const known = fitting.get(wanted) ?? new Map<string, boolean>();
  fitting.set(wanted, known);
  const before = known.get(action);
  if (before !== undefined) return before;
  const fits = wants(wanted, (pattern) => matchesText(pattern.toLowerCase(), action.toLowerCase()));
  known.set(action, fits);
  return fits;
}

function fitsResource(wanted: Wanted | undefined, resource: string | undefined, context: Context): boolean {
  if (wanted === undefined || resource === undefined) return true;
  return wants(wanted, (pattern) => {
    const filled = filledIn(pattern, context);
    return filled !== undefined && matchesResource(filled, resource);
  });
}

export const applies = (statement: Statement, { action, resource, context }: AccessRequest): boolean =>
  fitsAction(statement.actions, action) &&
  fitsResource(statement.resources, resource, context) &&
  statement.conditions.every((condition) => holds(condition, context));

/**
 * What the statements say to a request of their holder: a denial wins, then a grant, and what nobody allows is denied.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function evaluate(statements: readonly Statement[], request: AccessRequest): Verdict {
  const applying = statements.filter((statement) => applies(statement, request));
  if (applying.some(({ effect }) => effect === "Deny")) return "explicit";
  return applying.some(({ effect }) => effect === "Allow") ? "allowed" : "implicit";
}

/** Who asks a resource's own policy. */
export interface Asker {
  /** `Service` for a service of the cloud by its name, `AWS` for a role or user by its ARN. */
  readonly kind: "Service" | "AWS";
  readonly name: string;
  readonly account: string;
}

function names(statement: Statement, { kind, name, account }: Asker): boolean {
  // `{"AWS": "*"}` is everybody, services too: the policy that a topic has by default relies on it.
  if (statement.principals?.get("AWS")?.includes("*") === true) return true;
  const listed = statement.principals?.get(kind) ?? [];
  const whole = [`arn:aws:iam::${account}:root`, account];
  return listed.some((each) => each === "*" || each === name || (kind === "AWS" && whole.includes(each)));
}

/** The same for the policy of a resource (a function, a queue, a role's trust), which names whom it means. */
export const evaluateFor = (statements: readonly Statement[], asker: Asker, request: AccessRequest): Verdict =>
  evaluate(
    statements.filter((statement) => names(statement, asker)),
    request,
  );
