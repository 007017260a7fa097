import { request as sendHttp, type Agent, type IncomingMessage, type RequestOptions } from "node:http";
import { request as sendHttps } from "node:https";
import type { Readable } from "node:stream";
import type { EdgeOrigin } from "../../cloud/services/cloudfront/edge.ts";

/** Why there is no answer: 502 when the origin cannot be talked to, 504 when it is too slow. */
export class OriginFailure extends Error {
  readonly status: 502 | 504;

  constructor(status: 502 | 504, message: string) {
    super(message);
    this.status = status;
  }
}

export interface OriginAsk {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  /** The viewer's body; such a request is sent once. */
  readonly body?: Readable;
  readonly agent: Agent;
}

/** Resolves with the origin's answer as soon as its headers are there. Throws OriginFailure. */
export async function askOrigin(origin: EdgeOrigin, ask: OriginAsk): Promise<IncomingMessage> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await askOnce(origin, ask);
    } catch (error) {
      const isFinal = ask.body !== undefined || attempt >= origin.attempts;
      if (isFinal || !(error instanceof OriginFailure)) throw error;
    }
  }
}

function askOnce(origin: EdgeOrigin, { method, path, headers, body, agent }: OriginAsk): Promise<IncomingMessage> {
  const { host, port, protocol } = origin;
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { host, port, method, path, headers };
    const asked = protocol === "https" ? sendHttps(options) : sendHttp({ ...options, agent });
    const fail = (status: 502 | 504, why: string): void => {
      reject(new OriginFailure(status, why));
      asked.destroy();
    };
    const connecting = setTimeout(() => fail(504, "the origin did not accept a connection"), origin.connectTimeoutMs);
    asked.on("socket", (socket) => {
      if (!socket.connecting) clearTimeout(connecting);
      socket.once("connect", () => clearTimeout(connecting));
    });
    asked.setTimeout(origin.readTimeoutMs, () => fail(504, "the origin did not answer in time"));
    asked.on("error", (error) => {
      clearTimeout(connecting);
      fail(502, `the edge could not talk to the origin: ${error.message}`);
    });
    asked.on("response", (response) => {
      clearTimeout(connecting);
      resolve(response);
    });
    if (body === undefined) asked.end();
    else body.pipe(asked);
  });
}
