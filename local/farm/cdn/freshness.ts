import type { IncomingHttpHeaders } from "node:http";
import type { EdgeBehaviour, EdgeErrorResponse } from "../../cloud/services/cloudfront/edge.ts";

/** Cached as they come. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html */
const CACHED = new Set([200, 203, 300, 301, 302, 307, 308]);
/** Errors that are cached whatever the origin says. */
const ERRORS_CACHED = new Set([404, 414, 500, 501, 502, 503, 504]);
/** Errors that are cached only when the origin gives them an age. */
const ERRORS_CACHED_BY_AGE = new Set([400, 403, 405, 412, 415]);

/** Unless the distribution says otherwise for the status. */
const ERROR_CACHE_SECONDS = 10;

function directives(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const parts = (headers["cache-control"] ?? "").toLowerCase().split(",");
  return new Map(
    parts.map((part) => {
      const [name = "", value = ""] = part.trim().split("=");
      return [name, value.replaceAll('"', "")];
    }),
  );
}

const seconds = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;

/** How long the origin allows an answer to be kept: undefined when it says nothing, 0 when it forbids. */
function wanted(headers: IncomingHttpHeaders, now: number): number | undefined {
  const control = directives(headers);
  if (control.has("no-store") || control.has("no-cache") || control.has("private")) return 0;
  const age = seconds(control.get("s-maxage")) ?? seconds(control.get("max-age"));
  if (age !== undefined) return age;
  if (headers.expires === undefined) return undefined;
  const expiresAt = Date.parse(headers.expires);
  // RFC 9111, 5.3: what is no date is in the past
  return Number.isNaN(expiresAt) ? 0 : Math.max(0, Math.floor((expiresAt - now) / 1_000));
}

/**
 * For how many seconds an answer is fresh at the edge; undefined: it is not kept at all.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
 */
export function freshSeconds(
  status: number,
  headers: IncomingHttpHeaders,
  behaviour: EdgeBehaviour,
  errors: readonly EdgeErrorResponse[],
  now: number,
): number | undefined {
  const { min, max, default: usual } = behaviour.ttlSeconds;
  if (max === 0 || headers.vary === "*") return undefined;
  const age = wanted(headers, now);
  if (CACHED.has(status)) {
    if (age === 0 && min === 0) return hasValidator(headers) && !directives(headers).has("no-store") ? 0 : undefined;
    return Math.min(Math.max(age ?? usual, min), max);
  }
  const error = errors.find((one) => one.status === status);
  if (!ERRORS_CACHED.has(status) && !(ERRORS_CACHED_BY_AGE.has(status) && (age !== undefined || error)))
    return undefined;
  return Math.max(error?.cacheSeconds ?? ERROR_CACHE_SECONDS, age ?? 0);
}

export const hasValidator = (headers: IncomingHttpHeaders): boolean =>
  headers.etag !== undefined || headers["last-modified"] !== undefined;

const weak = (tag: string): string => tag.trim().replace(/^W\//, "");

/** Whether the client has what is in the cache (RFC 9110, 13.2.2). */
export function notModified(asked: IncomingHttpHeaders, kept: IncomingHttpHeaders): boolean {
  const tags = asked["if-none-match"];
  if (tags !== undefined)
    return tags.trim() === "*" || (kept.etag !== undefined && tags.split(",").map(weak).includes(weak(kept.etag)));
  const since = Date.parse(asked["if-modified-since"] ?? "");
  const modified = Date.parse(kept["last-modified"] ?? "");
  return modified <= since;
}
