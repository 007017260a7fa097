import type * as Sdk from "@aws-sdk/client-cloudfront";
import { CloudError } from "../../errors.ts";
import type { Timer } from "../../clock.ts";
import type { World } from "../../service.ts";
import type { EdgeConfig, EdgeListener } from "./edge.ts";

/** AWS takes some minutes until every edge location has a new configuration; a local deployment should not. */
export const DEPLOY_MS = 1_500;
/** AWS documents no time; most invalidations are done within a minute or two. */
export const INVALIDATION_MS = 2_000;

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html, the default quotas. */
export const QUOTAS = {
  distributions: 200,
  aliases: 100,
  behaviours: 25,
  origins: 25,
  policiesOfAKind: 20,
  /** File paths in invalidations that are in progress, wildcards not among them. */
  pathsInFlight: 3_000,
  wildcardsInFlight: 15,
  tags: 50,
} as const;

/** Invalidations that a distribution remembers; the oldest completed ones go first. */
export const INVALIDATIONS_KEPT_MAX = 1_000;

export interface Invalidation {
  readonly id: string;
  readonly createdAt: number;
  status: "InProgress" | "Completed";
  readonly callerReference: string;
  readonly paths: readonly string[];
}

export interface Distribution {
  readonly id: string;
  readonly arn: string;
  readonly callerReference: string;
  config: Sdk.DistributionConfig;
  etag: string;
  status: "InProgress" | "Deployed";
  modifiedAt: number;
  readonly tags: Map<string, string>;
  /** Newest last. */
  readonly invalidations: Map<string, Invalidation>;
  /** What the edge locations have. */
  served: EdgeConfig | undefined;
  listener: EdgeListener | undefined;
  deploying: Timer | undefined;
}

/** `E` and thirteen characters, as identities and versions of CloudFront look. */
export const newId = (world: World): string => `E${world.ids.hex(13).toUpperCase()}`;

export const invalid = (message: string): CloudError => new CloudError("InvalidArgument", message);

/** Whether an update or deletion names the version that is there. */
export function checkVersion(given: string | undefined, etag: string): void {
  if (given === undefined || given === "")
    throw new CloudError("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.");
  if (given !== etag)
    throw new CloudError(
      "PreconditionFailed",
      "The request failed because it didn't meet the preconditions in one or more request-header fields.",
      412,
    );
}

interface Listed<T> {
  readonly Quantity?: number | undefined;
  readonly Items?: readonly T[] | undefined;
}

/** The items of one of CloudFront's lists, whose count must be given beside them. */
export function itemsOf<T>(list: Listed<T> | undefined, what: string): readonly T[] {
  const items = list?.Items ?? [];
  if (list !== undefined && (list.Quantity ?? 0) !== items.length)
    throw new CloudError(
      "InconsistentQuantities",
      `The value of Quantity and the size of Items don't match: ${what} has ${items.length}, Quantity is ${list.Quantity ?? 0}.`,
    );
  return items;
}

/** A list as CloudFront answers it: an empty one has no Items. */
export const listed = <T>(items: readonly T[]): { Quantity: number; Items?: T[] } => ({
  Quantity: items.length,
  ...(items.length > 0 && { Items: [...items] }),
});

/** One page of a list; the marker is the identity of the last item before it. */
export function paged<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  input: { readonly Marker?: string | undefined; readonly MaxItems?: number | undefined },
): { Marker: string; MaxItems: number; IsTruncated: boolean; NextMarker?: string; Quantity: number; Items?: T[] } {
  const max = Math.min(Math.max(input.MaxItems ?? PAGE_MAX, 1), PAGE_MAX);
  const marker = input.Marker ?? "";
  const start = marker === "" ? 0 : items.findIndex((item) => idOf(item) === marker) + 1;
  if (marker !== "" && start === 0) throw invalid(`The marker is not known: ${marker}`);
  const page = items.slice(start, start + max);
  const isTruncated = start + max < items.length;
  const last = page.at(-1);
  return {
    Marker: marker,
    MaxItems: max,
    IsTruncated: isTruncated,
    ...(isTruncated && last !== undefined && { NextMarker: idOf(last) }),
    ...listed(page),
  };
}

const PAGE_MAX = 100;
