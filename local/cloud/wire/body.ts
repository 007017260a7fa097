import { gunzipSync } from "node:zlib";
import { CloudError } from "../errors.ts";
import type { WireRequest } from "./message.ts";

/** More than any request of the farm; a small gzip body must not unfold without bounds. */
export const BODY_BYTES_MAX = 256 * 1024 * 1024;

interface Unframed {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const incomplete = (what: string): CloudError => new CloudError("IncompleteBody", `aws-chunked body: ${what}`);

function chunksOf(body: Buffer): { payload: Buffer; rest: string } {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = body.indexOf("\r\n", at);
    if (lineEnd < 0) throw incomplete("a chunk has no size");
    const size = Number.parseInt(body.toString("latin1", at, lineEnd), 16);
    if (Number.isNaN(size)) throw incomplete("the size of a chunk is not a hexadecimal number");
    const start = lineEnd + 2;
    if (size === 0) return { payload: Buffer.concat(chunks), rest: body.toString("latin1", start) };
    if (start + size > body.length) throw incomplete("ends within a chunk");
    chunks.push(body.subarray(start, start + size));
    at = start + size + 2;
  }
}

/**
 * Takes an upload out of its chunks; trailers (checksums) become headers. Chunk signatures are not verified.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
function unchunk(headers: Readonly<Record<string, string>>, body: Buffer): Unframed {
  const { payload, rest } = chunksOf(body);
  const declared = headers["x-amz-decoded-content-length"];
  if (declared !== undefined && Number(declared) !== payload.length)
    throw incomplete(`has ${payload.length} bytes where ${declared} were declared`);
  const trailers = rest
    .split("\r\n")
    .map((line) => /^([^:]+):(.*)$/.exec(line))
    .flatMap((found) => (found?.[1] && found[2] !== undefined ? [[found[1].toLowerCase(), found[2].trim()]] : []));
  const merged: Record<string, string> = { ...headers, ...Object.fromEntries(trailers) };
  merged["content-length"] = String(payload.length);
  return { headers: merged, body: payload };
}

const codings = (headers: Readonly<Record<string, string>>): string[] =>
  (headers["content-encoding"] ?? "").split(",").flatMap((coding) => coding.trim().toLowerCase() || []);

function withCodings(headers: Readonly<Record<string, string>>, left: readonly string[]): Record<string, string> {
  const { "content-encoding": _, ...others } = headers;
  return left.length > 0 ? { ...others, "content-encoding": left.join(",") } : others;
}

/** Headers in lower case; aws-chunked framing removed; a gzip body unfolded, except for S3, where it is the object. */
export function unframe(request: WireRequest, isS3: boolean): Unframed {
  let headers: Record<string, string> = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  let body = request.body;
  if (codings(headers).includes("aws-chunked") || headers["x-amz-content-sha256"]?.startsWith("STREAMING-")) {
    ({ headers, body } = unchunk(headers, body));
    headers = withCodings(
      headers,
      codings(headers).filter((coding) => coding !== "aws-chunked"),
    );
  }
  if (isS3 || !codings(headers).includes("gzip")) return { headers, body };
  try {
    body = gunzipSync(body, { maxOutputLength: BODY_BYTES_MAX });
  } catch (cause) {
    throw new CloudError(
      "SerializationException",
      `gzip body: ${cause instanceof Error ? cause.message : "unreadable"}`,
    );
  }
  return {
    headers: withCodings(
      headers,
      codings(headers).filter((coding) => coding !== "gzip"),
    ),
    body,
  };
}
