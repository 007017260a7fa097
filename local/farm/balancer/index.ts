import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { BalancerProxy, Frontend, RequestFacts } from "../../cloud/services/elbv2/proxy.ts";
import { answer, badRequest } from "./answers.ts";
import { forward, sourceOf } from "./forward.ts";
import { probe } from "./probe.ts";
import { openUpstreams, type Upstreams } from "./upstream.ts";

/** Request headers of one client may be this large in all, as an Application Load Balancer's quota has it. */
const HEADERS_BYTES_MAX = 64 * 1_024;

/**
 * The real traffic of the farm's balancers: HTTP/1.1 on real sockets; every decision is the frontend's. Connections to
 * targets come from the balancer's own address, so that a link that is cut is cut for it too.
 */
export function httpProxy(): BalancerProxy {
  const upstreams = openUpstreams();
  const fronts = new Map<Server, Frontend>();
  return {
    async listen(front) {
      const server = frontServer(front, upstreams);
      await listening(server, front);
      fronts.set(server, front);
      return {
        async close() {
          fronts.delete(server);
          await closed(server);
          if (fronts.size === 0) upstreams.close();
        },
      };
    },
    probe(wanted) {
      const [front] = fronts.values();
      return probe(wanted, front === undefined ? undefined : sourceOf(front));
    },
    forget: (host, port) => upstreams.forget(host, port),
  };
}

function frontServer(front: Frontend, upstreams: Upstreams): Server {
  const idleMs = front.idleTimeoutMs();
  const server = createServer(
    // An upload may take as long as it moves; only headers and silence are bounded.
    { keepAliveTimeout: idleMs, headersTimeout: idleMs, requestTimeout: 0, maxHeaderSize: HEADERS_BYTES_MAX },
    (request, response) => dispatch(front, upstreams, request, response),
  );
  server.on("clientError", (_error: Error, socket: Socket) => badRequest(socket));
  return server;
}

function listening(server: Server, { address, port }: Frontend): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

function factsOf(request: IncomingMessage): RequestFacts {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: request.method ?? "GET",
    host: request.headers.host ?? "",
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    header: (name) => request.headersDistinct[name.toLowerCase()]?.join(","),
  };
}

function dispatch(front: Frontend, upstreams: Upstreams, request: IncomingMessage, response: ServerResponse): void {
  // Whatever is decided, a client that goes away must not end the farm.
  request.on("error", () => {});
  response.on("error", () => {});
  const routing = front.route(factsOf(request));
  switch (routing.kind) {
    case "forward":
      return forward({ front, route: routing, upstreams, request, response });
    case "fixed-response":
      return answer(response, routing.status, routing.body, { "content-type": routing.contentType });
    case "redirect":
      return answer(response, routing.status, undefined, { location: routing.location });
    case "unavailable":
      return answer(response, 503);
  }
}
