import type { RequestLaunchTemplateData, RunInstancesRequest, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { InstanceMetadata, RoleCredentials } from "./compute.ts";
import { imageOf } from "./image.ts";
import type { InstanceRow, Power } from "./instance.ts";
import { decodeUserData, templateOf, versionOf } from "./launch-template.ts";
import { addInterface } from "./network-interface.ts";
import { newId, type Ec2State, type InterfaceRow, type SubnetRow } from "./state.ts";
import { tagsFor } from "./table.ts";
import { setTags, tagList, tagRecord } from "./tag.ts";

/** More at once than this is a mistake in a farm of sandboxes. */
const INSTANCES_MAX = 32;
/** The instance type when nobody names one (RunInstances reference). */
const TYPE_DEFAULT = "m1.small";
/** The metadata service gives new credentials at least five minutes before the old ones expire. */
const CREDENTIALS_RENEW_MS = 300_000;

/** A launch as Auto Scaling asks for it. */
export interface LaunchRequest {
  readonly launchTemplateId?: string | undefined;
  readonly launchTemplateName?: string | undefined;
  /** A number, `$Latest` or `$Default`. */
  readonly version?: string | undefined;
  readonly subnetId?: string | undefined;
  readonly availabilityZone?: string | undefined;
  /** May have keys of `aws:`, as only AWS's own services can. */
  readonly tags: Readonly<Record<string, string>>;
  /** Metadata value `autoscaling/target-lifecycle-state`. */
  readonly lifecycleState?: () => string;
}

export interface ProfileSource {
  /** Role credentials by instance profile name or ARN; throws when there is no such profile. */
  profileCredentials(profile: string, session: string): RoleCredentials;
  /** ARN of the profile's role. Without it, the role is taken to be named as the profile. */
  profileRole?(profile: string): string;
}

interface Launch {
  readonly data: RequestLaunchTemplateData;
  readonly template: { id: string; version: string } | undefined;
  readonly subnetId: string | undefined;
  readonly availabilityZone: string | undefined;
  readonly tags: readonly Tag[];
  readonly clientToken?: string | undefined;
  readonly lifecycleState: (() => string) | undefined;
}

function templatePart(
  state: Ec2State,
  name:
    | { LaunchTemplateId?: string | undefined; LaunchTemplateName?: string | undefined; Version?: string | undefined }
    | undefined,
): Pick<Launch, "data" | "template"> {
  if (name === undefined) return { data: {}, template: undefined };
  const row = templateOf(state, name);
  const version = versionOf(row, name.Version);
  return { data: version.data, template: { id: row.id, version: String(version.number) } };
}

const templateTags = (data: RequestLaunchTemplateData, type: "instance" | "volume"): Tag[] =>
  tagsFor(
    (data.TagSpecifications ?? []).map((one): TagSpecification => ({ ResourceType: one.ResourceType, Tags: one.Tags })),
    type,
  );

/** The interface that the launch names, or a new one in the subnet that it names. */
function networkOf(state: Ec2State, launch: Launch): { subnet: SubnetRow; existing?: InterfaceRow } {
  const [first, ...more] = launch.data.NetworkInterfaces ?? [];
  if (more.length > 0) {
    throw new CloudError("UnsupportedOperation", "Instances of this world have one network interface");
  }
  const existing = first?.NetworkInterfaceId === undefined ? undefined : state.interfaces.get(first.NetworkInterfaceId);
  if (existing?.attachment !== undefined) {
    throw new CloudError("InvalidNetworkInterface.InUse", `Interface: [${existing.id}] in use.`);
  }
  const subnetId = existing?.subnetId ?? launch.subnetId ?? first?.SubnetId;
  if (subnetId === undefined) {
    throw new CloudError(
      "VPCIdNotSpecified",
      "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
    );
  }
  const subnet = state.subnets.get(subnetId);
  if (launch.availabilityZone !== undefined && launch.availabilityZone !== subnet.availabilityZone) {
    throw new CloudError(
      "InvalidParameterValue",
      `The availability zone ${launch.availabilityZone} is not that of subnet ${subnet.id}, ${subnet.availabilityZone}`,
    );
  }
  return existing === undefined ? { subnet } : { subnet, existing };
}

function addVolumes(state: Ec2State, row: InstanceRow, data: RequestLaunchTemplateData): void {
  for (const { DeviceName, Ebs } of data.BlockDeviceMappings ?? []) {
    if (Ebs === undefined) continue;
    const at = state.world.clock.now();
    state.volumes.put({
      id: newId(state, "vol"),
      tags: templateTags(data, "volume"),
      availabilityZone: row.availabilityZone,
      sizeGib: Ebs.VolumeSize ?? 8,
      type: Ebs.VolumeType ?? "gp2",
      encrypted: Ebs.Encrypted ?? false,
      kmsKeyId: Ebs.KmsKeyId,
      iops: Ebs.Iops,
      throughput: Ebs.Throughput,
      snapshotId: Ebs.SnapshotId,
      createdAt: at,
      state: "in-use",
      attachment: {
        instanceId: row.id,
        device: DeviceName ?? "/dev/sda1",
        at,
        state: "attached",
        deleteOnTermination: Ebs.DeleteOnTermination ?? true,
      },
    });
  }
}

const lastSegment = (text: string): string => text.slice(text.lastIndexOf("/") + 1);

function metadataOf(state: Ec2State, profiles: ProfileSource, row: InstanceRow): InstanceMetadata {
  const { world } = state;
  const { profile } = row;
  let cached: RoleCredentials | undefined;
  return {
    account: world.account,
    region: world.region,
    availabilityZone: row.availabilityZone,
    instanceType: row.instanceType,
    imageId: row.imageId,
    architecture: row.architecture,
    role: profile === undefined ? undefined : lastSegment(profiles.profileRole?.(profile) ?? profile),
    credentials() {
      if (profile === undefined) return undefined;
      if (cached === undefined || cached.expiration - world.clock.now() < CREDENTIALS_RENEW_MS) {
        cached = profiles.profileCredentials(profile, row.id);
      }
      return cached;
    },
    lifecycleState: () => row.lifecycleState?.(),
    tags: () => (row.metadataTags ? tagRecord(row.tags) : undefined),
  };
}

/** The parts of a row that do not depend on where it runs. Throws for an image or user data that is not right. */
function specOf(launch: Launch) {
  const { data } = launch;
  if (data.ImageId === undefined)
    throw new CloudError("MissingParameter", "The request must contain the parameter ImageId");
  const image = imageOf(data.ImageId);
  return {
    imageId: image.id,
    architecture: image.architecture,
    instanceType: data.InstanceType ?? TYPE_DEFAULT,
    keyName: data.KeyName,
    profile: data.IamInstanceProfile?.Arn ?? data.IamInstanceProfile?.Name,
    clientToken: launch.clientToken,
    launchTemplateId: launch.template?.id,
    launchTemplateVersion: launch.template?.version,
    metadataTags: data.MetadataOptions?.InstanceMetadataTags === "enabled",
    lifecycleState: launch.lifecycleState,
    userData: decodeUserData(data.UserData),
    terminationProtected: data.DisableApiTermination ?? false,
    stopProtected: data.DisableApiStop ?? false,
    shutdownBehavior: data.InstanceInitiatedShutdownBehavior ?? "stop",
  };
}

function launchOne(
  state: Ec2State,
  power: Power,
  profiles: ProfileSource,
  launch: Launch,
  reservationId: string,
): InstanceRow {
  const { data, template } = launch;
  const spec = specOf(launch);
  const { subnet, existing } = networkOf(state, launch);
  const id = newId(state, "i");
  if (spec.profile !== undefined) profiles.profileRole?.(spec.profile);
  const network =
    existing ??
    addInterface(state, {
      subnet,
      groups: data.NetworkInterfaces?.[0]?.Groups ?? data.SecurityGroupIds,
      address: data.NetworkInterfaces?.[0]?.PrivateIpAddress,
      deleteOnTermination: true,
      tags: [],
    });
  const now = state.world.clock.now();
  network.attachment = { id: newId(state, "eni-attach"), instanceId: id, at: now };
  const row: InstanceRow = state.instances.put({
    ...spec,
    id,
    tags: [],
    reservationId,
    subnetId: subnet.id,
    vpcId: subnet.vpcId,
    availabilityZone: subnet.availabilityZone,
    privateIpAddress: network.address,
    launchedAt: now,
    state: "pending",
    interfaces: [network.id],
    stateReason: undefined,
    transitionReason: "",
    machine: undefined,
    lastConsole: "",
    work: Promise.resolve(),
  });
  setTags(row, templateTags(data, "instance"));
  setTags(row, launch.tags);
  if (template !== undefined) {
    setTags(
      row,
      tagList({ "aws:ec2launchtemplate:id": template.id, "aws:ec2launchtemplate:version": template.version }),
    );
  }
  addVolumes(state, row, data);
  power.start(row, metadataOf(state, profiles, row));
  return row;
}

/** One instance for Auto Scaling. Throws what RunInstances would answer. */
export function launchFor(state: Ec2State, power: Power, profiles: ProfileSource, request: LaunchRequest): InstanceRow {
  const launch: Launch = {
    ...templatePart(state, {
      LaunchTemplateId: request.launchTemplateId,
      LaunchTemplateName: request.launchTemplateName,
      Version: request.version,
    }),
    subnetId: request.subnetId,
    availabilityZone: request.availabilityZone,
    tags: tagList(request.tags),
    lifecycleState: request.lifecycleState,
  };
  return launchOne(state, power, profiles, launch, newId(state, "r"));
}

/** Members that a RunInstances request has in common with a launch template; what it names wins over the template. */
function overridesOf(input: RunInstancesRequest): RequestLaunchTemplateData {
  const own = {
    ImageId: input.ImageId,
    InstanceType: input.InstanceType,
    KeyName: input.KeyName,
    UserData: input.UserData,
    IamInstanceProfile: input.IamInstanceProfile,
    SecurityGroupIds: input.SecurityGroupIds,
    NetworkInterfaces: input.NetworkInterfaces,
    BlockDeviceMappings: input.BlockDeviceMappings,
    MetadataOptions: input.MetadataOptions,
    DisableApiTermination: input.DisableApiTermination,
    DisableApiStop: input.DisableApiStop,
    InstanceInitiatedShutdownBehavior: input.InstanceInitiatedShutdownBehavior,
  };
  return Object.fromEntries(
    Object.entries(own).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );
}

/** As many as there is room for between MinCount and MaxCount: here always MaxCount. A known ClientToken launches nothing. */
export function runInstances(
  state: Ec2State,
  power: Power,
  profiles: ProfileSource,
  input: RunInstancesRequest,
): { reservationId: string; rows: InstanceRow[] } {
  const earlier = state.instances
    .all()
    .filter((row) => input.ClientToken !== undefined && row.clientToken === input.ClientToken);
  const [first] = earlier;
  if (first !== undefined) return { reservationId: first.reservationId, rows: earlier };
  const count = input.MaxCount ?? 1;
  if (count < 1 || (input.MinCount ?? 1) > count) {
    throw new CloudError(
      "InvalidParameterValue",
      `Invalid value '${count}' for MaxCount. Must be positive and not below MinCount.`,
    );
  }
  if (count > INSTANCES_MAX) {
    throw new CloudError(
      "InstanceLimitExceeded",
      `You have requested more instances (${count}) than your limit of ${INSTANCES_MAX}`,
    );
  }
  const part = templatePart(state, input.LaunchTemplate);
  const launch: Launch = {
    template: part.template,
    data: { ...part.data, ...overridesOf(input) },
    subnetId: input.SubnetId,
    availabilityZone: input.Placement?.AvailabilityZone,
    tags: tagsFor(input.TagSpecifications, "instance"),
    clientToken: input.ClientToken,
    lifecycleState: undefined,
  };
  const reservationId = newId(state, "r");
  const rows = Array.from({ length: count }, () => launchOne(state, power, profiles, launch, reservationId));
  return { reservationId, rows };
}
