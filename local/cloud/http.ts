import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { BODY_BYTES_MAX, type WireRequest, type WireResponse } from "./wire/index.ts";

export interface HttpListener {
  readonly port: number;
  /** Cuts open connections. */
  close(): Promise<void>;
}

type Answer = (request: WireRequest) => Promise<WireResponse>;

async function bodyOf(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

const headersOf = (message: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(",") : (value ?? ""),
    ]),
  );

async function serve(answer: Answer, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(message);
  if (body === undefined) {
    response.writeHead(413, { "content-type": "text/plain", connection: "close" });
    response.end("EntityTooLarge: the body is larger than the embedded cloud takes\n");
    return;
  }
  const { method = "GET", url = "/" } = message;
  const { status, headers, body: content } = await answer({ method, url, headers: headersOf(message), body });
  // the answer to HEAD tells the length of what GET would send
  if (method === "HEAD") response.writeHead(status, headers).end();
  else response.writeHead(status, { ...headers, "content-length": String(content.length) }).end(content);
}

/** Serves `answer` over HTTP/1.1. */
export function listenHttp(answer: Answer, host: string, port: number): Promise<HttpListener> {
  const server = createServer((message, response) => {
    // a client that goes away in the middle of its own request needs no answer
    serve(answer, message, response).catch(() => response.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address !== null ? address.port : port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
