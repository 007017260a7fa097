import type {
  AttachVolumeRequest,
  CreateVolumeRequest,
  DeleteVolumeRequest,
  DescribeVolumesRequest,
  DetachVolumeRequest,
  ModifyVolumeRequest,
  Volume,
  VolumeAttachment,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { newId, zonesOf, type Ec2State, type VolumeRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

const CREATING_MS = 100;
const ATTACHING_MS = 100;
const DETACHING_MS = 100;

const attachmentView = (row: VolumeRow): VolumeAttachment[] =>
  row.attachment === undefined
    ? []
    : [
        {
          VolumeId: row.id,
          InstanceId: row.attachment.instanceId,
          Device: row.attachment.device,
          State: row.attachment.state,
          AttachTime: new Date(row.attachment.at),
          DeleteOnTermination: row.attachment.deleteOnTermination,
        },
      ];

const view = (row: VolumeRow): Volume => ({
  VolumeId: row.id,
  AvailabilityZone: row.availabilityZone,
  Size: row.sizeGib,
  VolumeType: row.type,
  Encrypted: row.encrypted,
  KmsKeyId: row.kmsKeyId,
  Iops: row.iops,
  Throughput: row.throughput,
  SnapshotId: row.snapshotId ?? "",
  State: row.state,
  CreateTime: new Date(row.createdAt),
  MultiAttachEnabled: false,
  Attachments: attachmentView(row),
  Tags: row.tags,
});

function create(state: Ec2State, input: CreateVolumeRequest): Volume {
  const availabilityZone = required(input.AvailabilityZone, "availabilityZone");
  if (!zonesOf(state.world).includes(availabilityZone)) {
    throw new CloudError("InvalidZone.NotFound", `The zone '${availabilityZone}' does not exist.`);
  }
  if (input.Size === undefined && input.SnapshotId === undefined) {
    throw new CloudError("MissingParameter", "The request must contain the parameter size/snapshotId");
  }
  const row: VolumeRow = state.volumes.put({
    id: newId(state, "vol"),
    tags: tagsFor(input.TagSpecifications, "volume"),
    availabilityZone,
    sizeGib: input.Size ?? 8,
    type: input.VolumeType ?? "gp2",
    encrypted: input.Encrypted ?? false,
    kmsKeyId: input.KmsKeyId,
    iops: input.Iops,
    throughput: input.Throughput,
    snapshotId: input.SnapshotId,
    createdAt: state.world.clock.now(),
    state: "creating",
    attachment: undefined,
  });
  state.world.clock.after(CREATING_MS, () => {
    if (row.state === "creating") row.state = "available";
  });
  return view(row);
}

function remove(state: Ec2State, input: DeleteVolumeRequest): object {
  const row = state.volumes.get(input.VolumeId);
  if (row.attachment !== undefined) {
    throw new CloudError("VolumeInUse", `Volume ${row.id} is currently attached to ${row.attachment.instanceId}`);
  }
  state.volumes.remove(row.id);
  return {};
}

function attach(state: Ec2State, input: AttachVolumeRequest): VolumeAttachment {
  const row = state.volumes.get(input.VolumeId);
  const instance = state.instances.get(input.InstanceId);
  const device = required(input.Device, "device");
  if (row.attachment !== undefined) {
    throw new CloudError("VolumeInUse", `${row.id} is already attached to an instance`);
  }
  if (row.state !== "available") throw new CloudError("IncorrectState", `Volume ${row.id} is not 'available'.`);
  if (instance.state !== "running" && instance.state !== "stopped") {
    throw new CloudError("IncorrectState", `Instance '${instance.id}' is not 'running'.`);
  }
  if (instance.availabilityZone !== row.availabilityZone) {
    throw new CloudError(
      "InvalidVolume.ZoneMismatch",
      `The volume '${row.id}' is not in the same availability zone as instance '${instance.id}'`,
    );
  }
  if (
    state.volumes.all().some((one) => one.attachment?.instanceId === instance.id && one.attachment.device === device)
  ) {
    throw new CloudError(
      "InvalidParameterValue",
      `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
    );
  }
  const attachment: NonNullable<VolumeRow["attachment"]> = {
    instanceId: instance.id,
    device,
    at: state.world.clock.now(),
    state: "attaching",
    deleteOnTermination: false,
  };
  row.state = "in-use";
  row.attachment = attachment;
  state.world.clock.after(ATTACHING_MS, () => {
    if (attachment.state === "attaching") attachment.state = "attached";
  });
  return attachmentView(row)[0] ?? {};
}

function detach(state: Ec2State, input: DetachVolumeRequest): VolumeAttachment {
  const row = state.volumes.get(input.VolumeId);
  const { attachment } = row;
  if (attachment === undefined || (input.InstanceId !== undefined && input.InstanceId !== attachment.instanceId)) {
    throw new CloudError("IncorrectState", `Volume '${row.id}' is in the 'available' state.`);
  }
  attachment.state = "detaching";
  state.world.clock.after(DETACHING_MS, () => release(row, attachment));
  return attachmentView(row)[0] ?? {};
}

function release(row: VolumeRow, attachment: VolumeRow["attachment"]): void {
  if (row.attachment !== attachment) return;
  row.attachment = undefined;
  row.state = "available";
}

/** What a termination does to the volumes of the instance: each goes or stays as its attachment says. */
export function releaseVolumes(state: Ec2State, instanceId: string): void {
  for (const row of state.volumes.all()) {
    if (row.attachment?.instanceId !== instanceId) continue;
    if (row.attachment.deleteOnTermination) state.volumes.remove(row.id);
    else release(row, row.attachment);
  }
}

function modify(state: Ec2State, input: ModifyVolumeRequest): object {
  const row = state.volumes.get(input.VolumeId);
  const size = input.Size ?? row.sizeGib;
  if (size < row.sizeGib)
    throw new CloudError("InvalidParameterValue", "New size cannot be smaller than existing size");
  row.sizeGib = size;
  row.type = input.VolumeType ?? row.type;
  row.iops = input.Iops ?? row.iops;
  row.throughput = input.Throughput ?? row.throughput;
  return { VolumeModification: { VolumeId: row.id, ModificationState: "completed", TargetSize: size, Progress: 100 } };
}

function describe(state: Ec2State, input: DescribeVolumesRequest): object {
  const found = state.volumes.select(input.VolumeIds, input.Filters, {
    "volume-id": (row) => row.id,
    status: (row) => row.state,
    "availability-zone": (row) => row.availabilityZone,
    "attachment.instance-id": (row) => row.attachment?.instanceId,
    "attachment.device": (row) => row.attachment?.device,
    "attachment.status": (row) => row.attachment?.state,
    "attachment.delete-on-termination": (row) => row.attachment?.deleteOnTermination,
    "volume-type": (row) => row.type,
    size: (row) => row.sizeGib,
    encrypted: (row) => row.encrypted,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { Volumes: rows.map(view), ...rest };
}

/** Volumes are records with their state machine; a sandbox keeps its files in its root folder. */
export const volumeOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateVolume: (input: CreateVolumeRequest) => create(state, input),
  DeleteVolume: (input: DeleteVolumeRequest) => remove(state, input),
  AttachVolume: (input: AttachVolumeRequest) => attach(state, input),
  DetachVolume: (input: DetachVolumeRequest) => detach(state, input),
  ModifyVolume: (input: ModifyVolumeRequest) => modify(state, input),
  DescribeVolumes: (input: DescribeVolumesRequest) => describe(state, input),
});
