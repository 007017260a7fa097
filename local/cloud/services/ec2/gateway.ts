import type {
  AllocateAddressRequest,
  AttachInternetGatewayRequest,
  CreateInternetGatewayRequest,
  CreateNatGatewayRequest,
  DeleteInternetGatewayRequest,
  DeleteNatGatewayRequest,
  DescribeAddressesRequest,
  DescribeInternetGatewaysRequest,
  DescribeNatGatewaysRequest,
  DetachInternetGatewayRequest,
  InternetGateway,
  NatGateway,
  ReleaseAddressRequest,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { newId, type AddressRow, type Ec2State, type GatewayRow, type NatGatewayRow } from "./state.ts";
import { allocateAddress } from "./subnet.ts";
import { page, required, tagsFor } from "./table.ts";

/** EC2 needs a minute or two; callers wait for `available` either way. */
const NAT_PENDING_MS = 100;
const NAT_DELETING_MS = 100;

const gatewayView = (state: Ec2State, row: GatewayRow): InternetGateway => ({
  InternetGatewayId: row.id,
  OwnerId: state.world.account,
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- EC2 answers "available", the SDK's enumeration says "attached"
  Attachments: row.vpcId === undefined ? [] : [{ State: "available" as "attached", VpcId: row.vpcId }],
  Tags: row.tags,
});

function attach(state: Ec2State, input: AttachInternetGatewayRequest): object {
  const row = state.gateways.get(required(input.InternetGatewayId, "internetGatewayId"));
  const vpc = state.vpcs.get(required(input.VpcId, "vpcId"));
  if (row.vpcId !== undefined) {
    throw new CloudError(
      "Resource.AlreadyAssociated",
      `resource ${row.id} is already attached to network ${row.vpcId}`,
    );
  }
  if (state.gateways.all().some((other) => other.vpcId === vpc.id)) {
    throw new CloudError("InvalidParameterValue", `Network ${vpc.id} already has an internet gateway attached`);
  }
  row.vpcId = vpc.id;
  return {};
}

function detach(state: Ec2State, input: DetachInternetGatewayRequest): object {
  const row = state.gateways.get(required(input.InternetGatewayId, "internetGatewayId"));
  if (row.vpcId === undefined || row.vpcId !== input.VpcId) {
    throw new CloudError("Gateway.NotAttached", `resource ${row.id} is not attached to network ${input.VpcId ?? ""}`);
  }
  const mapped = state.nats
    .all()
    .some((nat) => nat.state !== "deleted" && state.subnets.find(nat.subnetId)?.vpcId === row.vpcId);
  if (mapped) {
    throw new CloudError(
      "DependencyViolation",
      `Network ${row.vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    );
  }
  row.vpcId = undefined;
  return {};
}

function deleteGateway(state: Ec2State, input: DeleteInternetGatewayRequest): object {
  const row = state.gateways.get(input.InternetGatewayId);
  if (row.vpcId !== undefined) {
    throw new CloudError(
      "DependencyViolation",
      `The internetGateway '${row.id}' has dependencies and cannot be deleted.`,
    );
  }
  state.gateways.remove(row.id);
  return {};
}

function describeGateways(state: Ec2State, input: DescribeInternetGatewaysRequest): object {
  const found = state.gateways.select(input.InternetGatewayIds, input.Filters, {
    "internet-gateway-id": (row) => row.id,
    "attachment.vpc-id": (row) => row.vpcId,
    "attachment.state": (row) => (row.vpcId === undefined ? undefined : "available"),
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { InternetGateways: rows.map((row) => gatewayView(state, row)), ...rest };
}

/** Addresses of TEST-NET-3 (RFC 5737): nothing on the internet ever has one. */
function allocateElasticIp(state: Ec2State, input: AllocateAddressRequest): object {
  const used = new Set(state.addresses.all().map((row) => row.publicIp));
  const publicIp = Array.from({ length: 254 }, (_, last) => `203.0.113.${last + 1}`).find((one) => !used.has(one));
  if (publicIp === undefined) {
    throw new CloudError("AddressLimitExceeded", "The maximum number of addresses has been reached.");
  }
  const tags = tagsFor(input.TagSpecifications, "elastic-ip");
  const row = state.addresses.put({ id: newId(state, "eipalloc"), tags, publicIp, usedBy: undefined });
  return { PublicIp: publicIp, AllocationId: row.id, Domain: "vpc", NetworkBorderGroup: state.world.region };
}

function release(state: Ec2State, input: ReleaseAddressRequest): object {
  const byIp = state.addresses.all().find((one) => one.publicIp === input.PublicIp);
  const row: AddressRow = state.addresses.get(input.AllocationId ?? byIp?.id);
  if (row.usedBy !== undefined) {
    throw new CloudError("InvalidIPAddress.InUse", `Address ${row.publicIp} is in use by ${row.usedBy}.`);
  }
  state.addresses.remove(row.id);
  return {};
}

function describeAddresses(state: Ec2State, input: DescribeAddressesRequest): object {
  const rows = state.addresses
    .select(input.AllocationIds, input.Filters, {
      "allocation-id": (row) => row.id,
      "public-ip": (row) => row.publicIp,
      domain: () => "vpc",
    })
    .filter((row) => !input.PublicIps?.length || input.PublicIps.includes(row.publicIp));
  return {
    Addresses: rows.map((row) => ({
      AllocationId: row.id,
      PublicIp: row.publicIp,
      Domain: "vpc",
      NetworkBorderGroup: state.world.region,
      ...(row.usedBy !== undefined && { AssociationId: row.id.replace("eipalloc-", "eipassoc-") }),
      Tags: row.tags,
    })),
  };
}

const natView = (state: Ec2State, row: NatGatewayRow): NatGateway => ({
  NatGatewayId: row.id,
  SubnetId: row.subnetId,
  VpcId: state.subnets.find(row.subnetId)?.vpcId,
  State: row.state,
  ConnectivityType: row.allocationId === undefined ? "private" : "public",
  CreateTime: new Date(row.createdAt),
  ...(row.deletedAt !== undefined && { DeleteTime: new Date(row.deletedAt) }),
  NatGatewayAddresses: [
    {
      AllocationId: row.allocationId,
      PrivateIp: row.privateIp,
      PublicIp: state.addresses.find(row.allocationId)?.publicIp,
      IsPrimary: true,
      Status: "succeeded",
    },
  ],
  Tags: row.tags,
});

function createNat(state: Ec2State, input: CreateNatGatewayRequest): object {
  const subnet = state.subnets.get(required(input.SubnetId, "subnetId"));
  const isPublic = input.ConnectivityType !== "private";
  const address = isPublic ? state.addresses.get(required(input.AllocationId, "allocationId")) : undefined;
  if (address?.usedBy !== undefined) {
    throw new CloudError("Resource.AlreadyAssociated", `Elastic IP address [${address.id}] is already associated`);
  }
  if (isPublic && !state.gateways.all().some((gateway) => gateway.vpcId === subnet.vpcId)) {
    throw new CloudError("Gateway.NotAttached", `Network ${subnet.vpcId} has no Internet gateway attached`);
  }
  const row: NatGatewayRow = state.nats.put({
    id: newId(state, "nat"),
    tags: tagsFor(input.TagSpecifications, "natgateway"),
    subnetId: subnet.id,
    allocationId: address?.id,
    privateIp: allocateAddress(state, subnet, input.PrivateIpAddress),
    createdAt: state.world.clock.now(),
    state: "pending",
    deletedAt: undefined,
  });
  if (address !== undefined) address.usedBy = row.id;
  state.world.clock.after(NAT_PENDING_MS, () => {
    if (row.state === "pending") row.state = "available";
  });
  return { NatGateway: natView(state, row), ClientToken: input.ClientToken };
}

/** A deleted NAT gateway stays visible for about an hour on EC2; here until the world ends. */
function deleteNat(state: Ec2State, input: DeleteNatGatewayRequest): object {
  const row = state.nats.get(input.NatGatewayId);
  if (row.state === "pending" || row.state === "available") {
    row.state = "deleting";
    state.world.clock.after(NAT_DELETING_MS, () => {
      row.state = "deleted";
      row.deletedAt = state.world.clock.now();
      const address = state.addresses.find(row.allocationId);
      if (address !== undefined) address.usedBy = undefined;
    });
  }
  return { NatGatewayId: row.id };
}

function describeNats(state: Ec2State, input: DescribeNatGatewaysRequest): object {
  const found = state.nats.select(input.NatGatewayIds, input.Filter, {
    "nat-gateway-id": (row) => row.id,
    "subnet-id": (row) => row.subnetId,
    "vpc-id": (row) => state.subnets.find(row.subnetId)?.vpcId,
    state: (row) => row.state,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { NatGateways: rows.map((row) => natView(state, row)), ...rest };
}

/** Internet gateways, Elastic IP addresses and NAT gateways: records only, nothing in a sandbox is routed by them. */
export const gatewayOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateInternetGateway: (input: CreateInternetGatewayRequest) => ({
    InternetGateway: gatewayView(
      state,
      state.gateways.put({
        id: newId(state, "igw"),
        tags: tagsFor(input.TagSpecifications, "internet-gateway"),
        vpcId: undefined,
      }),
    ),
  }),
  DeleteInternetGateway: (input: DeleteInternetGatewayRequest) => deleteGateway(state, input),
  AttachInternetGateway: (input: AttachInternetGatewayRequest) => attach(state, input),
  DetachInternetGateway: (input: DetachInternetGatewayRequest) => detach(state, input),
  DescribeInternetGateways: (input: DescribeInternetGatewaysRequest) => describeGateways(state, input),
  AllocateAddress: (input: AllocateAddressRequest) => allocateElasticIp(state, input),
  ReleaseAddress: (input: ReleaseAddressRequest) => release(state, input),
  DescribeAddresses: (input: DescribeAddressesRequest) => describeAddresses(state, input),
  CreateNatGateway: (input: CreateNatGatewayRequest) => createNat(state, input),
  DeleteNatGateway: (input: DeleteNatGatewayRequest) => deleteNat(state, input),
  DescribeNatGateways: (input: DescribeNatGatewaysRequest) => describeNats(state, input),
});
