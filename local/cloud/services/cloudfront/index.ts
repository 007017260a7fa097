import { isIPv4 } from "node:net";
import type { Service, World } from "../../service.ts";
import { deploy, distributionOf, distributionOperations } from "./distributions.ts";
import { noVisitors, type EdgeNetwork, type EdgeOutcome } from "./edge.ts";
import { invalidationOperations } from "./invalidations.ts";
import type { Distribution } from "./model.ts";
import { openCachePolicies, openOriginRequestPolicies } from "./policies.ts";

export type { EdgeNetwork } from "./edge.ts";

export type RecordMetric = (
  namespace: string,
  metricName: string,
  dimensions: Record<string, string>,
  value: number,
  unit?: "Count" | "Bytes" | "Percent",
) => void;

export interface CloudFrontParts {
  readonly network?: EdgeNetwork;
  /** Takes the metrics of namespace AWS/CloudFront. */
  readonly record?: RecordMetric;
}

export interface CloudFront {
  readonly service: Service;
  /** Where a distribution really answers, by its identity. */
  readonly urlOf: (id: string) => string | undefined;
  /** What an alias record to a distribution answers; undefined for a name that no enabled distribution has. */
  readonly target: (
    domainName: string,
  ) => { readonly addresses: readonly string[]; readonly healthy: true } | undefined;
}

const used = (distribution: Distribution): (string | undefined)[] =>
  [distribution.config.DefaultCacheBehavior, ...(distribution.config.CacheBehaviors?.Items ?? [])].flatMap((one) => [
    one?.CachePolicyId,
    one?.OriginRequestPolicyId,
  ]);

/** Requests, bytes and errors, as CloudFront publishes them for a distribution. */
function recordOutcome(record: RecordMetric, id: string, { status, bytes, result }: EdgeOutcome): void {
  const dimensions = { DistributionId: id, Region: "Global" };
  record("AWS/CloudFront", "Requests", dimensions, 1, "Count");
  record("AWS/CloudFront", "BytesDownloaded", dimensions, bytes, "Bytes");
  record("AWS/CloudFront", "4xxErrorRate", dimensions, status >= 400 && status < 500 ? 100 : 0, "Percent");
  record("AWS/CloudFront", "5xxErrorRate", dimensions, status >= 500 ? 100 : 0, "Percent");
  record(
    "AWS/CloudFront",
    "CacheHitRate",
    dimensions,
    result === "Hit" || result === "RefreshHit" ? 100 : 0,
    "Percent",
  );
}

/** CloudFront: distributions whose edge is the given network, policies, invalidations. */
export function openCloudFront(world: World, { network = noVisitors, record }: CloudFrontParts = {}): CloudFront {
  const all = new Map<string, Distribution>();
  const uses = {
    userOf: (policy: string) => [...all.values()].find((one) => used(one).includes(policy))?.id,
    changed(policy: string): void {
      for (const one of all.values()) if (used(one).includes(policy)) deploy({ world, book }, one);
    },
  };
  const book = { cache: openCachePolicies(world, uses), originRequest: openOriginRequestPolicies(world, uses) };
  const outcome = (id: string, what: EdgeOutcome): void => {
    if (record) recordOutcome(record, id, what);
  };
  return {
    service: {
      id: "cloudfront",
      operations: {
        ...distributionOperations({ world, network, book, all, record: outcome }),
        ...invalidationOperations(world, (id) => distributionOf(all, id)),
        ...book.cache.operations,
        ...book.originRequest.operations,
      },
      resourceOf: (operation, input) => resourceOf(world, operation, input),
      async close() {
        for (const one of all.values()) one.deploying?.cancel();
        await Promise.all([...all.values()].map(async (one) => one.listener?.close()));
      },
    },
    urlOf: (id) => all.get(id)?.listener?.url,
    target(domainName) {
      const named = [...all.values()].find(({ listener }) => listener?.domainName === domainName);
      if (named?.config.Enabled !== true) return undefined;
      return { addresses: isIPv4(domainName) ? [domainName] : [], healthy: true };
    },
  };
}

function resourceOf(world: World, operation: string, input: Readonly<Record<string, unknown>>): string {
  const { Resource, DistributionId, Id } = input;
  if (typeof Resource === "string") return Resource;
  const id = typeof DistributionId === "string" ? DistributionId : Id;
  if (typeof id !== "string") return "*";
  const kind = /OriginRequestPolicy/.test(operation)
    ? "origin-request-policy"
    : /CachePolicy/.test(operation)
      ? "cache-policy"
      : "distribution";
  return `arn:aws:cloudfront::${world.account}:${kind}/${id}`;
}
