import type {
  CreateBucketCommandInput,
  CreateBucketCommandOutput,
  DeleteBucketCommandInput,
  GetBucketLocationCommandInput,
  HeadBucketCommandInput,
  HeadBucketCommandOutput,
  ListBucketsCommandInput,
} from "@aws-sdk/client-s3";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { Store } from "./store.ts";

/** AWS's own default quota of general purpose buckets is 10000; a farm has a handful. */
const BUCKETS_MAX = 1_000;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes("..") && !/^\d+\.\d+\.\d+\.\d+$/.test(name);

/** What every new bucket has since 2023: https://aws.amazon.com/s3/faqs/ (encryption, public access, ownership). */
const initialSettings: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  [
    "BucketEncryption",
    { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false }] },
  ],
  [
    "PublicAccessBlock",
    { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true },
  ],
  ["BucketOwnershipControls", { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] }],
];

function create(store: Store, input: CreateBucketCommandInput): Partial<CreateBucketCommandOutput> {
  const name = input.Bucket ?? "";
  if (!isBucketName(name)) throw new CloudError("InvalidBucketName", "The specified bucket is not valid.");
  if (store.buckets.has(name))
    throw new CloudError("BucketAlreadyOwnedByYou", "The bucket exists and is yours already.", 409);
  if (store.buckets.size >= BUCKETS_MAX) throw new CloudError("TooManyBuckets", `more than ${BUCKETS_MAX} buckets`);
  const region = input.CreateBucketConfiguration?.LocationConstraint ?? store.world.region;
  store.buckets.set(name, {
    name,
    createdAt: store.now(),
    region,
    versioning: undefined,
    settings: new Map(initialSettings),
    objects: new Map(),
    uploads: new Map(),
  });
  return { Location: `/${name}` };
}

function head(store: Store, input: HeadBucketCommandInput): Partial<HeadBucketCommandOutput> {
  const bucket = store.buckets.get(input.Bucket ?? "");
  // HEAD has no body, so this code is what clients make of the status
  if (bucket === undefined) throw new CloudError("NotFound", "Not Found", 404);
  return { BucketRegion: bucket.region, AccessPointAlias: false };
}

function remove(store: Store, input: DeleteBucketCommandInput): object {
  const bucket = store.bucket(input.Bucket);
  if (bucket.objects.size > 0)
    throw new CloudError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, {
      BucketName: bucket.name,
    });
  store.buckets.delete(bucket.name);
  return {};
}

function list(store: Store, input: ListBucketsCommandInput): object {
  const named = [...store.buckets.values()]
    .filter(({ name }) => name.startsWith(input.Prefix ?? ""))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    Owner: { ID: store.world.account },
    Buckets: named.map(({ name, createdAt, region }) => ({
      Name: name,
      CreationDate: createdAt,
      BucketRegion: region,
    })),
  };
}

export const bucketOperations = (store: Store): Record<string, Operation> => ({
  CreateBucket: (input: CreateBucketCommandInput) => create(store, input),
  HeadBucket: (input: HeadBucketCommandInput) => head(store, input),
  DeleteBucket: (input: DeleteBucketCommandInput) => remove(store, input),
  ListBuckets: (input: ListBucketsCommandInput) => list(store, input),
  GetBucketLocation: (input: GetBucketLocationCommandInput) => {
    const { region } = store.bucket(input.Bucket);
    // the one region that S3 has no name for
    return { LocationConstraint: region === "us-east-1" ? "" : region };
  },
});
