import { XmlShapeDeserializer, XmlShapeSerializer, type XmlSettings } from "@aws-sdk/core/protocols";
import { CborCodec } from "@smithy/core/cbor";
import { JsonCodec } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { CloudError } from "../errors.ts";
import type { Members } from "./message.ts";
import { DATE_TIME, EPOCH_SECONDS } from "./scalar.ts";

/** `jsonName` counts in restJson only: https://smithy.io/2.0/spec/protocol-traits.html#jsonname-trait */
const jsonCodec = (jsonName: boolean): JsonCodec =>
  new JsonCodec({ timestampFormat: { useTrait: true, default: EPOCH_SECONDS }, jsonName });
const jsonRpc = jsonCodec(false);
const jsonRest = jsonCodec(true);

const xmlSettings = (xmlNamespace: string): XmlSettings => ({
  timestampFormat: { useTrait: true, default: DATE_TIME },
  httpBindings: true,
  xmlNamespace,
  serviceNamespace: "",
});

async function readable<T>(code: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof CloudError) throw cause;
    throw new CloudError(code, `the body cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** A value by its schema from JSON; an empty body is `{}`. */
export const readJson = (schema: NormalizedSchema, body: Buffer, rest: boolean): Promise<unknown> =>
  readable<unknown>("SerializationException", () =>
    (rest ? jsonRest : jsonRpc).createDeserializer().read(schema, body.length > 0 ? body.toString() : "{}"),
  );

export function writeJson(schema: NormalizedSchema, value: unknown, rest: boolean): string {
  const serializer = (rest ? jsonRest : jsonRpc).createSerializer();
  serializer.write(schema, value);
  const written: unknown = serializer.flush();
  return typeof written === "string" ? written : JSON.stringify(written);
}

export const readCbor = (schema: NormalizedSchema, body: Buffer): Promise<unknown> =>
  readable<unknown>("SerializationException", () =>
    body.length > 0 && schema.isStructSchema() ? new CborCodec().createDeserializer().read(schema, body) : {},
  );

export function writeCbor(schema: NormalizedSchema, value: unknown): Buffer {
  const serializer = new CborCodec().createSerializer();
  serializer.write(schema, value);
  return Buffer.from(serializer.flush());
}

/** A value by its schema from an XML document, whatever the root element is called. */
export const readXml = (schema: NormalizedSchema, body: Buffer): Promise<unknown> =>
  readable<unknown>("MalformedXML", () => new XmlShapeDeserializer(xmlSettings("")).read(schema, body));

/** A structure as an XML document; the root is named by the schema. */
export function writeXml(schema: NormalizedSchema, value: unknown, xmlNamespace: string): string {
  const serializer = new XmlShapeSerializer(xmlSettings(xmlNamespace));
  serializer.write(schema, value);
  return String(serializer.flush());
}

/** The elements of a structure without an element around them. */
export function writeXmlMembers(schema: NormalizedSchema, value: Members): string {
  if (!schema.isStructSchema()) return "";
  const document = writeXml(schema, value, "");
  const start = document.indexOf(">") + 1;
  const end = document.lastIndexOf("</");
  return end < start ? "" : document.slice(start, end);
}

export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
