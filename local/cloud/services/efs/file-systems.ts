import type * as sdk from "@aws-sdk/client-efs";
import type { World } from "../../service.ts";
import type { Lifecycle } from "./lifecycle.ts";
import {
  arnOf,
  failure,
  FILE_SYSTEMS_MAX,
  fileSystemOf,
  needAvailable,
  page,
  refuseUnknown,
  targetsOf,
  type FileSystem,
  type Store,
} from "./model.ts";
import { setTags, tagList } from "./tags.ts";

const CREATE_MEMBERS = [
  "CreationToken",
  "PerformanceMode",
  "Encrypted",
  "KmsKeyId",
  "ThroughputMode",
  "ProvisionedThroughputInMibps",
  "Backup",
  "Tags",
];
/** What AWS meters for an empty file system; this cloud does not meter. */
const EMPTY_BYTES = 6144;

const view = (world: World, store: Store, one: FileSystem): sdk.FileSystemDescription => {
  const name = one.tags.get("Name");
  return {
    OwnerId: world.account,
    CreationToken: one.creationToken,
    FileSystemId: one.id,
    FileSystemArn: one.arn,
    CreationTime: new Date(one.createdAt),
    LifeCycleState: one.state,
    ...(name === undefined ? {} : { Name: name }),
    NumberOfMountTargets: targetsOf(store, one.id).length,
    SizeInBytes: { Value: EMPTY_BYTES, ValueInIA: 0, ValueInStandard: EMPTY_BYTES },
    PerformanceMode: one.performanceMode,
    Encrypted: one.encrypted,
    ...(one.kmsKeyId === undefined ? {} : { KmsKeyId: one.kmsKeyId }),
    ThroughputMode: one.throughputMode,
    ...(one.provisionedMibps === undefined ? {} : { ProvisionedThroughputInMibps: one.provisionedMibps }),
    Tags: tagList(one.tags),
    FileSystemProtection: { ReplicationOverwriteProtection: one.overwriteProtection },
  };
};

function throughput(
  mode: sdk.ThroughputMode | undefined,
  mibps: number | undefined,
): Pick<FileSystem, "throughputMode" | "provisionedMibps"> {
  if ((mode === "provisioned") !== (mibps !== undefined))
    throw failure("BadRequest", "ProvisionedThroughputInMibps goes with the throughput mode provisioned only");
  return { throughputMode: mode ?? "bursting", provisionedMibps: mibps };
}

/** The key of an encrypted file system: the given one, or the account's own for EFS. */
const keyOf = (world: World, input: sdk.CreateFileSystemRequest): string | undefined => {
  if (input.Encrypted !== true) {
    if (input.KmsKeyId !== undefined) throw failure("BadRequest", "KmsKeyId is for an encrypted file system only");
    return undefined;
  }
  const key = input.KmsKeyId ?? "alias/aws/elasticfilesystem";
  return key.startsWith("arn:")
    ? key
    : `arn:aws:kms:${world.region}:${world.account}:${key.replace(/^(?!alias\/)/, "key/")}`;
};

export function fileSystemOperations(world: World, store: Store, lifecycle: Lifecycle) {
  return {
    CreateFileSystem(input: sdk.CreateFileSystemRequest): sdk.FileSystemDescription {
      refuseUnknown("CreateFileSystem", input, CREATE_MEMBERS);
      const creationToken = input.CreationToken ?? world.ids.uuid();
      const twin = [...store.fileSystems.values()].find((one) => one.creationToken === creationToken);
      if (twin !== undefined)
        throw failure("FileSystemAlreadyExists", `File system '${twin.id}' already exists with that token`, 409, {
          FileSystemId: twin.id,
        });
      if (store.fileSystems.size >= FILE_SYSTEMS_MAX)
        throw failure("FileSystemLimitExceeded", `At most ${FILE_SYSTEMS_MAX} file systems`, 403);
      const id = `fs-${world.ids.hex(17)}`;
      const one: FileSystem = {
        id,
        arn: arnOf(world, id),
        creationToken,
        createdAt: world.clock.now(),
        state: "creating",
        encrypted: input.Encrypted ?? false,
        kmsKeyId: keyOf(world, input),
        performanceMode: input.PerformanceMode ?? "generalPurpose",
        ...throughput(input.ThroughputMode, input.ProvisionedThroughputInMibps),
        overwriteProtection: "ENABLED",
        backup: input.Backup === true ? "ENABLED" : "DISABLED",
        lifecycle: [],
        tags: new Map(),
      };
      setTags(one, input.Tags ?? []);
      store.fileSystems.set(id, one);
      lifecycle.create(one);
      return view(world, store, one);
    },

    DescribeFileSystems(input: sdk.DescribeFileSystemsRequest): sdk.DescribeFileSystemsResponse {
      const chosen =
        input.FileSystemId === undefined ? [...store.fileSystems.values()] : [fileSystemOf(store, input.FileSystemId)];
      const { items, ...more } = page(
        chosen.filter((one) => (input.CreationToken ?? one.creationToken) === one.creationToken),
        input,
      );
      return { FileSystems: items.map((one) => view(world, store, one)), ...more };
    },

    UpdateFileSystem(input: sdk.UpdateFileSystemRequest): sdk.FileSystemDescription {
      const one = fileSystemOf(store, input.FileSystemId);
      needAvailable(one);
      const mode = input.ThroughputMode ?? one.throughputMode;
      const kept = mode === "provisioned" ? one.provisionedMibps : undefined;
      Object.assign(one, throughput(mode, input.ProvisionedThroughputInMibps ?? kept));
      return view(world, store, one);
    },

    UpdateFileSystemProtection(input: sdk.UpdateFileSystemProtectionRequest): sdk.FileSystemProtectionDescription {
      const one = fileSystemOf(store, input.FileSystemId);
      needAvailable(one);
      if (input.ReplicationOverwriteProtection === "REPLICATING")
        throw failure("BadRequest", "REPLICATING is set by a replication only, which the embedded cloud does not have");
      one.overwriteProtection = input.ReplicationOverwriteProtection ?? one.overwriteProtection;
      return { ReplicationOverwriteProtection: one.overwriteProtection };
    },

    DeleteFileSystem(input: sdk.DeleteFileSystemRequest) {
      const one = fileSystemOf(store, input.FileSystemId);
      if (targetsOf(store, one.id).length > 0)
        throw failure("FileSystemInUse", `File system '${one.id}' has mount targets and cannot be deleted.`, 409);
      if (one.state !== "error") needAvailable(one);
      lifecycle.remove(one);
      return {};
    },
  };
}

/** Backup and storage-class policies: kept and told. Backups and the move between storage classes do not take place. */
export function policyOperations(store: Store) {
  return {
    PutBackupPolicy(input: sdk.PutBackupPolicyRequest): sdk.BackupPolicyDescription {
      const one = fileSystemOf(store, input.FileSystemId);
      needAvailable(one);
      const wanted = input.BackupPolicy?.Status;
      if (wanted !== "ENABLED" && wanted !== "DISABLED")
        throw failure("ValidationException", "BackupPolicy.Status must be ENABLED or DISABLED");
      one.backup = wanted;
      return { BackupPolicy: { Status: one.backup } };
    },
    DescribeBackupPolicy(input: sdk.DescribeBackupPolicyRequest): sdk.BackupPolicyDescription {
      return { BackupPolicy: { Status: fileSystemOf(store, input.FileSystemId).backup } };
    },
    PutLifecycleConfiguration(input: sdk.PutLifecycleConfigurationRequest): sdk.LifecycleConfigurationDescription {
      const one = fileSystemOf(store, input.FileSystemId);
      needAvailable(one);
      one.lifecycle = input.LifecyclePolicies ?? [];
      return { LifecyclePolicies: [...one.lifecycle] };
    },
    DescribeLifecycleConfiguration(
      input: sdk.DescribeLifecycleConfigurationRequest,
    ): sdk.LifecycleConfigurationDescription {
      return { LifecyclePolicies: [...fileSystemOf(store, input.FileSystemId).lifecycle] };
    },
  };
}
