import { createHash } from "node:crypto";

export interface MessageAttribute {
  /** `String`, `Number` or `Binary`, with an optional label behind a dot. */
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: Uint8Array;
}

export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

export const md5 = (content: string | Uint8Array): string => createHash("md5").update(content).digest("hex");

/**
 * The digest that SQS returns for a message's attributes, as documented under "Calculating the MD5 message digest for
 * message attributes": name, type and value in order of names, each behind its length in four bytes.
 */
export function attributesMd5(attributes: MessageAttributes): string {
  const parts: Uint8Array[] = [];
  const add = (content: Uint8Array): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    parts.push(length, content);
  };
  for (const [name, attribute] of Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    add(Buffer.from(name));
    add(Buffer.from(attribute.DataType));
    const binary = attribute.BinaryValue !== undefined;
    parts.push(Uint8Array.of(binary ? 2 : 1));
    add(attribute.BinaryValue ?? Buffer.from(attribute.StringValue ?? ""));
  }
  return md5(Buffer.concat(parts));
}

/** Bytes that count against the queue's largest message: body and attributes together. */
export function messageBytes(body: string, attributes: MessageAttributes): number {
  const ofAttributes = Object.entries(attributes).map(
    ([name, attribute]) =>
      Buffer.byteLength(name) +
      Buffer.byteLength(attribute.DataType) +
      (attribute.BinaryValue?.length ?? Buffer.byteLength(attribute.StringValue ?? "")),
  );
  return ofAttributes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(body));
}
