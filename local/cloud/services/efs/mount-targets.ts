import type * as sdk from "@aws-sdk/client-efs";
import { CloudError } from "../../errors.ts";
import type { Lifecycle, Parts } from "./lifecycle.ts";
import {
  failure,
  fileSystemOf,
  GROUPS_PER_TARGET_MAX,
  needAvailable,
  page,
  refuseUnknown,
  targetOf,
  targetsOf,
  type MountTarget,
} from "./model.ts";

/** What EC2 says of an address or a group, in the words of EFS. */
const TRANSLATED: Readonly<Record<string, readonly [string, number]>> = {
  "InvalidSubnetID.NotFound": ["SubnetNotFound", 400],
  "InvalidGroup.NotFound": ["SecurityGroupNotFound", 400],
  InvalidParameter: ["SecurityGroupNotFound", 400],
  "InvalidIPAddress.InUse": ["IpAddressInUse", 409],
  InsufficientFreeAddressesInSubnet: ["NoFreeAddressesInSubnet", 409],
};

function translated<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    const [code, status] = TRANSLATED[error.code] ?? ["BadRequest", 400];
    throw failure(code, error.message, status);
  }
}

function checkGroups(groups: readonly string[]): void {
  if (groups.length > GROUPS_PER_TARGET_MAX)
    throw failure("SecurityGroupLimitExceeded", `At most ${GROUPS_PER_TARGET_MAX} security groups`);
}

const viewFor =
  (account: string) =>
  (target: MountTarget): sdk.MountTargetDescription => ({
    OwnerId: account,
    MountTargetId: target.id,
    FileSystemId: target.fileSystemId,
    SubnetId: target.subnetId,
    LifeCycleState: target.state,
    IpAddress: target.address,
    NetworkInterfaceId: target.interfaceId,
    AvailabilityZoneName: target.zone,
    VpcId: target.vpcId,
  });

export function mountTargetOperations({ world, store, interfaces }: Parts, lifecycle: Lifecycle) {
  const view = viewFor(world.account);
  return {
    CreateMountTarget(input: sdk.CreateMountTargetRequest): sdk.MountTargetDescription {
      refuseUnknown("CreateMountTarget", input, ["FileSystemId", "SubnetId", "IpAddress", "SecurityGroups"]);
      const fileSystem = fileSystemOf(store, input.FileSystemId);
      needAvailable(fileSystem);
      const subnetId = input.SubnetId ?? "";
      const subnet = interfaces.subnet(subnetId);
      if (subnet === undefined) throw failure("SubnetNotFound", `The subnet ID '${subnetId}' does not exist`);
      const groupIds = [...(input.SecurityGroups ?? [])];
      checkGroups(groupIds);
      const others = targetsOf(store, fileSystem.id);
      if (others.some((one) => one.zone === subnet.availabilityZone))
        throw failure("MountTargetConflict", `mount target already exists in this AZ`, 409);
      if (others.some((one) => one.vpcId !== subnet.vpcId))
        throw failure("MountTargetConflict", `requested subnet is of another VPC than the other mount targets`, 409);
      const id = `fsmt-${world.ids.hex(17)}`;
      const placed = translated(() =>
        interfaces.add({
          requester: "amazon-elasticfilesystem",
          subnetId,
          groupIds,
          description: `EFS mount target for ${fileSystem.id} (${id})`,
          ...(input.IpAddress === undefined ? {} : { address: input.IpAddress }),
        }),
      );
      const target: MountTarget = {
        id,
        fileSystemId: fileSystem.id,
        state: "creating",
        subnetId,
        vpcId: subnet.vpcId,
        zone: subnet.availabilityZone,
        interfaceId: placed.id,
        address: placed.address,
        groupIds,
      };
      store.targets.set(id, target);
      lifecycle.createTarget(target);
      return view(target);
    },

    DescribeMountTargets(input: sdk.DescribeMountTargetsRequest): sdk.DescribeMountTargetsResponse {
      if (input.AccessPointId !== undefined)
        throw failure("AccessPointNotFound", "The embedded cloud has no access points", 404);
      if (input.MountTargetId === undefined && input.FileSystemId === undefined)
        throw failure("BadRequest", "FileSystemId or MountTargetId must be specified");
      const chosen =
        input.MountTargetId === undefined
          ? targetsOf(store, fileSystemOf(store, input.FileSystemId).id)
          : [targetOf(store, input.MountTargetId)];
      const { items, ...more } = page(chosen, input);
      return { MountTargets: items.map(view), ...more };
    },

    DeleteMountTarget(input: sdk.DeleteMountTargetRequest) {
      const target = targetOf(store, input.MountTargetId);
      if (target.state !== "deleting") lifecycle.removeTarget(target);
      return {};
    },
  };
}

export function targetGroupOperations({ store, interfaces }: Parts, lifecycle: Lifecycle) {
  return {
    DescribeMountTargetSecurityGroups(
      input: sdk.DescribeMountTargetSecurityGroupsRequest,
    ): sdk.DescribeMountTargetSecurityGroupsResponse {
      return { SecurityGroups: [...targetOf(store, input.MountTargetId).groupIds] };
    },

    async ModifyMountTargetSecurityGroups(input: sdk.ModifyMountTargetSecurityGroupsRequest) {
      const target = targetOf(store, input.MountTargetId);
      if (target.state !== "available")
        throw failure("IncorrectMountTargetState", `Mount target '${target.id}' is ${target.state}`, 409);
      const groupIds = [...(input.SecurityGroups ?? [])];
      checkGroups(groupIds);
      translated(() => interfaces.setGroups(target.interfaceId, groupIds));
      target.groupIds = groupIds;
      await lifecycle.serve(target.fileSystemId);
      return {};
    },
  };
}
