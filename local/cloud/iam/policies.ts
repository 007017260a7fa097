import type {
  CreatePolicyCommandInput,
  DeletePolicyCommandInput,
  GetPolicyCommandInput,
  GetPolicyVersionCommandInput,
} from "@aws-sdk/client-iam";
import type { Operation, World } from "../service.ts";
import { managedDocument } from "./authorize/managed.ts";
import {
  alreadyExists,
  checkedIdentityPolicy,
  checkedName,
  checkedPath,
  deleteConflict,
  encoded,
  entityId,
  noSuchEntity,
} from "./entity.ts";
import type { Roles } from "./roles.ts";

const POLICY_NAME_MAX = 128;
/** A customer managed policy is never edited here: it has one version. */
const ONLY_VERSION = "v1";

export interface ManagedPolicy {
  readonly name: string;
  readonly id: string;
  readonly path: string;
  readonly arn: string;
  /** Exactly as given. */
  readonly document: string;
  readonly description?: string;
  readonly createdAt: number;
}

export interface Policies {
  readonly byArn: Map<string, ManagedPolicy>;
  /** JSON of a managed policy, of the account's or of AWS's own. Throws `NoSuchEntity` for one that nobody has. */
  document(arn: string): string;
  create(input: CreatePolicyCommandInput): ManagedPolicy;
}

export function openPolicies(world: World): Policies {
  const byArn = new Map<string, ManagedPolicy>();
  return {
    byArn,
    document(arn) {
      const document = byArn.get(arn)?.document ?? managedDocument(arn);
      if (document === undefined) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
      return document;
    },
    create(input) {
      const name = checkedName(input.PolicyName, "policyName", POLICY_NAME_MAX);
      const path = checkedPath(input.Path);
      const arn = `arn:aws:iam::${world.account}:policy${path}${name}`;
      if (byArn.has(arn))
        throw alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
      const policy = {
        name,
        id: entityId(world, "ANPA"),
        path,
        arn,
        document: checkedIdentityPolicy(input.PolicyDocument),
        ...(input.Description === undefined ? {} : { description: input.Description }),
        createdAt: world.clock.now(),
      };
      byArn.set(arn, policy);
      return policy;
    },
  };
}

export function policyOperations(policies: Policies, roles: Roles): Readonly<Record<string, Operation>> {
  const found = (arn: string | undefined): ManagedPolicy => {
    const policy = policies.byArn.get(arn ?? "");
    if (policy === undefined) throw noSuchEntity(`Policy ${arn} was not found.`);
    return policy;
  };
  const attachedTo = (arn: string): number => roles.all().filter((role) => role.attached.has(arn)).length;
  const shape = (policy: ManagedPolicy) => ({
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: ONLY_VERSION,
    AttachmentCount: attachedTo(policy.arn),
    IsAttachable: true,
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.createdAt),
    ...(policy.description === undefined ? {} : { Description: policy.description }),
  });
  return {
    CreatePolicy: (input: CreatePolicyCommandInput) => ({ Policy: shape(policies.create(input)) }),
    GetPolicy: (input: GetPolicyCommandInput) => ({ Policy: shape(found(input.PolicyArn)) }),
    GetPolicyVersion(input: GetPolicyVersionCommandInput) {
      const policy = found(input.PolicyArn);
      if (input.VersionId !== ONLY_VERSION)
        throw noSuchEntity(`Policy ${policy.arn} version ${input.VersionId} does not exist.`);
      return {
        PolicyVersion: {
          Document: encoded(policy.document),
          VersionId: ONLY_VERSION,
          IsDefaultVersion: true,
          CreateDate: new Date(policy.createdAt),
        },
      };
    },
    DeletePolicy(input: DeletePolicyCommandInput) {
      const policy = found(input.PolicyArn);
      if (attachedTo(policy.arn) > 0) throw deleteConflict("Cannot delete a policy attached to entities.");
      policies.byArn.delete(policy.arn);
      return {};
    },
    ListPolicies: () => ({ Policies: [...policies.byArn.values()].map(shape), IsTruncated: false }),
  };
}
