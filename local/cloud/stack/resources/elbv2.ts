import type { Json, JsonObject } from "../engine/json.ts";
import { sameJson } from "../engine/json.ts";
import { gone, objects, optionalText, pick, retag, tagList, textAt, valueAt } from "./read.ts";
import type { Attributes, Existing, ResourceContext, ResourceType } from "./resource.ts";

/** The longest name of a load balancer or a target group. */
const NAME_MAX = 32;
/** Until a load balancer is active. */
const WAIT_MS = 300_000;

const elb = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("elasticloadbalancing", operation, input);

/** The part of an ARN that names the thing, e.g. `app/my-balancer/50dc6c495c0c9188`. */
const fullName = (arn: string, from: string): string => arn.slice(arn.indexOf(from) + from.length);

const retagElb = (
  ctx: ResourceContext,
  arn: string,
  before: Json | undefined,
  after: Json | undefined,
): Promise<void> =>
  retag(
    before,
    after,
    (tags) => elb(ctx, "AddTags", { ResourceArns: [arn], Tags: tagList(tags) }),
    (TagKeys) => elb(ctx, "RemoveTags", { ResourceArns: [arn], TagKeys }),
  );

/** AWS refuses an empty list of tags. */
const tagsOf = (properties: JsonObject): Record<string, unknown> =>
  objects(properties["Tags"]).length > 0 ? pick(properties, ["Tags"]) : {};

const loadBalancer: ResourceType = {
  type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
  replacing: ["Name", "Scheme", "Type"],
  updatable: ["Subnets", "SubnetMappings", "SecurityGroups", "IpAddressType", "LoadBalancerAttributes", "Tags"],
  named: "Name",
  tags: "list",
  attributes: ["LoadBalancerArn", "DNSName", "LoadBalancerFullName", "LoadBalancerName", "CanonicalHostedZoneID"],
  async create(ctx, properties) {
    const given = pick(properties, ["Scheme", "Type", "Subnets", "SubnetMappings", "SecurityGroups", "IpAddressType"]);
    const Name = optionalText(properties["Name"]) ?? ctx.physicalName(NAME_MAX);
    const answer = await elb(ctx, "CreateLoadBalancer", { ...given, ...tagsOf(properties), Name });
    const arn = textAt(answer, "LoadBalancers", 0, "LoadBalancerArn");
    ctx.identify(arn);
    await setAttributes(ctx, "LoadBalancer", arn, properties);
    return { physicalId: arn, attributes: await untilActive(ctx, arn) };
  },
  async update(ctx, { physicalId: arn, properties, attributes }, next, changed) {
    const LoadBalancerArn = arn;
    if (changed.includes("SecurityGroups"))
      await elb(ctx, "SetSecurityGroups", { LoadBalancerArn, ...pick(next, ["SecurityGroups"]) });
    if (changed.includes("Subnets") || changed.includes("SubnetMappings"))
      await elb(ctx, "SetSubnets", { LoadBalancerArn, ...pick(next, ["Subnets", "SubnetMappings"]) });
    if (changed.includes("IpAddressType"))
      await elb(ctx, "SetIpAddressType", { LoadBalancerArn, IpAddressType: next["IpAddressType"] ?? "ipv4" });
    if (changed.includes("LoadBalancerAttributes")) await setAttributes(ctx, "LoadBalancer", arn, next);
    await retagElb(ctx, arn, properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(elb(ctx, "DeleteLoadBalancer", { LoadBalancerArn: physicalId })),
};

async function untilActive(ctx: ResourceContext, arn: string): Promise<Attributes> {
  let attributes: Attributes = {};
  await ctx.until(`load balancer ${arn}`, WAIT_MS, async () => {
    const answer = await elb(ctx, "DescribeLoadBalancers", { LoadBalancerArns: [arn] });
    const state = valueAt(answer, "LoadBalancers", 0, "State", "Code");
    if (state === "failed")
      throw new Error(`load balancer ${arn} failed: ${String(valueAt(answer, "LoadBalancers", 0, "State", "Reason"))}`);
    attributes = {
      LoadBalancerArn: arn,
      LoadBalancerFullName: fullName(arn, ":loadbalancer/"),
      LoadBalancerName: textAt(answer, "LoadBalancers", 0, "LoadBalancerName"),
      DNSName: textAt(answer, "LoadBalancers", 0, "DNSName"),
      CanonicalHostedZoneID: textAt(answer, "LoadBalancers", 0, "CanonicalHostedZoneId"),
    };
    return state === "active";
  });
  return attributes;
}

async function setAttributes(
  ctx: ResourceContext,
  noun: "LoadBalancer" | "TargetGroup",
  arn: string,
  properties: JsonObject,
): Promise<void> {
  const Attributes = objects(properties[`${noun}Attributes`]);
  if (Attributes.length > 0) await elb(ctx, `Modify${noun}Attributes`, { [`${noun}Arn`]: arn, Attributes });
}

const HEALTH = [
  "HealthCheckEnabled",
  "HealthCheckIntervalSeconds",
  "HealthCheckPath",
  "HealthCheckPort",
  "HealthCheckProtocol",
  "HealthCheckTimeoutSeconds",
  "HealthyThresholdCount",
  "UnhealthyThresholdCount",
  "Matcher",
];
const GROUP_FIXED = ["Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId", "IpAddressType"];

const targetGroup: ResourceType = {
  type: "AWS::ElasticLoadBalancingV2::TargetGroup",
  replacing: GROUP_FIXED,
  updatable: [...HEALTH, "TargetGroupAttributes", "Targets", "Tags"],
  named: "Name",
  tags: "list",
  attributes: ["TargetGroupArn", "TargetGroupFullName", "TargetGroupName"],
  async create(ctx, properties) {
    const Name = optionalText(properties["Name"]) ?? ctx.physicalName(NAME_MAX);
    const answer = await elb(ctx, "CreateTargetGroup", {
      ...pick(properties, [...GROUP_FIXED, ...HEALTH]),
      ...tagsOf(properties),
      Name,
    });
    const arn = textAt(answer, "TargetGroups", 0, "TargetGroupArn");
    ctx.identify(arn);
    await setAttributes(ctx, "TargetGroup", arn, properties);
    await register(ctx, arn, {}, properties);
    return {
      physicalId: arn,
      attributes: {
        TargetGroupArn: arn,
        TargetGroupFullName: arn.slice(arn.lastIndexOf(":") + 1),
        TargetGroupName: Name,
      },
    };
  },
  async update(ctx, { physicalId: arn, properties, attributes }, next, changed) {
    if (changed.some((name) => HEALTH.includes(name)))
      await elb(ctx, "ModifyTargetGroup", { TargetGroupArn: arn, ...pick(next, HEALTH) });
    if (changed.includes("TargetGroupAttributes")) await setAttributes(ctx, "TargetGroup", arn, next);
    if (changed.includes("Targets")) await register(ctx, arn, properties, next);
    await retagElb(ctx, arn, properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(elb(ctx, "DeleteTargetGroup", { TargetGroupArn: physicalId })),
};

async function register(
  ctx: ResourceContext,
  TargetGroupArn: string,
  before: JsonObject,
  next: JsonObject,
): Promise<void> {
  const [old, wanted] = [objects(before["Targets"]), objects(next["Targets"])];
  const lost = old.filter((target) => !wanted.some((one) => sameJson(one, target)));
  if (lost.length > 0) await elb(ctx, "DeregisterTargets", { TargetGroupArn, Targets: lost });
  if (wanted.length > 0) await elb(ctx, "RegisterTargets", { TargetGroupArn, Targets: wanted });
}

const LISTENER = ["Port", "Protocol", "DefaultActions", "Certificates", "SslPolicy", "AlpnPolicy"];

const listener: ResourceType = {
  type: "AWS::ElasticLoadBalancingV2::Listener",
  replacing: ["LoadBalancerArn"],
  updatable: LISTENER,
  required: ["LoadBalancerArn", "DefaultActions"],
  attributes: ["ListenerArn"],
  async create(ctx, properties) {
    const ListenerArn = textAt(await elb(ctx, "CreateListener", properties), "Listeners", 0, "ListenerArn");
    return { physicalId: ListenerArn, attributes: { ListenerArn } };
  },
  async update(ctx, { physicalId, attributes }, next) {
    await elb(ctx, "ModifyListener", { ListenerArn: physicalId, ...pick(next, LISTENER) });
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(elb(ctx, "DeleteListener", { ListenerArn: physicalId })),
};

async function updateRule(
  ctx: ResourceContext,
  { physicalId, attributes }: Existing,
  next: JsonObject,
  changed: readonly string[],
): Promise<Attributes> {
  if (changed.includes("Actions") || changed.includes("Conditions"))
    await elb(ctx, "ModifyRule", { RuleArn: physicalId, ...pick(next, ["Actions", "Conditions"]) });
  if (changed.includes("Priority"))
    await elb(ctx, "SetRulePriorities", { RulePriorities: [{ RuleArn: physicalId, ...pick(next, ["Priority"]) }] });
  return attributes;
}

const listenerRule: ResourceType = {
  type: "AWS::ElasticLoadBalancingV2::ListenerRule",
  replacing: ["ListenerArn"],
  updatable: ["Actions", "Conditions", "Priority"],
  required: ["ListenerArn", "Actions", "Conditions", "Priority"],
  attributes: ["RuleArn"],
  async create(ctx, properties) {
    const RuleArn = textAt(await elb(ctx, "CreateRule", properties), "Rules", 0, "RuleArn");
    return { physicalId: RuleArn, attributes: { RuleArn } };
  },
  update: updateRule,
  remove: (ctx, { physicalId }) => gone(elb(ctx, "DeleteRule", { RuleArn: physicalId })),
};

export const elbv2Types: readonly ResourceType[] = [loadBalancer, targetGroup, listener, listenerRule];
