import type {
  ListObjectsCommandInput,
  ListObjectsV2CommandInput,
  ListObjectVersionsCommandInput,
} from "@aws-sdk/client-s3";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { Bucket, ObjectVersion, Store } from "./store.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
const KEYS_MAX = 1_000;

interface Page {
  /** Keys and common prefixes in one order, as S3 counts them. */
  readonly entries: readonly ({ readonly key: string } | { readonly prefix: string })[];
  readonly next?: string;
}

interface Wanted {
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: string;
  readonly max: number;
}

/** S3 sorts by the bytes of UTF-8. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function groupOf(key: string, { prefix, delimiter }: Wanted): string | undefined {
  const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}

function pageOf(keys: readonly string[], wanted: Wanted): Page {
  const entries: ({ key: string } | { prefix: string })[] = [];
  const prefixes = new Set<string>();
  let last = "";
  for (const key of keys.filter((one) => one.startsWith(wanted.prefix)).toSorted(byBytes)) {
    const group = groupOf(key, wanted);
    const name = group ?? key;
    if (byBytes(name, wanted.after) <= 0 || (group !== undefined && prefixes.has(group))) continue;
    if (entries.length >= wanted.max) return { entries, next: last };
    if (group !== undefined) prefixes.add(group);
    entries.push(group === undefined ? { key } : { prefix: group });
    last = name;
  }
  return { entries };
}

const maxOf = (asked: number | undefined): number => {
  if (asked !== undefined && asked < 0) throw new CloudError("InvalidArgument", "max-keys must not be negative");
  return Math.min(asked ?? KEYS_MAX, KEYS_MAX);
};

const liveKeys = (bucket: Bucket): string[] =>
  [...bucket.objects].filter(([, versions]) => versions[0]?.deleteMarker === false).map(([key]) => key);

function contents(
  bucket: Bucket,
  page: Page,
  encode: (text: string) => string,
): { Contents: object[]; CommonPrefixes: object[] } {
  const objects = page.entries.flatMap((entry) => {
    const version = "key" in entry ? bucket.objects.get(entry.key)?.[0] : undefined;
    if (!("key" in entry) || version === undefined) return [];
    const { etag, lastModified, content } = version;
    return [
      {
        Key: encode(entry.key),
        ETag: etag,
        LastModified: lastModified,
        Size: content.length,
        StorageClass: "STANDARD",
      },
    ];
  });
  const prefixes = page.entries.flatMap((entry) => ("prefix" in entry ? [{ Prefix: encode(entry.prefix) }] : []));
  return { Contents: objects, CommonPrefixes: prefixes };
}

const encoder = (type: string | undefined): ((text: string) => string) =>
  type === "url" ? (text) => encodeURIComponent(text).replaceAll("%2F", "/") : (text) => text;

const shown = (input: ListObjectsCommandInput | ListObjectsV2CommandInput): object => ({
  Name: input.Bucket,
  Prefix: input.Prefix ?? "",
  MaxKeys: maxOf(input.MaxKeys),
  ...(input.Delimiter !== undefined && { Delimiter: input.Delimiter }),
  ...(input.EncodingType !== undefined && { EncodingType: input.EncodingType }),
});

function listV2(store: Store, input: ListObjectsV2CommandInput): object {
  const bucket = store.bucket(input.Bucket);
  // the token is the last key seen; S3 calls it opaque
  const token = input.ContinuationToken && Buffer.from(input.ContinuationToken, "base64url").toString();
  const page = pageOf(liveKeys(bucket), {
    prefix: input.Prefix ?? "",
    delimiter: input.Delimiter ?? "",
    after: token || (input.StartAfter ?? ""),
    max: maxOf(input.MaxKeys),
  });
  return {
    ...shown(input),
    ...contents(bucket, page, encoder(input.EncodingType)),
    KeyCount: page.entries.length,
    IsTruncated: page.next !== undefined,
    ...(input.ContinuationToken !== undefined && { ContinuationToken: input.ContinuationToken }),
    ...(page.next !== undefined && { NextContinuationToken: Buffer.from(page.next).toString("base64url") }),
  };
}

function listV1(store: Store, input: ListObjectsCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const page = pageOf(liveKeys(bucket), {
    prefix: input.Prefix ?? "",
    delimiter: input.Delimiter ?? "",
    after: input.Marker ?? "",
    max: maxOf(input.MaxKeys),
  });
  return {
    ...shown(input),
    ...contents(bucket, page, encoder(input.EncodingType)),
    Marker: input.Marker ?? "",
    IsTruncated: page.next !== undefined,
    ...(page.next !== undefined && { NextMarker: page.next }),
  };
}

const versionEntry = (key: string, version: ObjectVersion, latest: boolean): object => ({
  Key: key,
  VersionId: version.versionId,
  IsLatest: latest,
  LastModified: version.lastModified,
  ...(!version.deleteMarker && { ETag: version.etag, Size: version.content.length, StorageClass: "STANDARD" }),
});

function listVersions(store: Store, input: ListObjectVersionsCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  const max = maxOf(input.MaxKeys);
  const keys = [...bucket.objects.keys()].filter((key) => key.startsWith(input.Prefix ?? "")).toSorted(byBytes);
  const all = keys.flatMap((key) =>
    (bucket.objects.get(key) ?? []).map((version, index) => ({ key, version, latest: index === 0 })),
  );
  const start = all.findIndex(
    ({ key, version }) => key === input.KeyMarker && version.versionId === input.VersionIdMarker,
  );
  const page = all.slice(start + 1, start + 1 + max);
  const last = start + 1 + max < all.length ? page.at(-1) : undefined;
  const entries = (markers: boolean): object[] =>
    page
      .filter(({ version }) => version.deleteMarker === markers)
      .map(({ key, version, latest }) => versionEntry(key, version, latest));
  return {
    Name: input.Bucket,
    Prefix: input.Prefix ?? "",
    MaxKeys: max,
    Versions: entries(false),
    DeleteMarkers: entries(true),
    IsTruncated: last !== undefined,
    ...(last && { NextKeyMarker: last.key, NextVersionIdMarker: last.version.versionId }),
  };
}

export const listOperations = (store: Store): Record<string, Operation> => ({
  ListObjectsV2: (input: ListObjectsV2CommandInput) => listV2(store, input),
  ListObjects: (input: ListObjectsCommandInput) => listV1(store, input),
  ListObjectVersions: (input: ListObjectVersionsCommandInput) => listVersions(store, input),
});
