/** Which of a request's names or values count: for the key of the cache, or for what the origin is told. */
export type Selection =
  | { readonly kind: "none" }
  | { readonly kind: "all" }
  | { readonly kind: "only"; readonly names: readonly string[] }
  | { readonly kind: "except"; readonly names: readonly string[] };

/** Parts of a request, chosen by a policy. */
export interface RequestParts {
  readonly query: Selection;
  readonly headers: Selection;
  readonly cookies: Selection;
}

export interface EdgeOrigin {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: "http" | "https";
  /** Put before the path of every request; empty or begins with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly attempts: number;
}

/** What is done with the requests whose path fits. */
export interface EdgeBehaviour {
  readonly pattern: string;
  readonly originId: string;
  readonly viewerProtocol: "allow-all" | "redirect-to-https" | "https-only";
  readonly allowedMethods: readonly string[];
  readonly cachedMethods: readonly string[];
  readonly ttlSeconds: { readonly min: number; readonly default: number; readonly max: number };
  readonly key: RequestParts;
  /** Normalised Accept-Encoding is part of the key and goes to the origin. */
  readonly encodings: readonly ("br" | "gzip")[];
  /** What the origin is told beyond the key. */
  readonly forward: RequestParts;
}

export interface EdgeErrorResponse {
  readonly status: number;
  readonly cacheSeconds: number;
  /** Absolute path of the page that is answered instead, and the status that it is answered with. */
  readonly page?: { readonly path: string; readonly status: number };
}

/** A distribution as its edge locations know it: no SDK types, every policy resolved. */
export interface EdgeConfig {
  readonly enabled: boolean;
  /** Host names that it answers to beside its own. */
  readonly aliases: readonly string[];
  /** Without the slash; empty: none. */
  readonly rootObject: string;
  readonly origins: readonly EdgeOrigin[];
  /** In the order in which they are tried; the default, pattern `*`, is the last. */
  readonly behaviours: readonly EdgeBehaviour[];
  readonly errors: readonly EdgeErrorResponse[];
}

/** How a request was answered, for the metrics. */
export interface EdgeOutcome {
  readonly result: "Hit" | "RefreshHit" | "Miss" | "Error" | "Redirect";
  readonly status: number;
  readonly bytes: number;
}

export interface EdgeSite {
  readonly id: string;
  /** What the edge answers by now; undefined until the first deployment has reached it. */
  config(): EdgeConfig | undefined;
  served(outcome: EdgeOutcome): void;
}

export interface EdgeListener {
  /** What the distribution is called: in the local farm, an address instead of a name below cloudfront.net. */
  readonly domainName: string;
  /** Where it really answers, without a slash at the end. */
  readonly url: string;
  /** Removes what the cache holds under these paths; a `*` at the end of one stands for any rest. Gives how many entries. */
  invalidate(paths: readonly string[]): number;
  close(): Promise<void>;
}

/** The edge locations: a caching proxy on real sockets in the farm, a model in the simulation. */
export interface EdgeNetwork {
  /** Rejects when no address is left to listen on. */
  open(site: EdgeSite): Promise<EdgeListener>;
}

/** Nothing listens: for worlds in which no visitor exists. */
export const noVisitors: EdgeNetwork = {
  async open(site) {
    const domainName = `d${site.id.toLowerCase()}.cloudfront.net`;
    return { domainName, url: `https://${domainName}`, invalidate: () => 0, close: async () => {} };
  },
};
