import type { JsonObject } from "../engine/json.ts";
import { tagged, retagEc2 } from "./ec2-tags.ts";
import { gone, isNotThere, optionalText, pick, requiredText, strings, textAt, valueAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

const NAME_MAX = 128;
/** Until a volume can be attached, or is gone. */
const WAIT_MS = 120_000;

const versions = (answer: unknown): Attributes => ({
  LaunchTemplateId: textAt(answer, "LaunchTemplates", 0, "LaunchTemplateId"),
  LatestVersionNumber: textAt(answer, "LaunchTemplates", 0, "LatestVersionNumber"),
  DefaultVersionNumber: textAt(answer, "LaunchTemplates", 0, "DefaultVersionNumber"),
});

const readVersions = async (ctx: ResourceContext, id: string): Promise<Attributes> =>
  versions(await ctx.call("ec2", "DescribeLaunchTemplates", { LaunchTemplateIds: [id] }));

/** The template's data is a request as the API takes it; only the tags of the launch template itself are apart. */
const launchTemplate: ResourceType = {
  type: "AWS::EC2::LaunchTemplate",
  replacing: ["LaunchTemplateName"],
  updatable: ["LaunchTemplateData", "VersionDescription", "TagSpecifications"],
  required: ["LaunchTemplateData"],
  named: "LaunchTemplateName",
  attributes: ["LaunchTemplateId", "LatestVersionNumber", "DefaultVersionNumber"],
  volatile: ["LatestVersionNumber"],
  async create(ctx, properties) {
    const answer = await ctx.call("ec2", "CreateLaunchTemplate", {
      ...pick(properties, ["LaunchTemplateData", "VersionDescription", "TagSpecifications"]),
      LaunchTemplateName: optionalText(properties["LaunchTemplateName"]) ?? ctx.physicalName(NAME_MAX),
    });
    const id = textAt(answer, "LaunchTemplate", "LaunchTemplateId");
    ctx.identify(id);
    return { physicalId: id, attributes: await readVersions(ctx, id) };
  },
  async update(ctx, { physicalId }, next, changed) {
    if (changed.includes("TagSpecifications"))
      throw new Error("changing TagSpecifications of a launch template is not known to this cloud");
    await ctx.call("ec2", "CreateLaunchTemplateVersion", {
      LaunchTemplateId: physicalId,
      ...pick(next, ["LaunchTemplateData", "VersionDescription"]),
    });
    return readVersions(ctx, physicalId);
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", "DeleteLaunchTemplate", { LaunchTemplateId: physicalId })),
};

const INTERFACE_FIXED = ["SubnetId", "PrivateIpAddress", "InterfaceType"];

async function adjust(
  ctx: ResourceContext,
  NetworkInterfaceId: string,
  properties: JsonObject,
  changed: readonly string[],
): Promise<void> {
  const modify = (input: Record<string, unknown>): Promise<unknown> =>
    ctx.call("ec2", "ModifyNetworkInterfaceAttribute", { NetworkInterfaceId, ...input });
  if (changed.includes("GroupSet")) await modify({ Groups: strings(properties["GroupSet"]) });
  if (changed.includes("Description"))
    await modify({ Description: { Value: optionalText(properties["Description"]) ?? "" } });
  if (changed.includes("SourceDestCheck"))
    await modify({ SourceDestCheck: { Value: properties["SourceDestCheck"] ?? true } });
}

const networkInterface: ResourceType = {
  type: "AWS::EC2::NetworkInterface",
  replacing: INTERFACE_FIXED,
  updatable: ["GroupSet", "Description", "SourceDestCheck", "Tags"],
  required: ["SubnetId"],
  tags: "list",
  attributes: ["Id", "PrimaryPrivateIpAddress"],
  async create(ctx, properties) {
    const groups = properties["GroupSet"];
    const answer = await ctx.call("ec2", "CreateNetworkInterface", {
      ...pick(properties, [...INTERFACE_FIXED, "Description"]),
      ...(groups === undefined ? {} : { Groups: groups }),
      ...tagged("network-interface", properties["Tags"]),
    });
    const Id = textAt(answer, "NetworkInterface", "NetworkInterfaceId");
    ctx.identify(Id);
    if (properties["SourceDestCheck"] !== undefined) await adjust(ctx, Id, properties, ["SourceDestCheck"]);
    return {
      physicalId: Id,
      attributes: { Id, PrimaryPrivateIpAddress: textAt(answer, "NetworkInterface", "PrivateIpAddress") },
    };
  },
  async update(ctx, { physicalId, properties, attributes }, next, changed) {
    await adjust(ctx, physicalId, next, changed);
    await retagEc2(ctx, physicalId, properties["Tags"], next["Tags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ec2", "DeleteNetworkInterface", { NetworkInterfaceId: physicalId })),
};

const VOLUME_SIZE = ["Size", "VolumeType", "Iops", "Throughput"];
const VOLUME_FIXED = ["AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId", "MultiAttachEnabled"];

async function volumeState(ctx: ResourceContext, id: string): Promise<unknown> {
  try {
    return valueAt(await ctx.call("ec2", "DescribeVolumes", { VolumeIds: [id] }), "Volumes", 0, "State");
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

const volume: ResourceType = {
  type: "AWS::EC2::Volume",
  replacing: VOLUME_FIXED,
  updatable: [...VOLUME_SIZE, "Tags"],
  required: ["AvailabilityZone"],
  tags: "list",
  attributes: ["VolumeId"],
  async create(ctx, properties) {
    requiredText(properties, "AvailabilityZone");
    const answer = await ctx.call("ec2", "CreateVolume", {
      ...pick(properties, [...VOLUME_FIXED, ...VOLUME_SIZE]),
      ...tagged("volume", properties["Tags"]),
    });
    const VolumeId = textAt(answer, "VolumeId");
    ctx.identify(VolumeId);
    await ctx.until(`volume ${VolumeId}`, WAIT_MS, async () => (await volumeState(ctx, VolumeId)) === "available");
    return { physicalId: VolumeId, attributes: { VolumeId } };
  },
  async update(ctx, { physicalId, properties, attributes }, next, changed) {
    if (changed.some((name) => VOLUME_SIZE.includes(name)))
      await ctx.call("ec2", "ModifyVolume", { VolumeId: physicalId, ...pick(next, VOLUME_SIZE) });
    await retagEc2(ctx, physicalId, properties["Tags"], next["Tags"]);
    return attributes;
  },
  async remove(ctx, { physicalId }) {
    await gone(ctx.call("ec2", "DeleteVolume", { VolumeId: physicalId }));
    await ctx.until(`deletion of volume ${physicalId}`, WAIT_MS, async () => {
      const state = await volumeState(ctx, physicalId);
      return state === undefined || state === "deleted";
    });
  },
};

export const ec2ComputeTypes: readonly ResourceType[] = [launchTemplate, networkInterface, volume];
