import {
  CloudFrontClient,
  CreateCachePolicyCommand,
  CreateDistributionCommand,
  CreateDistributionWithTagsCommand,
  CreateInvalidationCommand,
  DeleteCachePolicyCommand,
  DeleteDistributionCommand,
  GetCachePolicyCommand,
  GetDistributionCommand,
  GetDistributionConfigCommand,
  GetInvalidationCommand,
  ListCachePoliciesCommand,
  ListDistributionsCommand,
  ListInvalidationsCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UpdateDistributionCommand,
} from "@aws-sdk/client-cloudfront";
import { describe, expect, test } from "@jest/globals";
import { openCloudFront } from "../../../../local/cloud/services/cloudfront/index.ts";
import { DEPLOY_MS, INVALIDATION_MS } from "../../../../local/cloud/services/cloudfront/model.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";
import { cachePolicy, CACHING_OPTIMIZED, distributionConfig } from "./distribution.ts";

const ORIGIN = { host: "balancer.example.org", port: 80 };
const CERTIFICATE = {
  ACMCertificateArn: "arn:aws:acm:us-east-1:000000000000:certificate/0a-1b",
  SSLSupportMethod: "sni-only" as const,
};
const named = (...Items: string[]) => ({
  Aliases: { Quantity: Items.length, Items },
  ViewerCertificate: CERTIFICATE,
});

function cloud() {
  const world = testWorld();
  const client = sdkClient(CloudFrontClient, testEndpoint(world, openCloudFront(world).service).handle);
  const create = async (reference: string, change = {}) => {
    const DistributionConfig = distributionConfig(reference, ORIGIN, change);
    const { Distribution, ETag } = await client.send(new CreateDistributionCommand({ DistributionConfig }));
    return { Id: Distribution?.Id ?? "", ETag, Distribution };
  };
  const invalidate = (DistributionId: string, CallerReference: string, ...Items: string[]) =>
    client.send(
      new CreateInvalidationCommand({
        DistributionId,
        InvalidationBatch: { CallerReference, Paths: { Quantity: Items.length, Items } },
      }),
    );
  return { world, client, create, invalidate };
}

describe("a distribution", () => {
  test("is InProgress until it is deployed, and is listed with its origin", async () => {
    const { world, client, create } = cloud();
    const { Id, Distribution } = await create("one");
    expect(Distribution).toMatchObject({
      Status: "InProgress",
      DomainName: expect.stringMatching(/^d\w+\.cloudfront\.net$/),
      ARN: `arn:aws:cloudfront::000000000000:distribution/${Id}`,
    });
    await world.clock.advance(DEPLOY_MS);
    const { DistributionList } = await client.send(new ListDistributionsCommand({}));
    expect(DistributionList?.Items?.map((one) => [one.Id, one.Status, one.Origins?.Items?.[0]?.DomainName])).toEqual([
      [Id, "Deployed", ORIGIN.host],
    ]);
  });

  test("is changed only by who names its version, and never its caller reference", async () => {
    const { client, create } = cloud();
    const { Id, ETag } = await create("one");
    const { DistributionConfig } = await client.send(new GetDistributionConfigCommand({ Id }));
    const update = (IfMatch: string | undefined, change = {}) =>
      client.send(
        new UpdateDistributionCommand({
          Id,
          IfMatch,
          DistributionConfig: { ...distributionConfig("one", ORIGIN), ...DistributionConfig, ...change },
        }),
      );
    await expect(update(undefined)).rejects.toMatchObject({ name: "InvalidIfMatchVersion" });
    await expect(update("E0")).rejects.toMatchObject({
      name: "PreconditionFailed",
      $metadata: { httpStatusCode: 412 },
    });
    await expect(update(ETag, { CallerReference: "two" })).rejects.toMatchObject({ name: "IllegalUpdate" });
    const updated = await update(ETag, { Comment: "changed" });
    expect(updated.Distribution?.DistributionConfig?.Comment).toBe("changed");
    expect(updated.ETag).not.toBe(ETag);
  });

  test("goes only when it is disabled everywhere", async () => {
    const { world, client, create } = cloud();
    const { Id, ETag } = await create("one");
    await world.clock.advance(DEPLOY_MS);
    await expect(client.send(new DeleteDistributionCommand({ Id, IfMatch: ETag }))).rejects.toMatchObject({
      name: "DistributionNotDisabled",
    });
    const { ETag: next } = await client.send(
      new UpdateDistributionCommand({
        Id,
        IfMatch: ETag,
        DistributionConfig: distributionConfig("one", ORIGIN, { Enabled: false }),
      }),
    );
    await expect(client.send(new DeleteDistributionCommand({ Id, IfMatch: next }))).rejects.toMatchObject({
      name: "DistributionNotDisabled",
    });
    await world.clock.advance(DEPLOY_MS);
    await client.send(new DeleteDistributionCommand({ Id, IfMatch: next }));
    await expect(client.send(new GetDistributionCommand({ Id }))).rejects.toMatchObject({ name: "NoSuchDistribution" });
  });

  test("refuses a name of another one, a name without certificate, and a certificate of another region", async () => {
    const { create } = cloud();
    await create("one", named("static.example.org"));
    await expect(create("two", named("STATIC.example.org"))).rejects.toMatchObject({ name: "CNAMEAlreadyExists" });
    await expect(create("three", { Aliases: { Quantity: 1, Items: ["a.example.org"] } })).rejects.toMatchObject({
      name: "InvalidViewerCertificate",
    });
    await expect(
      create("four", {
        ...named("b.example.org"),
        ViewerCertificate: {
          ...CERTIFICATE,
          ACMCertificateArn: CERTIFICATE.ACMCertificateArn.replace("us-east-1", "eu-west-1"),
        },
      }),
    ).rejects.toMatchObject({ name: "InvalidViewerCertificate" });
  });

  test.each([
    ["a caller reference twice", {}, "DistributionAlreadyExists"],
    [
      "a count that is wrong",
      { CallerReference: "x", Aliases: { Quantity: 2, Items: ["a"] } },
      "InconsistentQuantities",
    ],
    [
      "a behaviour without its origin",
      {
        CallerReference: "x",
        DefaultCacheBehavior: {
          TargetOriginId: "no",
          ViewerProtocolPolicy: "allow-all",
          CachePolicyId: CACHING_OPTIMIZED,
        },
      },
      "NoSuchOrigin",
    ],
    [
      "a policy that is not there",
      {
        CallerReference: "x",
        DefaultCacheBehavior: { TargetOriginId: "farm", ViewerProtocolPolicy: "allow-all", CachePolicyId: "no" },
      },
      "NoSuchCachePolicy",
    ],
    [
      "what the proxy would not do",
      {
        CallerReference: "x",
        Restrictions: { GeoRestriction: { RestrictionType: "whitelist", Quantity: 1, Items: ["DE"] } },
      },
      "InvalidArgument",
    ],
  ])("refuses %s", async (_what, change, name) => {
    const { create } = cloud();
    await create("one");
    await expect(create("one", change)).rejects.toMatchObject({ name });
  });

  test("keeps the tags that it is given", async () => {
    const { client } = cloud();
    const { Distribution } = await client.send(
      new CreateDistributionWithTagsCommand({
        DistributionConfigWithTags: {
          DistributionConfig: distributionConfig("one", ORIGIN),
          Tags: { Items: [{ Key: "a", Value: "1" }] },
        },
      }),
    );
    const Resource = Distribution?.ARN;
    await client.send(new TagResourceCommand({ Resource, Tags: { Items: [{ Key: "b", Value: "2" }] } }));
    const { Tags } = await client.send(new ListTagsForResourceCommand({ Resource }));
    expect(Tags?.Items).toEqual([
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ]);
  });
});

describe("an invalidation", () => {
  test("is InProgress until it is Completed", async () => {
    const { world, client, create, invalidate } = cloud();
    const { Id } = await create("one");
    const { Invalidation } = await invalidate(Id, "1", "/a", "/b/*");
    expect(Invalidation?.Status).toBe("InProgress");
    expect((await client.send(new GetDistributionCommand({ Id }))).Distribution?.InProgressInvalidationBatches).toBe(1);
    await world.clock.advance(INVALIDATION_MS);
    const got = await client.send(new GetInvalidationCommand({ DistributionId: Id, Id: Invalidation?.Id }));
    expect(got.Invalidation).toMatchObject({
      Status: "Completed",
      InvalidationBatch: { CallerReference: "1", Paths: { Quantity: 2, Items: ["/a", "/b/*"] } },
    });
  });

  test("sent twice with its caller reference is one; with other paths it is refused", async () => {
    const { client, create, invalidate } = cloud();
    const { Id } = await create("one");
    const first = await invalidate(Id, "1", "/a", "/b");
    const again = await invalidate(Id, "1", "/b", "/a");
    expect(again.Invalidation?.Id).toBe(first.Invalidation?.Id);
    await expect(invalidate(Id, "1", "/c")).rejects.toMatchObject({ name: "InvalidArgument" });
    const { InvalidationList } = await client.send(new ListInvalidationsCommand({ DistributionId: Id }));
    expect(InvalidationList).toMatchObject({ Quantity: 1, IsTruncated: false });
  });

  test("beyond 15 wildcards in flight has to wait, and files are counted apart", async () => {
    const { world, create, invalidate } = cloud();
    const { Id } = await create("one");
    const wildcards = Array.from({ length: 15 }, (_, index) => `/${index}/*`);
    await invalidate(Id, "1", ...wildcards);
    await expect(invalidate(Id, "2", "/more/*")).rejects.toMatchObject({ name: "TooManyInvalidationsInProgress" });
    await invalidate(Id, "3", ...Array.from({ length: 3_000 }, (_, index) => `/${index}`));
    await expect(invalidate(Id, "4", "/one-more")).rejects.toMatchObject({ name: "TooManyInvalidationsInProgress" });
    await world.clock.advance(INVALIDATION_MS);
    await invalidate(Id, "2", "/more/*");
  });

  test.each([
    ["no path", [], "InvalidArgument"],
    ["a path without its slash", ["a"], "InvalidArgument"],
    ["an asterisk in the middle", ["/a*b"], "InvalidArgument"],
    ["more than 3,000 paths", Array.from({ length: 3_001 }, (_, index) => `/${index}`), "BatchTooLarge"],
  ])("refuses %s", async (_what, paths, name) => {
    const { create, invalidate } = cloud();
    const { Id } = await create("one");
    await expect(invalidate(Id, "1", ...paths)).rejects.toMatchObject({ name });
  });

  test("are listed newest first, page by page", async () => {
    const { client, create, invalidate } = cloud();
    const { Id: DistributionId } = await create("one");
    for (const path of ["/1", "/2", "/3"]) await invalidate(DistributionId, path, path);
    const first = await client.send(new ListInvalidationsCommand({ DistributionId, MaxItems: 2 }));
    const Marker = first.InvalidationList?.NextMarker;
    const rest = await client.send(new ListInvalidationsCommand({ DistributionId, MaxItems: 2, Marker }));
    expect([first, rest].map(({ InvalidationList: page }) => [page?.Items?.length, page?.IsTruncated])).toEqual([
      [2, true],
      [1, false],
    ]);
  });
});

describe("a cache policy", () => {
  test("of AWS is there from the start and cannot be changed", async () => {
    const { client } = cloud();
    const { CachePolicy, ETag } = await client.send(new GetCachePolicyCommand({ Id: CACHING_OPTIMIZED }));
    expect(CachePolicy?.CachePolicyConfig).toMatchObject({ Name: "Managed-CachingOptimized", DefaultTTL: 86_400 });
    await expect(
      client.send(new DeleteCachePolicyCommand({ Id: CACHING_OPTIMIZED, IfMatch: ETag })),
    ).rejects.toMatchObject({ name: "IllegalDelete" });
    const { CachePolicyList } = await client.send(new ListCachePoliciesCommand({ Type: "managed" }));
    expect(CachePolicyList?.Quantity).toBe(5);
  });

  test("has a name of its own, ordered times, and stays while it is used", async () => {
    const { client, create } = cloud();
    const make = (change = {}) =>
      client.send(new CreateCachePolicyCommand({ CachePolicyConfig: cachePolicy("static", change) }));
    const { CachePolicy, ETag } = await make();
    await expect(make()).rejects.toMatchObject({ name: "CachePolicyAlreadyExists" });
    await expect(make({ Name: "other", MinTTL: 100 })).rejects.toMatchObject({ name: "InvalidArgument" });
    await create("one", {
      DefaultCacheBehavior: {
        TargetOriginId: "farm",
        ViewerProtocolPolicy: "allow-all",
        CachePolicyId: CachePolicy?.Id,
      },
    });
    await expect(
      client.send(new DeleteCachePolicyCommand({ Id: CachePolicy?.Id, IfMatch: ETag })),
    ).rejects.toMatchObject({ name: "CachePolicyInUse" });
  });
});
