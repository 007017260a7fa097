import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { CloudClock } from "../../cloud/clock.ts";
import type { Ids } from "../../cloud/ids.ts";
import type { MachineSpec } from "../../cloud/services/ec2/compute.ts";

/** Longest life of a token: six hours (EC2 User Guide: IMDSv2). */
const TOKEN_SECONDS_MAX = 21_600;
/** Scripts ask for a token per run; more live ones than this are a loop. */
const TOKENS_MAX = 1000;

export interface MetadataServer {
  readonly url: string;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const NOT_FOUND: Answer = { status: 404, body: "Not Found" };
const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function credentialsDocument({ metadata }: MachineSpec, clock: CloudClock): string | undefined {
  const session = metadata.credentials();
  if (session === undefined) return undefined;
  return JSON.stringify({
    Code: "Success",
    LastUpdated: iso(clock.now()),
    Type: "AWS-HMAC",
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    Token: session.sessionToken,
    Expiration: iso(session.expiration),
  });
}

const identityDocument = ({ instanceId, address, metadata }: MachineSpec): string =>
  JSON.stringify({
    accountId: metadata.account,
    architecture: metadata.architecture,
    availabilityZone: metadata.availabilityZone,
    imageId: metadata.imageId,
    instanceId,
    instanceType: metadata.instanceType,
    privateIp: address,
    region: metadata.region,
    version: "2017-09-30",
  });

type Leaf = () => string | undefined;

/** Every path that is a value. What is absent now, as `spot/instance-action` is, is no path: 404. */
function tree(spec: MachineSpec, clock: CloudClock): Map<string, Leaf> {
  const { metadata } = spec;
  const host = `ip-${spec.address.replaceAll(".", "-")}.${metadata.region}.compute.internal`;
  const tags = metadata.tags() ?? {};
  return new Map<string, Leaf>([
    ["meta-data/ami-id", () => metadata.imageId],
    ["meta-data/hostname", () => host],
    ["meta-data/instance-id", () => spec.instanceId],
    ["meta-data/instance-type", () => metadata.instanceType],
    ["meta-data/local-hostname", () => host],
    ["meta-data/local-ipv4", () => spec.address],
    ["meta-data/placement/availability-zone", () => metadata.availabilityZone],
    ["meta-data/placement/region", () => metadata.region],
    ["meta-data/autoscaling/target-lifecycle-state", () => metadata.lifecycleState()],
    ...(metadata.role === undefined
      ? []
      : [[`meta-data/iam/security-credentials/${metadata.role}`, () => credentialsDocument(spec, clock)] as const]),
    ...Object.keys(tags).map((key) => [`meta-data/tags/instance/${key}`, () => metadata.tags()?.[key]] as const),
    ["dynamic/instance-identity/document", () => identityDocument(spec)],
    ["user-data", () => spec.userData || undefined],
  ]);
}

/** Names below a folder, one a line, folders with a slash, as the metadata service lists them. */
function listing(paths: Iterable<string>, folder: string): string | undefined {
  const prefix = folder === "" ? "" : `${folder}/`;
  const names = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [head = "", ...rest] = path.slice(prefix.length).split("/");
    names.add(rest.length > 0 ? `${head}/` : head);
  }
  return names.size === 0 ? undefined : [...names].toSorted().join("\n");
}

/** IMDSv2 of one machine, on its private mirror address. Version 1, a request without a token, is refused with 401. */
export async function openMetadata(
  spec: MachineSpec,
  around: { address: string; clock: CloudClock; ids: Ids },
): Promise<MetadataServer> {
  const { clock, ids } = around;
  const tokens = new Map<string, number>();

  const giveToken = (request: IncomingMessage): Answer => {
    if (request.headers["x-forwarded-for"] !== undefined) return { status: 403, body: "Forbidden" };
    const seconds = Number(request.headers["x-aws-ec2-metadata-token-ttl-seconds"]);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > TOKEN_SECONDS_MAX)
      return { status: 400, body: "Bad Request" };
    for (const [token, until] of tokens) if (until <= clock.now() || tokens.size >= TOKENS_MAX) tokens.delete(token);
    const token = ids.hex(56);
    tokens.set(token, clock.now() + seconds * 1000);
    return { status: 200, body: token, headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(seconds) } };
  };

  const read = (path: string, request: IncomingMessage): Answer => {
    const token = request.headers["x-aws-ec2-metadata-token"];
    const until = typeof token === "string" ? tokens.get(token) : undefined;
    if (until === undefined || until <= clock.now()) return { status: 401, body: "Unauthorized" };
    const leaves = tree(spec, clock);
    const name = path.replace(/^\/(latest|20\d\d-\d\d-\d\d)\/?/, "").replace(/\/$/, "");
    const leaf = leaves.get(name);
    const present = [...leaves].filter(([, value]) => value() !== undefined).map(([key]) => key);
    const body = leaf === undefined ? listing(present, name) : leaf();
    return body === undefined ? NOT_FOUND : { status: 200, body };
  };

  const answer = (request: IncomingMessage): Answer => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://metadata").pathname);
    if (request.method === "PUT" && path === "/latest/api/token") return giveToken(request);
    if (request.method !== "GET") return { status: 405, body: "Method Not Allowed" };
    return read(path, request);
  };

  const server = createServer((request, response) =>
    reply(
      response,
      answerOrFail(() => answer(request)),
    ),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, around.address, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : 0);
    });
  });
  return {
    url: `http://${around.address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A role that cannot be assumed, or a path that does not decode, is this request's failure and not the farm's. */
function answerOrFail(act: () => Answer): Answer {
  try {
    return act();
  } catch (error) {
    return { status: error instanceof URIError ? 400 : 500, body: error instanceof Error ? error.message : "failed" };
  }
}

function reply(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { "content-type": "text/plain", server: "EC2ws", ...headers }).end(body);
}
