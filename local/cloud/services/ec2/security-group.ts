import type {
  AuthorizeSecurityGroupIngressRequest,
  CreateSecurityGroupRequest,
  DeleteSecurityGroupRequest,
  DescribeSecurityGroupRulesRequest,
  DescribeSecurityGroupsRequest,
  IpPermission,
  RevokeSecurityGroupIngressRequest,
  SecurityGroup,
  SecurityGroupRule,
  Tag,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { cidrText, parseCidr } from "./cidr.ts";
import { arnOf, newId, type Ec2State, type RuleRow, type SecurityGroupRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

/** Rules of one group in one direction: EC2's default quota. */
const RULES_MAX = 60;

type RuleWish = Pick<RuleRow, "protocol" | "from" | "to" | "source" | "description">;

/** Creates a group with the egress rule that EC2 gives it; the default group also lets its own members in. */
export function createSecurityGroup(
  state: Ec2State,
  wish: { vpcId: string; name: string; description: string; tags: Tag[] },
): SecurityGroupRow {
  if (state.groups.all().some((group) => group.vpcId === wish.vpcId && group.name === wish.name)) {
    throw new CloudError(
      "InvalidGroup.Duplicate",
      `The security group '${wish.name}' already exists for VPC '${wish.vpcId}'`,
    );
  }
  const row = state.groups.put({ id: newId(state, "sg"), ...wish });
  const all = { protocol: "-1", from: undefined, to: undefined, description: undefined };
  addRule(state, row.id, true, { ...all, source: { cidr: "0.0.0.0/0" } });
  if (wish.name === "default") addRule(state, row.id, false, { ...all, source: { groupId: row.id } });
  return row;
}

const addRule = (state: Ec2State, groupId: string, egress: boolean, wish: RuleWish, tags: Tag[] = []): RuleRow =>
  state.rules.put({ id: newId(state, "sgr"), tags, groupId, egress, ...wish });

const protocolName = (protocol: string | undefined): string =>
  ({ "6": "tcp", "17": "udp", "1": "icmp" })[protocol ?? "-1"] ?? protocol ?? "-1";

function wishesOf(state: Ec2State, permissions: readonly IpPermission[]): RuleWish[] {
  return permissions.flatMap((one) => {
    const protocol = protocolName(one.IpProtocol);
    const ports = protocol === "-1" ? { from: undefined, to: undefined } : { from: one.FromPort, to: one.ToPort };
    if (protocol === "tcp" || protocol === "udp") refuseBadPorts(ports.from, ports.to);
    const rule = (source: RuleRow["source"], description: string | undefined): RuleWish => ({
      protocol,
      ...ports,
      source,
      description,
    });
    return [
      ...(one.IpRanges ?? []).map((range) =>
        rule({ cidr: cidrText(parseCidr(required(range.CidrIp, "cidrIp"), "cidrIp")) }, range.Description),
      ),
      ...(one.Ipv6Ranges ?? []).map((range) => rule({ cidr6: range.CidrIpv6 ?? "" }, range.Description)),
      ...(one.UserIdGroupPairs ?? []).map((pair) =>
        rule({ groupId: state.groups.get(pair.GroupId).id }, pair.Description),
      ),
      ...(one.PrefixListIds ?? []).map((list) => rule({ prefixListId: list.PrefixListId ?? "" }, list.Description)),
    ];
  });
}

function refuseBadPorts(from: number | undefined, to: number | undefined): void {
  if (from === undefined || to === undefined || from > to || from < 0 || to > 65_535) {
    throw new CloudError("InvalidParameterValue", `Invalid value for portRange: ${from ?? ""}-${to ?? ""}`);
  }
}

/** The old form of a request names one rule by members of its own. */
function permissionsOf(input: AuthorizeSecurityGroupIngressRequest): IpPermission[] {
  if (input.IpPermissions !== undefined && input.IpPermissions.length > 0) return input.IpPermissions;
  if (input.IpProtocol === undefined)
    throw new CloudError("MissingParameter", "Either IpPermissions or IpProtocol is needed");
  return [
    {
      IpProtocol: input.IpProtocol,
      FromPort: input.FromPort,
      ToPort: input.ToPort,
      IpRanges: input.CidrIp === undefined ? [] : [{ CidrIp: input.CidrIp }],
    },
  ];
}

function groupOf(
  state: Ec2State,
  input: { GroupId?: string | undefined; GroupName?: string | undefined },
): SecurityGroupRow {
  if (input.GroupId !== undefined) return state.groups.get(input.GroupId);
  const found = state.groups.all().find((group) => group.name === input.GroupName);
  if (found === undefined)
    throw new CloudError("InvalidGroup.NotFound", `The security group '${input.GroupName ?? ""}' does not exist`);
  return found;
}

const same = (rule: RuleRow, wish: RuleWish): boolean =>
  rule.protocol === wish.protocol &&
  rule.from === wish.from &&
  rule.to === wish.to &&
  JSON.stringify(rule.source) === JSON.stringify(wish.source);

const rulesOf = (state: Ec2State, groupId: string, egress: boolean): RuleRow[] =>
  state.rules.all().filter((rule) => rule.groupId === groupId && rule.egress === egress);

function authorize(state: Ec2State, egress: boolean, input: AuthorizeSecurityGroupIngressRequest): object {
  const group = groupOf(state, input);
  const wishes = wishesOf(state, permissionsOf(input));
  const existing = rulesOf(state, group.id, egress);
  const twice = wishes.find((wish) => existing.some((rule) => same(rule, wish)));
  if (twice !== undefined) {
    throw new CloudError(
      "InvalidPermission.Duplicate",
      `the specified rule "peer: ${Object.values(twice.source).join()}, ${twice.protocol}, from port: ${twice.from ?? "all"}, to port: ${twice.to ?? "all"}, ALLOW" already exists`,
    );
  }
  if (existing.length + wishes.length > RULES_MAX) {
    throw new CloudError(
      "RulesPerSecurityGroupLimitExceeded",
      "The maximum number of rules per security group has been reached.",
    );
  }
  const tags = tagsFor(input.TagSpecifications, "security-group-rule");
  const added = wishes.map((wish) => addRule(state, group.id, egress, wish, tags));
  return { Return: true, SecurityGroupRules: added.map((rule) => ruleView(state, rule)) };
}

function revoke(
  state: Ec2State,
  egress: boolean,
  input: RevokeSecurityGroupIngressRequest & { SecurityGroupRuleIds?: string[] | undefined },
): object {
  const group = groupOf(state, input);
  const existing = rulesOf(state, group.id, egress);
  const ids = input.SecurityGroupRuleIds ?? [];
  const doomed =
    ids.length > 0
      ? ids.map((id) => existing.find((rule) => rule.id === id))
      : wishesOf(state, permissionsOf(input)).map((wish) => existing.find((rule) => same(rule, wish)));
  if (doomed.includes(undefined)) {
    throw new CloudError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
  }
  for (const rule of doomed) if (rule !== undefined) state.rules.remove(rule.id);
  return { Return: true };
}

function sourceView(state: Ec2State, rule: RuleRow): Partial<SecurityGroupRule> {
  const { source } = rule;
  if ("cidr" in source) return { CidrIpv4: source.cidr };
  if ("cidr6" in source) return { CidrIpv6: source.cidr6 };
  if ("prefixListId" in source) return { PrefixListId: source.prefixListId };
  return { ReferencedGroupInfo: { GroupId: source.groupId, UserId: state.world.account } };
}

const ruleView = (state: Ec2State, rule: RuleRow): SecurityGroupRule => ({
  SecurityGroupRuleId: rule.id,
  SecurityGroupRuleArn: arnOf(state.world, "security-group-rule", rule.id),
  GroupId: rule.groupId,
  GroupOwnerId: state.world.account,
  IsEgress: rule.egress,
  IpProtocol: rule.protocol,
  FromPort: rule.from ?? -1,
  ToPort: rule.to ?? -1,
  Description: rule.description,
  Tags: rule.tags,
  ...sourceView(state, rule),
});

/** Rules of the same protocol and ports are one permission with several sources. */
function permissionViews(state: Ec2State, rules: readonly RuleRow[]): IpPermission[] {
  const byPorts = Map.groupBy(rules, (rule) => `${rule.protocol} ${rule.from ?? ""} ${rule.to ?? ""}`);
  return [...byPorts.values()].map((alike) => ({
    IpProtocol: alike[0]?.protocol,
    FromPort: alike[0]?.from,
    ToPort: alike[0]?.to,
    IpRanges: alike.flatMap(({ source, description }) =>
      "cidr" in source ? [{ CidrIp: source.cidr, Description: description }] : [],
    ),
    Ipv6Ranges: alike.flatMap(({ source, description }) =>
      "cidr6" in source ? [{ CidrIpv6: source.cidr6, Description: description }] : [],
    ),
    UserIdGroupPairs: alike.flatMap(({ source, description }) =>
      "groupId" in source ? [{ GroupId: source.groupId, UserId: state.world.account, Description: description }] : [],
    ),
    PrefixListIds: alike.flatMap(({ source, description }) =>
      "prefixListId" in source ? [{ PrefixListId: source.prefixListId, Description: description }] : [],
    ),
  }));
}

const view = (state: Ec2State, row: SecurityGroupRow): SecurityGroup => ({
  GroupId: row.id,
  GroupName: row.name,
  Description: row.description,
  VpcId: row.vpcId,
  OwnerId: state.world.account,
  SecurityGroupArn: arnOf(state.world, "security-group", row.id),
  IpPermissions: permissionViews(state, rulesOf(state, row.id, false)),
  IpPermissionsEgress: permissionViews(state, rulesOf(state, row.id, true)),
  Tags: row.tags,
});

function create(state: Ec2State, input: CreateSecurityGroupRequest): object {
  const row = createSecurityGroup(state, {
    vpcId: state.vpcs.get(required(input.VpcId, "vpcId")).id,
    name: required(input.GroupName, "groupName"),
    description: required(input.Description, "groupDescription"),
    tags: tagsFor(input.TagSpecifications, "security-group"),
  });
  return { GroupId: row.id, SecurityGroupArn: arnOf(state.world, "security-group", row.id), Tags: row.tags };
}

function remove(state: Ec2State, input: DeleteSecurityGroupRequest): object {
  const row = groupOf(state, input);
  if (row.name === "default") {
    throw new CloudError(
      "CannotDelete",
      `the specified group: "${row.id}" name: "default" cannot be deleted by a user`,
    );
  }
  const used =
    state.interfaces.all().some((one) => one.groups.includes(row.id)) ||
    state.endpoints.all().some((one) => one.groupIds.includes(row.id)) ||
    state.rules
      .all()
      .some((rule) => rule.groupId !== row.id && "groupId" in rule.source && rule.source.groupId === row.id);
  if (used) throw new CloudError("DependencyViolation", `resource ${row.id} has a dependent object`);
  for (const rule of state.rules.all()) if (rule.groupId === row.id) state.rules.remove(rule.id);
  state.groups.remove(row.id);
  return { Return: true, GroupId: row.id };
}

function describeGroups(state: Ec2State, input: DescribeSecurityGroupsRequest): object {
  const found = state.groups
    .select(input.GroupIds, input.Filters, {
      "group-id": (row) => row.id,
      "group-name": (row) => row.name,
      "vpc-id": (row) => row.vpcId,
      description: (row) => row.description,
      "owner-id": () => state.world.account,
    })
    .filter((row) => !input.GroupNames?.length || input.GroupNames.includes(row.name));
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { SecurityGroups: rows.map((row) => view(state, row)), ...rest };
}

function describeRules(state: Ec2State, input: DescribeSecurityGroupRulesRequest): object {
  const found = state.rules.select(input.SecurityGroupRuleIds, input.Filters, {
    "group-id": (row) => row.groupId,
    "security-group-rule-id": (row) => row.id,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { SecurityGroupRules: rows.map((row) => ruleView(state, row)), ...rest };
}

/** `changed` is told after each change of ingress rules: it opens and closes ports of running machines. */
export function securityGroupOperations(
  state: Ec2State,
  changed: (groupId: string) => Promise<void>,
): Record<string, Operation> {
  const ingress =
    <I extends { GroupId?: string | undefined; GroupName?: string | undefined }>(act: (input: I) => object) =>
    async (input: I): Promise<object> => {
      const output = act(input);
      await changed(groupOf(state, input).id);
      return output;
    };
  return {
    CreateSecurityGroup: (input: CreateSecurityGroupRequest) => create(state, input),
    DeleteSecurityGroup: (input: DeleteSecurityGroupRequest) => remove(state, input),
    DescribeSecurityGroups: (input: DescribeSecurityGroupsRequest) => describeGroups(state, input),
    DescribeSecurityGroupRules: (input: DescribeSecurityGroupRulesRequest) => describeRules(state, input),
    AuthorizeSecurityGroupIngress: ingress((input: AuthorizeSecurityGroupIngressRequest) =>
      authorize(state, false, input),
    ),
    RevokeSecurityGroupIngress: ingress((input: RevokeSecurityGroupIngressRequest) => revoke(state, false, input)),
    AuthorizeSecurityGroupEgress: (input: AuthorizeSecurityGroupIngressRequest) => authorize(state, true, input),
    RevokeSecurityGroupEgress: (input: RevokeSecurityGroupIngressRequest) => revoke(state, true, input),
  };
}

/** More open ports than this are not a service of ours but an "allow all" rule: relays would be meaningless. */
const OPEN_PORTS_MAX = 32;

/** TCP ports that the groups' ingress rules name, each once. Rules over more than 32 ports are left out and noted. */
export function openPortsOf(state: Ec2State, groupIds: readonly string[]): number[] {
  const ports = new Set<number>();
  for (const rule of state.rules.all()) {
    if (rule.egress || rule.protocol !== "tcp" || !groupIds.includes(rule.groupId)) continue;
    const { from = 0, to = 0 } = rule;
    if (to - from >= OPEN_PORTS_MAX) {
      state.world.note(`security group rule ${rule.id} opens ports ${from}-${to}: a sandbox relays only single ports`);
      continue;
    }
    for (let port = from; port <= to; port++) ports.add(port);
  }
  return [...ports].toSorted((a, b) => a - b);
}
