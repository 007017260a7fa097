import type { LifecyclePolicy } from "@aws-sdk/client-efs";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";

/** AWS's default quotas. */
export const FILE_SYSTEMS_MAX = 1_000;
export const GROUPS_PER_TARGET_MAX = 5;
/** NFS 4.1. */
export const NFS_PORT = 2049;

export interface FileSystem {
  readonly id: string;
  readonly arn: string;
  readonly creationToken: string;
  readonly createdAt: number;
  state: "creating" | "available" | "deleting" | "error";
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly performanceMode: "generalPurpose" | "maxIO";
  throughputMode: "bursting" | "elastic" | "provisioned";
  provisionedMibps: number | undefined;
  overwriteProtection: "ENABLED" | "DISABLED";
  backup: "ENABLED" | "DISABLED";
  lifecycle: readonly LifecyclePolicy[];
  readonly tags: Map<string, string>;
}

export interface MountTarget {
  readonly id: string;
  readonly fileSystemId: string;
  state: "creating" | "available" | "deleting";
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly interfaceId: string;
  readonly address: string;
  groupIds: string[];
}

export interface Store {
  readonly fileSystems: Map<string, FileSystem>;
  readonly targets: Map<string, MountTarget>;
}

/** Every error of EFS carries its code a second time. */
export const failure = (
  code: string,
  message: string,
  status = 400,
  detail: Readonly<Record<string, unknown>> = {},
): CloudError => new CloudError(code, message, status, { ErrorCode: code, Message: message, ...detail });

export const arnOf = (world: World, id: string): string =>
  `arn:aws:elasticfilesystem:${world.region}:${world.account}:file-system/${id}`;

/** By id or ARN. */
export function fileSystemOf(store: Store, name: string | undefined): FileSystem {
  const id = (name ?? "").replace(/^arn:.*\//, "");
  const found = store.fileSystems.get(id);
  if (found === undefined) throw failure("FileSystemNotFound", `File system '${id}' does not exist.`, 404);
  return found;
}

export function targetOf(store: Store, id: string | undefined): MountTarget {
  const found = store.targets.get(id ?? "");
  if (found === undefined) throw failure("MountTargetNotFound", `Mount target '${id ?? ""}' does not exist.`, 404);
  return found;
}

export const targetsOf = (store: Store, fileSystemId: string): MountTarget[] =>
  [...store.targets.values()].filter((target) => target.fileSystemId === fileSystemId);

export function needAvailable({ id, state }: FileSystem): void {
  if (state !== "available")
    throw failure("IncorrectFileSystemLifeCycleState", `File system '${id}' is ${state}, not available.`, 409);
}

/** What a caller gave but this cloud does not act on would be ignored in silence: it is refused by name. */
export function refuseUnknown(operation: string, input: object, known: readonly string[]): void {
  const unknown = Object.entries(input).find(([name, value]) => value !== undefined && !known.includes(name));
  if (unknown !== undefined)
    throw failure("BadRequest", `${operation}: the embedded cloud does not support ${unknown[0]}`);
}

/** One page; the marker is the position of the next item. */
export function page<T>(
  items: readonly T[],
  { Marker, MaxItems }: { Marker?: string | undefined; MaxItems?: number | undefined },
): { items: T[]; NextMarker?: string } {
  const from = Number(Marker ?? 0);
  if (!Number.isInteger(from) || from < 0) throw failure("BadRequest", `The marker '${Marker}' is not valid`);
  const next = from + Math.max(1, MaxItems ?? 100);
  return { items: items.slice(from, next), ...(next < items.length ? { NextMarker: String(next) } : {}) };
}
