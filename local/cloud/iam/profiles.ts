import type {
  AddRoleToInstanceProfileCommandInput,
  CreateInstanceProfileCommandInput,
  DeleteInstanceProfileCommandInput,
  GetInstanceProfileCommandInput,
  ListInstanceProfilesForRoleCommandInput,
  RemoveRoleFromInstanceProfileCommandInput,
} from "@aws-sdk/client-iam";
import { CloudError } from "../errors.ts";
import type { Operation, World } from "../service.ts";
import {
  alreadyExists,
  checkedName,
  checkedPath,
  deleteConflict,
  entityId,
  existing,
  noSuchEntity,
  tagsFrom,
  tagShapes,
  type Tags,
} from "./entity.ts";
import { roleShape, type Roles } from "./roles.ts";

const PROFILE_NAME_MAX = 128;

interface InstanceProfile {
  readonly name: string;
  readonly id: string;
  readonly path: string;
  readonly createdAt: number;
  readonly tags: Tags;
  /** AWS allows one role. */
  role: string | undefined;
}

export interface Profiles {
  /** ARN of the role of the profile named, or given by ARN. Throws `NoSuchEntity`. */
  roleOf(nameOrArn: string): string;
  withRole(roleName: string): readonly InstanceProfile[];
  readonly byName: Map<string, InstanceProfile>;
  create(input: CreateInstanceProfileCommandInput): InstanceProfile;
  shape(profile: InstanceProfile): object;
  hasRole(name: string | undefined): string;
}

export function openProfiles(world: World, roles: Roles): Profiles {
  const byName = new Map<string, InstanceProfile>();
  const arnOf = (profile: InstanceProfile): string =>
    `arn:aws:iam::${world.account}:instance-profile${profile.path}${profile.name}`;
  return {
    byName,
    withRole: (roleName) => [...byName.values()].filter((profile) => profile.role === roleName),
    hasRole: (name) => roles.byName(name).name,
    roleOf(nameOrArn) {
      const profile = [...byName.values()].find((one) => one.name === nameOrArn || arnOf(one) === nameOrArn);
      if (profile === undefined) throw noSuchEntity(`Instance Profile ${nameOrArn} cannot be found.`);
      if (profile.role === undefined) throw noSuchEntity(`Instance Profile ${nameOrArn} has no role.`);
      return roles.arnOf(roles.byName(profile.role));
    },
    create(input) {
      const name = checkedName(input.InstanceProfileName, "instanceProfileName", PROFILE_NAME_MAX);
      if (byName.has(name)) throw alreadyExists(`Instance Profile ${name} already exists.`);
      const id = entityId(world, "AIPA");
      const profile = {
        name,
        id,
        path: checkedPath(input.Path),
        createdAt: world.clock.now(),
        tags: tagsFrom(input.Tags),
        role: undefined,
      };
      byName.set(name, profile);
      return profile;
    },
    shape: (profile) => ({
      InstanceProfileName: profile.name,
      InstanceProfileId: profile.id,
      Arn: arnOf(profile),
      Path: profile.path,
      CreateDate: new Date(profile.createdAt),
      Roles: profile.role === undefined ? [] : [roleShape(roles, roles.byName(profile.role))],
      ...(profile.tags.size === 0 ? {} : { Tags: tagShapes(profile.tags) }),
    }),
  };
}

export function instanceProfileOperations(profiles: Profiles): Readonly<Record<string, Operation>> {
  const named = (name: string | undefined): InstanceProfile => existing(profiles.byName, name, "instance profile");
  return {
    CreateInstanceProfile: (input: CreateInstanceProfileCommandInput) => ({
      InstanceProfile: profiles.shape(profiles.create(input)),
    }),
    GetInstanceProfile: (input: GetInstanceProfileCommandInput) => ({
      InstanceProfile: profiles.shape(named(input.InstanceProfileName)),
    }),
    ListInstanceProfiles: () => ({
      InstanceProfiles: [...profiles.byName.values()].map((one) => profiles.shape(one)),
      IsTruncated: false,
    }),
    ListInstanceProfilesForRole: (input: ListInstanceProfilesForRoleCommandInput) => ({
      InstanceProfiles: profiles.withRole(profiles.hasRole(input.RoleName)).map((one) => profiles.shape(one)),
      IsTruncated: false,
    }),
    AddRoleToInstanceProfile(input: AddRoleToInstanceProfileCommandInput) {
      const profile = named(input.InstanceProfileName);
      const role = profiles.hasRole(input.RoleName);
      if (profile.role !== undefined)
        throw new CloudError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", 409);
      profile.role = role;
      return {};
    },
    RemoveRoleFromInstanceProfile(input: RemoveRoleFromInstanceProfileCommandInput) {
      const profile = named(input.InstanceProfileName);
      if (profile.role !== input.RoleName)
        throw noSuchEntity(`The role with name ${input.RoleName} is not in instance profile ${profile.name}.`);
      profile.role = undefined;
      return {};
    },
    DeleteInstanceProfile(input: DeleteInstanceProfileCommandInput) {
      const profile = named(input.InstanceProfileName);
      if (profile.role !== undefined)
        throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
      profiles.byName.delete(profile.name);
      return {};
    },
  };
}
