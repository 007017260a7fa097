import { textOf } from "../engine/json.ts";
import type { Json, JsonObject } from "../engine/json.ts";
import {
  documentText,
  gone,
  isNotThere,
  listAt,
  objects,
  optionalText,
  pick,
  requiredText,
  retag,
  strings,
  tagList,
  textAt,
} from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

/** The longest names of IAM. */
const ROLE_NAME_MAX = 64;
const PROFILE_NAME_MAX = 128;

const roleAttributes = async (ctx: ResourceContext, RoleName: string): Promise<{ Arn: string; RoleId: string }> => {
  const answer = await ctx.call("iam", "GetRole", { RoleName });
  return { Arn: textAt(answer, "Role", "Arn"), RoleId: textAt(answer, "Role", "RoleId") };
};

/** Inline policies and attachments, from what they were to what they shall be. */
async function align(ctx: ResourceContext, RoleName: string, before: JsonObject, next: JsonObject): Promise<void> {
  const wanted = objects(next["Policies"]);
  for (const policy of wanted)
    await ctx.call("iam", "PutRolePolicy", {
      RoleName,
      PolicyName: policy["PolicyName"],
      PolicyDocument: documentText(policy["PolicyDocument"]),
    });
  for (const PolicyName of missingFrom(names(before["Policies"]), names(next["Policies"])))
    await gone(ctx.call("iam", "DeleteRolePolicy", { RoleName, PolicyName }));
  const [attached, attach] = [strings(before["ManagedPolicyArns"]), strings(next["ManagedPolicyArns"])];
  for (const PolicyArn of missingFrom(attach, attached))
    await ctx.call("iam", "AttachRolePolicy", { RoleName, PolicyArn });
  for (const PolicyArn of missingFrom(attached, attach))
    await gone(ctx.call("iam", "DetachRolePolicy", { RoleName, PolicyArn }));
}

const names = (policies: Json | undefined): string[] => objects(policies).map((policy) => textOf(policy["PolicyName"]));
const missingFrom = (all: readonly string[], other: readonly string[]): string[] =>
  all.filter((one) => !other.includes(one));

/** A role is deleted only when nothing hangs on it: policies that others added are taken off too, as CloudFormation does not. */
async function strip(ctx: ResourceContext, RoleName: string): Promise<void> {
  for (const PolicyName of listAt(await ctx.call("iam", "ListRolePolicies", { RoleName }), "PolicyNames"))
    await gone(ctx.call("iam", "DeleteRolePolicy", { RoleName, PolicyName }));
  for (const policy of listAt(await ctx.call("iam", "ListAttachedRolePolicies", { RoleName }), "AttachedPolicies"))
    await gone(ctx.call("iam", "DetachRolePolicy", { RoleName, PolicyArn: textAt(policy, "PolicyArn") }));
}

const role: ResourceType = {
  type: "AWS::IAM::Role",
  replacing: ["RoleName", "Path"],
  updatable: ["AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "Description", "MaxSessionDuration", "Tags"],
  required: ["AssumeRolePolicyDocument"],
  named: "RoleName",
  tags: "list",
  attributes: ["Arn", "RoleId"],
  async create(ctx, properties) {
    const RoleName = optionalText(properties["RoleName"]) ?? ctx.physicalName(ROLE_NAME_MAX);
    await ctx.call("iam", "CreateRole", {
      ...pick(properties, ["Path", "Description", "MaxSessionDuration", "Tags"]),
      RoleName,
      AssumeRolePolicyDocument: documentText(properties["AssumeRolePolicyDocument"]),
    });
    ctx.identify(RoleName);
    await align(ctx, RoleName, {}, properties);
    return { physicalId: RoleName, attributes: await roleAttributes(ctx, RoleName) };
  },
  async update(ctx, { physicalId: RoleName, properties }, next, changed) {
    if (changed.includes("AssumeRolePolicyDocument"))
      await ctx.call("iam", "UpdateAssumeRolePolicy", {
        RoleName,
        PolicyDocument: documentText(next["AssumeRolePolicyDocument"]),
      });
    if (changed.includes("Description") || changed.includes("MaxSessionDuration"))
      await ctx.call("iam", "UpdateRole", { RoleName, ...pick(next, ["Description", "MaxSessionDuration"]) });
    await align(ctx, RoleName, properties, next);
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => ctx.call("iam", "TagRole", { RoleName, Tags: tagList(tags) }),
      (TagKeys) => ctx.call("iam", "UntagRole", { RoleName, TagKeys }),
    );
    return roleAttributes(ctx, RoleName);
  },
  async remove(ctx, { physicalId: RoleName }) {
    try {
      await strip(ctx, RoleName);
      await ctx.call("iam", "DeleteRole", { RoleName });
    } catch (error) {
      if (!isNotThere(error)) throw error;
    }
  },
};

const instanceProfile: ResourceType = {
  type: "AWS::IAM::InstanceProfile",
  replacing: ["InstanceProfileName", "Path"],
  updatable: ["Roles"],
  required: ["Roles"],
  named: "InstanceProfileName",
  attributes: ["Arn"],
  async create(ctx, properties) {
    const InstanceProfileName = optionalText(properties["InstanceProfileName"]) ?? ctx.physicalName(PROFILE_NAME_MAX);
    const answer = await ctx.call("iam", "CreateInstanceProfile", {
      InstanceProfileName,
      ...pick(properties, ["Path"]),
    });
    ctx.identify(InstanceProfileName);
    for (const RoleName of strings(properties["Roles"]))
      await ctx.call("iam", "AddRoleToInstanceProfile", { InstanceProfileName, RoleName });
    return { physicalId: InstanceProfileName, attributes: { Arn: textAt(answer, "InstanceProfile", "Arn") } };
  },
  async update(ctx, { physicalId: InstanceProfileName, properties, attributes }, next) {
    for (const RoleName of strings(properties["Roles"]))
      await gone(ctx.call("iam", "RemoveRoleFromInstanceProfile", { InstanceProfileName, RoleName }));
    for (const RoleName of strings(next["Roles"]))
      await ctx.call("iam", "AddRoleToInstanceProfile", { InstanceProfileName, RoleName });
    return attributes;
  },
  async remove(ctx, { physicalId: InstanceProfileName, properties }) {
    for (const RoleName of strings(properties["Roles"]))
      await gone(ctx.call("iam", "RemoveRoleFromInstanceProfile", { InstanceProfileName, RoleName }));
    await gone(ctx.call("iam", "DeleteInstanceProfile", { InstanceProfileName }));
  },
};

/** An inline policy that is put on roles named elsewhere. Users and groups have no such policies here. */
const policy: ResourceType = {
  type: "AWS::IAM::Policy",
  replacing: ["PolicyName"],
  updatable: ["PolicyDocument", "Roles"],
  required: ["PolicyName", "PolicyDocument", "Roles"],
  attributes: [],
  async create(ctx, properties) {
    const physicalId = requiredText(properties, "PolicyName");
    ctx.identify(physicalId);
    await putOnRoles(ctx, properties);
    return { physicalId, attributes: {} };
  },
  async update(ctx, { properties }, next) {
    await putOnRoles(ctx, next);
    for (const RoleName of missingFrom(strings(properties["Roles"]), strings(next["Roles"])))
      await gone(ctx.call("iam", "DeleteRolePolicy", { RoleName, ...pick(properties, ["PolicyName"]) }));
    return {};
  },
  async remove(ctx, { properties }) {
    for (const RoleName of strings(properties["Roles"]))
      await gone(ctx.call("iam", "DeleteRolePolicy", { RoleName, ...pick(properties, ["PolicyName"]) }));
  },
};

async function putOnRoles(ctx: ResourceContext, properties: JsonObject): Promise<void> {
  for (const RoleName of strings(properties["Roles"]))
    await ctx.call("iam", "PutRolePolicy", {
      RoleName,
      ...pick(properties, ["PolicyName"]),
      PolicyDocument: documentText(properties["PolicyDocument"]),
    });
}

export const iamTypes: readonly ResourceType[] = [role, instanceProfile, policy];
