import type {
  DescribeInstancesRequest,
  DescribeInstanceStatusRequest,
  Instance,
  InstanceStateChange,
  Reservation,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Fields } from "./filter.ts";
import { groupsOf, STATE_CODES, type InstanceRow, type InstanceState } from "./instance.ts";
import { groupNames, privateDnsName } from "./network-interface.ts";
import type { Ec2State, VolumeRow } from "./state.ts";
import { page, RESULTS_MAX } from "./table.ts";

export const stateView = (state: InstanceState) => ({ Code: STATE_CODES[state], Name: state });

export const changeView = (row: InstanceRow, before: InstanceState): InstanceStateChange => ({
  InstanceId: row.id,
  PreviousState: stateView(before),
  CurrentState: stateView(row.state),
});

const networkView = (state: Ec2State, row: InstanceRow): Partial<Instance> => ({
  VpcId: row.vpcId,
  SubnetId: row.subnetId,
  PrivateIpAddress: row.privateIpAddress,
  PrivateDnsName: privateDnsName(state, row.privateIpAddress),
  SecurityGroups: groupNames(state, groupsOf(state, row)),
  NetworkInterfaces: row.interfaces.flatMap((id) => {
    const one = state.interfaces.find(id);
    if (one === undefined) return [];
    return [
      {
        NetworkInterfaceId: id,
        SubnetId: one.subnetId,
        VpcId: row.vpcId,
        MacAddress: one.mac,
        PrivateIpAddress: one.address,
        Status: "in-use",
        Groups: groupNames(state, one.groups),
        Attachment: {
          AttachmentId: one.attachment?.id,
          DeviceIndex: 0,
          DeleteOnTermination: one.deleteOnTermination,
          Status: "attached",
        },
        PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: one.address }],
      },
    ];
  }),
});

/** Volumes by the instance that they are attached to. */
const attachedVolumes = (state: Ec2State): ReadonlyMap<string | undefined, VolumeRow[]> =>
  Map.groupBy(state.volumes.all(), ({ attachment }) => attachment?.instanceId);

const instanceView = (state: Ec2State, row: InstanceRow, volumes: readonly VolumeRow[]): Instance => ({
  InstanceId: row.id,
  ImageId: row.imageId,
  State: stateView(row.state),
  StateTransitionReason: row.transitionReason,
  ...(row.stateReason && { StateReason: row.stateReason }),
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the request's own value, of that enumeration
  InstanceType: row.instanceType as NonNullable<Instance["InstanceType"]>,
  Architecture: row.architecture,
  LaunchTime: new Date(row.launchedAt),
  Placement: { AvailabilityZone: row.availabilityZone, Tenancy: "default" },
  AmiLaunchIndex: 0,
  ClientToken: row.clientToken ?? "",
  EbsOptimized: false,
  Hypervisor: "xen",
  VirtualizationType: "hvm",
  RootDeviceName: "/dev/sda1",
  RootDeviceType: "ebs",
  Monitoring: { State: "disabled" },
  MetadataOptions: {
    State: "applied",
    HttpEndpoint: "enabled",
    HttpTokens: "required",
    InstanceMetadataTags: row.metadataTags ? "enabled" : "disabled",
  },
  ...(row.keyName !== undefined && { KeyName: row.keyName }),
  ...(row.profile !== undefined && { IamInstanceProfile: { Arn: profileArn(state, row.profile) } }),
  ...(row.state !== "terminated" && networkView(state, row)),
  BlockDeviceMappings: volumes.flatMap(({ id, attachment }) =>
    attachment === undefined
      ? []
      : [
          {
            DeviceName: attachment.device,
            Ebs: {
              VolumeId: id,
              Status: attachment.state,
              AttachTime: new Date(attachment.at),
              DeleteOnTermination: attachment.deleteOnTermination,
            },
          },
        ],
  ),
  Tags: row.tags,
});

const profileArn = (state: Ec2State, profile: string): string =>
  profile.startsWith("arn:") ? profile : `arn:aws:iam::${state.world.account}:instance-profile/${profile}`;

export const reservationView = (
  state: Ec2State,
  reservationId: string,
  rows: readonly InstanceRow[],
  volumes = attachedVolumes(state),
): Reservation => ({
  ReservationId: reservationId,
  OwnerId: state.world.account,
  Groups: [],
  Instances: rows.map((row) => instanceView(state, row, volumes.get(row.id) ?? [])),
});

const fieldsOf = (state: Ec2State): Fields<InstanceRow> => ({
  "instance-id": (row) => row.id,
  "instance-state-name": (row) => row.state,
  "instance-state-code": (row) => STATE_CODES[row.state],
  "instance-type": (row) => row.instanceType,
  "image-id": (row) => row.imageId,
  architecture: (row) => row.architecture,
  "availability-zone": (row) => row.availabilityZone,
  "subnet-id": (row) => row.subnetId,
  "vpc-id": (row) => row.vpcId,
  "private-ip-address": (row) => row.privateIpAddress,
  "private-dns-name": (row) => privateDnsName(state, row.privateIpAddress),
  "instance.group-id": (row) => groupsOf(state, row),
  "network-interface.network-interface-id": (row) => row.interfaces,
  "network-interface.addresses.private-ip-address": (row) => row.privateIpAddress,
  "iam-instance-profile.arn": (row) => (row.profile === undefined ? undefined : profileArn(state, row.profile)),
  "block-device-mapping.volume-id": (row) =>
    state.volumes.all().flatMap((volume) => (volume.attachment?.instanceId === row.id ? [volume.id] : [])),
  "reservation-id": (row) => row.reservationId,
  "client-token": (row) => row.clientToken,
  "key-name": (row) => row.keyName,
  "owner-id": () => state.world.account,
  "launch-time": (row) => new Date(row.launchedAt).toISOString(),
});

/** Accounts of today get no more than this of instances at once, asked for or not. EC2 takes either ids or a size. */
function pageOfInstances(
  found: readonly InstanceRow[],
  { InstanceIds: ids = [], MaxResults, NextToken }: DescribeInstancesRequest,
): { rows: InstanceRow[]; NextToken?: string } {
  if (ids.length > 0 && MaxResults !== undefined)
    throw new CloudError(
      "InvalidParameterCombination",
      "The parameter instancesSet cannot be used with the parameter maxResults",
    );
  return page(found, ids.length > 0 ? undefined : (MaxResults ?? RESULTS_MAX), NextToken);
}

export function describeInstances(state: Ec2State, input: DescribeInstancesRequest): object {
  const found = state.instances.select(input.InstanceIds, input.Filters, fieldsOf(state));
  const { rows, ...rest } = pageOfInstances(found, input);
  const volumes = attachedVolumes(state);
  const reservations = Map.groupBy(rows, (row) => row.reservationId);
  return { Reservations: [...reservations].map(([id, own]) => reservationView(state, id, own, volumes)), ...rest };
}

/** Without IncludeAllInstances only running instances, as on EC2. */
export function describeInstanceStatus(state: Ec2State, input: DescribeInstanceStatusRequest): object {
  const found = state.instances
    .select(input.InstanceIds, input.Filters, {
      ...fieldsOf(state),
      "instance-status.status": statusOf,
      "system-status.status": statusOf,
      "instance-status.reachability": (row) => (row.state === "running" ? "passed" : undefined),
      "system-status.reachability": (row) => (row.state === "running" ? "passed" : undefined),
    })
    .filter((row) => input.IncludeAllInstances === true || row.state === "running");
  const { rows, ...rest } = pageOfInstances(found, input);
  return {
    InstanceStatuses: rows.map((row) => ({
      InstanceId: row.id,
      AvailabilityZone: row.availabilityZone,
      InstanceState: stateView(row.state),
      InstanceStatus: summary(row),
      SystemStatus: summary(row),
    })),
    ...rest,
  };
}

/** Reachability checks are not imitated: a machine that has power passes them. */
const statusOf = (row: InstanceRow): "ok" | "not-applicable" => (row.state === "running" ? "ok" : "not-applicable");
const summary = (row: InstanceRow) => ({
  Status: statusOf(row),
  Details: row.state === "running" ? [{ Name: "reachability" as const, Status: "passed" as const }] : [],
});
