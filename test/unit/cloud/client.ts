import { Readable } from "node:stream";
import { HttpResponse, type HttpRequest } from "@smithy/core/protocols";
import type { CallRecord } from "../../../local/cloud/calls.ts";
import { openEndpoint, type Endpoint } from "../../../local/cloud/endpoint.ts";
import { idsFrom } from "../../../local/cloud/ids.ts";
import type { Service, World } from "../../../local/cloud/service.ts";
import type { WireRequest, WireResponse } from "../../../local/cloud/wire/index.ts";
import { manualClock } from "../manual-clock.ts";

export type Handle = (request: WireRequest) => Promise<WireResponse>;

interface ClientConfiguration {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly maxAttempts: number;
  readonly requestHandler: { handle(request: HttpRequest): Promise<{ response: HttpResponse }> };
}

const queryText = (query: HttpRequest["query"]): string =>
  Object.entries(query)
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, one] as const))
    .map(([name, value]) =>
      value === null || value === undefined
        ? encodeURIComponent(name)
        : `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    )
    .join("&");

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!(body instanceof Readable)) throw new Error("a request body of a kind that this test client cannot send");
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What a request handler of the SDK is asked, as the endpoint takes it. */
export async function wireRequest(request: HttpRequest): Promise<WireRequest> {
  const query = queryText(request.query);
  return {
    method: request.method,
    url: query === "" ? request.path : `${request.path}?${query}`,
    headers: request.headers,
    body: await bytesOf(request.body),
  };
}

/** A real SDK client whose requests go to `handle` without a socket, e.g. `sdkClient(SSMClient, endpoint.handle)`. */
export function sdkClient<Client>(
  ClientClass: new (configuration: ClientConfiguration) => Client,
  handle: Handle,
  accessKeyId = "TEST",
): Client {
  return new ClientClass({
    region: "eu-west-1",
    endpoint: "http://127.0.0.1:4566",
    credentials: { accessKeyId, secretAccessKey: "test" },
    // a retry would wait on the wall clock
    maxAttempts: 1,
    requestHandler: {
      async handle(request) {
        const { status, headers, body } = await handle(await wireRequest(request));
        return { response: new HttpResponse({ statusCode: status, headers, body: Readable.from([body]) }) };
      },
    },
  });
}

export interface TestWorld extends World {
  readonly clock: ReturnType<typeof manualClock>;
  /** What the services told the operator, oldest first. */
  readonly notes: string[];
}

/** Bytes of a linear congruential generator (Numerical Recipes), so that ids are the same in every run. */
function seededBytes(seed: number): (count: number) => Uint8Array {
  let state = seed >>> 0;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    });
}

/** A world whose time stands still until `clock.advance` and whose ids are those of the seed. */
export function testWorld(seed = 1): TestWorld {
  const notes: string[] = [];
  return {
    account: "000000000000",
    region: "eu-west-1",
    clock: manualClock(),
    ids: idsFrom(seededBytes(seed)),
    notes,
    note: (message) => void notes.push(message),
  };
}

/** An endpoint over some services, which knows one operator with access key `TEST`. */
export function testEndpoint(
  world: World,
  ...services: readonly Service[]
): Endpoint & { readonly calls: CallRecord[] } {
  const calls: CallRecord[] = [];
  const operator = { arn: `arn:aws:iam::${world.account}:user/operator`, account: world.account };
  const endpoint = openEndpoint({
    world,
    services: new Map(services.map((service) => [service.id, service])),
    principalOf: (accessKeyId) => (accessKeyId === "TEST" ? operator : undefined),
    record: (line) => void calls.push(line),
  });
  return { ...endpoint, calls };
}
