import type { World } from "../service.ts";
import type { WireRequest, WireResponse } from "../wire/index.ts";

/** The documented limit of a response's body. */
const BODY_BYTES_MAX = 4_096;
/** Of the path's last part; what is to be guessed has 256 bits. */
const TOKEN_DIGITS = 64;

/** A custom resource's answer that is waited for. */
export interface Expected {
  /** Where it is to be put; good for one answer. */
  readonly url: string;
  /** The body, or undefined when the time is over. */
  readonly body: Promise<string | undefined>;
  cancel(): void;
}

export interface Responses {
  expect(limitMs: number): Expected;
  /** Answers a request that is a response to a custom resource; undefined for every other. */
  receive(request: WireRequest): WireResponse | undefined;
}

/**
 * The pre-signed addresses that functions behind custom resources answer to. As with S3's, whoever knows the address may
 * put there without an identity; unlike S3's, nothing is stored.
 */
export function openResponses(world: World, baseUrl: () => string): Responses {
  const prefix = `/cloudformation-custom-resource-response-${world.region}/`;
  const waiting = new Map<string, (body: string | undefined) => void>();
  return {
    expect(limitMs) {
      const token = world.ids.hex(TOKEN_DIGITS);
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      const end = (body: string | undefined): void => {
        timer.cancel();
        waiting.delete(token);
        resolve(body);
      };
      const timer = world.clock.after(limitMs, () => end(undefined));
      waiting.set(token, end);
      return { url: `${baseUrl()}${prefix}${token}`, body: promise, cancel: () => end(undefined) };
    },
    receive({ method, url, body }) {
      const path = url.replace(/^https?:\/\/[^/]+/, "");
      if (!path.startsWith(prefix)) return undefined;
      const end = waiting.get(path.slice(prefix.length));
      if (method !== "PUT" || end === undefined) return refusal(403, "AccessDenied", "Access Denied");
      if (body.length > BODY_BYTES_MAX)
        return refusal(400, "EntityTooLarge", `a response has at most ${BODY_BYTES_MAX} bytes`);
      end(body.toString());
      return { status: 200, headers: {}, body: Buffer.alloc(0) };
    },
  };
}

const refusal = (status: number, code: string, message: string): WireResponse => ({
  status,
  headers: { "content-type": "application/xml" },
  body: Buffer.from(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`),
});
