import type { Principal, Service, World } from "../service.ts";
import { openIdentities, type Credentials } from "./identities.ts";
import { openPolicies, policyOperations } from "./policies.ts";
import { instanceProfileOperations, openProfiles } from "./profiles.ts";
import { openRoles, roleOperations } from "./roles.ts";
import { openSts } from "./sts.ts";

export type { Credentials } from "./identities.ts";

/** IAM and STS of one account. What the policies say is stored as it was given. */
export interface Iam {
  readonly service: Service;
  readonly sts: Service;
  /** Who an access key stands for; undefined for an unknown or expired one. */
  principalOf(accessKeyId: string): Principal | undefined;
  /** Temporary credentials of a role, for a function or an instance. Throws `NoSuchEntity`. */
  credentials(roleArn: string, sessionName: string): Credentials;
  /** A user with one long-lived key, e.g. the operator. */
  addUser(name: string, accessKeyId: string, secretAccessKey: string): Principal;
  /** ARN of the role of an instance profile that is given by its name or ARN. Throws `NoSuchEntity`. */
  instanceProfileRole(profileNameOrArn: string): string;
}

export function openIam(world: World): Iam {
  const policies = openPolicies(world);
  const roles = openRoles(world, policies);
  const profiles = openProfiles(world, roles);
  const identities = openIdentities(world, roles);
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
    credentials: (roleArn, sessionName) => identities.issue(roles.byArn(roleArn), sessionName),
    addUser: (name, accessKeyId) => identities.addUser(name, accessKeyId),
    instanceProfileRole: (profile) => profiles.roleOf(profile),
  };
}

function iamArn(world: World, input: Readonly<Record<string, unknown>>): string {
  const { RoleName, InstanceProfileName, PolicyArn, PolicyName } = input;
  const arn = (kind: string, name: string): string => `arn:aws:iam::${world.account}:${kind}/${name}`;
  if (typeof RoleName === "string") return arn("role", RoleName);
  if (typeof InstanceProfileName === "string") return arn("instance-profile", InstanceProfileName);
  if (typeof PolicyArn === "string") return PolicyArn;
  return typeof PolicyName === "string" ? arn("policy", PolicyName) : "*";
}
