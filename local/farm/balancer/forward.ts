import { randomBytes } from "node:crypto";
import { request as send, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { Forward, Frontend, Outcome } from "../../cloud/services/elbv2/proxy.ts";
import { answer } from "./answers.ts";
import type { Upstreams } from "./upstream.ts";

/** An Application Load Balancer gives a target ten seconds to accept a connection (HTTP 504 in its guide). */
const CONNECT_TIMEOUT_MS = 10_000;
/** RFC 9110, 7.6.1: meant for one connection only. `expect` is answered by this server itself. */
const HOP_BY_HOP = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

interface Exchange {
  readonly front: Frontend;
  readonly route: Forward;
  readonly upstreams: Upstreams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The address that the balancer's own connections come from; one that listens everywhere has none of its own. */
export const sourceOf = ({ address }: Frontend): string | undefined =>
  address === "0.0.0.0" || address === "::" ? undefined : address;

/**
 * One request to one target, streamed both ways. A failure before the target's headers is 502 or 504, as the guide of
 * Application Load Balancers lists them; after them the client's connection is cut. It is never sent a second time.
 */
export function forward({ front, route, upstreams, request, response }: Exchange): void {
  const startedAt = performance.now();
  let settled = false;
  const upstream = send({
    agent: upstreams.agent(route.host, route.port),
    host: route.host,
    port: route.port,
    localAddress: sourceOf(front),
    method: request.method,
    path: request.url,
    headers: requestHeaders(request, front.port),
  });

  const finish = (outcome: Partial<Outcome>): void => {
    if (settled) return;
    settled = true;
    finished({ milliseconds: performance.now() - startedAt, ...outcome });
  };
  const fail = (status: 502 | 504): void => {
    if (settled) return;
    if (response.headersSent) {
      finish({ targetStatus: response.statusCode });
      response.destroy();
    } else {
      finish({ balancerStatus: status });
      request.unpipe(upstream);
      // What the client still sends is not read any more: the connection cannot be used again.
      answer(response, status, undefined, request.complete ? {} : { connection: "close" });
    }
    upstream.destroy();
  };
  // The end of the deregistration delay is listed under HTTP 502.
  const finished = route.begin(() => fail(502));

  upstream.on("error", () => fail(502));
  boundConnect(upstream, () => fail(504));
  upstream.setTimeout(front.idleTimeoutMs(), () => fail(504));
  upstream.on("response", (incoming) => {
    // TargetResponseTime ends where the target's headers arrive.
    const milliseconds = performance.now() - startedAt;
    response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, responseHeaders(incoming));
    // Without this, a stream of events would wait in the balancer for its first body byte.
    response.flushHeaders();
    incoming.on("error", () => fail(502));
    incoming.on("aborted", () => fail(502));
    incoming.pipe(response);
    response.on("finish", () => finish({ targetStatus: response.statusCode, milliseconds }));
  });
  response.on("close", () => {
    if (settled) return;
    // The client went away: nobody waits for this answer.
    finish({});
    upstream.destroy();
  });
  request.pipe(upstream);
}

function boundConnect(upstream: ClientRequest, give: () => void): void {
  upstream.on("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(give, CONNECT_TIMEOUT_MS);
    const clear = (): void => clearTimeout(timer);
    socket.once("connect", clear);
    socket.once("close", clear);
  });
}

function requestHeaders(request: IncomingMessage, port: number): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const named = new Set((request.headers.connection ?? "").toLowerCase().split(/\s*,\s*/));
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    if (values === undefined || HOP_BY_HOP.has(name) || named.has(name)) continue;
    headers[name] = values.length === 1 ? (values[0] ?? "") : values;
  }
  if (request.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  const before = request.headersDistinct["x-forwarded-for"] ?? [];
  headers["x-forwarded-for"] = [...before, request.socket.remoteAddress ?? "unknown"].join(", ");
  headers["x-forwarded-proto"] = "http";
  headers["x-forwarded-port"] = String(port);
  headers["x-amzn-trace-id"] ??= traceId();
  return headers;
}

const traceId = (): string =>
  `Root=1-${Math.floor(Date.now() / 1_000).toString(16)}-${randomBytes(12).toString("hex")}`;

/** Names and values as they came, in order, so that repeated headers (cookies) stay repeated. */
function responseHeaders(incoming: IncomingMessage): string[] {
  const kept: string[] = [];
  const named = new Set((incoming.headers.connection ?? "").toLowerCase().split(/\s*,\s*/));
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    const name = incoming.rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.has(lower)) kept.push(name, incoming.rawHeaders[index + 1] ?? "");
  }
  return kept;
}
