import type { ServiceId } from "../service.ts";
import type { Form, WireRequest, Writing } from "./message.ts";
import { isServiceId, serviceIds, serviceSchema, type ServiceSchema } from "./schema.ts";

interface Credential {
  readonly accessKeyId: string;
  readonly service: string;
}

/** `AKID/date/region/service/aws4_request`; SigV4A leaves the region out. */
function credentialOf(headers: Readonly<Record<string, string>>, query: URLSearchParams): Credential | undefined {
  const signed = /Credential=([^,\s]+)/.exec(headers["authorization"] ?? "")?.[1] ?? query.get("X-Amz-Credential");
  const parts = (signed ?? "").split("/");
  const [accessKeyId] = parts;
  const service = parts.at(-2);
  return accessKeyId && service && parts.length >= 4 ? { accessKeyId, service } : undefined;
}

/** Names in the scope of some operations of a service whose own signing name is another. */
const scopeAliases: Readonly<Record<string, ServiceId>> = { s3express: "s3", "s3-object-lambda": "s3" };

async function serviceWith(fits: (schema: ServiceSchema) => boolean): Promise<ServiceId | undefined> {
  for (const id of serviceIds) if (fits(await serviceSchema(id))) return id;
  return undefined;
}

/** Without a signature: the target header, or a form's action and version. */
async function serviceOfUnsigned(
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<ServiceId | undefined> {
  const target = headers["x-amz-target"]?.split(".")[0];
  if (target !== undefined) return serviceWith((schema) => schema.target === target);
  if (!isForm(headers)) return undefined;
  const form = new URLSearchParams(body.toString());
  const action = form.get("Action") ?? "";
  return serviceWith((schema) => schema.version === form.get("Version") && schema.operations.has(action));
}

const isForm = (headers: Readonly<Record<string, string>>): boolean =>
  headers["content-type"]?.startsWith("application/x-www-form-urlencoded") ?? false;

function writingOf(schema: ServiceSchema | undefined, headers: Readonly<Record<string, string>>): Writing {
  if (headers["smithy-protocol"] === "rpc-v2-cbor") return "cbor";
  if (schema?.protocol === "rest-xml" || schema?.protocol === "rest-json" || schema?.protocol === "ec2")
    return schema.protocol;
  if (headers["x-amz-target"] !== undefined) return "json";
  // CloudWatch and SQS are JSON services that still take the forms of their awsQuery past
  if (schema?.protocol === "query" || isForm(headers)) return "query";
  return schema === undefined ? "rest-xml" : "json";
}

/** What a request with these (lower-case) headers is: by its credential scope, else by target or form. */
export async function identify(
  request: WireRequest,
  headers: Readonly<Record<string, string>>,
  query: URLSearchParams,
): Promise<Form> {
  const credential = credentialOf(headers, query);
  const scope = credential?.service;
  const named = scope === undefined ? await serviceOfUnsigned(headers, request.body) : (scopeAliases[scope] ?? scope);
  const schema = named !== undefined && isServiceId(named) ? await serviceSchema(named) : undefined;
  return {
    writing: writingOf(schema, headers),
    ...(schema && { schema }),
    operation: headers["x-amz-target"]?.split(".").at(-1) ?? "",
    contentType: headers["content-type"] ?? "",
    method: request.method,
    ...(credential && { accessKeyId: credential.accessKeyId }),
  };
}

/** The service named in the scope of a signature, also when the embedded cloud does not have it. */
export const scopeService = (headers: Readonly<Record<string, string>>, query: URLSearchParams): string | undefined =>
  credentialOf(headers, query)?.service;
