import type { ServiceId } from "../service.ts";
import type { ServiceSchema } from "./schema.ts";

/** One HTTP request; header names in any case, `url` is path and query (or absolute). */
export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

export type Members = Record<string, unknown>;

/** How a request is written, which its answer must follow. */
export type Writing = "query" | "ec2" | "json" | "cbor" | "rest-xml" | "rest-json";

/** What is known about a request as soon as its service is: enough to answer it with an error of the right shape. */
export interface Form {
  readonly writing: Writing;
  /** Undefined when not even the service could be told. */
  readonly schema?: ServiceSchema;
  /** As far as known, else empty. */
  readonly operation: string;
  readonly contentType: string;
  readonly method: string;
  /** Absent on an unsigned request. */
  readonly accessKeyId?: string;
}

export interface Decoded {
  readonly service: ServiceId;
  readonly operation: string;
  /** The SDK's `...CommandInput`. */
  readonly input: Members;
  readonly form: Form;
}
