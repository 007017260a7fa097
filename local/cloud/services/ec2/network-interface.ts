import type {
  CreateNetworkInterfaceRequest,
  DeleteNetworkInterfaceRequest,
  DescribeNetworkInterfacesRequest,
  ModifyNetworkInterfaceAttributeRequest,
  NetworkInterface,
  Tag,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { newId, type Ec2State, type InterfaceRow, type SubnetRow } from "./state.ts";
import { allocateAddress } from "./subnet.ts";
import { page, required, tagsFor } from "./table.ts";

/** Without groups an interface gets the VPC's default group. Throws InvalidParameter for a group of another VPC. */
function groupsFor(state: Ec2State, subnet: SubnetRow, wanted: readonly string[] | undefined): string[] {
  if (wanted === undefined || wanted.length === 0) {
    return state.groups.all().flatMap((one) => (one.vpcId === subnet.vpcId && one.name === "default" ? [one.id] : []));
  }
  return wanted.map((id) => {
    if (state.groups.get(id).vpcId !== subnet.vpcId) {
      throw new CloudError(
        "InvalidParameter",
        `Security group ${id} and subnet ${subnet.id} belong to different networks.`,
      );
    }
    return id;
  });
}

export function addInterface(
  state: Ec2State,
  wish: {
    subnet: SubnetRow;
    groups: readonly string[] | undefined;
    address?: string | undefined;
    description?: string | undefined;
    deleteOnTermination: boolean;
    tags: Tag[];
    requester?: string;
  },
): InterfaceRow {
  const groups = groupsFor(state, wish.subnet, wish.groups);
  const mac = state.world.ids.hex(10).replace(/../g, ":$&");
  return state.interfaces.put({
    id: newId(state, "eni"),
    tags: wish.tags,
    subnetId: wish.subnet.id,
    address: allocateAddress(state, wish.subnet, wish.address),
    description: wish.description ?? "",
    deleteOnTermination: wish.deleteOnTermination,
    mac: `02${mac}`,
    requester: wish.requester,
    groups,
    attachment: undefined,
  });
}

/** e.g. `ip-127-20-1-4.eu-west-1.compute.internal`. */
export const privateDnsName = (state: Ec2State, address: string): string =>
  `ip-${address.replaceAll(".", "-")}.${state.world.region}.compute.internal`;

export const groupNames = (
  state: Ec2State,
  ids: readonly string[],
): { GroupId: string; GroupName: string | undefined }[] =>
  ids.map((id) => ({ GroupId: id, GroupName: state.groups.find(id)?.name }));

const isUsed = (row: InterfaceRow): boolean => row.attachment !== undefined || row.requester !== undefined;

const view = (state: Ec2State, row: InterfaceRow): NetworkInterface => {
  const subnet = state.subnets.find(row.subnetId);
  return {
    NetworkInterfaceId: row.id,
    SubnetId: row.subnetId,
    VpcId: subnet?.vpcId,
    AvailabilityZone: subnet?.availabilityZone,
    Description: row.description,
    InterfaceType: "interface",
    MacAddress: row.mac,
    OwnerId: state.world.account,
    PrivateIpAddress: row.address,
    PrivateDnsName: privateDnsName(state, row.address),
    PrivateIpAddresses: [
      { Primary: true, PrivateIpAddress: row.address, PrivateDnsName: privateDnsName(state, row.address) },
    ],
    Groups: groupNames(state, row.groups),
    RequesterManaged: row.requester !== undefined,
    ...(row.requester !== undefined && { RequesterId: row.requester }),
    SourceDestCheck: true,
    Status: isUsed(row) ? "in-use" : "available",
    ...(row.attachment && {
      Attachment: {
        AttachmentId: row.attachment.id,
        InstanceId: row.attachment.instanceId,
        InstanceOwnerId: state.world.account,
        AttachTime: new Date(row.attachment.at),
        DeleteOnTermination: row.deleteOnTermination,
        DeviceIndex: 0,
        Status: "attached",
      },
    }),
    TagSet: row.tags,
  };
};

function create(state: Ec2State, input: CreateNetworkInterfaceRequest): object {
  const row = addInterface(state, {
    subnet: state.subnets.get(required(input.SubnetId, "subnetId")),
    groups: input.Groups,
    address: input.PrivateIpAddress ?? input.PrivateIpAddresses?.find((one) => one.Primary)?.PrivateIpAddress,
    description: input.Description,
    deleteOnTermination: false,
    tags: tagsFor(input.TagSpecifications, "network-interface"),
  });
  // Pending for a moment on EC2; the caller sees "available" at its next look either way.
  return { NetworkInterface: { ...view(state, row), Status: "pending" } };
}

function remove(state: Ec2State, input: DeleteNetworkInterfaceRequest): object {
  const row = state.interfaces.get(input.NetworkInterfaceId);
  if (isUsed(row)) {
    throw new CloudError("InvalidParameterValue", `Network interface '${row.id}' is currently in use.`);
  }
  state.interfaces.remove(row.id);
  return {};
}

function modify(state: Ec2State, input: ModifyNetworkInterfaceAttributeRequest): object {
  const row = state.interfaces.get(input.NetworkInterfaceId);
  if (input.Groups !== undefined) row.groups = groupsFor(state, state.subnets.get(row.subnetId), input.Groups);
  row.description = input.Description?.Value ?? row.description;
  return {};
}

function describe(state: Ec2State, input: DescribeNetworkInterfacesRequest): object {
  const found = state.interfaces.select(input.NetworkInterfaceIds, input.Filters, {
    "network-interface-id": (row) => row.id,
    "subnet-id": (row) => row.subnetId,
    "vpc-id": (row) => state.subnets.find(row.subnetId)?.vpcId,
    "group-id": (row) => row.groups,
    "private-ip-address": (row) => row.address,
    "addresses.private-ip-address": (row) => row.address,
    "attachment.instance-id": (row) => row.attachment?.instanceId,
    status: (row) => (isUsed(row) ? "in-use" : "available"),
    "requester-id": (row) => row.requester,
    description: (row) => row.description,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { NetworkInterfaces: rows.map((row) => view(state, row)), ...rest };
}

/** `changed` is told the instance whose interface got other security groups. */
export const interfaceOperations = (
  state: Ec2State,
  changed: (instanceId: string) => Promise<void>,
): Record<string, Operation> => ({
  CreateNetworkInterface: (input: CreateNetworkInterfaceRequest) => create(state, input),
  DeleteNetworkInterface: (input: DeleteNetworkInterfaceRequest) => remove(state, input),
  DescribeNetworkInterfaces: (input: DescribeNetworkInterfacesRequest) => describe(state, input),
  async ModifyNetworkInterfaceAttribute(input: ModifyNetworkInterfaceAttributeRequest) {
    const output = modify(state, input);
    const instanceId = state.interfaces.get(input.NetworkInterfaceId).attachment?.instanceId;
    if (instanceId !== undefined) await changed(instanceId);
    return output;
  },
});
