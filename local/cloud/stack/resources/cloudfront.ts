import { isObject, type Json, type JsonObject } from "../engine/json.ts";
import { gone, isNotThere, objects, retag, strings, tagList, tagMap, textAt, valueAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** Until every edge location has a configuration; AWS says that it takes some minutes. */
const DEPLOYED_WAIT_MS = 1_800_000;
const REFERENCE_MAX = 128;

const call = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("cloudfront", operation, input);

const objectAt = (properties: JsonObject, name: string): JsonObject => {
  const value = properties[name];
  return isObject(value) ? value : {};
};

/** A list of the template as the API has it: with its length beside it. */
const counted = (items: readonly Json[]): JsonObject => ({
  Quantity: items.length,
  ...(items.length > 0 ? { Items: [...items] } : {}),
});
const countedAt = (properties: JsonObject, name: string): JsonObject =>
  counted(strings(properties[name]).map((text) => text));

/** `properties` with the named lists in the API's form, where they are given. */
const withLists = (properties: JsonObject, ...names: readonly string[]): JsonObject => ({
  ...properties,
  ...Object.fromEntries(
    names.flatMap((name) => (properties[name] === undefined ? [] : [[name, countedAt(properties, name)] as const])),
  ),
});

/** Members that the template spells in another way than the API. */
function renamed(properties: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [names[name] ?? name, value]));
}

function behaviour(properties: JsonObject): JsonObject {
  const { AllowedMethods, CachedMethods, ...rest } = properties;
  if (AllowedMethods === undefined && CachedMethods === undefined) return rest;
  const allowed = AllowedMethods === undefined ? ["GET", "HEAD"] : strings(AllowedMethods);
  const cached = CachedMethods === undefined ? ["GET", "HEAD"] : strings(CachedMethods);
  return { ...rest, AllowedMethods: { ...counted([...allowed]), CachedMethods: counted([...cached]) } };
}

function origin(properties: JsonObject): JsonObject {
  const { OriginCustomHeaders, CustomOriginConfig, ...rest } = properties;
  const custom = isObject(CustomOriginConfig) ? CustomOriginConfig : undefined;
  return {
    ...rest,
    ...(OriginCustomHeaders === undefined ? {} : { CustomHeaders: counted([...objects(OriginCustomHeaders)]) }),
    ...(custom === undefined
      ? {}
      : {
          CustomOriginConfig: {
            HTTPPort: 80,
            HTTPSPort: 443,
            ...withLists(renamed(custom, { OriginSSLProtocols: "OriginSslProtocols" }), "OriginSslProtocols"),
          },
        }),
  };
}

const RENAMED = { IPV6Enabled: "IsIPV6Enabled" };

/** `DistributionConfig` of the template as CreateDistribution takes it. */
export function distributionConfig(properties: JsonObject, CallerReference: string): JsonObject {
  const given = objectAt(properties, "DistributionConfig");
  const { Origins, CacheBehaviors, CustomErrorResponses, DefaultCacheBehavior, ViewerCertificate, ...rest } = given;
  return {
    Comment: "",
    ...withLists(renamed(rest, RENAMED), "Aliases"),
    CallerReference,
    Origins: counted(objects(Origins).map(origin)),
    DefaultCacheBehavior: behaviour(isObject(DefaultCacheBehavior) ? DefaultCacheBehavior : {}),
    ...(CacheBehaviors === undefined ? {} : { CacheBehaviors: counted(objects(CacheBehaviors).map(behaviour)) }),
    ...(CustomErrorResponses === undefined
      ? {}
      : { CustomErrorResponses: counted([...objects(CustomErrorResponses)]) }),
    ...(isObject(ViewerCertificate)
      ? {
          ViewerCertificate: renamed(ViewerCertificate, {
            AcmCertificateArn: "ACMCertificateArn",
            IamCertificateId: "IAMCertificateId",
            SslSupportMethod: "SSLSupportMethod",
          }),
        }
      : {}),
  };
}

async function untilDeployed(ctx: ResourceContext, Id: string): Promise<Attributes> {
  let attributes: Attributes = {};
  await ctx.until(`distribution ${Id}`, DEPLOYED_WAIT_MS, async () => {
    const answer = await call(ctx, "GetDistribution", { Id });
    attributes = { Id, DomainName: textAt(answer, "Distribution", "DomainName") };
    return valueAt(answer, "Distribution", "Status") === "Deployed";
  });
  return attributes;
}

const arnOf = (ctx: ResourceContext, id: string): string => `arn:aws:cloudfront::${ctx.account}:distribution/${id}`;

const distribution: ResourceType = {
  type: "AWS::CloudFront::Distribution",
  replacing: [],
  updatable: ["DistributionConfig", "Tags"],
  required: ["DistributionConfig"],
  tags: "list",
  attributes: ["Id", "DomainName"],
  async create(ctx, properties) {
    const DistributionConfig = distributionConfig(properties, ctx.physicalName(REFERENCE_MAX));
    const Items = tagList(tagMap(properties["Tags"]));
    const answer = await (Items.length === 0
      ? call(ctx, "CreateDistribution", { DistributionConfig })
      : call(ctx, "CreateDistributionWithTags", {
          DistributionConfigWithTags: { DistributionConfig, Tags: { Items } },
        }));
    const Id = textAt(answer, "Distribution", "Id");
    ctx.identify(Id);
    return { physicalId: Id, attributes: await untilDeployed(ctx, Id) };
  },
  async update(ctx, { physicalId: Id, properties, attributes }, next, changed) {
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => call(ctx, "TagResource", { Resource: arnOf(ctx, Id), Tags: { Items: tagList(tags) } }),
      (Items) => call(ctx, "UntagResource", { Resource: arnOf(ctx, Id), TagKeys: { Items } }),
    );
    if (!changed.includes("DistributionConfig")) return attributes;
    const now = await call(ctx, "GetDistributionConfig", { Id });
    const reference = textAt(now, "DistributionConfig", "CallerReference");
    const DistributionConfig = distributionConfig(next, reference);
    await call(ctx, "UpdateDistribution", { Id, IfMatch: textAt(now, "ETag"), DistributionConfig });
    return untilDeployed(ctx, Id);
  },
  /** A distribution can be deleted only when every edge location knows that it is disabled. */
  async remove(ctx, { physicalId: Id }) {
    try {
      const now = await call(ctx, "GetDistributionConfig", { Id });
      const config: unknown = now["DistributionConfig"];
      if (valueAt(config, "Enabled") === true) {
        const DistributionConfig = { ...Object(config), Enabled: false };
        await call(ctx, "UpdateDistribution", { Id, IfMatch: textAt(now, "ETag"), DistributionConfig });
      }
      await untilDeployed(ctx, Id);
      const disabled = await call(ctx, "GetDistributionConfig", { Id });
      await call(ctx, "DeleteDistribution", { Id, IfMatch: textAt(disabled, "ETag") });
    } catch (error) {
      if (!isNotThere(error)) throw error;
    }
  },
};

type PolicyKind = "CachePolicy" | "OriginRequestPolicy";

const parts = (given: JsonObject): JsonObject => ({
  ...given,
  CookiesConfig: withLists(objectAt(given, "CookiesConfig"), "Cookies"),
  HeadersConfig: withLists(objectAt(given, "HeadersConfig"), "Headers"),
  QueryStringsConfig: withLists(objectAt(given, "QueryStringsConfig"), "QueryStrings"),
});

function policyConfig(kind: PolicyKind, properties: JsonObject): JsonObject {
  const given = objectAt(properties, `${kind}Config`);
  if (kind === "OriginRequestPolicy") return parts(given);
  const inKey = "ParametersInCacheKeyAndForwardedToOrigin";
  return { ...given, [inKey]: parts(objectAt(given, inKey)) };
}

const policy = (kind: PolicyKind): ResourceType => ({
  type: `AWS::CloudFront::${kind}`,
  replacing: [],
  updatable: [`${kind}Config`],
  required: [`${kind}Config`],
  attributes: ["Id", "LastModifiedTime"],
  volatile: ["LastModifiedTime"],
  async create(ctx, properties) {
    const answer = await call(ctx, `Create${kind}`, { [`${kind}Config`]: policyConfig(kind, properties) });
    return { physicalId: textAt(answer, kind, "Id"), attributes: policyAttributes(kind, answer) };
  },
  async update(ctx, { physicalId: Id }, next) {
    const IfMatch = textAt(await call(ctx, `Get${kind}`, { Id }), "ETag");
    const answer = await call(ctx, `Update${kind}`, { Id, IfMatch, [`${kind}Config`]: policyConfig(kind, next) });
    return policyAttributes(kind, answer);
  },
  async remove(ctx, { physicalId: Id }) {
    const remove = async (): Promise<void> => {
      const IfMatch = textAt(await call(ctx, `Get${kind}`, { Id }), "ETag");
      await call(ctx, `Delete${kind}`, { Id, IfMatch });
    };
    await gone(remove());
  },
});

function policyAttributes(kind: PolicyKind, answer: unknown): Attributes {
  const at = valueAt(answer, kind, "LastModifiedTime");
  return { Id: textAt(answer, kind, "Id"), LastModifiedTime: at instanceof Date ? at.toISOString() : "" };
}

export const cloudfrontTypes: readonly ResourceType[] = [
  distribution,
  policy("CachePolicy"),
  policy("OriginRequestPolicy"),
];
