import { CloudError } from "../../errors.ts";
import type { Principal, World } from "../../service.ts";
import { denial, resourceDenial } from "./denial.ts";
import { evaluate, evaluateFor, type Asker } from "./evaluate.ts";
import { checkHandedOver, type HandedOverSources } from "./handed-over.ts";
import { parsePolicy, type Statement } from "./policy.ts";
import { contextOf } from "./request.ts";
import { requirementsOf, type AuthorizedCall, type Sources } from "./requirements.ts";

/** Throws the error that the called service gives to somebody who may not make the call. */
export type Authorize = (call: AuthorizedCall) => void;

/** JSON of every policy of a user or of a role's session; undefined for a service of the cloud, which needs none. */
export type PoliciesOf = (principal: Principal) => readonly string[] | undefined;

/** Policies change with a deployment and are asked with every call: each text is read once. */
const PARSED_MAX = 1_000;

export function parsedPolicies(): (document: string) => readonly Statement[] {
  const known = new Map<string, readonly Statement[]>();
  return (document) => {
    const before = known.get(document);
    if (before !== undefined) return before;
    if (known.size >= PARSED_MAX) known.clear();
    const statements = parsePolicy(document);
    known.set(document, statements);
    return statements;
  };
}

/**
 * Identity policies only: what a resource's own policy grants to principals of the same account is not asked, and no
 * template of a farm grants anything so. Of the deployment bucket's policy the one statement, which refuses plain HTTP,
 * is not asked either: loopback stands for TLS.
 */
export function openAuthorizer(
  world: World,
  sources: Sources &
    Pick<HandedOverSources, "isTrusting"> & { rolePolicies(roleArn: string): readonly string[] | undefined },
  policiesOf: PoliciesOf,
): Authorize {
  const parsed = parsedPolicies();
  const statementsOf = (roleArn: string) => sources.rolePolicies(roleArn)?.flatMap((document) => parsed(document));
  return (call) => {
    const policies = policiesOf(call.principal);
    if (policies === undefined) return;
    const statements = policies.flatMap((document) => parsed(document));
    for (const request of requirementsOf(world, sources, call)) {
      const verdict = evaluate(statements, request);
      if (verdict !== "allowed") throw denial(call.service, call.principal, request, verdict);
    }
    checkHandedOver(world, { isTrusting: sources.isTrusting, statementsOf }, call);
  };
}

/** What a service of the cloud wants of a resource that has a policy of its own. */
export interface ServiceRequest {
  /** e.g. `events.amazonaws.com`. */
  readonly service: string;
  readonly action: string;
  readonly resource: string;
  /** ARN of the rule, alarm or topic for which the service acts. */
  readonly sourceArn: string;
  /** JSON; undefined when the resource has no policy. */
  readonly policy: string | undefined;
}

/** Throws AccessDeniedException unless the resource's own policy lets the service in. */
export function requireForService(
  world: World,
  { service, action, resource, sourceArn, policy }: ServiceRequest,
): void {
  const asker: Asker = { kind: "Service", name: service, account: world.account };
  const source = {
    "aws:SourceArn": sourceArn,
    "aws:SourceAccount": world.account,
    "aws:SourceOwner": world.account, // the older name, which topics have in their default policy
    "aws:SecureTransport": "true",
  };
  const request = { action, resource, context: contextOf(source) };
  const verdict = evaluateFor(policy === undefined ? [] : parsePolicy(policy), asker, request);
  if (verdict !== "allowed") throw resourceDenial(service, request, verdict);
}

/** Whether a role's trust policy lets `asker` take it. */
export const trusts = (trustPolicy: string, asker: Asker, roleArn: string): boolean =>
  evaluateFor(parsePolicy(trustPolicy), asker, {
    action: "sts:AssumeRole",
    resource: roleArn,
    context: contextOf({}),
  }) === "allowed";

export const notTrusted = (who: string, roleArn: string): CloudError =>
  new CloudError(
    "AccessDenied",
    `User: ${who} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}: the role's trust policy does not name ${who}`,
    403,
  );
