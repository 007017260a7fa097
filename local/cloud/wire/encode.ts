import { assertNever } from "../../../lib/assert.ts";
import { CloudError } from "../errors.ts";
import { escapeXml, writeCbor, writeJson, writeXmlMembers } from "./codec.ts";
import type { Decoded, Members, WireResponse } from "./message.ts";
import { writeRest } from "./rest.ts";
import type { OperationSchema, ServiceSchema } from "./schema.ts";

function schemaOf(decoded: Decoded): { service: ServiceSchema; operation: OperationSchema } {
  const service = decoded.form.schema;
  const operation = service?.operations.get(decoded.operation);
  if (service && operation) return { service, operation };
  throw new CloudError("InternalFailure", `no schema of ${decoded.service}:${decoded.operation}`, 500);
}

function writeQuery(service: ServiceSchema, operation: OperationSchema, output: Members, requestId: string): string {
  const members = writeXmlMembers(operation.output, output);
  const result = operation.output.isStructSchema()
    ? `<${operation.name}Result>${members}</${operation.name}Result>`
    : "";
  const namespace = service.xmlNamespace ? ` xmlns="${escapeXml(service.xmlNamespace)}"` : "";
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return `<${operation.name}Response${namespace}>${result}${metadata}</${operation.name}Response>`;
}

function writeEc2(service: ServiceSchema, operation: OperationSchema, output: Members, requestId: string): string {
  const members = writeXmlMembers(operation.output, output);
  return `<${operation.name}Response xmlns="${service.xmlNamespace}"><requestId>${requestId}</requestId>${members}</${operation.name}Response>`;
}

const respond = (contentType: string, requestId: string, body: string | Buffer): WireResponse => ({
  status: 200,
  headers: { "content-type": contentType, "x-amzn-requestid": requestId },
  body: Buffer.from(body),
});

/** Writes an operation's output (without `$metadata`) in the protocol that the request came in. */
export function encodeOutput(decoded: Decoded, output: Members, requestId: string): WireResponse {
  const { service, operation } = schemaOf(decoded);
  const hasOutput = operation.output.isStructSchema();
  switch (decoded.form.writing) {
    case "query":
      return respond("text/xml", requestId, writeQuery(service, operation, output, requestId));
    case "ec2":
      return respond("text/xml;charset=UTF-8", requestId, writeEc2(service, operation, output, requestId));
    case "json":
      return respond(
        decoded.form.contentType || "application/x-amz-json-1.1",
        requestId,
        hasOutput ? writeJson(operation.output, output, false) : "{}",
      );
    case "cbor": {
      const answer = respond("application/cbor", requestId, hasOutput ? writeCbor(operation.output, output) : "");
      answer.headers["smithy-protocol"] = "rpc-v2-cbor";
      return answer;
    }
    case "rest-xml":
    case "rest-json": {
      const answer = writeRest(service, operation, output);
      const id = service.id === "s3" ? "x-amz-request-id" : "x-amzn-requestid";
      return { ...answer, headers: { ...answer.headers, [id]: requestId } };
    }
    default:
      return assertNever(decoded.form.writing);
  }
}
