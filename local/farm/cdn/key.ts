import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type {
  EdgeBehaviour,
  EdgeConfig,
  EdgeOrigin,
  RequestParts,
  Selection,
} from "../../cloud/services/cloudfront/edge.ts";

/** `*` stands for any text, `?` for one character; case counts. */
const pattern = (text: string): RegExp =>
  new RegExp(
    `^${text
      .replace(/^(?![/*])/, "/")
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
    "s",
  );

/** The first behaviour whose pattern fits the path; the default fits all. */
export const behaviourFor = (config: EdgeConfig, path: string): EdgeBehaviour | undefined =>
  config.behaviours.find((one) => pattern(one.pattern).test(path));

/** Whether a host name, without its port, is one of the distribution's. */
export const isNamed = (config: EdgeConfig, domainName: string, host: string): boolean =>
  [domainName, ...config.aliases].some((name) =>
    name.startsWith("*.") ? host.endsWith(name.slice(1)) : name.toLowerCase() === host,
  );

const takes = (selection: Selection, name: string): boolean => {
  switch (selection.kind) {
    case "none":
      return false;
    case "all":
      return true;
    case "only":
      return selection.names.includes(name);
    case "except":
      return !selection.names.includes(name);
  }
};

/** The parameters of a query string that are chosen, as they were written and in their order. */
const chosenQuery = (query: string, chosen: (name: string) => boolean): string =>
  query
    .split("&")
    .filter((part) => part !== "" && chosen(part.split("=")[0] ?? ""))
    .join("&");

const chosenCookies = (headers: IncomingHttpHeaders, chosen: (name: string) => boolean): string =>
  (headers.cookie ?? "")
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "" && chosen(part.split("=")[0] ?? ""))
    .join("; ");

/** What the viewer accepts of what the policy knows, in CloudFront's own order and spelling. */
const encodingsOf = (behaviour: EdgeBehaviour, headers: IncomingHttpHeaders): string => {
  const accepted = new Set(
    (headers["accept-encoding"] ?? "")
      .toLowerCase()
      .split(",")
      .filter((part) => !/;\s*q=0(\.0*)?\s*$/.test(part))
      .map((part) => part.split(";")[0]?.trim()),
  );
  return behaviour.encodings.filter((encoding) => accepted.has(encoding)).join(",");
};

/** Path and query of a request target, whose query has no question mark. */
export function targetOf(url: string): { path: string; query: string } {
  const mark = url.indexOf("?");
  return mark < 0 ? { path: url, query: "" } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

const joined = (path: string, query: string): string => (query === "" ? path : `${path}?${query}`);

/** Where an answer is kept: `address` is what an invalidation names, `key` tells the variants of it apart. */
export interface Place {
  readonly address: string;
  readonly key: string;
}

export function placeOf(behaviour: EdgeBehaviour, headers: IncomingHttpHeaders, path: string, query: string): Place {
  const { key } = behaviour;
  const address = joined(
    path,
    chosenQuery(query, (name) => takes(key.query, name)),
  );
  const named = Object.keys(headers)
    .filter((name) => key.headers.kind !== "none" && takes(key.headers, name))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => `${name}:${String(headers[name])}`);
  const cookies = chosenCookies(headers, (name) => takes(key.cookies, name));
  return { address, key: JSON.stringify([address, named, cookies, encodingsOf(behaviour, headers)]) };
}

/** Meant for one connection only (RFC 9110, 7.6.1), or the edge's own to say. */
const NOT_FORWARDED = new Set([
  "accept-encoding",
  "connection",
  "cookie",
  "expect",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-unmodified-since",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "via",
  "x-forwarded-for",
]);
/** Of a request that has a body, whatever the policies say. */
const OF_BODIES = new Set(["content-type", "content-length", "content-encoding", "content-language", "authorization"]);

const either =
  (parts: (behaviour: RequestParts) => Selection, { key, forward }: EdgeBehaviour) =>
  (name: string): boolean =>
    takes(parts(key), name) || takes(parts(forward), name);

export const forwardsCookies = ({ key, forward }: EdgeBehaviour): boolean =>
  key.cookies.kind !== "none" || forward.cookies.kind !== "none";

/** What the origin is asked: path with query, and headers; whatever is in no policy stays at the edge. */
export function originRequest(
  request: Pick<IncomingMessage, "method" | "headers"> & { readonly viewer: string },
  { path, query }: { readonly path: string; readonly query: string },
  behaviour: EdgeBehaviour,
  origin: EdgeOrigin,
  requestId: string,
): { readonly path: string; readonly headers: Record<string, string> } {
  const { headers: given } = request;
  const isChosen = either(({ headers }) => headers, behaviour);
  const hasBody = request.method !== "GET" && request.method !== "HEAD" && request.method !== "OPTIONS";
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || NOT_FORWARDED.has(name)) continue;
    if (isChosen(name) || (hasBody && OF_BODIES.has(name))) headers[name] = String(value);
  }
  const cookies = chosenCookies(
    given,
    either((parts) => parts.cookies, behaviour),
  );
  const encodings = encodingsOf(behaviour, given);
  const usualPort = origin.protocol === "https" ? 443 : 80;
  return {
    path:
      origin.path +
      joined(
        path,
        chosenQuery(
          query,
          either((parts) => parts.query, behaviour),
        ),
      ),
    headers: {
      ...headers,
      ...(cookies !== "" && { cookie: cookies }),
      ...(encodings !== "" && { "accept-encoding": encodings }),
      host:
        isChosen("host") && given.host !== undefined
          ? given.host
          : `${origin.host}${origin.port === usualPort ? "" : `:${origin.port}`}`,
      "user-agent": isChosen("user-agent") ? (given["user-agent"] ?? "") : "Amazon CloudFront",
      via: `${given.via === undefined ? "" : `${given.via}, `}1.1 edge.cloudfront.net (CloudFront)`,
      "x-forwarded-for": [given["x-forwarded-for"], request.viewer].filter((one) => one !== undefined).join(", "),
      "x-amz-cf-id": requestId,
      ...origin.headers,
    },
  };
}
