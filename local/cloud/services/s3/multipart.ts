import type {
  AbortMultipartUploadCommandInput,
  CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommandInput,
  ListMultipartUploadsCommandInput,
  ListPartsCommandInput,
  UploadPartCommandInput,
} from "@aws-sdk/client-s3";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { bytesOf, kept, md5, verifySums } from "./content.ts";
import { checkedKey, checkWrite, versionMember } from "./objects.ts";
import type { Bucket, Store, Upload } from "./store.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PART_NUMBER_MAX = 10_000;
const PART_BYTES_MIN = 5 * 1024 * 1024;

function uploadOf(bucket: Bucket, id: string | undefined, key: string | undefined): Upload {
  const upload = bucket.uploads.get(id ?? "");
  if (upload && upload.key === key) return upload;
  throw new CloudError("NoSuchUpload", "The specified multipart upload does not exist.", 404, { UploadId: id });
}

function create(store: Store, input: CreateMultipartUploadCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const key = checkedKey(input.Key);
  const id = store.world.ids.hex(32);
  const metadata = { ...input.Metadata };
  bucket.uploads.set(id, { id, key, initiated: store.now(), metadata, headers: kept({ ...input }), parts: new Map() });
  return { Bucket: bucket.name, Key: key, UploadId: id };
}

function uploadPart(store: Store, input: UploadPartCommandInput): object {
  const upload = uploadOf(store.bucket(input.Bucket), input.UploadId, input.Key);
  const number = input.PartNumber ?? 0;
  if (!Number.isInteger(number) || number < 1 || number > PART_NUMBER_MAX)
    throw new CloudError(
      "InvalidArgument",
      `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`,
    );
  const content = bytesOf(input.Body);
  verifySums(content, { ...input });
  const etag = `"${md5(content)}"`;
  upload.parts.set(number, { content, etag, lastModified: store.now() });
  return { ETag: etag, ...(input.ChecksumCRC32 !== undefined && { ChecksumCRC32: input.ChecksumCRC32 }) };
}

function partsNamed(upload: Upload, input: CompleteMultipartUploadCommandInput): Buffer[] {
  const named = input.MultipartUpload?.Parts ?? [];
  if (named.length === 0) throw new CloudError("MalformedXML", "CompleteMultipartUpload must name at least one part");
  let before = 0;
  return named.map(({ PartNumber = 0, ETag }, index) => {
    const part = upload.parts.get(PartNumber);
    if (part === undefined || part.etag.replaceAll('"', "") !== ETag?.replaceAll('"', ""))
      throw new CloudError("InvalidPart", "One or more of the specified parts could not be found.", 400, {
        PartNumber,
      });
    if (PartNumber <= before) throw new CloudError("InvalidPartOrder", "The list of parts was not in ascending order.");
    if (index < named.length - 1 && part.content.length < PART_BYTES_MIN)
      throw new CloudError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.");
    before = PartNumber;
    return part.content;
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: the MD5 of the parts' MD5s and their number. */
const multipartEtag = (parts: readonly Buffer[]): string =>
  `"${md5(Buffer.concat(parts.map((part) => Buffer.from(md5(part), "hex"))))}-${parts.length}"`;

function complete(store: Store, input: CompleteMultipartUploadCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const upload = uploadOf(bucket, input.UploadId, input.Key);
  const parts = partsNamed(upload, input);
  checkWrite(bucket, upload.key, input);
  const version = store.put(bucket, upload.key, {
    deleteMarker: false,
    content: Buffer.concat(parts),
    etag: multipartEtag(parts),
    metadata: upload.metadata,
    headers: upload.headers,
    tags: {},
  });
  bucket.uploads.delete(upload.id);
  const location = `https://${bucket.name}.s3.${bucket.region}.amazonaws.com/${upload.key}`;
  return {
    Location: location,
    Bucket: bucket.name,
    Key: upload.key,
    ETag: version.etag,
    ...versionMember(bucket, version),
  };
}

function listParts(store: Store, input: ListPartsCommandInput): object {
  const upload = uploadOf(store.bucket(input.Bucket), input.UploadId, input.Key);
  const parts = [...upload.parts].toSorted(([a], [b]) => a - b);
  return {
    Bucket: input.Bucket,
    Key: upload.key,
    UploadId: upload.id,
    IsTruncated: false,
    Parts: parts.map(([PartNumber, { content, etag, lastModified }]) => ({
      PartNumber,
      ETag: etag,
      Size: content.length,
      LastModified: lastModified,
    })),
  };
}

export const multipartOperations = (store: Store): Record<string, Operation> => ({
  CreateMultipartUpload: (input: CreateMultipartUploadCommandInput) => create(store, input),
  UploadPart: (input: UploadPartCommandInput) => uploadPart(store, input),
  CompleteMultipartUpload: (input: CompleteMultipartUploadCommandInput) => complete(store, input),
  ListParts: (input: ListPartsCommandInput) => listParts(store, input),
  AbortMultipartUpload: (input: AbortMultipartUploadCommandInput) => {
    const bucket = store.bucket(input.Bucket);
    bucket.uploads.delete(uploadOf(bucket, input.UploadId, input.Key).id);
    return {};
  },
  ListMultipartUploads: (input: ListMultipartUploadsCommandInput) => ({
    Bucket: input.Bucket,
    IsTruncated: false,
    Uploads: [...store.bucket(input.Bucket).uploads.values()].map(({ id, key, initiated }) => ({
      UploadId: id,
      Key: key,
      Initiated: initiated,
    })),
  }),
});
