import { NormalizedSchema } from "@smithy/core/schema";
import { assertNever } from "../../../lib/assert.ts";
import { CloudError } from "../errors.ts";
import { escapeXml, writeCbor, writeJson, writeXmlMembers } from "./codec.ts";
import type { Form, Members, WireResponse } from "./message.ts";
import { queryCode } from "./schema.ts";

/** Sentinel of `@smithy/types` for a document: written as it is. */
const documentSchema = NormalizedSchema.of(15);

/** An error as it goes on the wire, its modeled shape included if the service has one. */
interface Written {
  readonly code: string;
  readonly shape: string;
  readonly status: number;
  readonly fault: "Sender" | "Receiver";
  readonly message: string;
  readonly members: Members;
  readonly schema?: NormalizedSchema;
}

/** Status that the model gives to an error, for a CloudError that says no more than "bad request". */
function modeledStatus(schema: NormalizedSchema | undefined): number | undefined {
  const traits = schema?.getMergedTraits();
  const query = traits?.["awsQueryError"];
  const status = traits?.["httpError"] ?? (Array.isArray(query) ? query[1] : undefined);
  return typeof status === "number" ? status : undefined;
}

function written(error: CloudError, form: Form): Written {
  const schema = form.schema?.errors.get(error.code);
  const status = error.status === 400 ? (modeledStatus(schema) ?? 400) : error.status;
  return {
    code: (schema && queryCode(schema)) ?? error.code,
    shape: schema?.getName() ?? error.code,
    status,
    fault: status < 500 ? "Sender" : "Receiver",
    message: error.message,
    members: error.detail,
    ...(schema && { schema }),
  };
}

/** Members of an error's own shape; its message member is called `message`, `Message` or has no member at all. */
function shapeMembers(error: Written): { known: Members; message: boolean } {
  const known: Members = { ...error.members };
  let message = false;
  for (const [name] of error.schema?.structIterator() ?? []) {
    if (name.toLowerCase() !== "message") continue;
    known[name] = error.message;
    message = true;
  }
  return { known, message };
}

function xmlMembers(error: Written): string {
  const { known } = shapeMembers(error);
  const plain = Object.entries(error.members).filter(([, value]) => typeof value !== "object");
  if (error.schema === undefined)
    return plain.map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`).join("");
  const { message: _, Message: __, ...rest } = known;
  return writeXmlMembers(error.schema, rest);
}

const xmlError = (error: Written, withType: boolean): string =>
  `<Error>${withType ? `<Type>${error.fault}</Type>` : ""}<Code>${escapeXml(error.code)}</Code>` +
  `<Message>${escapeXml(error.message)}</Message>${xmlMembers(error)}`;

function xmlBody(error: Written, form: Form, requestId: string): string {
  const id = `<RequestId>${requestId}</RequestId>`;
  if (form.writing === "ec2")
    return `<Response><Errors>${xmlError(error, false)}</Error></Errors><RequestID>${requestId}</RequestID></Response>`;
  if (form.schema?.id === "s3" || form.schema === undefined)
    return `<?xml version="1.0" encoding="UTF-8"?>${xmlError(error, false)}${id}</Error>`;
  const namespace = form.schema.xmlNamespace ? ` xmlns="${escapeXml(form.schema.xmlNamespace)}"` : "";
  return `<ErrorResponse${namespace}>${xmlError(error, true)}</Error>${id}</ErrorResponse>`;
}

function jsonBody(error: Written, rest: boolean): string {
  const { known, message } = shapeMembers(error);
  const shaped: unknown = JSON.parse(error.schema ? writeJson(error.schema, known, rest) : JSON.stringify(known));
  return JSON.stringify({
    __type: error.shape,
    ...(message ? {} : { message: error.message }),
    ...(typeof shaped === "object" ? shaped : {}),
  });
}

function cborBody(error: Written, form: Form): Buffer {
  const { known, message } = shapeMembers(error);
  const type = `${form.schema?.namespace ?? ""}#${error.shape}`;
  const members = { __type: type, ...(message ? {} : { message: error.message }), ...known };
  return writeCbor(documentSchema, members);
}

const respond = (status: number, contentType: string, requestId: string, body: string | Buffer): WireResponse => ({
  status,
  headers: { "content-type": contentType, "x-amzn-requestid": requestId },
  body: Buffer.from(body),
});

/** Writes an error in the protocol of the request, with the members of its modeled shape. */
export function encodeError(form: Form, error: CloudError, requestId: string): WireResponse {
  const wire = written(error, form);
  const response = respondIn(form, wire, requestId);
  if (form.schema?.queryCompatible && form.writing !== "query")
    response.headers["x-amzn-query-error"] = `${wire.code};${wire.fault}`;
  if (form.schema?.id === "s3") response.headers["x-amz-request-id"] = requestId;
  return response;
}

/** HTTP gives these answers no body (RFC 9110); clients then go by the status. */
const hasNoBody = (form: Form, error: Written): boolean => form.method === "HEAD" || error.status === 304;

function respondIn(form: Form, error: Written, requestId: string): WireResponse {
  switch (form.writing) {
    case "json":
      return respond(error.status, form.contentType || "application/x-amz-json-1.1", requestId, jsonBody(error, false));
    case "cbor": {
      const response = respond(error.status, "application/cbor", requestId, cborBody(error, form));
      response.headers["smithy-protocol"] = "rpc-v2-cbor";
      return response;
    }
    case "rest-json": {
      const response = respond(error.status, "application/json", requestId, jsonBody(error, true));
      response.headers["x-amzn-errortype"] = error.shape;
      return response;
    }
    case "query":
    case "ec2":
    case "rest-xml":
      return respond(
        error.status,
        "text/xml",
        requestId,
        hasNoBody(form, error) ? "" : xmlBody(error, form, requestId),
      );
    default:
      return assertNever(form.writing);
  }
}
