import type { Principal, Service, World } from "../service.ts";
import { CloudError } from "../errors.ts";
import {
  notTrusted,
  openAuthorizer,
  requireForService,
  trusts,
  type Authorize,
  type ServiceRequest,
} from "./authorize/authorizer.ts";
import { ADMINISTRATOR_ACCESS } from "./authorize/managed.ts";
import type { Sources } from "./authorize/requirements.ts";
import { openIdentities, sessionOf, type Credentials } from "./identities.ts";
import { openPolicies, policyOperations } from "./policies.ts";
import { instanceProfileOperations, openProfiles } from "./profiles.ts";
import { openRoles, roleOperations } from "./roles.ts";
import { openSts } from "./sts.ts";

export type { Credentials } from "./identities.ts";

/** IAM and STS of one account. Policies are stored as they were given, and asked with every call. */
export interface Iam {
  readonly service: Service;
  readonly sts: Service;
  /** Who an access key stands for; undefined for an unknown or expired one. */
  principalOf(accessKeyId: string): Principal | undefined;
  /**
   * Temporary credentials of a role. `service` is who takes the role (`lambda.amazonaws.com`): its trust policy must
   * name it. Throws `NoSuchEntity` and `AccessDenied`.
   */
  credentials(roleArn: string, sessionName: string, service?: string): Credentials;
  /** The principal that such credentials stand for. Throws `NoSuchEntity`. */
  session(roleArn: string, sessionName: string): Principal;
  /** A user with one long-lived key, an administrator unless the ARNs of other managed policies are given. */
  addUser(name: string, accessKeyId: string, secretAccessKey: string, policies?: readonly string[]): Principal;
  /** The check of every call, by the policies of its caller. */
  authorizer(sources: Pick<Sources, "tagsOf" | "templateProfile">): Authorize;
  /** Throws AccessDeniedException unless a resource's own policy lets a service of the cloud in. */
  requireForService(request: ServiceRequest): void;
  /** ARN of the role of an instance profile that is given by its name or ARN. Throws `NoSuchEntity`. */
  instanceProfileRole(profileNameOrArn: string): string;
}

export function openIam(world: World): Iam {
  const policies = openPolicies(world);
  const roles = openRoles(world, policies);
  const profiles = openProfiles(world, roles);
  const identities = openIdentities(world, roles);
  const isTrusting = (roleArn: string, taker: string): boolean =>
    trusts(roles.byArn(roleArn).trust, { kind: "Service", name: taker, account: world.account }, roleArn);
  const rolePolicies = (roleArn: string): readonly string[] | undefined => {
    const role = roles.find(roleArn);
    return role && roles.documents(role);
  };
  return {
    service: {
      id: "iam",
      operations: {
        ...roleOperations(roles, profiles),
        ...instanceProfileOperations(profiles),
        ...policyOperations(policies, roles),
      },
      resourceOf: (_operation, input) => iamArn(world, input),
    },
    sts: openSts(world, roles, identities),
    principalOf: (accessKeyId) => identities.principalOf(accessKeyId),
    credentials(roleArn, sessionName, taker) {
      const role = roles.byArn(roleArn);
      if (taker !== undefined && !isTrusting(roleArn, taker)) throw notTrusted(taker, roleArn);
      return identities.issue(role, sessionName);
    },
    session: (roleArn, sessionName) => sessionOf(world, roles, roles.byArn(roleArn), sessionName),
    addUser: (name, accessKeyId, _secret, attached = [ADMINISTRATOR_ACCESS]) =>
      identities.addUser(name, accessKeyId, attached),
    authorizer: (sources) =>
      openAuthorizer(
        world,
        {
          ...sources,
          profileRole: (profile) => orUndefined(() => profiles.roleOf(profile)),
          isTrusting,
          rolePolicies,
        },
        (principal) => {
          if (!principal.arn.startsWith("arn:")) return undefined;
          // Nobody has a right any more through a role that was deleted.
          if (principal.roleArn !== undefined) return rolePolicies(principal.roleArn) ?? [];
          return identities.policiesOf(principal.arn).map((arn) => policies.document(arn));
        },
      ),
    requireForService: (request) => requireForService(world, request),
    instanceProfileRole: (profile) => profiles.roleOf(profile),
  };
}

/** What is not there is said by the operation itself, and better. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CloudError) return undefined;
    throw error;
  }
}

function iamArn(world: World, input: Readonly<Record<string, unknown>>): string {
  const { RoleName, InstanceProfileName, PolicyArn, PolicyName } = input;
  const arn = (kind: string, name: string): string => `arn:aws:iam::${world.account}:${kind}/${name}`;
  if (typeof RoleName === "string") return arn("role", RoleName);
  if (typeof InstanceProfileName === "string") return arn("instance-profile", InstanceProfileName);
  if (typeof PolicyArn === "string") return PolicyArn;
  return typeof PolicyName === "string" ? arn("policy", PolicyName) : "*";
}
