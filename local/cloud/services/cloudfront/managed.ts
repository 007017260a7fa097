import type * as Sdk from "@aws-sdk/client-cloudfront";

const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 31_536_000;

type KeyParts = Sdk.ParametersInCacheKeyAndForwardedToOrigin;
const NOTHING: KeyParts = {
  EnableAcceptEncodingGzip: false,
  EnableAcceptEncodingBrotli: false,
  HeadersConfig: { HeaderBehavior: "none" },
  CookiesConfig: { CookieBehavior: "none" },
  QueryStringsConfig: { QueryStringBehavior: "none" },
};
const ENCODINGS = { EnableAcceptEncodingGzip: true, EnableAcceptEncodingBrotli: true };

const cachePolicy = (
  Name: string,
  [MinTTL, DefaultTTL, MaxTTL]: readonly [number, number, number],
  parts: Partial<KeyParts> = {},
): Sdk.CachePolicyConfig => ({
  Name: `Managed-${Name}`,
  MinTTL,
  DefaultTTL,
  MaxTTL,
  ParametersInCacheKeyAndForwardedToOrigin: { ...NOTHING, ...parts },
});

const OF_ORIGIN: Partial<KeyParts> = {
  ...ENCODINGS,
  CookiesConfig: { CookieBehavior: "all" },
  HeadersConfig: {
    HeaderBehavior: "whitelist",
    Headers: { Quantity: 5, Items: ["host", "origin", "x-http-method-override", "x-http-method", "x-method-override"] },
  },
};

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html */
export const managedCachePolicies: ReadonlyMap<string, Sdk.CachePolicyConfig> = new Map([
  ["658327ea-f89d-4fab-a63d-7439e55b88f6", cachePolicy("CachingOptimized", [1, DAY_SECONDS, YEAR_SECONDS], ENCODINGS)],
  [
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
    cachePolicy("CachingOptimizedForUncompressedObjects", [1, DAY_SECONDS, YEAR_SECONDS]),
  ],
  ["4135ea2d-6df8-44a3-9df3-4b5a84be39ad", cachePolicy("CachingDisabled", [0, 0, 0])],
  [
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
    cachePolicy("UseOriginCacheControlHeaders", [0, 0, YEAR_SECONDS], OF_ORIGIN),
  ],
  [
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
    cachePolicy("UseOriginCacheControlHeaders-QueryStrings", [0, 0, YEAR_SECONDS], {
      ...OF_ORIGIN,
      QueryStringsConfig: { QueryStringBehavior: "all" },
    }),
  ],
]);

const ALL = { CookiesConfig: { CookieBehavior: "all" }, QueryStringsConfig: { QueryStringBehavior: "all" } } as const;
const NONE = {
  CookiesConfig: { CookieBehavior: "none" },
  QueryStringsConfig: { QueryStringBehavior: "none" },
} as const;
const headers = (HeaderBehavior: Sdk.OriginRequestPolicyHeaderBehavior, ...Items: string[]) => ({
  HeadersConfig: { HeaderBehavior, Headers: { Quantity: Items.length, Items } },
});

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html */
export const managedOriginRequestPolicies: ReadonlyMap<string, Sdk.OriginRequestPolicyConfig> = new Map(
  Object.entries({
    "216adef6-5c7f-47e4-b989-5492eafa07d3": {
      Name: "Managed-AllViewer",
      ...ALL,
      HeadersConfig: { HeaderBehavior: "allViewer" },
    },
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": {
      Name: "Managed-AllViewerExceptHostHeader",
      ...ALL,
      ...headers("allExcept", "host"),
    },
    "59781a5b-3903-41f3-afcb-af62929ccde1": {
      Name: "Managed-CORS-CustomOrigin",
      ...NONE,
      ...headers("whitelist", "origin"),
    },
    "acba4595-bd28-49b8-b9fe-13317c0390fa": {
      Name: "Managed-UserAgentRefererHeaders",
      ...NONE,
      ...headers("whitelist", "user-agent", "referer"),
    },
  }),
);
