import type {
  AvailabilityZone,
  CreateSubnetRequest,
  DeleteSubnetRequest,
  DescribeAvailabilityZonesRequest,
  DescribeSubnetsRequest,
  ModifySubnetAttributeRequest,
  Subnet,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { addressNumber, addressText, cidrText, overlap, parseCidr, within } from "./cidr.ts";
import { matching } from "./filter.ts";
import { arnOf, newId, placeInSubnet, zonesOf, type Ec2State, type SubnetRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

/** The first four addresses of a subnet and the last are AWS's own (VPC User Guide: Subnet CIDR blocks). */
const RESERVED_FIRST = 4;
const RESERVED_LAST = 1;
const RESERVED = RESERVED_FIRST + RESERVED_LAST;

/** Private addresses of the subnet's NAT gateways, which have no interface here. */
const natAddresses = (state: Ec2State, subnetId: string): string[] =>
  state.nats.all().flatMap((one) => (one.subnetId === subnetId && one.state !== "deleted" ? [one.privateIp] : []));

const usedCount = (state: Ec2State, subnetId: string): number =>
  state.interfaces.all().filter((one) => one.subnetId === subnetId).length + natAddresses(state, subnetId).length;

/** The wanted address, or the next free one. Throws InvalidParameterValue, InvalidIPAddress.InUse, InsufficientFreeAddressesInSubnet. */
export function allocateAddress(state: Ec2State, subnet: SubnetRow, wanted?: string): string {
  const nats = natAddresses(state, subnet.id);
  const isUsed = (address: string): boolean =>
    state.interfaces.findBy(placeInSubnet({ subnetId: subnet.id, address })) !== undefined || nats.includes(address);
  const first = subnet.cidr.first + RESERVED_FIRST;
  const last = subnet.cidr.last - RESERVED_LAST;
  if (wanted !== undefined) {
    const value = addressNumber(wanted) ?? -1;
    if (value < first || value > last) {
      throw new CloudError(
        "InvalidParameterValue",
        `Address ${wanted} does not fall within the subnet's address range, or is reserved`,
      );
    }
    if (isUsed(wanted)) throw new CloudError("InvalidIPAddress.InUse", `Address ${wanted} is in use.`);
    return wanted;
  }
  const size = last - first + 1;
  for (let step = 0; step < size; step++) {
    const value = first + ((subnet.nextAddress - first + step) % size);
    if (isUsed(addressText(value))) continue;
    subnet.nextAddress = value + 1;
    return addressText(value);
  }
  throw new CloudError(
    "InsufficientFreeAddressesInSubnet",
    `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`,
  );
}

const view = (state: Ec2State, row: SubnetRow): Subnet => ({
  SubnetId: row.id,
  SubnetArn: arnOf(state.world, "subnet", row.id),
  VpcId: row.vpcId,
  State: "available",
  CidrBlock: cidrText(row.cidr),
  AvailabilityZone: row.availabilityZone,
  AvailabilityZoneId: zoneId(row.availabilityZone),
  AvailableIpAddressCount: row.cidr.last - row.cidr.first + 1 - RESERVED - usedCount(state, row.id),
  DefaultForAz: false,
  MapPublicIpOnLaunch: row.mapPublicIp,
  OwnerId: state.world.account,
  Tags: row.tags,
});

function createSubnet(state: Ec2State, input: CreateSubnetRequest): { Subnet: Subnet } {
  const vpc = state.vpcs.get(required(input.VpcId, "vpcId"));
  const cidr = parseCidr(required(input.CidrBlock, "cidrBlock"));
  const zone = input.AvailabilityZone ?? zonesOf(state.world)[0] ?? "";
  if (!zonesOf(state.world).includes(zone)) {
    throw new CloudError(
      "InvalidParameterValue",
      `Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zonesOf(state.world).join(", ")}.`,
    );
  }
  if (!within(cidr, vpc.cidr) || cidr.prefix > 28) {
    throw new CloudError("InvalidSubnet.Range", `The CIDR '${cidrText(cidr)}' is invalid.`);
  }
  if (state.subnets.all().some((other) => other.vpcId === vpc.id && overlap(other.cidr, cidr))) {
    throw new CloudError("InvalidSubnet.Conflict", `The CIDR '${cidrText(cidr)}' conflicts with another subnet`);
  }
  const row = state.subnets.put({
    id: newId(state, "subnet"),
    tags: tagsFor(input.TagSpecifications, "subnet"),
    vpcId: vpc.id,
    cidr,
    availabilityZone: zone,
    mapPublicIp: false,
    nextAddress: cidr.first + RESERVED_FIRST,
  });
  return { Subnet: view(state, row) };
}

function deleteSubnet(state: Ec2State, input: DeleteSubnetRequest): object {
  const { id } = state.subnets.get(input.SubnetId);
  const holds =
    state.interfaces.all().some((one) => one.subnetId === id) ||
    state.nats.all().some((one) => one.subnetId === id && one.state !== "deleted") ||
    state.endpoints.all().some((one) => one.subnetIds.includes(id));
  if (holds) {
    throw new CloudError("DependencyViolation", `The subnet '${id}' has dependencies and cannot be deleted.`);
  }
  for (const one of state.routeTables.all()) {
    one.associations = one.associations.filter((association) => association.subnetId !== id);
  }
  state.subnets.remove(id);
  return {};
}

function modifySubnetAttribute(state: Ec2State, input: ModifySubnetAttributeRequest): object {
  const row = state.subnets.get(input.SubnetId);
  row.mapPublicIp = input.MapPublicIpOnLaunch?.Value ?? row.mapPublicIp;
  return {};
}

function describeSubnets(state: Ec2State, input: DescribeSubnetsRequest): object {
  const found = state.subnets.select(input.SubnetIds, input.Filters, {
    "subnet-id": (row) => row.id,
    "vpc-id": (row) => row.vpcId,
    "availability-zone": (row) => row.availabilityZone,
    availabilityZone: (row) => row.availabilityZone,
    "cidr-block": (row) => cidrText(row.cidr),
    state: () => "available",
    "map-public-ip-on-launch": (row) => row.mapPublicIp,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { Subnets: rows.map((row) => view(state, row)), ...rest };
}

const zoneId = (zone: string): string => `euw1-az${"abc".indexOf(zone.slice(-1)) + 1}`;

function describeAvailabilityZones(state: Ec2State, input: DescribeAvailabilityZonesRequest): object {
  const zones = zonesOf(state.world);
  for (const name of input.ZoneNames ?? []) {
    if (!zones.includes(name)) throw new CloudError("InvalidParameterValue", `Invalid availability zone: [${name}]`);
  }
  const fields = {
    "zone-name": (zone: string) => zone,
    "zone-id": zoneId,
    "region-name": () => state.world.region,
    state: () => "available",
    "zone-type": () => "availability-zone",
    "opt-in-status": () => "opt-in-not-required",
  };
  const isWanted = matching(input.Filters, fields);
  const named = input.ZoneNames?.length ? zones.filter((zone) => input.ZoneNames?.includes(zone)) : zones;
  return {
    AvailabilityZones: named
      .filter((zone) => isWanted(zone, []))
      .map((zone): AvailabilityZone => ({
        ZoneName: zone,
        ZoneId: zoneId(zone),
        RegionName: state.world.region,
        State: "available",
        ZoneType: "availability-zone",
        OptInStatus: "opt-in-not-required",
      })),
  };
}

export const subnetOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateSubnet: (input: CreateSubnetRequest) => createSubnet(state, input),
  DeleteSubnet: (input: DeleteSubnetRequest) => deleteSubnet(state, input),
  ModifySubnetAttribute: (input: ModifySubnetAttributeRequest) => modifySubnetAttribute(state, input),
  DescribeSubnets: (input: DescribeSubnetsRequest) => describeSubnets(state, input),
  DescribeAvailabilityZones: (input: DescribeAvailabilityZonesRequest) => describeAvailabilityZones(state, input),
});
