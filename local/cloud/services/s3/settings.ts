import type { GetBucketVersioningCommandInput, PutBucketVersioningCommandInput } from "@aws-sdk/client-s3";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { Store } from "./store.ts";

interface Setting {
  /** Names of the operations without Put, Get and Delete. */
  readonly name: string;
  readonly deleteName?: string;
  /** Member of the Put input whose value is kept. */
  readonly put: string;
  /** How the Get output shows that value: as the same member, or with its own members. */
  readonly spread: boolean;
  /** What Get answers while nothing is set; without a code it answers nothing. */
  readonly absent?: readonly [code: string, message: string];
}

/** Settings that are kept and shown but change nothing in what this S3 does: nobody but the farm's own callers is here. */
const settings: readonly Setting[] = [
  {
    name: "BucketEncryption",
    put: "ServerSideEncryptionConfiguration",
    spread: false,
    absent: [
      "ServerSideEncryptionConfigurationNotFoundError",
      "The server side encryption configuration was not found",
    ],
  },
  {
    name: "PublicAccessBlock",
    put: "PublicAccessBlockConfiguration",
    spread: false,
    absent: ["NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"],
  },
  { name: "BucketTagging", put: "Tagging", spread: true, absent: ["NoSuchTagSet", "The TagSet does not exist"] },
  {
    name: "BucketOwnershipControls",
    put: "OwnershipControls",
    spread: false,
    absent: ["OwnershipControlsNotFoundError", "The bucket ownership controls were not found"],
  },
  {
    name: "BucketCors",
    put: "CORSConfiguration",
    spread: true,
    absent: ["NoSuchCORSConfiguration", "The CORS configuration does not exist"],
  },
  {
    name: "BucketLifecycleConfiguration",
    deleteName: "BucketLifecycle",
    put: "LifecycleConfiguration",
    spread: true,
    absent: ["NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"],
  },
  { name: "BucketNotificationConfiguration", put: "NotificationConfiguration", spread: true },
  { name: "BucketLogging", put: "BucketLoggingStatus", spread: true },
  { name: "BucketAccelerateConfiguration", put: "AccelerateConfiguration", spread: true },
];

type BucketInput = Readonly<Record<string, unknown>> & { readonly Bucket?: string };

function show(store: Store, setting: Setting, input: BucketInput): object {
  const value = store.bucket(input.Bucket).settings.get(setting.name);
  if (value !== undefined) return setting.spread ? value : { [setting.put]: value };
  if (setting.absent === undefined) return {};
  throw new CloudError(setting.absent[0], setting.absent[1], 404, { BucketName: input.Bucket });
}

function keep(store: Store, setting: Setting, input: BucketInput): object {
  const value = input[setting.put];
  const bucket = store.bucket(input.Bucket);
  if (typeof value === "object" && value !== null) bucket.settings.set(setting.name, { ...value });
  return {};
}

const operationsOf = (store: Store, setting: Setting): [string, Operation][] => [
  [`Put${setting.name}`, (input: BucketInput) => keep(store, setting, input)],
  [`Get${setting.name}`, (input: BucketInput) => show(store, setting, input)],
  [
    `Delete${setting.deleteName ?? setting.name}`,
    (input: BucketInput) => {
      store.bucket(input.Bucket).settings.delete(setting.name);
      return {};
    },
  ],
];

const POLICY = "BucketPolicy";

function putPolicy(store: Store, input: BucketInput): object {
  const text = String(input["Policy"]);
  try {
    JSON.parse(text);
  } catch {
    throw new CloudError("MalformedPolicy", "Policies must be valid JSON");
  }
  store.bucket(input.Bucket).settings.set(POLICY, { Policy: text });
  return {};
}

function getPolicy(store: Store, input: BucketInput): object {
  const policy = store.bucket(input.Bucket).settings.get(POLICY);
  if (policy) return policy;
  throw new CloudError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, { BucketName: input.Bucket });
}

function putVersioning(store: Store, input: PutBucketVersioningCommandInput): object {
  const status = input.VersioningConfiguration?.Status;
  if (status !== "Enabled" && status !== "Suspended")
    throw new CloudError("IllegalVersioningConfigurationException", "Status must be Enabled or Suspended");
  store.bucket(input.Bucket).versioning = status;
  return {};
}

export const settingOperations = (store: Store): Record<string, Operation> => ({
  ...Object.fromEntries(settings.flatMap((setting) => operationsOf(store, setting))),
  PutBucketPolicy: (input: BucketInput) => putPolicy(store, input),
  GetBucketPolicy: (input: BucketInput) => getPolicy(store, input),
  DeleteBucketPolicy: (input: BucketInput) => {
    store.bucket(input.Bucket).settings.delete(POLICY);
    return {};
  },
  PutBucketVersioning: (input: PutBucketVersioningCommandInput) => putVersioning(store, input),
  GetBucketVersioning: (input: GetBucketVersioningCommandInput) => {
    const { versioning } = store.bucket(input.Bucket);
    return versioning === undefined ? {} : { Status: versioning };
  },
});
