import { Agent, createServer, type Server } from "node:http";
import { wallClock, type Clock } from "../../../lib/clock.ts";
import type { EdgeListener, EdgeNetwork } from "../../cloud/services/cloudfront/edge.ts";
import { openCache } from "./cache.ts";
import { serve, type Edge } from "./serve.ts";

/** The edge is outside of the farm's network; its distributions have the addresses from `.10` on. */
const NETWORK = "127.21.0";
const FIRST_HOST = 10;
const LAST_HOST = 254;
const PORT = 8080;
/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html: request headers, in all. */
const HEADERS_BYTES_MAX = 32 * 1_024;
/** Idle connections to an origin are closed before its own keep-alive ends under a request. */
const ORIGIN_IDLE_MS = 5_000;

export interface CdnOptions {
  /** First three octets of the addresses to listen on. */
  readonly network?: string;
  readonly port?: number;
  readonly clock?: Clock;
  /** Takes what went wrong in the edge itself. */
  note?(message: string): void;
}

/** The real traffic of the farm's distributions: a caching HTTP proxy, each distribution on an address of its own. */
export function httpCdn({ network = NETWORK, port = PORT, clock = wallClock, note }: CdnOptions = {}): EdgeNetwork {
  const taken = new Set<number>();
  return {
    async open(site): Promise<EdgeListener> {
      const host = Array.from({ length: LAST_HOST - FIRST_HOST + 1 }, (_, index) => FIRST_HOST + index).find(
        (one) => !taken.has(one),
      );
      if (host === undefined) throw new Error(`every address of ${network}.0/24 has a distribution`);
      taken.add(host);
      const domainName = `${network}.${host}`;
      const cache = openCache();
      const agent = new Agent({ keepAlive: true, timeout: ORIGIN_IDLE_MS });
      const edge: Edge = { site, cache, clock, agent, domainName, fetching: new Map() };
      const server = createServer({ maxHeaderSize: HEADERS_BYTES_MAX }, (request, response) => {
        serve(edge, request, response).catch((error: unknown) => note?.(`cdn: ${String(error)}`));
      });
      try {
        await listening(server, domainName, port);
      } catch (error) {
        taken.delete(host);
        throw error;
      }
      return {
        domainName,
        url: `http://${domainName}:${boundPort(server)}`,
        invalidate: (paths) => cache.invalidate(paths),
        async close() {
          taken.delete(host);
          await closed(server);
          agent.destroy();
        },
      };
    },
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

const boundPort = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : PORT;
};

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
