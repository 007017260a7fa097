import { textOf } from "../engine/json.ts";
import type { JsonObject } from "../engine/json.ts";
import { tagged, retagEc2 } from "./ec2-tags.ts";
import { documentText, gone, isNotThere, pick, requiredText, strings, textAt, valueAt } from "./read.ts";
import type { Created, Existing, ResourceContext, ResourceType } from "./resource.ts";

/** Until a gateway or an endpoint works, or is gone. */
const WAIT_MS = 300_000;

/** What most things of a VPC have in common: created in one call, changed by their tags only, deleted by id. */
interface Plain {
  readonly type: string;
  /** The name of the id's member, e.g. `SubnetId`, and of the type in a tag specification, e.g. `subnet`. */
  readonly id: string;
  readonly kind: string;
  readonly noun: string;
  readonly properties: readonly string[];
  readonly required?: readonly string[];
}

const plain = ({ type, id, kind, noun, properties, required = [] }: Plain): ResourceType => ({
  type,
  replacing: properties,
  updatable: ["Tags"],
  required,
  tags: "list",
  attributes: [id],
  async create(ctx, given) {
    const answer = await ctx.call("ec2", `Create${noun}`, {
      ...pick(given, properties),
      ...tagged(kind, given["Tags"]),
    });
    const physicalId = textAt(answer, noun, id);
    return { physicalId, attributes: { [id]: physicalId } };
  },
  async update(ctx, { physicalId, properties: before, attributes }, next) {
    await retagEc2(ctx, physicalId, before["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", `Delete${noun}`, { [id]: physicalId })),
});

async function setDns(
  ctx: ResourceContext,
  VpcId: string,
  properties: JsonObject,
  names: readonly string[],
): Promise<void> {
  for (const name of ["EnableDnsSupport", "EnableDnsHostnames"].filter((one) => names.includes(one)))
    await ctx.call("ec2", "ModifyVpcAttribute", {
      VpcId,
      [name]: { Value: properties[name] ?? name === "EnableDnsSupport" },
    });
}

const vpc: ResourceType = {
  type: "AWS::EC2::VPC",
  replacing: ["CidrBlock", "InstanceTenancy"],
  updatable: ["EnableDnsSupport", "EnableDnsHostnames", "Tags"],
  required: ["CidrBlock"],
  tags: "list",
  attributes: ["VpcId", "CidrBlock", "DefaultSecurityGroup"],
  async create(ctx, properties) {
    const answer = await ctx.call("ec2", "CreateVpc", {
      ...pick(properties, ["CidrBlock", "InstanceTenancy"]),
      ...tagged("vpc", properties["Tags"]),
    });
    const VpcId = textAt(answer, "Vpc", "VpcId");
    ctx.identify(VpcId);
    await setDns(ctx, VpcId, properties, Object.keys(properties));
    const groups = await ctx.call("ec2", "DescribeSecurityGroups", {
      Filters: [
        { Name: "vpc-id", Values: [VpcId] },
        { Name: "group-name", Values: ["default"] },
      ],
    });
    const DefaultSecurityGroup = textAt(groups, "SecurityGroups", 0, "GroupId");
    return {
      physicalId: VpcId,
      attributes: { VpcId, CidrBlock: requiredText(properties, "CidrBlock"), DefaultSecurityGroup },
    };
  },
  async update(ctx, { physicalId, properties, attributes }, next, changed) {
    await setDns(ctx, physicalId, next, changed);
    await retagEc2(ctx, physicalId, properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", "DeleteVpc", { VpcId: physicalId })),
};

const setPublic = (ctx: ResourceContext, SubnetId: string, properties: JsonObject): Promise<unknown> =>
  ctx.call("ec2", "ModifySubnetAttribute", {
    SubnetId,
    MapPublicIpOnLaunch: { Value: properties["MapPublicIpOnLaunch"] ?? false },
  });

const subnet: ResourceType = {
  type: "AWS::EC2::Subnet",
  replacing: ["VpcId", "CidrBlock", "AvailabilityZone"],
  updatable: ["MapPublicIpOnLaunch", "Tags"],
  required: ["VpcId", "CidrBlock"],
  tags: "list",
  attributes: ["SubnetId", "AvailabilityZone", "VpcId", "CidrBlock"],
  async create(ctx, properties) {
    const given = pick(properties, ["VpcId", "CidrBlock", "AvailabilityZone"]);
    const answer = await ctx.call("ec2", "CreateSubnet", { ...given, ...tagged("subnet", properties["Tags"]) });
    const SubnetId = textAt(answer, "Subnet", "SubnetId");
    ctx.identify(SubnetId);
    if (properties["MapPublicIpOnLaunch"] !== undefined) await setPublic(ctx, SubnetId, properties);
    return {
      physicalId: SubnetId,
      attributes: { ...given, SubnetId, AvailabilityZone: textAt(answer, "Subnet", "AvailabilityZone") },
    };
  },
  async update(ctx, { physicalId, properties, attributes }, next, changed) {
    if (changed.includes("MapPublicIpOnLaunch")) await setPublic(ctx, physicalId, next);
    await retagEc2(ctx, physicalId, properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", "DeleteSubnet", { SubnetId: physicalId })),
};

const attachment: ResourceType = {
  type: "AWS::EC2::VPCGatewayAttachment",
  replacing: ["VpcId", "InternetGatewayId"],
  updatable: [],
  required: ["VpcId", "InternetGatewayId"],
  attributes: ["AttachmentType"],
  async create(ctx, properties) {
    await ctx.call("ec2", "AttachInternetGateway", properties);
    return { physicalId: `IGW|${requiredText(properties, "VpcId")}`, attributes: { AttachmentType: "IGW" } };
  },
  remove: (ctx, { properties }) => gone(ctx.call("ec2", "DetachInternetGateway", { ...properties })),
};

const ROUTE_TO = [
  "GatewayId",
  "NatGatewayId",
  "NetworkInterfaceId",
  "InstanceId",
  "VpcEndpointId",
  "TransitGatewayId",
  "VpcPeeringConnectionId",
];
const ROUTE_OF = ["RouteTableId", "DestinationCidrBlock"];

const route: ResourceType = {
  type: "AWS::EC2::Route",
  replacing: ROUTE_OF,
  updatable: ROUTE_TO,
  required: ROUTE_OF,
  attributes: ["CidrBlock"],
  async create(ctx, properties) {
    await ctx.call("ec2", "CreateRoute", properties);
    const CidrBlock = requiredText(properties, "DestinationCidrBlock");
    return { physicalId: `${requiredText(properties, "RouteTableId")}|${CidrBlock}`, attributes: { CidrBlock } };
  },
  async update(ctx, { attributes }, next) {
    await ctx.call("ec2", "ReplaceRoute", next);
    return attributes;
  },
  remove: (ctx, { properties }) => gone(ctx.call("ec2", "DeleteRoute", pick(properties, ROUTE_OF))),
};

const association: ResourceType = {
  type: "AWS::EC2::SubnetRouteTableAssociation",
  replacing: ["SubnetId", "RouteTableId"],
  updatable: [],
  required: ["SubnetId", "RouteTableId"],
  attributes: ["Id"],
  async create(ctx, properties) {
    const Id = textAt(await ctx.call("ec2", "AssociateRouteTable", properties), "AssociationId");
    return { physicalId: Id, attributes: { Id } };
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", "DisassociateRouteTable", { AssociationId: physicalId })),
};

const eip: ResourceType = {
  type: "AWS::EC2::EIP",
  replacing: ["Domain", "InstanceId", "NetworkBorderGroup", "PublicIpv4Pool"],
  updatable: ["Tags"],
  tags: "list",
  attributes: ["AllocationId", "PublicIp"],
  async create(ctx, properties) {
    if (properties["InstanceId"] !== undefined)
      throw new Error("InstanceId of AWS::EC2::EIP is not known to this cloud");
    const answer = await ctx.call("ec2", "AllocateAddress", {
      ...pick(properties, ["Domain", "NetworkBorderGroup", "PublicIpv4Pool"]),
      ...tagged("elastic-ip", properties["Tags"]),
    });
    const PublicIp = textAt(answer, "PublicIp");
    return { physicalId: PublicIp, attributes: { PublicIp, AllocationId: textAt(answer, "AllocationId") } };
  },
  async update(ctx, { properties, attributes }, next) {
    await retagEc2(ctx, textOf(attributes["AllocationId"]), properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { attributes }) =>
    gone(ctx.call("ec2", "ReleaseAddress", { AllocationId: attributes["AllocationId"] })),
};

const natState = async (ctx: ResourceContext, id: string): Promise<unknown> =>
  valueAt(await ctx.call("ec2", "DescribeNatGateways", { NatGatewayIds: [id] }), "NatGateways", 0, "State");

const natGateway: ResourceType = {
  type: "AWS::EC2::NatGateway",
  replacing: ["SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress"],
  updatable: ["Tags"],
  required: ["SubnetId"],
  tags: "list",
  attributes: ["NatGatewayId"],
  async create(ctx, properties): Promise<Created> {
    const { Tags, ...given } = properties;
    const answer = await ctx.call("ec2", "CreateNatGateway", { ...given, ...tagged("natgateway", Tags) });
    const NatGatewayId = textAt(answer, "NatGateway", "NatGatewayId");
    ctx.identify(NatGatewayId);
    await ctx.until(
      `NAT gateway ${NatGatewayId}`,
      WAIT_MS,
      async () => (await natState(ctx, NatGatewayId)) === "available",
    );
    return { physicalId: NatGatewayId, attributes: { NatGatewayId } };
  },
  async update(ctx, { physicalId, properties, attributes }, next) {
    await retagEc2(ctx, physicalId, properties["Tags"], next["Tags"]);
    return attributes;
  },
  async remove(ctx, { physicalId }) {
    await gone(deleteNat(ctx, physicalId));
  },
};

async function deleteNat(ctx: ResourceContext, NatGatewayId: string): Promise<void> {
  await ctx.call("ec2", "DeleteNatGateway", { NatGatewayId });
  await ctx.until(`deletion of NAT gateway ${NatGatewayId}`, WAIT_MS, async () => {
    const state = await natState(ctx, NatGatewayId);
    return state === undefined || state === "deleted";
  });
}

const ENDPOINT_FIXED = ["VpcId", "ServiceName", "VpcEndpointType"];
const ENDPOINT_LISTS = ["RouteTableIds", "SubnetIds", "SecurityGroupIds"];

const vpcEndpoint: ResourceType = {
  type: "AWS::EC2::VPCEndpoint",
  replacing: ENDPOINT_FIXED,
  updatable: [...ENDPOINT_LISTS, "PolicyDocument", "PrivateDnsEnabled", "Tags"],
  required: ["VpcId", "ServiceName"],
  tags: "list",
  attributes: ["Id"],
  async create(ctx, properties) {
    const { Tags, PolicyDocument, ...given } = properties;
    const answer = await ctx.call("ec2", "CreateVpcEndpoint", {
      ...given,
      PolicyDocument: documentText(PolicyDocument),
      ...tagged("vpc-endpoint", Tags),
    });
    const Id = textAt(answer, "VpcEndpoint", "VpcEndpointId");
    ctx.identify(Id);
    await ctx.until(`VPC endpoint ${Id}`, WAIT_MS, async () => (await endpointState(ctx, Id)) === "available");
    return { physicalId: Id, attributes: { Id } };
  },
  async update(ctx, existing, next, changed) {
    if (changed.some((name) => name !== "Tags"))
      await ctx.call("ec2", "ModifyVpcEndpoint", endpointChange(existing, next));
    await retagEc2(ctx, existing.physicalId, existing.properties["Tags"], next["Tags"]);
    return existing.attributes;
  },
  async remove(ctx, { physicalId }) {
    await gone(ctx.call("ec2", "DeleteVpcEndpoints", { VpcEndpointIds: [physicalId] }));
    await ctx.until(`deletion of VPC endpoint ${physicalId}`, WAIT_MS, async () => {
      const state = await endpointState(ctx, physicalId);
      return state === undefined || state === "deleted";
    });
  },
};

/** The API writes the state in lower case, its own waiters and older answers with a capital. */
async function endpointState(ctx: ResourceContext, id: string): Promise<string | undefined> {
  try {
    const answer = await ctx.call("ec2", "DescribeVpcEndpoints", { VpcEndpointIds: [id] });
    const state = valueAt(answer, "VpcEndpoints", 0, "State");
    return typeof state === "string" ? state.toLowerCase() : undefined;
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function endpointChange({ physicalId, properties }: Existing, next: JsonObject): Record<string, unknown> {
  const lists = ENDPOINT_LISTS.flatMap((name): [string, string[]][] => {
    const [before, after] = [strings(properties[name]), strings(next[name])];
    return [
      [`Add${name}`, after.filter((id) => !before.includes(id))],
      [`Remove${name}`, before.filter((id) => !after.includes(id))],
    ];
  });
  const PolicyDocument = documentText(next["PolicyDocument"]);
  return {
    VpcEndpointId: physicalId,
    ...Object.fromEntries(lists.filter(([, ids]) => ids.length > 0)),
    ...(PolicyDocument === undefined
      ? { ResetPolicy: properties["PolicyDocument"] !== undefined }
      : { PolicyDocument }),
    ...pick(next, ["PrivateDnsEnabled"]),
  };
}

export const ec2NetworkTypes: readonly ResourceType[] = [
  vpc,
  subnet,
  plain({
    type: "AWS::EC2::InternetGateway",
    id: "InternetGatewayId",
    kind: "internet-gateway",
    noun: "InternetGateway",
    properties: [],
  }),
  plain({
    type: "AWS::EC2::RouteTable",
    id: "RouteTableId",
    kind: "route-table",
    noun: "RouteTable",
    properties: ["VpcId"],
    required: ["VpcId"],
  }),
  attachment,
  route,
  association,
  eip,
  natGateway,
  vpcEndpoint,
];
