import type {
  CopyObjectCommandInput,
  DeleteObjectCommandInput,
  DeleteObjectsCommandInput,
  GetObjectCommandInput,
  GetObjectTaggingCommandInput,
  HeadObjectCommandInput,
  PutObjectCommandInput,
  PutObjectTaggingCommandInput,
} from "@aws-sdk/client-s3";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { bytesOf, kept, md5, verifySums, withoutSums } from "./content.ts";
import type { Bucket, ObjectVersion, Store } from "./store.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const KEY_BYTES_MAX = 1_024;

export function checkedKey(key: string | undefined): string {
  if (key === undefined || key === "") throw new CloudError("InvalidRequest", "Key must not be empty");
  if (Buffer.byteLength(key) <= KEY_BYTES_MAX) return key;
  throw new CloudError("KeyTooLongError", `Your key is longer than ${KEY_BYTES_MAX} bytes`);
}

const precondition = (condition: string): CloudError =>
  new CloudError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, {
    Condition: condition,
  });

const unquoted = (etag: string): string => etag.replaceAll('"', "");

interface WriteConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
export function checkWrite(bucket: Bucket, key: string, { IfMatch, IfNoneMatch }: WriteConditions): void {
  const current = bucket.objects.get(key)?.[0];
  const exists = current !== undefined && !current.deleteMarker;
  if (IfNoneMatch === "*" && exists) throw precondition("If-None-Match");
  if (IfMatch === undefined) return;
  if (!exists) throw new CloudError("NoSuchKey", "The specified key does not exist.", 404, { Key: key });
  if (unquoted(IfMatch) !== unquoted(current.etag)) throw precondition("If-Match");
}

export const tagsOf = (text: string | undefined): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(text ?? ""));

export const versionMember = (bucket: Bucket, version: ObjectVersion): { VersionId?: string } =>
  bucket.versioning === undefined ? {} : { VersionId: version.versionId };

function put(store: Store, input: PutObjectCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const key = checkedKey(input.Key);
  const content = bytesOf(input.Body);
  verifySums(content, { ...input });
  checkWrite(bucket, key, input);
  const version = store.put(bucket, key, {
    deleteMarker: false,
    content,
    etag: `"${md5(content)}"`,
    metadata: { ...input.Metadata },
    headers: kept({ ...input }),
    tags: tagsOf(input.Tagging),
  });
  return { ETag: version.etag, ...versionMember(bucket, version) };
}

/** First and last byte of `bytes=a-b`, `a-` or `-n`; undefined for what S3 ignores. */
function rangeOf(range: string | undefined, length: number): readonly [number, number] | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (!found || (found[1] === "" && found[2] === "")) return undefined;
  const start = found[1] === "" ? Math.max(0, length - Number(found[2])) : Number(found[1]);
  const end = found[1] === "" || found[2] === "" ? length - 1 : Math.min(Number(found[2]), length - 1);
  if (start > end) throw new CloudError("InvalidRange", "The requested range is not satisfiable", 416);
  return [start, end];
}

function checkRead(version: ObjectVersion, input: HeadObjectCommandInput): void {
  const etag = unquoted(version.etag);
  if (input.IfMatch !== undefined && unquoted(input.IfMatch) !== etag) throw precondition("If-Match");
  const unchanged =
    input.IfNoneMatch === undefined
      ? input.IfModifiedSince !== undefined && version.lastModified <= input.IfModifiedSince
      : [etag, "*"].includes(unquoted(input.IfNoneMatch));
  if (unchanged) throw new CloudError("NotModified", "Not Modified", 304);
}

function describe(bucket: Bucket, version: ObjectVersion, input: HeadObjectCommandInput): object {
  checkRead(version, input);
  const range = rangeOf(input.Range, version.content.length);
  const whole = input.ChecksumMode === "ENABLED" && range === undefined;
  return {
    ...(whole ? version.headers : withoutSums(version.headers)),
    ContentType: version.headers["ContentType"] ?? "binary/octet-stream",
    AcceptRanges: "bytes",
    ContentLength: range ? range[1] - range[0] + 1 : version.content.length,
    ETag: version.etag,
    LastModified: version.lastModified,
    Metadata: version.metadata,
    ServerSideEncryption: version.headers["ServerSideEncryption"] ?? "AES256",
    ...versionMember(bucket, version),
    ...(range && { ContentRange: `bytes ${range[0]}-${range[1]}/${version.content.length}` }),
  };
}

function get(store: Store, input: GetObjectCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const version = store.object(bucket, input.Key, input.VersionId);
  const described = describe(bucket, version, input);
  const range = rangeOf(input.Range, version.content.length);
  const tagged = Object.keys(version.tags).length;
  return {
    ...described,
    ...(tagged > 0 && { TagCount: tagged }),
    Body: range ? version.content.subarray(range[0], range[1] + 1) : version.content,
  };
}

function head(store: Store, input: HeadObjectCommandInput): object {
  try {
    const bucket = store.bucket(input.Bucket);
    return describe(bucket, store.object(bucket, input.Key, input.VersionId), input);
  } catch (error) {
    // HEAD has no body, so this code is what clients make of the status
    if (error instanceof CloudError && error.status === 404) throw new CloudError("NotFound", "Not Found", 404);
    throw error;
  }
}

/** `bucket/key`, `/bucket/key` and with `?versionId=`; the key is URL-encoded. */
function sourceOf(store: Store, source: string | undefined): ObjectVersion {
  const [path = "", search = ""] = (source ?? "").split("?");
  const [bucketName, ...rest] = path.replace(/^\//, "").split("/");
  const versionId = new URLSearchParams(search).get("versionId") ?? undefined;
  return store.object(store.bucket(bucketName), decodeURIComponent(rest.join("/")), versionId);
}

function copy(store: Store, input: CopyObjectCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const key = checkedKey(input.Key);
  const source = sourceOf(store, input.CopySource);
  checkWrite(bucket, key, input);
  const replaced = input.MetadataDirective === "REPLACE";
  const version = store.put(bucket, key, {
    deleteMarker: false,
    content: source.content,
    etag: source.etag,
    metadata: replaced ? { ...input.Metadata } : source.metadata,
    headers: replaced ? kept({ ...input }) : source.headers,
    tags: input.TaggingDirective === "REPLACE" ? tagsOf(input.Tagging) : source.tags,
  });
  return {
    CopyObjectResult: { ETag: version.etag, LastModified: version.lastModified },
    ...versionMember(bucket, version),
  };
}

function remove(store: Store, input: DeleteObjectCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const { versionId, marker } = store.delete(bucket, checkedKey(input.Key), input.VersionId);
  return { ...(marker && { DeleteMarker: true }), ...(versionId !== undefined && { VersionId: versionId }) };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const DELETED_AT_ONCE_MAX = 1_000;

function removeMany(store: Store, input: DeleteObjectsCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const objects = input.Delete?.Objects ?? [];
  if (objects.length === 0 || objects.length > DELETED_AT_ONCE_MAX)
    throw new CloudError("MalformedXML", `Delete must name 1 to ${DELETED_AT_ONCE_MAX} objects`);
  const deleted = objects.map(({ Key, VersionId }) => {
    const { versionId, marker } = store.delete(bucket, checkedKey(Key), VersionId);
    return {
      Key,
      ...(VersionId !== undefined && { VersionId }),
      ...(marker && { DeleteMarker: true, DeleteMarkerVersionId: versionId }),
    };
  });
  return input.Delete?.Quiet ? {} : { Deleted: deleted };
}

type Tagged = GetObjectTaggingCommandInput | PutObjectTaggingCommandInput;
const tagged = (store: Store, input: Tagged): ObjectVersion =>
  store.object(store.bucket(input.Bucket), input.Key, input.VersionId);

export const objectOperations = (store: Store): Record<string, Operation> => ({
  PutObject: (input: PutObjectCommandInput) => put(store, input),
  GetObject: (input: GetObjectCommandInput) => get(store, input),
  HeadObject: (input: HeadObjectCommandInput) => head(store, input),
  CopyObject: (input: CopyObjectCommandInput) => copy(store, input),
  DeleteObject: (input: DeleteObjectCommandInput) => remove(store, input),
  DeleteObjects: (input: DeleteObjectsCommandInput) => removeMany(store, input),
  GetObjectTagging: (input: GetObjectTaggingCommandInput) => ({
    TagSet: Object.entries(tagged(store, input).tags).map(([Key, Value]) => ({ Key, Value })),
  }),
  PutObjectTagging: (input: PutObjectTaggingCommandInput) => {
    const tags = input.Tagging?.TagSet ?? [];
    tagged(store, input).tags = Object.fromEntries(tags.map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
    return {};
  },
  DeleteObjectTagging: (input: GetObjectTaggingCommandInput) => {
    tagged(store, input).tags = {};
    return {};
  },
});
