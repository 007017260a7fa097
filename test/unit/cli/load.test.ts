import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ratedRequestsPerSecond, runLoad } from "../../../local/cli/load.ts";

let answers = 0;
const server = createServer((request, response) => {
  answers += 1;
  if (answers === 2) return void response.writeHead(503).end();
  if (answers === 3) return void request.socket.destroy();
  response.writeHead(200, { "x-tandem-node": answers % 2 === 0 ? "i-even" : "i-odd" }).end("page");
});

beforeEach(() => {
  answers = 0;
  return new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => new Promise((resolve) => void server.close(resolve)));

test("the report counts every page view once, by how it ended and by node", async () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const report = await runLoad(`http://127.0.0.1:${port}`, { requestsPerSecond: 100, seconds: 0.1 });
  expect(report).toMatchObject({ sent: 10, ok: 8, non2xx: 1, failed: 1, declaredWaitMs: 250 });
  expect(Object.values(report.byNode).reduce((sum, count) => sum + count, 0)).toBe(8);
});

test("a worker is rated by the declared wait and the rendering", () => {
  expect(ratedRequestsPerSecond(4)).toBeCloseTo(13.3, 1);
});
