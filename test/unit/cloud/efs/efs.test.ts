import {
  AuthorizeSecurityGroupIngressCommand,
  DeleteNetworkInterfaceCommand,
  DeleteSubnetCommand,
  EC2Client,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import {
  CreateFileSystemCommand,
  CreateMountTargetCommand,
  DeleteFileSystemCommand,
  DeleteMountTargetCommand,
  DescribeBackupPolicyCommand,
  DescribeFileSystemsCommand,
  DescribeLifecycleConfigurationCommand,
  DescribeMountTargetsCommand,
  DescribeMountTargetSecurityGroupsCommand,
  EFSClient,
  ListTagsForResourceCommand,
  ModifyMountTargetSecurityGroupsCommand,
  PutBackupPolicyCommand,
  PutLifecycleConfigurationCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFileSystemCommand,
} from "@aws-sdk/client-efs";
import { describe, expect, test } from "@jest/globals";
import { openEfs } from "../../../../local/cloud/services/efs/index.ts";
import type { Shares } from "../../../../local/cloud/services/efs/shares.ts";
import { sdkClient, testEndpoint } from "../client.ts";
import { network, region } from "../ec2/region.ts";

const NFS = { IpProtocol: "tcp", FromPort: 2049, ToPort: 2049, IpRanges: [{ CidrIp: "127.20.0.0/16" }] };
const SETTLE_MS = 1_000;

/** Shares on paper: `served` are the ids that machines reach. */
function modelShares(): Shares & { readonly all: Set<string>; readonly served: Set<string> } {
  const all = new Set<string>();
  const served = new Set<string>();
  return {
    all,
    served,
    create: async (id) => void all.add(id),
    serve: async (id, wanted) => void (wanted ? served.add(id) : served.delete(id)),
    async remove(id) {
      served.delete(id);
      all.delete(id);
    },
  };
}

async function cloud() {
  const { world, ec2 } = region();
  const shares = modelShares();
  const efs = openEfs(world, { interfaces: ec2.interfaces, shares });
  const endpoint = testEndpoint(world, ec2.service, efs.service);
  const ec2Client = sdkClient(EC2Client, endpoint.handle);
  const client = sdkClient(EFSClient, endpoint.handle);
  const places = await network(ec2Client);
  const open = { GroupId: places.groupId, IpPermissions: [NFS] };
  await ec2Client.send(new AuthorizeSecurityGroupIngressCommand(open));
  const settle = (): Promise<void> => world.clock.advance(SETTLE_MS);
  return { ...places, world, shares, client, ec2Client, endpoint, settle, open };
}

/** An available file system with an available mount target. */
async function mounted() {
  const made = await cloud();
  const { client, settle, subnetId, groupId } = made;
  const { FileSystemId = "" } = await client.send(
    new CreateFileSystemCommand({ CreationToken: "farm", Encrypted: true }),
  );
  await settle();
  const target = await client.send(
    new CreateMountTargetCommand({ FileSystemId, SubnetId: subnetId, SecurityGroups: [groupId] }),
  );
  await settle();
  return { ...made, FileSystemId, MountTargetId: target.MountTargetId ?? "", address: target.IpAddress ?? "" };
}

describe("a file system", () => {
  test("is creating, then available, with what it was made with", async () => {
    const { client, settle, shares } = await cloud();

    const made = await client.send(
      new CreateFileSystemCommand({ CreationToken: "farm", Encrypted: true, Tags: [{ Key: "Name", Value: "tandem" }] }),
    );
    await settle();

    expect(made).toMatchObject({ LifeCycleState: "creating", Name: "tandem", Encrypted: true });
    const { FileSystems } = await client.send(new DescribeFileSystemsCommand({ CreationToken: "farm" }));
    expect(FileSystems).toMatchObject([
      {
        FileSystemId: made.FileSystemId,
        FileSystemArn: `arn:aws:elasticfilesystem:eu-west-1:000000000000:file-system/${made.FileSystemId}`,
        LifeCycleState: "available",
        NumberOfMountTargets: 0,
        KmsKeyId: "arn:aws:kms:eu-west-1:000000000000:alias/aws/elasticfilesystem",
        ThroughputMode: "bursting",
      },
    ]);
    expect([...shares.all]).toEqual([made.FileSystemId]);
    expect([...shares.served]).toEqual([]);
  });

  test("is created once for a token; the error names the first", async () => {
    const { client } = await cloud();
    const { FileSystemId } = await client.send(new CreateFileSystemCommand({ CreationToken: "farm" }));

    await expect(client.send(new CreateFileSystemCommand({ CreationToken: "farm" }))).rejects.toMatchObject({
      name: "FileSystemAlreadyExists",
      FileSystemId,
      ErrorCode: "FileSystemAlreadyExists",
      $metadata: { httpStatusCode: 409 },
    });
  });

  test("keeps its policies, throughput and tags", async () => {
    const { client, FileSystemId } = await mounted();

    await client.send(new PutBackupPolicyCommand({ FileSystemId, BackupPolicy: { Status: "ENABLED" } }));
    const LifecyclePolicies = [{ TransitionToIA: "AFTER_30_DAYS" as const }];
    await client.send(new PutLifecycleConfigurationCommand({ FileSystemId, LifecyclePolicies }));
    await client.send(new UpdateFileSystemCommand({ FileSystemId, ThroughputMode: "elastic" }));
    await client.send(
      new TagResourceCommand({
        ResourceId: FileSystemId,
        Tags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      }),
    );
    await client.send(new UntagResourceCommand({ ResourceId: FileSystemId, TagKeys: ["a"] }));

    expect((await client.send(new DescribeBackupPolicyCommand({ FileSystemId }))).BackupPolicy?.Status).toBe("ENABLED");
    const lifecycle = await client.send(new DescribeLifecycleConfigurationCommand({ FileSystemId }));
    expect(lifecycle.LifecyclePolicies).toEqual(LifecyclePolicies);
    expect((await client.send(new ListTagsForResourceCommand({ ResourceId: FileSystemId }))).Tags).toEqual([
      { Key: "b", Value: "2" },
    ]);
    const { FileSystems } = await client.send(new DescribeFileSystemsCommand({ FileSystemId }));
    expect(FileSystems?.[0]).toMatchObject({ ThroughputMode: "elastic", NumberOfMountTargets: 1 });
  });

  test("is not deleted while it has mount targets, and is gone with its files afterwards", async () => {
    const { client, FileSystemId, MountTargetId, settle, shares } = await mounted();

    await expect(client.send(new DeleteFileSystemCommand({ FileSystemId }))).rejects.toMatchObject({
      name: "FileSystemInUse",
    });
    await client.send(new DeleteMountTargetCommand({ MountTargetId }));
    await settle();
    await client.send(new DeleteFileSystemCommand({ FileSystemId }));
    await settle();

    expect([...shares.all]).toEqual([]);
    await expect(client.send(new DescribeFileSystemsCommand({ FileSystemId }))).rejects.toMatchObject({
      name: "FileSystemNotFound",
      $metadata: { httpStatusCode: 404 },
    });
  });

  test("is refused what this cloud does not act on", async () => {
    const { client } = await cloud();
    const own = { CreationToken: "farm", AvailabilityZoneName: "eu-west-1a" };

    await expect(client.send(new CreateFileSystemCommand(own))).rejects.toThrow(
      "does not support AvailabilityZoneName",
    );
    await expect(
      client.send(new CreateFileSystemCommand({ CreationToken: "farm", ThroughputMode: "provisioned" })),
    ).rejects.toMatchObject({ name: "BadRequest" });
  });
});

describe("a mount target", () => {
  test("makes machines reach the files while it is available", async () => {
    const { client, FileSystemId, MountTargetId, address, settle, shares } = await mounted();

    expect([...shares.served]).toEqual([FileSystemId]);
    const { MountTargets } = await client.send(new DescribeMountTargetsCommand({ FileSystemId }));
    expect(MountTargets).toMatchObject([
      { LifeCycleState: "available", IpAddress: address, AvailabilityZoneName: "eu-west-1b" },
    ]);
    await client.send(new DeleteMountTargetCommand({ MountTargetId }));
    await settle();

    expect([...shares.served]).toEqual([]);
    expect([...shares.all]).toEqual([FileSystemId]);
  });

  test("lets nobody in but whom its security groups let in", async () => {
    const { client, ec2Client, FileSystemId, MountTargetId, open, groupId, shares } = await mounted();

    await ec2Client.send(new RevokeSecurityGroupIngressCommand(open));
    const closed = [...shares.served];
    await ec2Client.send(new AuthorizeSecurityGroupIngressCommand(open));

    expect(closed).toEqual([]);
    expect([...shares.served]).toEqual([FileSystemId]);
    await client.send(new ModifyMountTargetSecurityGroupsCommand({ MountTargetId, SecurityGroups: [] }));
    expect([...shares.served]).toEqual([]);
    await client.send(new ModifyMountTargetSecurityGroupsCommand({ MountTargetId, SecurityGroups: [groupId] }));
    const told = await client.send(new DescribeMountTargetSecurityGroupsCommand({ MountTargetId }));
    expect(told.SecurityGroups).toEqual([groupId]);
  });

  test("is one per zone, in a subnet that exists, for a file system that is available", async () => {
    const { client, FileSystemId, subnetId } = await mounted();
    const create = (FileSystemIdOf: string, SubnetId: string) =>
      client.send(new CreateMountTargetCommand({ FileSystemId: FileSystemIdOf, SubnetId }));

    await expect(create(FileSystemId, subnetId)).rejects.toMatchObject({ name: "MountTargetConflict" });
    await expect(create(FileSystemId, "subnet-1")).rejects.toMatchObject({ name: "SubnetNotFound" });
    await expect(create("fs-1", subnetId)).rejects.toMatchObject({ name: "FileSystemNotFound" });
    const young = await client.send(new CreateFileSystemCommand({ CreationToken: "young" }));
    await expect(create(young.FileSystemId ?? "", subnetId)).rejects.toMatchObject({
      name: "IncorrectFileSystemLifeCycleState",
    });
  });

  test("keeps its address, which only it can give back", async () => {
    const { client, ec2Client, subnetId, MountTargetId, settle } = await mounted();
    const { MountTargets: [target] = [] } = await client.send(new DescribeMountTargetsCommand({ MountTargetId }));

    await expect(
      ec2Client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: target?.NetworkInterfaceId })),
    ).rejects.toThrow("is currently in use");
    await expect(ec2Client.send(new DeleteSubnetCommand({ SubnetId: subnetId }))).rejects.toThrow("has dependencies");
    await client.send(new DeleteMountTargetCommand({ MountTargetId }));
    await settle();

    await ec2Client.send(new DeleteSubnetCommand({ SubnetId: subnetId }));
  });

  test("is authorised as its file system", async () => {
    const { client, endpoint, FileSystemId, MountTargetId } = await mounted();

    await client.send(new DescribeMountTargetsCommand({ MountTargetId }));

    expect(endpoint.calls.at(-1)).toMatchObject({
      service: "elasticfilesystem",
      operation: "DescribeMountTargets",
      resource: `arn:aws:elasticfilesystem:eu-west-1:000000000000:file-system/${FileSystemId}`,
    });
  });
});
