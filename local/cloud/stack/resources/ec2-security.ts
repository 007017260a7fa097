import type { JsonObject } from "../engine/json.ts";
import { sameJson } from "../engine/json.ts";
import { tagged, retagEc2 } from "./ec2-tags.ts";
import { gone, objects, optionalText, pick, requiredText, textAt } from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

const NAME_MAX = 255;

type Direction = "Ingress" | "Egress";

/** The rule that every new group has until the template gives its own egress. */
const ALLOW_ALL: JsonObject = { IpProtocol: "-1", CidrIp: "0.0.0.0/0" };

/** A rule of the template as the API's `IpPermission`. */
function permission(rule: JsonObject, direction: Direction): Record<string, unknown> {
  const described = pick(rule, ["Description"]);
  const group = rule[direction === "Ingress" ? "SourceSecurityGroupId" : "DestinationSecurityGroupId"];
  const list = rule[direction === "Ingress" ? "SourcePrefixListId" : "DestinationPrefixListId"];
  return {
    ...pick(rule, ["IpProtocol", "FromPort", "ToPort"]),
    ...(rule["CidrIp"] === undefined ? {} : { IpRanges: [{ CidrIp: rule["CidrIp"], ...described }] }),
    ...(rule["CidrIpv6"] === undefined ? {} : { Ipv6Ranges: [{ CidrIpv6: rule["CidrIpv6"], ...described }] }),
    ...(group === undefined ? {} : { UserIdGroupPairs: [{ GroupId: group, ...described }] }),
    ...(list === undefined ? {} : { PrefixListIds: [{ PrefixListId: list, ...described }] }),
  };
}

const RULE = ["IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "Description"];
const RULE_ENDS = {
  Ingress: ["SourceSecurityGroupId", "SourcePrefixListId"],
  Egress: ["DestinationSecurityGroupId", "DestinationPrefixListId"],
};

/** Rules inside a group are checked here: what the API would never see must not be ignored. */
function checked(rule: JsonObject, direction: Direction): JsonObject {
  const unknown = Object.keys(rule).filter((name) => ![...RULE, ...RULE_ENDS[direction]].includes(name));
  if (unknown.length > 0)
    throw new Error(
      `Properties validation failed: #/SecurityGroup${direction}: extraneous key [${unknown.join(", ")}] is not permitted`,
    );
  return rule;
}

async function authorize(
  ctx: ResourceContext,
  GroupId: string,
  direction: Direction,
  rules: readonly JsonObject[],
): Promise<unknown> {
  if (rules.length === 0) return undefined;
  return ctx.call("ec2", `AuthorizeSecurityGroup${direction}`, {
    GroupId,
    IpPermissions: rules.map((rule) => permission(checked(rule, direction), direction)),
  });
}

async function revoke(
  ctx: ResourceContext,
  GroupId: string,
  direction: Direction,
  rules: readonly JsonObject[],
): Promise<void> {
  if (rules.length === 0) return;
  await gone(
    ctx.call("ec2", `RevokeSecurityGroup${direction}`, {
      GroupId,
      IpPermissions: rules.map((rule) => permission(rule, direction)),
    }),
  );
}

const rulesOf = (properties: JsonObject, direction: Direction): readonly JsonObject[] => {
  const rules = objects(properties[`SecurityGroup${direction}`]);
  return direction === "Egress" && rules.length === 0 ? [ALLOW_ALL] : rules;
};

async function align(
  ctx: ResourceContext,
  GroupId: string,
  direction: Direction,
  before: readonly JsonObject[],
  next: readonly JsonObject[],
): Promise<void> {
  const without = (all: readonly JsonObject[], other: readonly JsonObject[]): JsonObject[] =>
    all.filter((one) => !other.some((rule) => sameJson(one, rule)));
  await revoke(ctx, GroupId, direction, without(before, next));
  await authorize(ctx, GroupId, direction, without(next, before));
}

const securityGroup: ResourceType = {
  type: "AWS::EC2::SecurityGroup",
  replacing: ["GroupName", "GroupDescription", "VpcId"],
  updatable: ["SecurityGroupIngress", "SecurityGroupEgress", "Tags"],
  required: ["GroupDescription"],
  named: "GroupName",
  tags: "list",
  attributes: ["GroupId", "VpcId", "Id"],
  async create(ctx, properties) {
    const answer = await ctx.call("ec2", "CreateSecurityGroup", {
      GroupName: optionalText(properties["GroupName"]) ?? ctx.physicalName(NAME_MAX),
      Description: properties["GroupDescription"],
      ...pick(properties, ["VpcId"]),
      ...tagged("security-group", properties["Tags"]),
    });
    const GroupId = textAt(answer, "GroupId");
    ctx.identify(GroupId);
    await authorize(ctx, GroupId, "Ingress", rulesOf(properties, "Ingress"));
    await align(ctx, GroupId, "Egress", [ALLOW_ALL], rulesOf(properties, "Egress"));
    return { physicalId: GroupId, attributes: { GroupId, Id: GroupId, ...pick(properties, ["VpcId"]) } };
  },
  async update(ctx, { physicalId, properties, attributes }, next) {
    for (const direction of ["Ingress", "Egress"] as const)
      await align(ctx, physicalId, direction, rulesOf(properties, direction), rulesOf(next, direction));
    await retagEc2(ctx, physicalId, properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", "DeleteSecurityGroup", { GroupId: physicalId })),
};

const ruleOf = (direction: Direction): ResourceType => ({
  type: `AWS::EC2::SecurityGroup${direction}`,
  replacing: ["GroupId", ...RULE, ...RULE_ENDS[direction]],
  updatable: [],
  required: ["GroupId", "IpProtocol"],
  attributes: ["Id"],
  async create(ctx, properties) {
    const { GroupId: _group, ...rule } = properties;
    const answer = await authorize(ctx, requiredText(properties, "GroupId"), direction, [rule]);
    const Id = textAt(answer, "SecurityGroupRules", 0, "SecurityGroupRuleId");
    return { physicalId: Id, attributes: { Id } };
  },
  async remove(ctx, { properties }) {
    const { GroupId: _group, ...rule } = properties;
    await revoke(ctx, requiredText(properties, "GroupId"), direction, [rule]);
  },
});

export const ec2SecurityTypes: readonly ResourceType[] = [securityGroup, ruleOf("Ingress"), ruleOf("Egress")];
