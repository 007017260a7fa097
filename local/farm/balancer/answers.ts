import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How an Application Load Balancer signs what it answers itself. */
const SERVER = "awselb/2.0";

const page = (status: number): string => {
  const title = `${status} ${STATUS_CODES[status] ?? ""}`;
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`;
};

/** An answer of the balancer's own; without a body, the small page that the real one sends. */
export function answer(
  response: ServerResponse,
  status: number,
  body = page(status),
  headers: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    server: SERVER,
    date: new Date().toUTCString(),
    "content-type": "text/html",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  });
  response.end(body);
}

/** For bytes that are no HTTP request. */
export function badRequest(socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = page(400);
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nServer: ${SERVER}\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
