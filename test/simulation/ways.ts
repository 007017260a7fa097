import { HttpResponse, type HttpRequest } from "@smithy/core/protocols";
import {
  autoScalingClient,
  cloudWatchClient,
  ec2Client,
  elbv2Client,
  eventBridgeClient,
  REQUEST_MS_MAX,
  route53Client,
  secretsManagerClient,
  ssmClient,
  ssmOnceClient,
  type Connection,
} from "../../lib/aws/clients.ts";
import { callAws } from "../../lib/aws/errors.ts";
import type { Table } from "../../lib/aws/table.ts";
import { assert } from "../../lib/assert.ts";
import type { Endpoint } from "../../local/cloud/endpoint.ts";
import { CloudError } from "../../local/cloud/errors.ts";
import type { Faults } from "../../local/cloud/faults/index.ts";
import type { Principal, ServiceId } from "../../local/cloud/service.ts";
import type { WireRequest, WireResponse } from "../../local/cloud/wire/index.ts";
import type { Environment, Way } from "./functions.ts";
import { ATTEMPTS_MAX, retryStrategy, withRetries } from "./retries.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A function's call on its way to the cloud, and whatever befalls its environment there. */
export type Through = <T>(environment: Environment, operation: string, perform: () => Promise<T>) => Promise<T>;

export interface WayParts {
  readonly clock: VirtualClock;
  readonly endpoint: () => Endpoint;
  /** What goes wrong with calls. The endpoint asks them itself about calls over the wire. */
  readonly faults: () => Faults;
  readonly principalOf: (accessKeyId: string) => Principal | undefined;
  readonly through: Through;
}

/** Fails as the SDK does when an answer does not come in time. Only a fault takes time: without one there is no timer. */
function inTime<T>({ clock, faults }: WayParts, perform: () => Promise<T>): Promise<T> {
  if (faults().active().length === 0) return perform();
  return new Promise((resolve, reject) => {
    const late = new Error(`no answer within ${REQUEST_MS_MAX} ms`);
    late.name = "TimeoutError";
    const timer = clock.after(REQUEST_MS_MAX, () => reject(late));
    perform()
      .finally(() => timer.cancel())
      .then(resolve, reject);
  });
}

/** Sends the SDK's requests to an endpoint without a socket. */
export const requestHandler = (handle: (request: WireRequest) => Promise<WireResponse>) => ({
  async handle(request: HttpRequest) {
    const { status, headers, body } = await handle(wireRequest(request));
    return { response: new HttpResponse({ statusCode: status, headers, body }) };
  },
});

const identity = ({ variables }: Environment) => ({
  region: variables["AWS_REGION"] ?? "",
  endpoint: "http://cloud.simulation",
  credentials: {
    accessKeyId: variables["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: variables["AWS_SECRET_ACCESS_KEY"] ?? "",
    sessionToken: variables["AWS_SESSION_TOKEN"] ?? "",
  },
});

const tableName = ({ variables }: Environment): string => `tandem-${variables["TANDEM_STAGE"]}-state`;

/**
 * As on AWS but for the socket: the SDK writes each request and the endpoint reads it. Without a table of its own the
 * state table goes this way too, to dynalite, which is most of what such a world costs.
 */
export const overTheWire =
  (parts: WayParts, table?: Table): Way =>
  (environment) => {
    const { clock, through, endpoint } = parts;
    const { handle } = endpoint();
    const connection: Connection = {
      ...identity(environment),
      retryStrategy: retryStrategy(clock, environment.chance),
      requestHandler: requestHandler((request) =>
        environment.whileAlive(through(environment, operationOf(request), () => inTime(parts, () => handle(request)))),
      ),
    };
    return table === undefined
      ? { connection }
      : { connection, table: disturbedTable(parts, environment, table, tableName(environment)) };
  };

/**
 * Thirty times cheaper, for many seeds and long days: the SDK's input goes to the service as it is, and the state table
 * is the model that passes the same tests as the real one (test/unit/reconcile/table.test.ts).
 */
export const direct =
  (parts: WayParts, table: Table): Way =>
  (environment) => {
    const connection: Connection = {
      ...identity(environment),
      requestHandler: { handle: () => Promise.reject(new Error("a call that did not take the direct way")) },
    };
    shortenAll(parts, environment, connection);
    return { connection, table: disturbedTable(parts, environment, table, tableName(environment)) };
  };

/** A client's `send` is replaced on the instance: building the SDK's stack of middleware is what makes a call dear. */
function shortenAll(parts: WayParts, environment: Environment, connection: Connection): void {
  const shorten = (client: object, service: ServiceId, attempts = ATTEMPTS_MAX): void => {
    const send = (command: { readonly constructor: Function; readonly input: Readonly<Record<string, unknown>> }) =>
      callDirectly(parts, environment, service, command.constructor.name, command.input, attempts);
    Object.assign(client, { send });
  };
  shorten(autoScalingClient(connection), "autoscaling");
  shorten(cloudWatchClient(connection), "monitoring");
  shorten(ec2Client(connection), "ec2");
  shorten(elbv2Client(connection), "elasticloadbalancing");
  shorten(eventBridgeClient(connection), "events");
  shorten(route53Client(connection), "route53");
  shorten(secretsManagerClient(connection), "secretsmanager");
  shorten(ssmClient(connection), "ssm");
  shorten(ssmOnceClient(connection), "ssm", 1);
}

async function callDirectly(
  parts: WayParts,
  environment: Environment,
  service: ServiceId,
  command: string,
  input: Readonly<Record<string, unknown>>,
  attempts: number,
): Promise<Record<string, unknown>> {
  const { clock, through, endpoint, faults, principalOf } = parts;
  const operation = command.replace(/Command$/, "");
  const principal = principalOf(environment.variables["AWS_ACCESS_KEY_ID"] ?? "");
  assert(principal !== undefined, `${environment.functionName} has a role`);
  const call = { service, operation, input };
  const perform = () => endpoint().callService(principal, service, operation, input);
  const attempt = (): Promise<Record<string, unknown>> =>
    through(environment, operation, () => inTime(parts, () => faults().call(call, perform).catch(asSdkError)));
  const answer = await environment.whileAlive(
    withRetries(clock, environment.chance, kindOf, () => environment.whileAlive(attempt()), attempts),
  );
  return { ...answer, $metadata: { httpStatusCode: 200 } };
}

function asSdkError(error: unknown): Promise<never> {
  if (!(error instanceof CloudError)) return Promise.reject(error);
  const { code, message, status, detail } = error;
  return Promise.reject(
    Object.assign(new Error(message), { ...detail, name: code, $metadata: { httpStatusCode: status } }),
  );
}

function kindOf(error: unknown): "throttled" | "transient" | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/Throttl|RequestLimitExceeded|TooManyRequests/.test(error.name)) return "throttled";
  if (error.name === "TimeoutError") return "transient";
  const status: unknown = Object("$metadata" in error ? error.$metadata : undefined).httpStatusCode;
  return typeof status === "number" && status >= 500 ? "transient" : undefined;
}

/** The state table with the faults of calls to DynamoDB; its errors are those of openTable. */
function disturbedTable(parts: WayParts, environment: Environment, table: Table, name: string): Table {
  const { clock, through, faults } = parts;
  const ask = <T>(operation: string, perform: () => Promise<T>): Promise<T> => {
    const call = { service: "dynamodb", operation, input: { TableName: name } } as const;
    const attempt = async (): Promise<T> => {
      let answer: { readonly given: T } | undefined;
      const kept = async (): Promise<Record<string, unknown>> => {
        answer = { given: await perform() };
        return {};
      };
      await through(environment, operation, () => inTime(parts, () => faults().call(call, kept).catch(asSdkError)));
      assert(answer !== undefined, "a call that is answered was performed");
      return answer.given;
    };
    const alive = (): Promise<T> => environment.whileAlive(attempt());
    return callAws(`${operation} in table ${name}`, () => withRetries(clock, environment.chance, kindOf, alive));
  };
  return {
    get: (key) => ask("GetItem", () => table.get(key)),
    put: (item, condition) => ask("PutItem", () => table.put(item, condition)),
    update: (key, change, condition) => ask("UpdateItem", () => table.update(key, change, condition)),
    delete: (key, condition) => ask("DeleteItem", () => table.delete(key, condition)),
    query: (pk, range) => ask("Query", () => table.query(pk, range)),
  };
}

function wireRequest(request: HttpRequest): WireRequest {
  const body: unknown = request.body;
  const query = Object.entries(request.query)
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, one ?? ""]))
    .map((pair) => pair.map(encodeURIComponent).join("="))
    .join("&");
  assert(body === undefined || typeof body === "string" || body instanceof Uint8Array, "a request has a whole body");
  return {
    method: request.method,
    url: query === "" ? request.path : `${request.path}?${query}`,
    headers: request.headers,
    // not Buffer.from(body): CBOR bodies complain about being asked for their text
    body:
      body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.from(body ?? ""),
  };
}

const target = ({ headers }: WireRequest): string | undefined =>
  Object.entries(headers).find(([name]) => name.toLowerCase() === "x-amz-target")?.[1];

/** JSON services give the operation in a header, query services in the body. */
const operationOf = (request: WireRequest): string =>
  target(request)?.split(".").at(-1) ?? new URLSearchParams(request.body.toString("utf8")).get("Action") ?? "";
