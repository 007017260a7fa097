import { isoTime } from "../../lib/clock.ts";
import type { CallRecord } from "./calls.ts";
import { CloudError } from "./errors.ts";
import { noCallFaults, type CallFaults } from "./faults/index.ts";
import { listenHttp, type HttpListener } from "./http.ts";
import type { Authorize } from "./iam/authorize/authorizer.ts";
import type { ActionService, AuthorizedCall } from "./iam/authorize/requirements.ts";
import type { Call, CallService, Principal, Service, ServiceId, World } from "./service.ts";
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
  readonly handle: (request: WireRequest) => Promise<WireResponse>;
  readonly callService: CallService;
  /**
   * A service of the cloud does something inside the cloud with the rights of a role, as Lambda writes a function's log:
   * the policies are asked and the call is recorded as if it had been made. Throws the denial.
   */
  readonly requireFor: (
    principal: Principal,
    service: ActionService,
    operation: string,
    input: Members,
    resource: string,
  ) => void;
  /** An HTTP server over `handle`; port 0 takes a free one. Rejects when the port is in use. */
  readonly listen: (host: string, port: number) => Promise<HttpListener>;
}

/** Performs a call's work, or sees it performed. */
export type Around = (
  call: Pick<AuthorizedCall, "principal" | "operation" | "input">,
  perform: () => Promise<Members>,
) => Promise<Members>;

export interface EndpointParts {
  readonly world: World;
  readonly services: ReadonlyMap<ServiceId, Service>;
  readonly principalOf: (accessKeyId: string) => Principal | undefined;
  readonly record: (line: CallRecord) => void;
  /** Asked first about every request: those that need no identity, because their address says it all. */
  readonly receive?: (request: WireRequest) => WireResponse | undefined;
  /** What goes wrong on purpose with calls over the wire. Absent: nothing. */
  readonly faults?: CallFaults;
  /** Stands around the work of every call, where no fault hides whether it is done. Absent: nobody does. */
  readonly around?: Around;
  /** Asked once for every call, when it is decoded. Absent in an endpoint of services alone, which has no policies. */
  readonly authorize?: Authorize;
}

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

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
  readonly decision: CallRecord["decision"];
  readonly error?: string;
}

/** What both ways into the cloud share: over the wire and in process. */
interface Core {
  readonly world: World;
  readonly note: (outcome: Outcome) => void;
  readonly resourceOf: (service: ServiceId, operation: string, input: Members) => string;
  /** What the policies say; the denial itself is in `error`. */
  readonly decide: (call: AuthorizedCall) => { readonly decision: CallRecord["decision"]; readonly error?: CloudError };
  readonly run: (service: ServiceId, operation: string, input: Members, call: Call) => Promise<Members>;
  readonly principalFor: (form: Form) => Principal;
}

function openCore({ world, services, principalOf, record, around, authorize }: EndpointParts): Core {
  const note = (outcome: Outcome): void => {
    const { status, error, decision, ...who } = outcome;
    const at = isoTime(world.clock.now());
    record({ at, ...who, decision, status, ...(error !== undefined && { error }) });
  };

  const resourceOf = (service: ServiceId, operation: string, input: Members): string => {
    try {
      return services.get(service)?.resourceOf(operation, input) ?? "*";
    } catch (error) {
      world.note(
        `${service}:${operation}: resource unknown: ${error instanceof Error ? error.message : String(error)}`,
      );
      return "*";
    }
  };

  const decide: Core["decide"] = (call) => {
    if (authorize === undefined) return { decision: "unenforced" };
    try {
      authorize(call);
      return { decision: "allowed" };
    } catch (error) {
      return {
        decision: "denied",
        error: asCloudError(world, `authorization of ${call.service}:${call.operation}`, error),
      };
    }
  };

  const run = async (service: ServiceId, operation: string, input: Members, call: Call): Promise<Members> => {
    const found = services.get(service);
    if (found === undefined || !Object.hasOwn(found.operations, operation)) throw notImplemented(service, operation);
    const perform = found.operations[operation];
    if (perform === undefined) throw notImplemented(service, operation);
    const work = async (): Promise<Members> => {
      // an Operation's own input type is lost in the table; the members were read or checked by the schema of just this one
      const output: unknown = await Reflect.apply(perform, undefined, [input, call]);
      return isMembers(output) ? output : {};
    };
    return around === undefined ? work() : around({ principal: call.principal, operation, input }, work);
  };

  const principalFor = (form: Form): Principal => {
    if (form.accessKeyId === undefined) throw missingAuthentication();
    const principal = principalOf(form.accessKeyId);
    if (principal) return principal;
    throw new CloudError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
  };

  return { world, note, resourceOf, decide, run, principalFor };
}

/** Answers what can be decoded; what cannot is thrown on. */
async function answer(core: Core, faults: CallFaults, request: WireRequest, requestId: string): Promise<WireResponse> {
  const decoded = await decodeRequest(request);
  const { service, operation, input, form } = decoded;
  let outcome: Omit<Outcome, "status"> = {
    principal: form.accessKeyId ?? "unsigned",
    service,
    operation,
    resource: "*",
    decision: "unenforced",
  };
  try {
    const principal = core.principalFor(form);
    const resource = core.resourceOf(service, operation, input);
    const { decision, error } = core.decide({ principal, service, operation, input, resource });
    outcome = { ...outcome, principal: principal.arn, resource, decision };
    if (error !== undefined) throw error;
    const call = { principal, requestId };
    const output = await faults.call(decoded, () => core.run(service, operation, input, call));
    const response = encodeOutput(decoded, output, requestId);
    core.note({ ...outcome, status: response.status });
    return response;
  } catch (cause) {
    const error = asCloudError(core.world, `${service}:${operation}`, cause);
    const response = encodeError(form, error, requestId);
    core.note({ ...outcome, status: response.status, error: error.code });
    return response;
  }
}

function refuse(core: Core, error: UndecodableRequest, requestId: string): WireResponse {
  const { form } = error;
  let shown: CloudError = error;
  let principal = form.accessKeyId ?? "unsigned";
  try {
    // who calls comes first: a stranger learns nothing about the request
    principal = core.principalFor(form).arn;
  } catch (unknown) {
    shown = asCloudError(core.world, "authentication", unknown);
  }
  const response = encodeError(form, shown, requestId);
  const service = form.schema?.id ?? "unknown";
  core.note({
    principal,
    service,
    operation: form.operation || "unknown",
    resource: "*",
    decision: "unenforced",
    status: response.status,
    error: shown.code,
  });
  return response;
}

const callServiceOf = (core: Core): CallService => {
  return async (principal, service, operation, input) => {
    let base: Omit<Outcome, "status"> = {
      principal: principal.arn,
      service,
      operation,
      resource: "*",
      decision: "unenforced",
    };
    try {
      const checked = await checkedInput(service, operation, input);
      const resource = core.resourceOf(service, operation, checked);
      const { decision, error } = core.decide({ principal, service, operation, input: checked, resource });
      base = { ...base, resource, decision };
      if (error !== undefined) throw error;
      const output = await core.run(service, operation, checked, { principal, requestId: core.world.ids.uuid() });
      core.note({ ...base, status: 200 });
      return output;
    } catch (cause) {
      const error = asCloudError(core.world, `${service}:${operation}`, cause);
      core.note({ ...base, status: error.status, error: error.code });
      throw error;
    }
  };
};

function requireFor(
  core: Core,
  principal: Principal,
  service: ActionService,
  operation: string,
  input: Members,
  resource: string,
): void {
  const { decision, error } = core.decide({ principal, service, operation, input, resource });
  const outcome = { principal: principal.arn, service, operation, resource, decision };
  core.note({ ...outcome, status: error?.status ?? 200, ...(error !== undefined && { error: error.code }) });
  if (error !== undefined) throw error;
}

/**
 * The one door of the embedded cloud. Signatures are not verified: the endpoint is on loopback, and whoever can reach it
 * can read the keys as well; the access key only tells who calls.
 */
export function openEndpoint(parts: EndpointParts): Endpoint {
  const core = openCore(parts);
  const handle = async (request: WireRequest): Promise<WireResponse> => {
    const received = parts.receive?.(request);
    if (received !== undefined) return received;
    const requestId = parts.world.ids.uuid();
    try {
      return await answer(core, parts.faults ?? noCallFaults, request, requestId);
    } catch (error) {
      if (error instanceof UndecodableRequest) return refuse(core, error, requestId);
      const form: Form = { writing: "rest-xml", operation: "", contentType: "", method: request.method };
      return encodeError(form, asCloudError(parts.world, `${request.method} request`, error), requestId);
    }
  };

  return {
    handle,
    callService: callServiceOf(core),
    requireFor: (...asked) => requireFor(core, ...asked),
    listen: (host, port) => listenHttp(handle, host, port),
  };
}
