import type { CallRecord } from "../../calls.ts";
import { actionOf } from "./actions.ts";
import { managedDocument } from "./managed.ts";
import { parsePolicy } from "./policy.ts";
import { matchesText } from "./wildcard.ts";

/** A role by its name, with the JSON of its own policies and the ARNs of AWS's that it takes. */
export interface RoleRights {
  readonly role: string;
  readonly documents: readonly string[];
  readonly attached: readonly string[];
}

/** Something that a role may do and has not done. */
export interface UnusedRight {
  readonly role: string;
  /** As the policy writes it, or `policy/<name>` for a policy of AWS's own of which nothing was used. */
  readonly action: string;
}

/** What of a call tells who did what. */
export type UsedCall = Pick<CallRecord, "principal" | "service" | "operation" | "decision">;

const roleOf = (principal: string): string | undefined => /:assumed-role\/([^/]+)\//.exec(principal)?.[1];

/** Actions by the role that did them. The names of services and operations are those that the endpoint recorded. */
function actionsDone(calls: Iterable<UsedCall>): ReadonlyMap<string, ReadonlySet<string>> {
  const done = new Map<string, Set<string>>();
  for (const { principal, service, operation, decision } of calls) {
    const role = roleOf(principal);
    if (role === undefined || decision !== "allowed") continue;
    const actions = done.get(role) ?? new Set<string>();
    done.set(role, actions.add(actionOf(service, operation)));
  }
  return done;
}

/** A statement with NotAction names nothing that could be counted: it always stands here, so that somebody writes it out. */
const allowedBy = (document: string): readonly string[] =>
  parsePolicy(document)
    .filter(({ effect }) => effect === "Allow")
    .flatMap(({ actions }) => (actions.not ? [`everything but ${actions.values.join(", ")}`] : actions.values));

/** Of a policy that this cloud does not know nothing can have been used. */
function managedActions(arn: string): readonly string[] {
  const document = managedDocument(arn);
  return document === undefined ? [] : allowedBy(document);
}

const isDone = (pattern: string, done: ReadonlySet<string>): boolean =>
  [...done].some((action) => matchesText(pattern.toLowerCase(), action.toLowerCase()));

/** Every action that a role's policies allow and that none of the calls was, sorted; an action is listed once a role. */
export function unusedRights(calls: Iterable<UsedCall>, roles: readonly RoleRights[]): readonly UnusedRight[] {
  const done = actionsDone(calls);
  return roles
    .flatMap(({ role, documents, attached }): UnusedRight[] => {
      const own = done.get(role) ?? new Set<string>();
      const actions = new Set(documents.flatMap(allowedBy).filter((action) => !isDone(action, own)));
      const policies = attached.filter((arn) => !managedActions(arn).some((action) => isDone(action, own)));
      return [...actions, ...policies.map((arn) => arn.slice(arn.indexOf("policy/")))].map((action) => ({
        role,
        action,
      }));
    })
    .toSorted((a, b) => (`${a.role} ${a.action}` < `${b.role} ${b.action}` ? -1 : 1));
}
