import type {
  AttachRolePolicyCommandInput,
  CreateRoleCommandInput,
  DeleteRoleCommandInput,
  DeleteRolePolicyCommandInput,
  DetachRolePolicyCommandInput,
  GetRoleCommandInput,
  GetRolePolicyCommandInput,
  ListAttachedRolePoliciesCommandInput,
  ListRolePoliciesCommandInput,
  ListRolesCommandInput,
  ListRoleTagsCommandInput,
  PutRolePolicyCommandInput,
  TagRoleCommandInput,
  UntagRoleCommandInput,
  UpdateAssumeRolePolicyCommandInput,
  UpdateRoleCommandInput,
} from "@aws-sdk/client-iam";
import { CloudError } from "../errors.ts";
import type { Operation, World } from "../service.ts";
import {
  alreadyExists,
  checkedDocument,
  checkedIdentityPolicy,
  checkedName,
  checkedPath,
  deleteConflict,
  encoded,
  entityId,
  existing,
  noSuchEntity,
  tagsFrom,
  tagShapes,
  type Tags,
} from "./entity.ts";
import type { Policies } from "./policies.ts";
import type { Profiles } from "./profiles.ts";

const ROLE_NAME_MAX = 64;
const POLICY_NAME_MAX = 128;
/** Documented bounds and default of MaxSessionDuration. */
const SESSION_SECONDS = { min: 3600, max: 43_200 };

export interface Role {
  readonly name: string;
  readonly id: string;
  readonly path: string;
  readonly createdAt: number;
  description: string | undefined;
  sessionSecondsMax: number;
  /** Who may assume it, exactly as given. */
  trust: string;
  /** Inline policies by name, exactly as given. */
  readonly inline: Map<string, string>;
  /** ARNs of managed policies. */
  readonly attached: Set<string>;
  readonly tags: Tags;
}

export interface Roles {
  all(): readonly Role[];
  byName(name: string | undefined): Role;
  find(arn: string): Role | undefined;
  /** Throws `NoSuchEntity`. */
  byArn(arn: string): Role;
  arnOf(role: Role): string;
  create(input: CreateRoleCommandInput): Role;
  forget(role: Role): void;
  attach(role: Role, policyArn: string): void;
  /** JSON of every policy of the role, inline ones first. */
  documents(role: Role): readonly string[];
}

export function openRoles(world: World, policies: Policies): Roles {
  const byName = new Map<string, Role>();
  const arnOf = (role: Role): string => `arn:aws:iam::${world.account}:role${role.path}${role.name}`;
  const find = (arn: string): Role | undefined => [...byName.values()].find((role) => arnOf(role) === arn);
  return {
    arnOf,
    find,
    all: () => [...byName.values()],
    byName: (name) => existing(byName, name, "role"),
    byArn(arn) {
      const role = find(arn);
      if (role === undefined) throw noSuchEntity(`The role ${arn} cannot be found.`);
      return role;
    },
    create(input) {
      const name = checkedName(input.RoleName, "roleName", ROLE_NAME_MAX);
      if (byName.has(name)) throw alreadyExists(`Role with name ${name} already exists.`);
      if (input.PermissionsBoundary !== undefined)
        throw new CloudError("InvalidInput", "PermissionsBoundary is not known to this cloud");
      const role: Role = {
        name,
        id: entityId(world, "AROA"),
        path: checkedPath(input.Path),
        createdAt: world.clock.now(),
        description: input.Description,
        sessionSecondsMax: checkedDuration(input.MaxSessionDuration),
        trust: checkedDocument(input.AssumeRolePolicyDocument),
        inline: new Map(),
        attached: new Set(),
        tags: tagsFrom(input.Tags),
      };
      byName.set(name, role);
      return role;
    },
    forget: (role) => void byName.delete(role.name),
    attach(role, policyArn) {
      policies.document(policyArn);
      role.attached.add(policyArn);
    },
    documents: (role) => [...role.inline.values(), ...[...role.attached].map((arn) => policies.document(arn))],
  };
}

function checkedDuration(seconds: number | undefined): number {
  const given = seconds ?? SESSION_SECONDS.min;
  if (given < SESSION_SECONDS.min || given > SESSION_SECONDS.max)
    throw new CloudError(
      "ValidationError",
      `MaxSessionDuration ${given} is not within ${SESSION_SECONDS.min} and ${SESSION_SECONDS.max}`,
    );
  return given;
}

export const roleShape = (roles: Roles, role: Role) => ({
  RoleName: role.name,
  RoleId: role.id,
  Arn: roles.arnOf(role),
  Path: role.path,
  CreateDate: new Date(role.createdAt),
  AssumeRolePolicyDocument: encoded(role.trust),
  MaxSessionDuration: role.sessionSecondsMax,
  ...(role.description === undefined ? {} : { Description: role.description }),
  ...(role.tags.size === 0 ? {} : { Tags: tagShapes(role.tags) }),
});

export function roleOperations(roles: Roles, profiles: Profiles): Readonly<Record<string, Operation>> {
  return { ...roleLifeOperations(roles, profiles), ...rolePolicyOperations(roles) };
}

function roleLifeOperations(roles: Roles, profiles: Profiles): Readonly<Record<string, Operation>> {
  return {
    CreateRole: (input: CreateRoleCommandInput) => ({ Role: roleShape(roles, roles.create(input)) }),
    GetRole: (input: GetRoleCommandInput) => ({ Role: roleShape(roles, roles.byName(input.RoleName)) }),
    ListRoles(input: ListRolesCommandInput) {
      const under = roles.all().filter((role) => role.path.startsWith(input.PathPrefix ?? "/"));
      return { Roles: under.map((role) => roleShape(roles, role)), IsTruncated: false };
    },
    UpdateRole(input: UpdateRoleCommandInput) {
      const role = roles.byName(input.RoleName);
      role.sessionSecondsMax = checkedDuration(input.MaxSessionDuration);
      if (input.Description !== undefined) role.description = input.Description;
      return {};
    },
    UpdateAssumeRolePolicy(input: UpdateAssumeRolePolicyCommandInput) {
      roles.byName(input.RoleName).trust = checkedDocument(input.PolicyDocument);
      return {};
    },
    DeleteRole(input: DeleteRoleCommandInput) {
      const role = roles.byName(input.RoleName);
      if (role.inline.size > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
      if (role.attached.size > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
      if (profiles.withRole(role.name).length > 0)
        throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
      roles.forget(role);
      return {};
    },
    TagRole(input: TagRoleCommandInput) {
      const { tags } = roles.byName(input.RoleName);
      for (const [key, value] of tagsFrom(input.Tags)) tags.set(key, value);
      return {};
    },
    UntagRole(input: UntagRoleCommandInput) {
      const { tags } = roles.byName(input.RoleName);
      for (const key of input.TagKeys ?? []) tags.delete(key);
      return {};
    },
    ListRoleTags: (input: ListRoleTagsCommandInput) => ({
      Tags: tagShapes(roles.byName(input.RoleName).tags),
      IsTruncated: false,
    }),
  };
}

function rolePolicyOperations(roles: Roles): Readonly<Record<string, Operation>> {
  return {
    PutRolePolicy(input: PutRolePolicyCommandInput) {
      const name = checkedName(input.PolicyName, "policyName", POLICY_NAME_MAX);
      roles.byName(input.RoleName).inline.set(name, checkedIdentityPolicy(input.PolicyDocument));
      return {};
    },
    GetRolePolicy(input: GetRolePolicyCommandInput) {
      const role = roles.byName(input.RoleName);
      const document = existing(role.inline, input.PolicyName, "role policy");
      return { RoleName: role.name, PolicyName: input.PolicyName, PolicyDocument: encoded(document) };
    },
    ListRolePolicies: (input: ListRolePoliciesCommandInput) => ({
      PolicyNames: [...roles.byName(input.RoleName).inline.keys()].toSorted(),
      IsTruncated: false,
    }),
    DeleteRolePolicy(input: DeleteRolePolicyCommandInput) {
      const { inline } = roles.byName(input.RoleName);
      existing(inline, input.PolicyName, "role policy");
      inline.delete(input.PolicyName ?? "");
      return {};
    },
    AttachRolePolicy(input: AttachRolePolicyCommandInput) {
      roles.attach(roles.byName(input.RoleName), input.PolicyArn ?? "");
      return {};
    },
    DetachRolePolicy(input: DetachRolePolicyCommandInput) {
      if (!roles.byName(input.RoleName).attached.delete(input.PolicyArn ?? ""))
        throw noSuchEntity(`Policy ${input.PolicyArn} was not found.`);
      return {};
    },
    ListAttachedRolePolicies: (input: ListAttachedRolePoliciesCommandInput) => ({
      AttachedPolicies: [...roles.byName(input.RoleName).attached].map((PolicyArn) => ({
        PolicyArn,
        PolicyName: PolicyArn.slice(PolicyArn.lastIndexOf("/") + 1),
      })),
      IsTruncated: false,
    }),
  };
}
