import type { NormalizedSchema } from "@smithy/core/schema";
import { CloudError } from "../errors.ts";
import { readJson, readXml, writeJson, writeXml } from "./codec.ts";
import type { Members } from "./message.ts";
import { fromText, toText } from "./scalar.ts";
import type { OperationSchema, ServiceSchema } from "./schema.ts";

/** What a REST request is read from; header names in lower case. */
export interface RestParts {
  readonly labels: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null;

function readQuery(member: NormalizedSchema, name: string, query: URLSearchParams): unknown {
  const values = query.getAll(name);
  const first = values[0];
  if (first === undefined) return undefined;
  return member.isListSchema()
    ? values.map((value) => fromText(member.getValueSchema(), value))
    : fromText(member, first);
}

/** Every query parameter that no other member claims. */
function readQueryParams(member: NormalizedSchema, query: URLSearchParams, claimed: ReadonlySet<string>): Members {
  const entries = [...new Set(query.keys())].filter((name) => !claimed.has(name));
  const item = member.getValueSchema();
  return Object.fromEntries(
    entries.map((name) => [name, item.isListSchema() ? query.getAll(name) : (query.get(name) ?? "")]),
  );
}

function readPrefixed(prefix: string, headers: Readonly<Record<string, string>>): Members | undefined {
  const start = prefix.toLowerCase();
  const entries = Object.entries(headers).filter(([name]) => name.startsWith(start));
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(start.length), value]));
}

async function readPayload(member: NormalizedSchema, body: Buffer, json: boolean): Promise<unknown> {
  if (member.isBlobSchema()) return body;
  if (member.isStringSchema()) return body.toString();
  return json ? readJson(member, body, true) : readXml(member, body);
}

function readBound(member: NormalizedSchema, name: string, parts: RestParts, claimed: ReadonlySet<string>): unknown {
  const traits = member.getMergedTraits();
  if (traits.httpLabel) {
    const label = parts.labels[name];
    return label === undefined ? undefined : fromText(member, label);
  }
  if (traits.httpQuery) return readQuery(member, traits.httpQuery, parts.query);
  if (traits.httpQueryParams) return readQueryParams(member, parts.query, claimed);
  if (traits.httpHeader) {
    const value = parts.headers[traits.httpHeader.toLowerCase()];
    return value === undefined ? undefined : fromText(member, value);
  }
  return traits.httpPrefixHeaders === undefined ? undefined : readPrefixed(traits.httpPrefixHeaders, parts.headers);
}

const isBound = (member: NormalizedSchema): boolean => {
  const traits = member.getMergedTraits();
  return Boolean(
    traits.httpLabel ||
    traits.httpQuery ||
    traits.httpQueryParams ||
    traits.httpHeader ||
    traits.httpPrefixHeaders !== undefined,
  );
};

/**
 * Gathers an operation's input from path, query, headers and body.
 * https://smithy.io/2.0/spec/http-bindings.html
 */
export async function readRest(operation: OperationSchema, parts: RestParts, json: boolean): Promise<Members> {
  const schema = operation.input;
  const input: Members = {};
  if (!schema.isStructSchema()) return input;
  const members = [...schema.structIterator()];
  const [, search = ""] = (operation.http?.[1] ?? "").split("?");
  const claimed = new Set([
    ...new URLSearchParams(search).keys(),
    ...members.flatMap(([, member]) => member.getMergedTraits().httpQuery ?? []),
  ]);
  const set = (name: string, value: unknown): void => {
    if (value !== undefined) input[name] = value;
  };
  for (const [name, member] of members) if (isBound(member)) set(name, readBound(member, name, parts, claimed));
  const payload = members.find(([, member]) => member.getMergedTraits().httpPayload);
  if (payload !== undefined) {
    const [name, member] = payload;
    if (parts.body.length > 0 || member.isStreaming()) set(name, await readPayload(member, parts.body, json));
    return input;
  }
  if (parts.body.length === 0) return input;
  const unbound = members.filter(([, member]) => !isBound(member));
  if (unbound.length === 0) return input;
  const read = json ? await readJson(schema, parts.body, true) : await readXml(schema, parts.body);
  if (isMembers(read)) for (const [name] of unbound) set(name, read[name]);
  return input;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function writePayload(member: NormalizedSchema, value: unknown, service: ServiceSchema): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0);
  if (member.isStreaming() && member.isStructSchema())
    throw new CloudError("NotImplemented", `${service.id}: the embedded cloud writes no event streams`, 501);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value === "string" && (member.isStringSchema() || member.isBlobSchema())) return Buffer.from(value);
  if (member.isBlobSchema())
    throw new CloudError("InternalFailure", `${member.getMemberName()} of a response must be bytes or text`, 500);
  const json = service.protocol === "rest-json";
  return Buffer.from(json ? writeJson(member, value, true) : writeXml(member, value, service.xmlNamespace));
}

function writeHeaders(member: NormalizedSchema, value: unknown, headers: Record<string, string>): boolean {
  const { httpHeader, httpPrefixHeaders } = member.getMergedTraits();
  if (httpHeader) {
    if (value !== undefined && value !== null) headers[httpHeader.toLowerCase()] = toText(member, value);
    return true;
  }
  if (httpPrefixHeaders === undefined) return false;
  for (const [name, text] of Object.entries(isMembers(value) ? value : {}))
    headers[`${httpPrefixHeaders}${name}`.toLowerCase()] = String(text);
  return true;
}

/** S3 answers this one operation with the bare text of its only member (`s3UnwrappedXmlOutput`). */
const UNWRAPPED = "GetBucketLocation";

function writeBody(operation: OperationSchema, members: Members, service: ServiceSchema): Buffer {
  if (service.protocol === "rest-json") return Buffer.from(writeJson(operation.output, members, true));
  if (service.id !== "s3" || operation.name !== UNWRAPPED)
    return Buffer.from(writeXml(operation.output, members, service.xmlNamespace));
  const { LocationConstraint } = members;
  const location = typeof LocationConstraint === "string" ? LocationConstraint : "";
  return Buffer.from(`<LocationConstraint xmlns="${service.xmlNamespace}">${location}</LocationConstraint>`);
}

/** Spreads an operation's output over status, headers and body. */
export function writeRest(service: ServiceSchema, operation: OperationSchema, output: Members): RestAnswer {
  const headers: Record<string, string> = {
    "content-type": service.protocol === "rest-json" ? "application/json" : "application/xml",
  };
  let status = operation.http?.[2] ?? 200;
  if (!operation.output.isStructSchema()) return { status, headers, body: Buffer.alloc(0) };
  const inBody: Members = {};
  let payload: Buffer | undefined;
  let hasBody = false;
  for (const [name, member] of operation.output.structIterator()) {
    const value = output[name];
    if (writeHeaders(member, value, headers)) continue;
    if (member.getMergedTraits().httpResponseCode) status = typeof value === "number" ? value : status;
    else if (member.getMergedTraits().httpPayload) payload = writePayload(member, value, service);
    else {
      hasBody = true;
      if (value !== undefined) inBody[name] = value;
    }
  }
  return { status, headers, body: payload ?? (hasBody ? writeBody(operation, inBody, service) : Buffer.alloc(0)) };
}
