import { CloudError } from "../errors.ts";
import { unframe } from "./body.ts";
import { firstFlaw, flawError } from "./check.ts";
import { readCbor, readJson } from "./codec.ts";
import { identify, scopeService } from "./identify.ts";
import type { Decoded, Form, Members, WireRequest } from "./message.ts";
import { readForm } from "./query.ts";
import { readRest } from "./rest.ts";
import { matchRoute } from "./route.ts";
import type { OperationSchema, ServiceSchema } from "./schema.ts";
import { shapeOf } from "./shape.ts";

/** A request that could not be decoded; `form` says how its error must be written. */
export class UndecodableRequest extends CloudError {
  readonly form: Form;

  constructor(error: CloudError, form: Form) {
    super(error.code, error.message, error.status, error.detail);
    this.form = form;
  }
}

interface Parts {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** For an operation, or a whole service, that the embedded cloud does not have. */
export const notImplemented = (service: string, operation: string): CloudError =>
  new CloudError(
    "NotImplemented",
    `${service}: ${operation || "the operation of this request"} is not implemented by the embedded cloud`,
    501,
  );

/** `bucket.s3.<region>.amazonaws.com` and `bucket.localhost` mean the same as the bucket as first part of the path. */
function pathWithBucket(pathname: string, host: string): string {
  const bucket = /^(.+)\.(?:s3[.-].*\.amazonaws\.com|s3\.amazonaws\.com|localhost)(?::\d+)?$/.exec(host)?.[1];
  return bucket === undefined || bucket === "s3" ? pathname : `/${bucket}${pathname}`;
}

/** A presigned request may carry its `x-amz-*` headers in the query. */
function withHoisted(headers: Record<string, string>, query: URLSearchParams): Record<string, string> {
  const hoisted = [...query].flatMap(([name, value]) =>
    /^x-amz-/i.test(name) ? [[name.toLowerCase(), value] as const] : [],
  );
  return { ...Object.fromEntries(hoisted), ...headers };
}

function operationNamed(schema: ServiceSchema, name: string): OperationSchema {
  const operation = schema.operations.get(name);
  if (operation === undefined) throw notImplemented(schema.id, name);
  return operation;
}

const asMembers = (value: unknown): Members => {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new CloudError("SerializationException", "the body must be a structure");
};

async function readRpc(schema: ServiceSchema, form: Form, parts: Parts): Promise<[OperationSchema, Members]> {
  if (form.writing === "cbor") {
    const operation = operationNamed(schema, parts.url.pathname.split("/").at(-1) ?? "");
    return [operation, asMembers(await readCbor(operation.input, parts.body))];
  }
  if (form.writing === "json") {
    const operation = operationNamed(schema, form.operation);
    return [operation, asMembers(await readJson(operation.input, parts.body, false))];
  }
  const fields = new URLSearchParams(parts.body.length > 0 ? parts.body.toString() : parts.url.search);
  const operation = operationNamed(schema, fields.get("Action") ?? "");
  return [operation, readForm(operation.input, fields, form.writing === "ec2")];
}

async function readRestRequest(schema: ServiceSchema, form: Form, parts: Parts): Promise<[OperationSchema, Members]> {
  const s3 = schema.id === "s3";
  const path = s3 ? pathWithBucket(parts.url.pathname, parts.headers["host"] ?? "") : parts.url.pathname;
  const query = parts.url.searchParams;
  const headers = s3 ? withHoisted(parts.headers, query) : parts.headers;
  const match = matchRoute(schema, form.method, path, query, headers);
  if (match === undefined) throw notImplemented(schema.id, `${form.method} ${path}`);
  const read = await readRest(
    match.operation,
    { labels: match.labels, query, headers, body: parts.body },
    !s3 && schema.protocol === "rest-json",
  );
  return [match.operation, read];
}

const isRest = (form: Form): boolean => form.writing === "rest-xml" || form.writing === "rest-json";

/** The operation as far as a failed decoding got, so that the record of calls names it. */
function formOperation(form: Form, url: URL, body: Buffer): Form {
  if (form.writing === "cbor") return { ...form, operation: url.pathname.split("/").at(-1) ?? "" };
  if (form.writing !== "query" && form.writing !== "ec2") return form;
  const fields = new URLSearchParams(body.length > 0 ? body.toString() : url.search);
  return { ...form, operation: fields.get("Action") ?? "" };
}

async function decodeParts(form: Form, parts: Parts, unknownService: string | undefined): Promise<Decoded> {
  const { schema } = form;
  if (schema === undefined) {
    if (form.accessKeyId === undefined) throw missingAuthentication();
    throw notImplemented(unknownService ?? "this service", form.operation);
  }
  const [operation, input] = isRest(form)
    ? await readRestRequest(schema, form, parts)
    : await readRpc(schema, form, parts);
  const named = { ...form, operation: operation.name };
  const flaw = firstFlaw(shapeOf(operation.input), input);
  if (flaw) throw new UndecodableRequest(flawError(flaw, schema.protocol), named);
  return { service: schema.id, operation: operation.name, input, form: named };
}

export const missingAuthentication = (): CloudError =>
  new CloudError("MissingAuthenticationToken", "the request is not signed", 403);

/**
 * Reads a request of any AWS protocol. Required members are checked.
 * Throws UndecodableRequest, which encodeError can write in the protocol of the request.
 */
export async function decodeRequest(request: WireRequest): Promise<Decoded> {
  const url = new URL(request.url, "http://cloud.invalid");
  const names = Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const raw: Record<string, string> = Object.fromEntries(names);
  let form = await identify(request, raw, url.searchParams);
  try {
    const { headers, body } = unframe(request, form.schema?.id === "s3");
    form = formOperation(form, url, body);
    return await decodeParts(form, { url, headers, body }, scopeService(raw, url.searchParams));
  } catch (error) {
    if (error instanceof UndecodableRequest) throw error;
    if (error instanceof CloudError) throw new UndecodableRequest(error, form);
    throw error;
  }
}
