import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { CloudError } from "../../errors.ts";

export const md5 = (content: Uint8Array): string => createHash("md5").update(content).digest("hex");

/** A body as the wire layer gives it; callers in process may give text. */
export function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (typeof body === "string") return Buffer.from(body);
  throw new CloudError("InvalidRequest", "Body must be bytes or text");
}

const crc32Base64 = (content: Buffer): string => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(content));
  return sum.toString("base64");
};

/** The sums that S3 can be given and that can be taken here; CRC32C and CRC64NVME are kept unverified. */
const sums: Readonly<Record<string, (content: Buffer) => string>> = {
  ContentMD5: (content) => createHash("md5").update(content).digest("base64"),
  ChecksumCRC32: crc32Base64,
  ChecksumSHA1: (content) => createHash("sha1").update(content).digest("base64"),
  ChecksumSHA256: (content) => createHash("sha256").update(content).digest("base64"),
};

/** Throws BadDigest when the content is not what the caller summed up. */
export function verifySums(content: Buffer, input: Readonly<Record<string, unknown>>): void {
  for (const [member, sum] of Object.entries(sums)) {
    const given = input[member];
    if (given !== undefined && given !== sum(content))
      throw new CloudError("BadDigest", `The ${member} you specified did not match the calculated checksum.`);
  }
}

const checksumMembers = ["ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256"];

/** Members of a put that a get gives back. */
const keptMembers = [
  "CacheControl",
  "ContentDisposition",
  "ContentEncoding",
  "ContentLanguage",
  "ContentType",
  "Expires",
  "ServerSideEncryption",
  "SSEKMSKeyId",
  "WebsiteRedirectLocation",
  ...checksumMembers,
];

export const kept = (input: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(keptMembers.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])));

/** Checksums are shown only to who asks for them, since clients would verify a part against the sum of the whole. */
export const withoutSums = (headers: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !checksumMembers.includes(name)));
