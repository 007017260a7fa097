import type { RequestLaunchTemplateData, RouteOrigin, VolumeType } from "@aws-sdk/client-ec2";
import type { World } from "../../service.ts";
import type { Cidr } from "./cidr.ts";
import type { InstanceRow } from "./instance.ts";
import { table, type Tagged } from "./table.ts";

export interface VpcRow extends Tagged {
  readonly cidr: Cidr;
  readonly tenancy: string;
  dnsSupport: boolean;
  dnsHostnames: boolean;
}

export interface SubnetRow extends Tagged {
  readonly vpcId: string;
  readonly cidr: Cidr;
  readonly availabilityZone: string;
  mapPublicIp: boolean;
  /** Where the search for a free address goes on, so that an address that was just given back rests. */
  nextAddress: number;
}

export interface GatewayRow extends Tagged {
  vpcId: string | undefined;
}

export interface RouteRow {
  readonly destination: string;
  readonly target: { GatewayId?: string; NatGatewayId?: string; NetworkInterfaceId?: string; InstanceId?: string };
  readonly origin: RouteOrigin;
}

export interface RouteTableRow extends Tagged {
  readonly vpcId: string;
  routes: RouteRow[];
  associations: { id: string; main: boolean; subnetId?: string }[];
}

export interface RuleRow extends Tagged {
  readonly groupId: string;
  readonly egress: boolean;
  readonly protocol: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly source:
    | { readonly cidr: string }
    | { readonly cidr6: string }
    | { readonly groupId: string }
    | { readonly prefixListId: string };
  description: string | undefined;
}

export interface SecurityGroupRow extends Tagged {
  readonly vpcId: string;
  readonly name: string;
  readonly description: string;
}

export interface LaunchTemplateRow extends Tagged {
  readonly name: string;
  readonly createdAt: number;
  readonly createdBy: string;
  defaultVersion: number;
  versions: { number: number; description: string | undefined; createdAt: number; data: RequestLaunchTemplateData }[];
}

export interface InterfaceRow extends Tagged {
  readonly subnetId: string;
  readonly address: string;
  description: string;
  /** True for the interface that a launch made and that goes with its instance. */
  readonly deleteOnTermination: boolean;
  readonly mac: string;
  /** The service of the cloud that placed it here, e.g. `amazon-elasticache`; undefined for the customer's own. */
  readonly requester: string | undefined;
  groups: string[];
  attachment: { id: string; instanceId: string; at: number } | undefined;
}

export interface VolumeRow extends Tagged {
  readonly availabilityZone: string;
  sizeGib: number;
  /** The key that was named; undefined = the account's own. Nothing is encrypted here. */
  kmsKeyId?: string | undefined;
  type: VolumeType;
  readonly encrypted: boolean;
  iops: number | undefined;
  throughput: number | undefined;
  readonly snapshotId: string | undefined;
  readonly createdAt: number;
  state: "creating" | "available" | "in-use" | "deleting";
  attachment:
    | {
        instanceId: string;
        device: string;
        at: number;
        state: "attaching" | "attached" | "detaching";
        deleteOnTermination: boolean;
      }
    | undefined;
}

export interface AddressRow extends Tagged {
  readonly publicIp: string;
  /** The NAT gateway that uses it. */
  usedBy: string | undefined;
}

export interface NatGatewayRow extends Tagged {
  readonly subnetId: string;
  readonly allocationId: string | undefined;
  readonly privateIp: string;
  readonly createdAt: number;
  state: "pending" | "available" | "deleting" | "deleted";
  deletedAt: number | undefined;
}

export interface EndpointRow extends Tagged {
  readonly vpcId: string;
  readonly serviceName: string;
  readonly type: "Interface" | "Gateway";
  readonly createdAt: number;
  policy: string | undefined;
  routeTableIds: string[];
  subnetIds: string[];
  groupIds: string[];
  privateDns: boolean;
  state: "pending" | "available" | "deleting";
}

/** An address is one interface's in its subnet. */
export const placeInSubnet = ({ subnetId, address }: Pick<InterfaceRow, "subnetId" | "address">): string =>
  `${subnetId} ${address}`;

/** Everything that one region's EC2 knows. */
export type Ec2State = ReturnType<typeof emptyState>;

export function emptyState(world: World) {
  return {
    world,
    vpcs: table<VpcRow>({ type: "vpc", notFound: "InvalidVpcID.NotFound", noun: "vpc" }),
    subnets: table<SubnetRow>({ type: "subnet", notFound: "InvalidSubnetID.NotFound", noun: "subnet" }),
    gateways: table<GatewayRow>({
      type: "internet-gateway",
      notFound: "InvalidInternetGatewayID.NotFound",
      noun: "internetGateway",
    }),
    routeTables: table<RouteTableRow>({
      type: "route-table",
      notFound: "InvalidRouteTableID.NotFound",
      noun: "routeTable",
    }),
    groups: table<SecurityGroupRow>({
      type: "security-group",
      notFound: "InvalidGroup.NotFound",
      noun: "security group",
    }),
    rules: table<RuleRow>({
      type: "security-group-rule",
      notFound: "InvalidSecurityGroupRuleId.NotFound",
      noun: "security group rule",
    }),
    templates: table<LaunchTemplateRow>({
      type: "launch-template",
      notFound: "InvalidLaunchTemplateId.NotFound",
      noun: "launch template",
    }),
    interfaces: table<InterfaceRow>(
      { type: "network-interface", notFound: "InvalidNetworkInterfaceID.NotFound", noun: "networkInterface" },
      placeInSubnet,
    ),
    volumes: table<VolumeRow>({ type: "volume", notFound: "InvalidVolume.NotFound", noun: "volume" }),
    addresses: table<AddressRow>({ type: "elastic-ip", notFound: "InvalidAllocationID.NotFound", noun: "allocation" }),
    nats: table<NatGatewayRow>({ type: "natgateway", notFound: "NatGatewayNotFound", noun: "NAT gateway" }),
    endpoints: table<EndpointRow>({
      type: "vpc-endpoint",
      notFound: "InvalidVpcEndpointId.NotFound",
      noun: "VPC endpoint",
    }),
    instances: table<InstanceRow>({ type: "instance", notFound: "InvalidInstanceID.NotFound", noun: "instance" }),
  };
}

/** Ids as EC2 has them since 2018: a prefix and 17 hexadecimal digits. */
export const newId = (state: Ec2State, prefix: string): string => `${prefix}-${state.world.ids.hex(17)}`;

/** The three zones of the region. */
export const zonesOf = (world: World): string[] => ["a", "b", "c"].map((letter) => world.region + letter);

export const arnOf = (world: World, type: string, id: string): string =>
  `arn:aws:ec2:${world.region}:${world.account}:${type}/${id}`;
