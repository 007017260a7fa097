import type { Agent, IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { randomBytes } from "node:crypto";
import type { Clock } from "../../../lib/clock.ts";
import type {
  EdgeBehaviour,
  EdgeConfig,
  EdgeOrigin,
  EdgeOutcome,
  EdgeSite,
} from "../../cloud/services/cloudfront/edge.ts";
import { answerEntry, answerError, flat, passedHeaders, signed } from "./answers.ts";
import { OBJECT_BYTES_MAX, type Cache, type Entry } from "./cache.ts";
import { freshSeconds } from "./freshness.ts";
import { behaviourFor, forwardsCookies, isNamed, originRequest, placeOf, targetOf, type Place } from "./key.ts";
import { askOrigin, OriginFailure } from "./origin.ts";

/** One distribution's edge. */
export interface Edge {
  readonly site: EdgeSite;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly agent: Agent;
  readonly domainName: string;
  /** Fetches under way: who asks for the same meanwhile waits for the first. */
  readonly fetching: Map<string, Promise<void>>;
}

interface Exchange {
  readonly edge: Edge;
  readonly config: EdgeConfig;
  readonly behaviour: EdgeBehaviour;
  readonly origin: EdgeOrigin;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: { readonly path: string; readonly query: string };
  readonly place: Place;
  readonly requestId: string;
}

/** Answers one viewer; never rejects. */
export async function serve(edge: Edge, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = randomBytes(30).toString("base64url");
  request.on("error", () => {});
  response.on("error", () => {});
  const refuse = (status: number, why: string, headers?: Record<string, string>): void => {
    const bytes = answerError(response, status, why, requestId, headers);
    edge.site.served({ result: status === 301 ? "Redirect" : "Error", status, bytes });
  };
  try {
    const config = edge.site.config();
    const host = (request.headers.host ?? "").toLowerCase().replace(/:\d+$/, "");
    if (config?.enabled !== true || !isNamed(config, edge.domainName, host))
      return refuse(403, "Bad request. No distribution with this name is deployed here.");
    const asked = targetOf(request.url ?? "/");
    const target = asked.path === "/" ? { ...asked, path: `/${config.rootObject}` } : asked;
    const behaviour = behaviourFor(config, target.path);
    const origin = config.origins.find(({ id }) => id === behaviour?.originId);
    if (behaviour === undefined || origin === undefined) return refuse(502, "No origin is known for this path.");
    if (behaviour.viewerProtocol === "https-only") return refuse(403, "This distribution is reached by HTTPS only.");
    if (behaviour.viewerProtocol === "redirect-to-https")
      return refuse(301, "Moved permanently.", { location: `https://${host}${request.url ?? "/"}` });
    if (!behaviour.allowedMethods.includes(request.method ?? ""))
      return refuse(403, "This distribution is not configured to allow the HTTP request method.");
    const place = placeOf(behaviour, request.headers, target.path, target.query);
    const exchange = { edge, config, behaviour, origin, request, response, target, place, requestId };
    await (isCached(exchange) ? fromCache(exchange) : passThrough(exchange));
  } catch (error) {
    if (error instanceof OriginFailure) return refuse(error.status, error.message);
    refuse(500, "The edge failed.");
    throw error;
  }
}

/** A range that is not in the cache is fetched as a range, and such a part is not kept. */
const isCached = ({ behaviour, request, edge, place }: Exchange): boolean =>
  behaviour.ttlSeconds.max > 0 &&
  behaviour.cachedMethods.includes(request.method ?? "") &&
  (request.method === "GET" || edge.cache.get(place) !== undefined) &&
  (request.headers.range === undefined || edge.cache.get(place) !== undefined);

async function fromCache(exchange: Exchange): Promise<void> {
  const { edge, place } = exchange;
  for (;;) {
    const entry = edge.cache.get(place);
    if (entry !== undefined && entry.freshUntil > edge.clock.now()) return hit(exchange, entry, "Hit");
    const leader = edge.fetching.get(place.key);
    if (leader === undefined) return lead(exchange, entry);
    await leader;
    const fetched = edge.cache.get(place);
    // what the first one got may not be kept: then each asks for itself
    if (fetched === undefined || fetched === entry || fetched.freshUntil <= edge.clock.now())
      return fetchAndAnswer(exchange, fetched);
  }
}

async function lead(exchange: Exchange, stale: Entry | undefined): Promise<void> {
  const { edge, place } = exchange;
  const fetched = fetchAndAnswer(exchange, stale);
  const settled = fetched.then(
    () => {},
    () => {},
  );
  edge.fetching.set(place.key, settled);
  void settled.then(() => edge.fetching.delete(place.key));
  return fetched;
}

function hit({ edge, request, response, requestId }: Exchange, entry: Entry, result: "Hit" | "RefreshHit"): void {
  const isError = entry.status >= 400;
  const age = Math.max(0, Math.floor((edge.clock.now() - entry.storedAt) / 1_000));
  const own = { ...signed(requestId, isError ? "Error" : result), age: String(age) };
  const { status, bytes } = answerEntry(request, response, entry, own);
  edge.site.served({ result: isError ? "Error" : result, status, bytes });
}

const conditions = ({ headers }: Entry): Record<string, string> => ({
  ...(headers.etag !== undefined && { "if-none-match": headers.etag }),
  ...(headers["last-modified"] !== undefined && { "if-modified-since": headers["last-modified"] }),
});

function ask(exchange: Exchange, extra: Record<string, string>): Promise<IncomingMessage> {
  const { edge, origin, request, target, behaviour, requestId } = exchange;
  const viewer = request.socket.remoteAddress ?? "unknown";
  const { method = "GET", headers } = request;
  const { path, headers: sent } = originRequest({ method, headers, viewer }, target, behaviour, origin, requestId);
  const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return askOrigin(origin, {
    method,
    path,
    headers: { ...sent, ...extra },
    agent: edge.agent,
    ...(hasBody && method !== "GET" && method !== "HEAD" && { body: request }),
  });
}

/** Seconds by which a stale answer is used on while the origin fails, before it is asked again. */
const STALE_SECONDS = 10;
/** An answer that the origin no longer stands behind. */
const failed = (status: number): boolean => status >= 500;

async function fetchAndAnswer(exchange: Exchange, stale: Entry | undefined): Promise<void> {
  const { edge, config, behaviour, place } = exchange;
  const begunAt = edge.cache.begin();
  const now = edge.clock.now();
  const useStale = (entry: Entry): void => {
    entry.freshUntil = now + STALE_SECONDS * 1_000;
    hit(exchange, entry, "Hit");
  };
  const isUsable = stale !== undefined && !failed(stale.status);
  const usable = isUsable ? stale : undefined;
  let incoming: IncomingMessage;
  try {
    incoming = await ask(exchange, usable === undefined ? {} : conditions(usable));
  } catch (error) {
    if (usable === undefined || !(error instanceof OriginFailure)) throw error;
    return useStale(usable);
  }
  const status = incoming.statusCode ?? 502;
  if (usable !== undefined && failed(status)) {
    incoming.resume();
    return useStale(usable);
  }
  if (usable !== undefined && status === 304) {
    incoming.resume();
    const headers: IncomingHttpHeaders = { ...usable.headers, ...incoming.headers };
    const seconds = freshSeconds(usable.status, headers, behaviour, config.errors, now) ?? 0;
    Object.assign(usable, { headers, storedAt: now, freshUntil: now + seconds * 1_000 });
    return hit(exchange, usable, "RefreshHit");
  }
  const seconds = freshSeconds(status, incoming.headers, behaviour, config.errors, now);
  const page = config.errors.find((one) => one.status === status)?.page;
  if (page !== undefined && exchange.target.path !== page.path) return answerPage(exchange, incoming, page);
  const body = await stream(exchange, incoming);
  if (seconds === undefined || body === undefined) return edge.cache.drop(place);
  const rawHeaders = passedHeaders(incoming.rawHeaders, forwardsCookies(behaviour));
  const freshUntil = now + seconds * 1_000;
  const entry = {
    address: place.address,
    status,
    headers: incoming.headers,
    rawHeaders,
    body,
    storedAt: now,
    freshUntil,
  };
  edge.cache.put(place, entry, begunAt);
}

/** The page of a custom error response, which is fetched and kept like any other. */
async function answerPage(
  exchange: Exchange,
  incoming: IncomingMessage,
  page: { path: string; status: number },
): Promise<void> {
  incoming.resume();
  const { edge, config, response } = exchange;
  const behaviour = behaviourFor(config, page.path) ?? exchange.behaviour;
  const origin = config.origins.find(({ id }) => id === behaviour.originId) ?? exchange.origin;
  const answered = await ask({ ...exchange, behaviour, origin, target: { path: page.path, query: "" } }, {});
  const kept = passedHeaders(answered.rawHeaders, false);
  response.writeHead(page.status, [...kept, ...flat(signed(exchange.requestId, "Error"))]);
  const bytes = await pipe(answered, response, () => {});
  edge.site.served({ result: "Error", status: page.status, bytes });
}

async function passThrough(exchange: Exchange): Promise<void> {
  const { range } = exchange.request.headers;
  await stream(exchange, await ask(exchange, range === undefined ? {} : { range }));
}

/** Sends the origin's answer on as it comes; gives the whole body when it is complete and not too large to keep. */
async function stream(exchange: Exchange, incoming: IncomingMessage): Promise<Buffer | undefined> {
  const { edge, behaviour, request, response, requestId } = exchange;
  const status = incoming.statusCode ?? 502;
  const result: EdgeOutcome["result"] = status >= 400 ? "Error" : "Miss";
  const headers = passedHeaders(incoming.rawHeaders, forwardsCookies(behaviour));
  response.writeHead(status, incoming.statusMessage, [...headers, ...flat(signed(requestId, result))]);
  const chunks: Buffer[] = [];
  let size = 0;
  const bytes = await pipe(incoming, response, (chunk) => {
    size += chunk.length;
    if (size <= OBJECT_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
  });
  edge.site.served({ result, status, bytes });
  return size <= OBJECT_BYTES_MAX && incoming.complete && request.method === "GET" ? Buffer.concat(chunks) : undefined;
}

/**
 * The fetch goes on when the viewer goes away, for others may wait for it. An origin that breaks off in the middle
 * breaks the viewer's connection too, so that half a file is never taken for a whole one.
 */
function pipe(incoming: IncomingMessage, response: ServerResponse, take: (chunk: Buffer) => void): Promise<number> {
  return new Promise((resolve) => {
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      take(chunk);
      if (response.destroyed || response.write(chunk)) return;
      incoming.pause();
      const go = (): void => {
        response.off("drain", go);
        response.off("close", go);
        incoming.resume();
      };
      response.on("drain", go);
      response.on("close", go);
    });
    incoming.on("error", () => {});
    incoming.on("close", () => {
      if (incoming.complete) response.end();
      else response.destroy();
      resolve(bytes);
    });
  });
}
