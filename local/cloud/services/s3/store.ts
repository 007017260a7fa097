import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";

/** One version of an object, or the marker of its deletion. */
export interface ObjectVersion {
  /** `null` as text where the bucket keeps no versions. */
  readonly versionId: string;
  readonly lastModified: Date;
  readonly deleteMarker: boolean;
  readonly content: Buffer;
  /** With its quotes. */
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Members that HeadObject and GetObject give back as they were put: ContentType, CacheControl, checksums... */
  readonly headers: Readonly<Record<string, unknown>>;
  tags: Readonly<Record<string, string>>;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly initiated: Date;
  readonly metadata: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly parts: Map<number, { readonly content: Buffer; readonly etag: string; readonly lastModified: Date }>;
}

export interface Bucket {
  readonly name: string;
  readonly createdAt: Date;
  readonly region: string;
  versioning: "Enabled" | "Suspended" | undefined;
  /** By the name of the setting, e.g. `Encryption`. */
  readonly settings: Map<string, Readonly<Record<string, unknown>>>;
  /** Newest version first; a key without versions is not there. */
  readonly objects: Map<string, ObjectVersion[]>;
  readonly uploads: Map<string, Upload>;
}

/** All buckets of one account; a name is one account's only, so there is one table. */
export class Store {
  readonly world: World;
  readonly buckets = new Map<string, Bucket>();

  constructor(world: World) {
    this.world = world;
  }

  bucket(name: string | undefined): Bucket {
    const found = this.buckets.get(name ?? "");
    if (found) return found;
    throw new CloudError("NoSuchBucket", "The specified bucket does not exist", 404, { BucketName: name });
  }

  /** Whole seconds, as S3 tells times. */
  now(): Date {
    return new Date(Math.floor(this.world.clock.now() / 1000) * 1000);
  }

  /** The current version, or the one asked for. */
  object(bucket: Bucket, key: string | undefined, versionId?: string): ObjectVersion {
    const versions = bucket.objects.get(key ?? "") ?? [];
    const found = versionId === undefined ? versions[0] : versions.find((version) => version.versionId === versionId);
    if (found && !found.deleteMarker) return found;
    if (found && versionId !== undefined)
      throw new CloudError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405);
    if (versionId !== undefined)
      throw new CloudError("NoSuchVersion", "The specified version does not exist.", 404, { Key: key });
    throw new CloudError("NoSuchKey", "The specified key does not exist.", 404, { Key: key });
  }

  /** Makes `version` the current one; where no versions are kept it takes the place of the old. */
  put(bucket: Bucket, key: string, version: Omit<ObjectVersion, "versionId" | "lastModified">): ObjectVersion {
    const versionId = bucket.versioning === "Enabled" ? this.world.ids.hex(32) : "null";
    const added: ObjectVersion = { ...version, versionId, lastModified: this.now() };
    const older = (bucket.objects.get(key) ?? []).filter((one) => one.versionId !== versionId);
    bucket.objects.set(key, [added, ...older]);
    return added;
  }

  /** Without a version: removes the object, or hides it under a marker where versions are kept. */
  delete(bucket: Bucket, key: string, versionId: string | undefined): { versionId?: string; marker: boolean } {
    const versions = bucket.objects.get(key) ?? [];
    if (versionId === undefined && bucket.versioning !== undefined) {
      const marker = { deleteMarker: true, content: Buffer.alloc(0), etag: "", metadata: {}, headers: {}, tags: {} };
      return { versionId: this.put(bucket, key, marker).versionId, marker: true };
    }
    const removed = versions.find((version) => version.versionId === (versionId ?? "null"));
    const left = versions.filter((version) => version !== removed);
    if (left.length > 0) bucket.objects.set(key, left);
    else bucket.objects.delete(key);
    return { ...(versionId !== undefined && { versionId }), marker: removed?.deleteMarker ?? false };
  }
}
