import type {
  CreateVpcRequest,
  DeleteVpcRequest,
  DescribeVpcAttributeRequest,
  DescribeVpcsRequest,
  ModifyVpcAttributeRequest,
  Vpc,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { cidrText, parseCidr } from "./cidr.ts";
import { createSecurityGroup } from "./security-group.ts";
import { newId, type Ec2State, type VpcRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

/** A VPC block is between /16 and /28 (VPC User Guide: VPC CIDR blocks). */
const PREFIX_MIN = 16;
const PREFIX_MAX = 28;

const view = (state: Ec2State, row: VpcRow): Vpc => ({
  VpcId: row.id,
  State: "available",
  CidrBlock: cidrText(row.cidr),
  CidrBlockAssociationSet: [
    {
      AssociationId: row.id.replace("vpc-", "vpc-cidr-assoc-"),
      CidrBlock: cidrText(row.cidr),
      CidrBlockState: { State: "associated" },
    },
  ],
  DhcpOptionsId: "default",
  InstanceTenancy: row.tenancy === "dedicated" ? "dedicated" : "default",
  IsDefault: false,
  OwnerId: state.world.account,
  Tags: row.tags,
});

/** With its VPC come the default security group and the main route table, as on EC2. */
function createVpc(state: Ec2State, input: CreateVpcRequest): { Vpc: Vpc } {
  const cidr = parseCidr(required(input.CidrBlock, "cidrBlock"));
  if (cidr.prefix < PREFIX_MIN || cidr.prefix > PREFIX_MAX) {
    throw new CloudError("InvalidVpc.Range", `The CIDR '${cidrText(cidr)}' is invalid.`);
  }
  const row = state.vpcs.put({
    id: newId(state, "vpc"),
    tags: tagsFor(input.TagSpecifications, "vpc"),
    cidr,
    tenancy: input.InstanceTenancy ?? "default",
    dnsSupport: true,
    dnsHostnames: false,
  });
  createSecurityGroup(state, { vpcId: row.id, name: "default", description: "default VPC security group", tags: [] });
  state.routeTables.put({
    id: newId(state, "rtb"),
    tags: [],
    vpcId: row.id,
    routes: [{ destination: cidrText(cidr), target: { GatewayId: "local" }, origin: "CreateRouteTable" }],
    associations: [{ id: newId(state, "rtbassoc"), main: true }],
  });
  return { Vpc: view(state, row) };
}

/** Refuses with DependencyViolation while anything but what came with the VPC is in it. */
function deleteVpc(state: Ec2State, input: DeleteVpcRequest): object {
  const { id } = state.vpcs.get(input.VpcId);
  const own = (row: { vpcId?: string | undefined }): boolean => row.vpcId === id;
  const groups = state.groups.all().filter(own);
  const tables = state.routeTables.all().filter(own);
  const holds =
    state.subnets.all().some(own) ||
    state.gateways.all().some(own) ||
    state.endpoints.all().some(own) ||
    groups.some((group) => group.name !== "default") ||
    tables.some((one) => !one.associations.some((association) => association.main));
  if (holds) {
    throw new CloudError("DependencyViolation", `The vpc '${id}' has dependencies and cannot be deleted.`);
  }
  for (const group of groups) {
    for (const rule of state.rules.all()) if (rule.groupId === group.id) state.rules.remove(rule.id);
    state.groups.remove(group.id);
  }
  for (const one of tables) state.routeTables.remove(one.id);
  state.vpcs.remove(id);
  return {};
}

function modifyVpcAttribute(state: Ec2State, input: ModifyVpcAttributeRequest): object {
  const row = state.vpcs.get(input.VpcId);
  const support = input.EnableDnsSupport?.Value ?? row.dnsSupport;
  const hostnames = input.EnableDnsHostnames?.Value ?? row.dnsHostnames;
  if (hostnames && !support) {
    throw new CloudError("InvalidParameterCombination", "DNS hostnames need DNS support in the VPC");
  }
  row.dnsSupport = support;
  row.dnsHostnames = hostnames;
  return {};
}

function describeVpcAttribute(state: Ec2State, input: DescribeVpcAttributeRequest): object {
  const row = state.vpcs.get(input.VpcId);
  return {
    VpcId: row.id,
    ...(input.Attribute === "enableDnsSupport" && { EnableDnsSupport: { Value: row.dnsSupport } }),
    ...(input.Attribute === "enableDnsHostnames" && { EnableDnsHostnames: { Value: row.dnsHostnames } }),
  };
}

function describeVpcs(state: Ec2State, input: DescribeVpcsRequest): object {
  const found = state.vpcs.select(input.VpcIds, input.Filters, {
    "vpc-id": (row) => row.id,
    cidr: (row) => cidrText(row.cidr),
    "cidr-block-association.cidr-block": (row) => cidrText(row.cidr),
    state: () => "available",
    "is-default": () => false,
    isDefault: () => false,
    "owner-id": () => state.world.account,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { Vpcs: rows.map((row) => view(state, row)), ...rest };
}

export const vpcOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateVpc: (input: CreateVpcRequest) => createVpc(state, input),
  DeleteVpc: (input: DeleteVpcRequest) => deleteVpc(state, input),
  ModifyVpcAttribute: (input: ModifyVpcAttributeRequest) => modifyVpcAttribute(state, input),
  DescribeVpcAttribute: (input: DescribeVpcAttributeRequest) => describeVpcAttribute(state, input),
  DescribeVpcs: (input: DescribeVpcsRequest) => describeVpcs(state, input),
});
