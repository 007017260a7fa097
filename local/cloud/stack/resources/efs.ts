import { type Json, type JsonObject, isObject } from "../engine/json.ts";
import { gone, isNotThere, objects, optionalText, pick, retag, tagList, textAt, valueAt } from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

/** Until a file system or a mount target is available, or gone; AWS needs up to two minutes. */
const WAIT_MS = 600_000;

const efs = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("elasticfilesystem", operation, input);

/** Waits until the thing's state is `available`. */
const untilAvailable = (ctx: ResourceContext, what: string, state: () => Promise<unknown>): Promise<void> =>
  ctx.until(what, WAIT_MS, async () => {
    const now = await state();
    if (now === "error") throw new Error(`${what} failed`);
    return now === "available";
  });

const untilGone = (ctx: ResourceContext, what: string, state: () => Promise<unknown>): Promise<void> =>
  ctx.until(`deletion of ${what}`, WAIT_MS, async () => {
    try {
      await state();
      return false;
    } catch (error) {
      if (isNotThere(error)) return true;
      throw error;
    }
  });

const fileSystemState = async (ctx: ResourceContext, FileSystemId: string): Promise<unknown> =>
  valueAt(await efs(ctx, "DescribeFileSystems", { FileSystemId }), "FileSystems", 0, "LifeCycleState");

const targetState = async (ctx: ResourceContext, MountTargetId: string): Promise<unknown> =>
  valueAt(await efs(ctx, "DescribeMountTargets", { MountTargetId }), "MountTargets", 0, "LifeCycleState");

const FIXED = ["Encrypted", "KmsKeyId", "PerformanceMode"];
const THROUGHPUT = ["ThroughputMode", "ProvisionedThroughputInMibps"];

/** Each of these has an operation of its own. */
async function configure(
  ctx: ResourceContext,
  FileSystemId: string,
  next: JsonObject,
  changed: readonly string[],
): Promise<void> {
  if (changed.includes("BackupPolicy")) {
    const BackupPolicy: Json = isObject(next["BackupPolicy"]) ? next["BackupPolicy"] : { Status: "DISABLED" };
    await efs(ctx, "PutBackupPolicy", { FileSystemId, BackupPolicy });
  }
  if (changed.includes("LifecyclePolicies"))
    await efs(ctx, "PutLifecycleConfiguration", {
      FileSystemId,
      LifecyclePolicies: objects(next["LifecyclePolicies"]),
    });
  if (changed.includes("FileSystemProtection") && isObject(next["FileSystemProtection"]))
    await efs(ctx, "UpdateFileSystemProtection", { FileSystemId, ...next["FileSystemProtection"] });
}

const SETTINGS = ["BackupPolicy", "LifecyclePolicies", "FileSystemProtection"];

const fileSystem: ResourceType = {
  type: "AWS::EFS::FileSystem",
  replacing: FIXED,
  updatable: [...THROUGHPUT, ...SETTINGS, "FileSystemTags"],
  attributes: ["FileSystemId", "Arn"],
  async create(ctx, properties) {
    const tags = objects(properties["FileSystemTags"]);
    const answer = await efs(ctx, "CreateFileSystem", {
      CreationToken: ctx.physicalName(64),
      ...pick(properties, [...FIXED, ...THROUGHPUT]),
      ...(tags.length > 0 ? { Tags: tags } : {}),
    });
    const physicalId = textAt(answer, "FileSystemId");
    ctx.identify(physicalId);
    await untilAvailable(ctx, `file system ${physicalId}`, () => fileSystemState(ctx, physicalId));
    await configure(
      ctx,
      physicalId,
      properties,
      SETTINGS.filter((name) => properties[name] !== undefined),
    );
    return { physicalId, attributes: { FileSystemId: physicalId, Arn: textAt(answer, "FileSystemArn") } };
  },
  async update(ctx, { physicalId: FileSystemId, properties, attributes }, next, changed) {
    if (changed.some((name) => THROUGHPUT.includes(name)))
      await efs(ctx, "UpdateFileSystem", { FileSystemId, ThroughputMode: "bursting", ...pick(next, THROUGHPUT) });
    await configure(ctx, FileSystemId, next, changed);
    await retag(
      properties["FileSystemTags"],
      next["FileSystemTags"],
      (tags) => efs(ctx, "TagResource", { ResourceId: FileSystemId, Tags: tagList(tags) }),
      (TagKeys) => efs(ctx, "UntagResource", { ResourceId: FileSystemId, TagKeys }),
    );
    return attributes;
  },
  async remove(ctx, { physicalId: FileSystemId }) {
    await gone(efs(ctx, "DeleteFileSystem", { FileSystemId }));
    await untilGone(ctx, `file system ${FileSystemId}`, () => fileSystemState(ctx, FileSystemId));
  },
};

const mountTarget: ResourceType = {
  type: "AWS::EFS::MountTarget",
  replacing: ["FileSystemId", "IpAddress", "SubnetId"],
  updatable: ["SecurityGroups"],
  required: ["FileSystemId", "SecurityGroups", "SubnetId"],
  attributes: ["Id", "IpAddress"],
  async create(ctx, properties) {
    const IpAddress = optionalText(properties["IpAddress"]);
    const answer = await efs(ctx, "CreateMountTarget", {
      ...pick(properties, ["FileSystemId", "SubnetId", "SecurityGroups"]),
      IpAddress,
    });
    const physicalId = textAt(answer, "MountTargetId");
    ctx.identify(physicalId);
    await untilAvailable(ctx, `mount target ${physicalId}`, () => targetState(ctx, physicalId));
    return { physicalId, attributes: { Id: physicalId, IpAddress: textAt(answer, "IpAddress") } };
  },
  async update(ctx, { physicalId: MountTargetId, attributes }, next) {
    await efs(ctx, "ModifyMountTargetSecurityGroups", { MountTargetId, ...pick(next, ["SecurityGroups"]) });
    return attributes;
  },
  async remove(ctx, { physicalId: MountTargetId }) {
    await gone(efs(ctx, "DeleteMountTarget", { MountTargetId }));
    await untilGone(ctx, `mount target ${MountTargetId}`, () => targetState(ctx, MountTargetId));
  },
};

export const efsTypes: readonly ResourceType[] = [fileSystem, mountTarget];
