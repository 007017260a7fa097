import type { CachePolicyConfig, DistributionConfig } from "@aws-sdk/client-cloudfront";

export const CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7439e55b88f6";
export const CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/** A distribution with one origin on HTTP, whose files are cached by `CachePolicyId`. */
export function distributionConfig(
  CallerReference: string,
  origin: { readonly host: string; readonly port: number },
  change: Partial<DistributionConfig> = {},
  CachePolicyId = CACHING_OPTIMIZED,
): DistributionConfig {
  return {
    CallerReference,
    Comment: "test",
    Enabled: true,
    Origins: {
      Quantity: 1,
      Items: [
        {
          Id: "farm",
          DomainName: origin.host,
          ConnectionAttempts: 1,
          CustomOriginConfig: { HTTPPort: origin.port, HTTPSPort: 443, OriginProtocolPolicy: "http-only" },
        },
      ],
    },
    DefaultCacheBehavior: { TargetOriginId: "farm", ViewerProtocolPolicy: "allow-all", CachePolicyId },
    ...change,
  };
}

export const cachePolicy = (Name: string, change: Partial<CachePolicyConfig> = {}): CachePolicyConfig => ({
  Name,
  MinTTL: 0,
  DefaultTTL: 60,
  MaxTTL: 3_600,
  ParametersInCacheKeyAndForwardedToOrigin: {
    EnableAcceptEncodingGzip: true,
    EnableAcceptEncodingBrotli: true,
    HeadersConfig: { HeaderBehavior: "none" },
    CookiesConfig: { CookieBehavior: "none" },
    QueryStringsConfig: { QueryStringBehavior: "whitelist", QueryStrings: { Quantity: 1, Items: ["ver"] } },
  },
  ...change,
});
