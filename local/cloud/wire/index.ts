/** The wire layer: AWS requests and responses of every protocol, by the schemas of the SDK's own clients. */
export { decodeRequest, missingAuthentication, notImplemented, UndecodableRequest } from "./decode.ts";
export { encodeOutput } from "./encode.ts";
export { encodeError } from "./error.ts";
export { BODY_BYTES_MAX } from "./body.ts";
export { checkedInput } from "./conform.ts";
export type { Decoded, Form, Members, WireRequest, WireResponse, Writing } from "./message.ts";
