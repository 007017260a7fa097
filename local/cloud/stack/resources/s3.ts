import type { Json, JsonObject } from "../engine/json.ts";
import { isObject } from "../engine/json.ts";
import { documentText, gone, objects, optionalText, pick, requiredText, tagList, tagMap } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** The longest bucket name. */
const NAME_MAX = 63;

const bucketAttributes = (ctx: ResourceContext, name: string): Attributes => ({
  Arn: `arn:aws:s3:::${name}`,
  DomainName: `${name}.s3.amazonaws.com`,
  RegionalDomainName: `${name}.s3.${ctx.region}.amazonaws.com`,
});

/** Each of these has an API operation of its own; in the template they are properties of the bucket. */
async function configure(
  ctx: ResourceContext,
  bucket: string,
  properties: JsonObject,
  changed: readonly string[],
): Promise<void> {
  const put = (operation: string, input: Record<string, unknown>): Promise<unknown> =>
    ctx.call("s3", operation, { Bucket: bucket, ...input });
  for (const name of changed) {
    const value = properties[name];
    const settings = isObject(value) ? value : undefined;
    if (name === "BucketEncryption")
      await (settings === undefined
        ? put("DeleteBucketEncryption", {})
        : put("PutBucketEncryption", { ServerSideEncryptionConfiguration: encryption(settings) }));
    if (name === "VersioningConfiguration")
      await put("PutBucketVersioning", { VersioningConfiguration: settings ?? { Status: "Suspended" } });
    if (name === "PublicAccessBlockConfiguration")
      await (settings === undefined
        ? put("DeletePublicAccessBlock", {})
        : put("PutPublicAccessBlock", { PublicAccessBlockConfiguration: settings }));
    if (name === "OwnershipControls")
      await (settings === undefined
        ? put("DeleteBucketOwnershipControls", {})
        : put("PutBucketOwnershipControls", { OwnershipControls: settings }));
    if (name === "LifecycleConfiguration")
      await (settings === undefined
        ? put("DeleteBucketLifecycle", {})
        : put("PutBucketLifecycleConfiguration", {
            LifecycleConfiguration: { Rules: objects(settings["Rules"]).map(lifecycleRule) },
          }));
    if (name === "Tags") await put("PutBucketTagging", { Tagging: { TagSet: tagList(tagMap(value)) } });
  }
}

const encryption = (settings: JsonObject): Record<string, unknown> => ({
  Rules: objects(settings["ServerSideEncryptionConfiguration"]).map((rule) => ({
    ApplyServerSideEncryptionByDefault: rule["ServerSideEncryptionByDefault"],
    BucketKeyEnabled: rule["BucketKeyEnabled"],
  })),
});

function lifecycleRule(rule: JsonObject): Record<string, unknown> {
  const { Id: ID, Prefix, ExpirationInDays, ...rest } = rule;
  const expiration: Json | undefined = ExpirationInDays === undefined ? undefined : { Days: ExpirationInDays };
  return { ...rest, ID, Filter: { Prefix: optionalText(Prefix) ?? "" }, Expiration: expiration };
}

const bucket: ResourceType = {
  type: "AWS::S3::Bucket",
  replacing: ["BucketName"],
  updatable: [
    "BucketEncryption",
    "VersioningConfiguration",
    "PublicAccessBlockConfiguration",
    "OwnershipControls",
    "LifecycleConfiguration",
    "Tags",
  ],
  named: "BucketName",
  tags: "list",
  attributes: ["Arn", "DomainName", "RegionalDomainName"],
  async create(ctx, properties) {
    const name = optionalText(properties["BucketName"]) ?? ctx.physicalName(NAME_MAX).toLowerCase();
    const elsewhere =
      ctx.region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: ctx.region } };
    await ctx.call("s3", "CreateBucket", { Bucket: name, ...elsewhere });
    ctx.identify(name);
    await configure(ctx, name, properties, Object.keys(properties));
    return { physicalId: name, attributes: bucketAttributes(ctx, name) };
  },
  async update(ctx, existing, next, changed) {
    await configure(ctx, existing.physicalId, next, changed);
    return bucketAttributes(ctx, existing.physicalId);
  },
  remove: (ctx, existing) => gone(ctx.call("s3", "DeleteBucket", { Bucket: existing.physicalId })),
};

const putPolicy = (ctx: ResourceContext, properties: JsonObject): Promise<unknown> =>
  ctx.call("s3", "PutBucketPolicy", {
    ...pick(properties, ["Bucket"]),
    Policy: documentText(properties["PolicyDocument"]),
  });

const bucketPolicy: ResourceType = {
  type: "AWS::S3::BucketPolicy",
  replacing: ["Bucket"],
  updatable: ["PolicyDocument"],
  required: ["Bucket", "PolicyDocument"],
  attributes: [],
  async create(ctx, properties) {
    await putPolicy(ctx, properties);
    return { physicalId: requiredText(properties, "Bucket"), attributes: {} };
  },
  async update(ctx, _existing, next) {
    await putPolicy(ctx, next);
    return {};
  },
  remove: (ctx, existing) => gone(ctx.call("s3", "DeleteBucketPolicy", { Bucket: existing.physicalId })),
};

export const s3Types: readonly ResourceType[] = [bucket, bucketPolicy];
