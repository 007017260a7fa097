import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { attributesOut, GROUP_ATTRIBUTES, setAttributes } from "./attributes.ts";
import { given, inRange, invalid, page, refuseUnknown } from "./checks.ts";
import { QUOTAS, type HealthCheck, type TargetGroup } from "./model.ts";
import { groupOf, setTags, usersOf, type Store } from "./store.ts";
import type { Targets } from "./targets.ts";

const CHECK_MEMBERS = [
  "HealthCheckProtocol",
  "HealthCheckPort",
  "HealthCheckEnabled",
  "HealthCheckPath",
  "HealthCheckIntervalSeconds",
  "HealthCheckTimeoutSeconds",
  "HealthyThresholdCount",
  "UnhealthyThresholdCount",
  "Matcher",
];
const CREATE_MEMBERS = [
  ...CHECK_MEMBERS,
  "Name",
  "Protocol",
  "ProtocolVersion",
  "Port",
  "VpcId",
  "TargetType",
  "Tags",
  "IpAddressType",
];
/** AWS's defaults for HTTP target groups. */
const CHECK_DEFAULT: HealthCheck = {
  path: "/",
  port: "traffic-port",
  intervalSeconds: 30,
  timeoutSeconds: 5,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
  matcher: "200",
};
/** The bounds that AWS documents for an Application Load Balancer's checks. */
const INTERVAL = [5, 300] as const;
const TIMEOUT = [2, 120] as const;
const THRESHOLD = [2, 10] as const;

type CheckInput = Partial<sdk.ModifyTargetGroupInput>;

function checkOf(input: CheckInput, old: HealthCheck): HealthCheck {
  if ((input.HealthCheckProtocol ?? "HTTP") !== "HTTP" || input.HealthCheckEnabled === false)
    throw invalid("The embedded cloud checks targets by HTTP, and always", "InvalidConfigurationRequest");
  const matcher = input.Matcher?.HttpCode ?? old.matcher;
  if (!/^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/.test(matcher))
    throw invalid(`Health check matcher HTTP code '${matcher}' is not valid`);
  const check = {
    path: input.HealthCheckPath ?? old.path,
    port: input.HealthCheckPort ?? old.port,
    intervalSeconds: inRange(
      input.HealthCheckIntervalSeconds ?? old.intervalSeconds,
      "Health check interval",
      ...INTERVAL,
    ),
    timeoutSeconds: inRange(input.HealthCheckTimeoutSeconds ?? old.timeoutSeconds, "Health check timeout", ...TIMEOUT),
    healthyThreshold: inRange(
      input.HealthyThresholdCount ?? old.healthyThreshold,
      "Healthy threshold count",
      ...THRESHOLD,
    ),
    unhealthyThreshold: inRange(
      input.UnhealthyThresholdCount ?? old.unhealthyThreshold,
      "Unhealthy threshold count",
      ...THRESHOLD,
    ),
    matcher,
  };
  if (check.timeoutSeconds >= check.intervalSeconds)
    throw invalid(
      `Health check timeout '${check.timeoutSeconds}' must be smaller than the interval '${check.intervalSeconds}'`,
    );
  return check;
}

function checkNew(store: Store, input: sdk.CreateTargetGroupInput): void {
  refuseUnknown("CreateTargetGroup", input, CREATE_MEMBERS);
  if (
    input.Protocol !== "HTTP" ||
    (input.ProtocolVersion ?? "HTTP1") !== "HTTP1" ||
    (input.IpAddressType ?? "ipv4") !== "ipv4"
  )
    throw invalid(
      "The embedded cloud has target groups of HTTP, version HTTP1, on ipv4 only",
      "InvalidConfigurationRequest",
    );
  if (store.groups.size >= QUOTAS["target-groups"])
    throw new CloudError("TooManyTargetGroups", "The quota of target groups has been reached");
  if ([...store.groups.values()].some((group) => group.name === input.Name))
    throw new CloudError(
      "DuplicateTargetGroupName",
      `A target group with the same name '${input.Name}' exists, but with different settings`,
    );
}

function targetType(type: string | undefined): "instance" | "ip" {
  if (type === undefined || type === "instance") return "instance";
  if (type === "ip") return type;
  throw invalid(`The embedded cloud has no targets of type '${type}': instance, ip`, "InvalidConfigurationRequest");
}

function groupOut(store: Store, group: TargetGroup): sdk.TargetGroup {
  const { check } = group;
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: "HTTP",
    ProtocolVersion: "HTTP1",
    Port: group.port,
    ...(group.vpcId === undefined ? {} : { VpcId: group.vpcId }),
    HealthCheckProtocol: "HTTP",
    HealthCheckPort: check.port,
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    HealthCheckPath: check.path,
    Matcher: { HttpCode: check.matcher },
    LoadBalancerArns: [...usersOf(store, group.arn)],
    TargetType: group.targetType,
    IpAddressType: "ipv4",
  };
}

export function groupOperations(world: World, store: Store, targets: Targets) {
  return {
    CreateTargetGroup(input: sdk.CreateTargetGroupInput): sdk.CreateTargetGroupOutput {
      checkNew(store, input);
      const name = given(input.Name, "Name");
      const prefix = `arn:aws:elasticloadbalancing:${world.region}:${world.account}`;
      const group: TargetGroup = {
        arn: `${prefix}:targetgroup/${name}/${world.ids.hex(16)}`,
        name,
        port: inRange(given(input.Port, "Port"), "Port", 1, 65_535),
        ...(input.VpcId === undefined ? {} : { vpcId: input.VpcId }),
        targetType: targetType(input.TargetType),
        check: checkOf(input, CHECK_DEFAULT),
        attributes: new Map(Object.entries(GROUP_ATTRIBUTES)),
        targets: new Map(),
        turns: new Map(),
        inUse: false,
      };
      setTags(store, group.arn, input.Tags ?? []);
      store.groups.set(group.arn, group);
      return { TargetGroups: [groupOut(store, group)] };
    },

    ModifyTargetGroup(input: sdk.ModifyTargetGroupInput): sdk.ModifyTargetGroupOutput {
      refuseUnknown("ModifyTargetGroup", input, [...CHECK_MEMBERS, "TargetGroupArn"]);
      const group = groupOf(store, input.TargetGroupArn);
      group.check = checkOf(input, group.check);
      return { TargetGroups: [groupOut(store, group)] };
    },

    DescribeTargetGroups(input: sdk.DescribeTargetGroupsInput): sdk.DescribeTargetGroupsOutput {
      for (const arn of input.TargetGroupArns ?? []) groupOf(store, arn);
      const all = [...store.groups.values()];
      const missing = input.Names?.find((name) => !all.some((group) => group.name === name));
      if (missing !== undefined) throw new CloudError("TargetGroupNotFound", `Target groups '[${missing}]' not found`);
      const user = input.LoadBalancerArn;
      const chosen = all
        .filter((group) => input.TargetGroupArns?.includes(group.arn) ?? true)
        .filter((group) => input.Names?.includes(group.name) ?? true)
        .filter((group) => user === undefined || usersOf(store, group.arn).includes(user));
      const { items, ...more } = page(chosen, input);
      return { TargetGroups: items.map((group) => groupOut(store, group)), ...more };
    },

    DeleteTargetGroup(input: sdk.DeleteTargetGroupInput) {
      const group = store.groups.get(given(input.TargetGroupArn, "TargetGroupArn"));
      if (group === undefined) return {};
      if (usersOf(store, group.arn).length > 0)
        throw new CloudError(
          "ResourceInUse",
          `Target group '${group.arn}' is currently in use by a listener or a rule`,
        );
      targets.drop(group);
      store.groups.delete(group.arn);
      store.tags.delete(group.arn);
      return {};
    },

    DescribeTargetGroupAttributes(
      input: sdk.DescribeTargetGroupAttributesInput,
    ): sdk.DescribeTargetGroupAttributesOutput {
      return { Attributes: attributesOut(groupOf(store, input.TargetGroupArn).attributes) };
    },

    ModifyTargetGroupAttributes(input: sdk.ModifyTargetGroupAttributesInput): sdk.ModifyTargetGroupAttributesOutput {
      const { attributes } = groupOf(store, input.TargetGroupArn);
      setAttributes(attributes, GROUP_ATTRIBUTES, given(input.Attributes, "Attributes"));
      return { Attributes: attributesOut(attributes) };
    },
  };
}
