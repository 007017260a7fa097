import { isoTime } from "../../lib/clock.ts";
import type { CallRecord } from "./calls.ts";
import { CloudError } from "./errors.ts";
import { listenHttp, type HttpListener } from "./http.ts";
import type { Call, CallService, Operation, Principal, Service, ServiceId, World } from "./service.ts";
import {
  checkedInput,
  decodeRequest,
  encodeError,
  encodeOutput,
  missingAuthentication,
  notImplemented,
  UndecodableRequest,
  type Form,
  type Members,
  type WireRequest,
  type WireResponse,
} from "./wire/index.ts";

export interface Endpoint {
  /** Answers one request without a socket; never rejects. */
  handle(request: WireRequest): Promise<WireResponse>;
  readonly callService: CallService;
  /** An HTTP server over `handle`; port 0 takes a free one. Rejects when the port is in use. */
  listen(host: string, port: number): Promise<HttpListener>;
}

export interface EndpointParts {
  readonly world: World;
  readonly services: ReadonlyMap<ServiceId, Service>;
  readonly principalOf: (accessKeyId: string) => Principal | undefined;
  readonly record: (line: CallRecord) => void;
}

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The Operation of a Service is kept in a table whatever its input type, so its parameter is `never` there.
 * Calling it with members is safe because they were read, or checked, by the schema of just this operation.
 */
const callable = (operation: Operation): Operation<Members> => operation as Operation<Members>;

/** What a caller is told of a bug in the embedded cloud; the whole of it goes to the farm's log. */
function asCloudError(world: World, what: string, error: unknown): CloudError {
  if (error instanceof CloudError) return error;
  world.note(`${what} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return new CloudError("InternalFailure", `${what}: ${error instanceof Error ? error.message : String(error)}`, 500);
}

/** Who, what and how it ended, for the record. */
interface Outcome {
  readonly principal: string;
  readonly service: string;
  readonly operation: string;
  readonly resource: string;
  readonly status: number;
  readonly error?: string;
}

/**
 * The one door of the embedded cloud. Signatures are not verified: the endpoint is on loopback, and whoever can reach it
 * can read the keys as well; the access key only tells who calls.
 */
export function openEndpoint({ world, services, principalOf, record }: EndpointParts): Endpoint {
  const note = (outcome: Outcome): void => {
    const { status, error, ...who } = outcome;
    const at = isoTime(world.clock.now());
    record({ at, ...who, decision: "unenforced", status, ...(error !== undefined && { error }) });
  };

  const resourceOf = (service: ServiceId, operation: string, input: Members): string => {
    try {
      return services.get(service)?.resourceOf(operation, input) ?? "*";
    } catch (error) {
      world.note(`${service}:${operation}: resource unknown: ${error instanceof Error ? error.message : String(error)}`);
      return "*";
    }
  };

  const run = async (service: ServiceId, operation: string, input: Members, call: Call): Promise<Members> => {
    const found = services.get(service);
    if (found === undefined || !Object.hasOwn(found.operations, operation)) throw notImplemented(service, operation);
    const perform = found.operations[operation];
    if (perform === undefined) throw notImplemented(service, operation);
    const output = await callable(perform)(input, call);
    return isMembers(output) ? output : {};
  };

  const principalFor = (form: Form): Principal => {
    if (form.accessKeyId === undefined) throw missingAuthentication();
    const principal = principalOf(form.accessKeyId);
    if (principal) return principal;
    throw new CloudError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
  };

  const answer = async (request: WireRequest, requestId: string): Promise<WireResponse> => {
    const decoded = await decodeRequest(request);
    const { service, operation, input, form } = decoded;
    let outcome = { principal: form.accessKeyId ?? "unsigned", service, operation, resource: "*" };
    try {
      const principal = principalFor(form);
      outcome = { ...outcome, principal: principal.arn, resource: resourceOf(service, operation, input) };
      const output = await run(service, operation, input, { principal, requestId });
      const response = encodeOutput(decoded, output, requestId);
      note({ ...outcome, status: response.status });
      return response;
    } catch (cause) {
      const error = asCloudError(world, `${service}:${operation}`, cause);
      const response = encodeError(form, error, requestId);
      note({ ...outcome, status: response.status, error: error.code });
      return response;
    }
  };

  const refuse = (error: UndecodableRequest, requestId: string): WireResponse => {
    const { form } = error;
    let shown: CloudError = error;
    let principal = form.accessKeyId ?? "unsigned";
    try {
      // who calls comes first: a stranger learns nothing about the request
      principal = principalFor(form).arn;
    } catch (unknown) {
      shown = asCloudError(world, "authentication", unknown);
    }
    const response = encodeError(form, shown, requestId);
    const service = form.schema?.id ?? "unknown";
    note({ principal, service, operation: form.operation || "unknown", resource: "*", status: response.status, error: shown.code });
    return response;
  };

  const handle = async (request: WireRequest): Promise<WireResponse> => {
    const requestId = world.ids.uuid();
    try {
      return await answer(request, requestId);
    } catch (error) {
      if (error instanceof UndecodableRequest) return refuse(error, requestId);
      const form: Form = { writing: "rest-xml", operation: "", contentType: "", method: request.method };
      return encodeError(form, asCloudError(world, `${request.method} request`, error), requestId);
    }
  };

  const callService: CallService = async (principal, service, operation, input) => {
    const base = { principal: principal.arn, service, operation };
    let resource = "*";
    try {
      const checked = await checkedInput(service, operation, input);
      resource = resourceOf(service, operation, checked);
      const output = await run(service, operation, checked, { principal, requestId: world.ids.uuid() });
      note({ ...base, resource, status: 200 });
      return output;
    } catch (cause) {
      const error = asCloudError(world, `${service}:${operation}`, cause);
      note({ ...base, resource, status: error.status, error: error.code });
      throw error;
    }
  };

  return { handle, callService, listen: (host, port) => listenHttp(handle, host, port) };
}
