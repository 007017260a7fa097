import { CloudFrontClient } from "@aws-sdk/client-cloudfront";
import { Route53Client } from "@aws-sdk/client-route-53";
import { describe, expect, test } from "@jest/globals";
import { observeEdge } from "../../../lib/edge/observe.ts";
import type { Spec } from "../../../lib/spec.ts";
import { answering, sdkError, type Answers, type Called } from "../answering.ts";
import { localSpec } from "../trigger/local-spec.ts";

const ANSWERS: Answers = {
  GetDistribution: () => ({ Distribution: { DomainName: "d1.cloudfront.net", Status: "Deployed" } }),
  ListInvalidations: () => ({
    InvalidationList: {
      Items: [
        { Id: "I3", Status: "InProgress", CreateTime: new Date(3) },
        { Id: "I2", Status: "InProgress", CreateTime: new Date(2) },
        { Id: "I1", Status: "Completed", CreateTime: new Date(1) },
      ],
    },
  }),
  GetInvalidation: ({ Id }) => ({
    Invalidation: { InvalidationBatch: { Paths: { Items: Id === "I3" ? ["/a", "/b"] : ["/c/*"] } } },
  }),
  ListResourceRecordSets: ({ HostedZoneId }) => ({
    ResourceRecordSets:
      HostedZoneId === "ZPRIVATE"
        ? [{ Name: "db-a.internal.", Type: "A", TTL: 5, ResourceRecords: [{ Value: "10.0.0.1" }] }]
        : [
            { Name: "example.org.", Type: "NS", TTL: 1, ResourceRecords: [{ Value: "ns" }] },
            {
              Name: "www.example.org.",
              Type: "A",
              SetIdentifier: "a",
              Weight: 10,
              HealthCheckId: "h",
              AliasTarget: { DNSName: "balancer." },
            },
            {
              Name: "\\052.example.org.",
              Type: "A",
              SetIdentifier: "b",
              GeoLocation: { CountryCode: "*" },
              TTL: 5,
              ResourceRecords: [],
            },
          ],
  }),
};

function edge(more: Partial<Spec>, answers: Answers = {}) {
  const calls: Called[] = [];
  const region = { region: "eu-west-1" };
  const all = { ...ANSWERS, ...answers };
  return {
    calls,
    deps: {
      spec: { ...localSpec, ...more },
      cloudFront: answering(new CloudFrontClient(region), calls, all),
      route53: answering(new Route53Client(region), calls, all),
    },
  };
}
const WHOLE = { distribution: "E1", publicZone: "ZPUBLIC", privateZone: "ZPRIVATE" };

describe("what is seen of the edge", () => {
  test("are the records of both zones, the distribution, and the paths that are not done", async () => {
    const { deps, calls } = edge(WHOLE);
    expect(await observeEdge(deps)).toEqual({
      records: {
        known: [
          {
            name: "www.example.org",
            type: "A",
            values: ["alias balancer"],
            routing: "weighted 10",
            healthCheckId: "h",
          },
          { name: "*.example.org", type: "A", ttlSeconds: 5, values: [], routing: "geolocation default" },
          { name: "db-a.internal", type: "A", ttlSeconds: 5, values: ["10.0.0.1"] },
        ],
      },
      distribution: { known: { id: "E1", domainName: "d1.cloudfront.net", state: "Deployed" } },
      invalidations: {
        known: [
          { id: "I3", createdAt: 3, state: "InProgress" },
          { id: "I2", createdAt: 2, state: "InProgress" },
          { id: "I1", createdAt: 1, state: "Completed" },
        ],
      },
      pendingPaths: { known: 3 },
    });
    expect(calls.every(([name]) => /^(Get|List)/.test(name))).toBe(true);
  });

  test("is nothing where there is no distribution, and nothing is asked of CloudFront", async () => {
    const { deps, calls } = edge({ privateZone: "ZPRIVATE" });
    expect(await observeEdge(deps)).toMatchObject({
      distribution: { absent: true },
      invalidations: { known: [] },
      pendingPaths: { known: 0 },
    });
    expect(calls.map(([name]) => name)).toEqual(["ListResourceRecordSets"]);
  });

  test("is unknown in the part that cannot be read, with the reason, and known in the others", async () => {
    const denied = () => {
      throw sdkError("AccessDenied", "not allowed");
    };
    const { deps } = edge(WHOLE, { ListInvalidations: denied, ListResourceRecordSets: denied });
    expect(await observeEdge(deps)).toMatchObject({
      distribution: { known: { id: "E1" } },
      records: { unknown: expect.stringContaining("not allowed") },
      invalidations: { unknown: expect.stringContaining("not allowed") },
      pendingPaths: { unknown: expect.stringContaining("not allowed") },
    });
  });

  test("is read page by page, and a zone that never ends is not taken for a whole one", async () => {
    const endless = edge(WHOLE, {
      ListResourceRecordSets: () => ({
        IsTruncated: true,
        NextRecordName: "x.",
        NextRecordType: "A",
        ResourceRecordSets: Array.from({ length: 300 }, () => ({ Name: "x.", Type: "A", TTL: 1 })),
      }),
    });
    expect(await observeEdge(endless.deps)).toMatchObject({
      records: { unknown: expect.stringContaining("more than 900 records") },
    });
  });

  test("is unknown as to records when the deployment names no zone", async () => {
    const { deps } = edge({});
    expect(await observeEdge(deps)).toMatchObject({ records: { unknown: "the deployment names no DNS zone" } });
  });
});
