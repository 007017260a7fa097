import type * as Sdk from "@aws-sdk/client-cloudfront";
import { CloudError } from "../../errors.ts";
import type { EdgeBehaviour, EdgeConfig, EdgeErrorResponse, EdgeOrigin, RequestParts, Selection } from "./edge.ts";
import { invalid, itemsOf, QUOTAS } from "./model.ts";
import type { Policies } from "./policies.ts";

export interface PolicyBook {
  readonly cache: Policies<Sdk.CachePolicyConfig>;
  readonly originRequest: Policies<Sdk.OriginRequestPolicyConfig>;
}

type Behaviour = Sdk.DefaultCacheBehavior & { readonly PathPattern?: string | undefined };

/** What the caching proxy would answer wrongly is refused by name. */
const REFUSED = ["OriginGroups", "ContinuousDeploymentPolicyId", "TenantConfig", "ViewerMtlsConfig"] as const;
const REFUSED_OF_BEHAVIOUR = [
  "TrustedSigners",
  "TrustedKeyGroups",
  "LambdaFunctionAssociations",
  "FunctionAssociations",
  "FieldLevelEncryptionId",
  "RealtimeLogConfigArn",
  "ResponseHeadersPolicyId",
  "ForwardedValues",
  "GrpcConfig",
] as const;

const notKnown = (what: string): CloudError => invalid(`the embedded cloud's CloudFront does not know ${what}`);

/** Set to something: lists of nothing, empty texts and switched-off members are what the SDKs and CloudFormation fill in. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return false;
  if (typeof value !== "object") return true;
  const { Quantity, Enabled } = { Quantity: undefined, Enabled: undefined, ...value };
  return Enabled === undefined ? Quantity !== 0 : Enabled !== false;
}

const selection = (
  behaviour: string | undefined,
  list: { readonly Quantity?: number | undefined; readonly Items?: readonly string[] | undefined } | undefined,
): Selection => {
  const names = itemsOf(list, "a policy's list").map((name) => name.toLowerCase());
  switch (behaviour) {
    case undefined:
    case "none":
      return { kind: "none" };
    case "all":
    case "allViewer":
      return { kind: "all" };
    case "whitelist":
      return { kind: "only", names };
    case "allExcept":
      return { kind: "except", names };
    default:
      throw notKnown(`the policy behaviour ${behaviour}`);
  }
};

type PolicyParts = Pick<Sdk.OriginRequestPolicyConfig, "CookiesConfig" | "QueryStringsConfig"> & {
  readonly HeadersConfig?: Sdk.CachePolicyHeadersConfig | Sdk.OriginRequestPolicyHeadersConfig | undefined;
};

/** Names of query strings and cookies compare as they are written, those of headers without case. */
const partsOf = (parts: PolicyParts | undefined): RequestParts => ({
  query: exact(parts?.QueryStringsConfig?.QueryStringBehavior, parts?.QueryStringsConfig?.QueryStrings),
  headers: selection(parts?.HeadersConfig?.HeaderBehavior, parts?.HeadersConfig?.Headers),
  cookies: exact(parts?.CookiesConfig?.CookieBehavior, parts?.CookiesConfig?.Cookies),
});

const exact: typeof selection = (behaviour, list) => {
  const chosen = selection(behaviour, list);
  return "names" in chosen ? { ...chosen, names: list?.Items ?? [] } : chosen;
};

const METHODS = [
  ["GET", "HEAD"],
  ["GET", "HEAD", "OPTIONS"],
  ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
];

function methods(
  list: { readonly Items?: readonly string[] | undefined } | undefined,
  what: string,
): readonly string[] {
  const given = list?.Items ?? ["GET", "HEAD"];
  const known = METHODS.find((set) => set.length === given.length && set.every((method) => given.includes(method)));
  if (known === undefined) throw invalid(`The parameter ${what} must be one of the documented sets: ${String(given)}`);
  return known;
}

function behaviourOf(given: Behaviour, book: PolicyBook, origins: readonly EdgeOrigin[]): EdgeBehaviour {
  const refused = REFUSED_OF_BEHAVIOUR.find((name) => isSet(given[name]));
  if (refused) throw notKnown(`${refused} of a cache behavior`);
  const originId = given.TargetOriginId ?? "";
  if (!origins.some(({ id }) => id === originId))
    throw new CloudError("NoSuchOrigin", `No origin exists with the specified Origin Id: ${originId}`, 404);
  if (given.CachePolicyId === undefined) throw notKnown("a cache behavior without CachePolicyId");
  const { config } = book.cache.get(given.CachePolicyId);
  const inKey = config.ParametersInCacheKeyAndForwardedToOrigin;
  const forward = given.OriginRequestPolicyId ? book.originRequest.get(given.OriginRequestPolicyId).config : undefined;
  const viewerProtocol = given.ViewerProtocolPolicy ?? "allow-all";
  const min = config.MinTTL ?? 0;
  return {
    pattern: given.PathPattern ?? "*",
    originId,
    viewerProtocol,
    allowedMethods: methods(given.AllowedMethods, "AllowedMethods"),
    cachedMethods: methods(given.AllowedMethods?.CachedMethods, "CachedMethods"),
    ttlSeconds: {
      min,
      default: config.DefaultTTL ?? Math.max(min, 86_400),
      max: config.MaxTTL ?? Math.max(min, 31_536_000),
    },
    key: partsOf(inKey),
    encodings: [
      ...(inKey?.EnableAcceptEncodingBrotli === true ? (["br"] as const) : []),
      ...(inKey?.EnableAcceptEncodingGzip === true ? (["gzip"] as const) : []),
    ],
    forward: partsOf(forward),
  };
}

function originOf(origin: Sdk.Origin): EdgeOrigin {
  const custom = origin.CustomOriginConfig;
  if (custom === undefined || isSet(origin.S3OriginConfig) || isSet(origin.VpcOriginConfig))
    throw notKnown("an origin that has no CustomOriginConfig");
  if (isSet(origin.OriginAccessControlId) || isSet(origin.OriginShield)) throw notKnown("access control of an origin");
  const host = origin.DomainName ?? "";
  if (host === "" || /[:/]/.test(host))
    throw new CloudError("InvalidOrigin", `The parameter origin name must be a domain name: ${host}`);
  const path = origin.OriginPath ?? "";
  if (path !== "" && (!path.startsWith("/") || path.endsWith("/"))) throw invalid(`OriginPath is not valid: ${path}`);
  // `match-viewer`: the edge of the embedded cloud is reached by HTTP only
  const protocol = custom.OriginProtocolPolicy === "https-only" ? "https" : "http";
  return {
    id: origin.Id ?? "",
    host,
    port: (protocol === "https" ? custom.HTTPSPort : custom.HTTPPort) ?? 80,
    protocol,
    path,
    headers: Object.fromEntries(
      itemsOf(origin.CustomHeaders, "CustomHeaders").map(({ HeaderName = "", HeaderValue = "" }) => [
        HeaderName.toLowerCase(),
        HeaderValue,
      ]),
    ),
    connectTimeoutMs: (origin.ConnectionTimeout ?? 10) * 1_000,
    readTimeoutMs: (custom.OriginReadTimeout ?? 30) * 1_000,
    attempts: origin.ConnectionAttempts ?? 3,
  };
}

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html */
const ERROR_CACHE_SECONDS = 10;

function errorOf(given: Sdk.CustomErrorResponse): EdgeErrorResponse {
  const status = given.ErrorCode ?? 0;
  if (status < 400 || status > 599) throw new CloudError("InvalidErrorCode", `ErrorCode is not valid: ${status}`);
  const page = given.ResponsePagePath ?? "";
  const cacheSeconds = given.ErrorCachingMinTTL ?? ERROR_CACHE_SECONDS;
  if (page === "") return { status, cacheSeconds };
  if (!page.startsWith("/") || !given.ResponseCode)
    throw new CloudError(
      "InvalidResponseCode",
      `A ResponsePagePath begins with a slash and has a ResponseCode: ${page}`,
    );
  return { status, cacheSeconds, page: { path: page, status: Number(given.ResponseCode) } };
}

/** The configuration as the edge works by it; throws what CreateDistribution and UpdateDistribution throw. */
export function compile(config: Sdk.DistributionConfig, book: PolicyBook): EdgeConfig {
  const refused = REFUSED.find((name) => isSet(config[name]));
  if (refused) throw notKnown(refused);
  const restriction = config.Restrictions?.GeoRestriction?.RestrictionType ?? "none";
  if (restriction !== "none") throw notKnown("geographic restrictions");
  const origins = itemsOf(config.Origins, "Origins").map(originOf);
  if (origins.length === 0) throw invalid("A distribution needs at least one origin.");
  if (origins.length > QUOTAS.origins) throw new CloudError("TooManyOrigins", `at most ${QUOTAS.origins} origins`);
  const behaviours: readonly Behaviour[] = itemsOf<Behaviour>(config.CacheBehaviors, "CacheBehaviors");
  if (behaviours.length > QUOTAS.behaviours)
    throw new CloudError("TooManyCacheBehaviors", `at most ${QUOTAS.behaviours} cache behaviors`);
  const last = config.DefaultCacheBehavior;
  if (last === undefined) throw invalid("DefaultCacheBehavior is required.");
  const aliases = itemsOf(config.Aliases, "Aliases").map((alias) => alias.toLowerCase());
  checkAliases(config, aliases);
  const rootObject = config.DefaultRootObject ?? "";
  if (rootObject.startsWith("/"))
    throw new CloudError("InvalidDefaultRootObject", "The default root object must not begin with a slash.");
  return {
    enabled: config.Enabled ?? false,
    aliases,
    rootObject,
    origins,
    behaviours: [...behaviours, { ...last, PathPattern: "*" }].map((one) => behaviourOf(one, book, origins)),
    errors: itemsOf(config.CustomErrorResponses, "CustomErrorResponses").map(errorOf),
  };
}

function checkAliases({ ViewerCertificate }: Sdk.DistributionConfig, aliases: readonly string[]): void {
  if (aliases.length > QUOTAS.aliases)
    throw new CloudError("TooManyDistributionCNAMEs", `at most ${QUOTAS.aliases} alternate names`);
  const arn = ViewerCertificate?.ACMCertificateArn ?? "";
  if (aliases.length > 0 && arn === "" && !ViewerCertificate?.IAMCertificateId)
    throw new CloudError(
      "InvalidViewerCertificate",
      "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate that validates your authorization to use the domain name.",
    );
  if (arn !== "" && !/^arn:aws[\w-]*:acm:us-east-1:\d{12}:certificate\/.+$/.test(arn))
    throw new CloudError(
      "InvalidViewerCertificate",
      "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.",
    );
}
