import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";

jest.setTimeout(20_000);

/** A web node's real way to the writer, between two servers that say their name and two responders that say who is open. */
const NODE = "127.62.9.1";
const ADDRESSES = { "db-a": "127.62.9.2", "db-b": "127.62.9.3" } as const;
const MYSQL_PORT = 3306;
const RESPONDER_PORT = 9200;
/** Longer than a busy machine's answer ever took to be a fault, and shorter than what is believed to be silence. */
const SLOW_MS = 1_500;

interface Responder {
  status: number;
  delayMs: number;
}

type Name = keyof typeof ADDRESSES;
const NAMES = ["db-a", "db-b"] as const;
const folder = mkdtempSync(join(tmpdir(), "tandem-haproxy-"));
const responders: Record<Name, Responder> = {
  "db-a": { status: 200, delayMs: 0 },
  "db-b": { status: 503, delayMs: 0 },
};
const servers: Server[] = [];
const http: Partial<Record<Name, HttpServer>> = {};
let haproxy: ChildProcess | undefined;

const listening = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => server.once("error", reject).listen(port, host, () => resolve()));

const respond = async (name: Name): Promise<void> => {
  const server = createHttpServer((_request, response) => {
    const { status, delayMs } = responders[name];
    setTimeout(() => response.writeHead(status).end(), delayMs);
  });
  http[name] = server;
  await listening(server, RESPONDER_PORT, ADDRESSES[name]);
};

function rendered(): string {
  const values = { LOOPBACK: NODE, ADDRESS: NODE, DB_A: ADDRESSES["db-a"], DB_B: ADDRESSES["db-b"] };
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`\${TANDEM_${name}}`, value),
    readFileSync(join(projectRoot, "infra/nodes/haproxy.cfg"), "utf8"),
  );
}

/** An application's session; `server` is who greeted it, undefined: nobody. */
async function session(): Promise<{ readonly server: string | undefined; readonly socket: Socket }> {
  const socket = connect({ host: NODE, port: MYSQL_PORT });
  socket.on("error", () => undefined);
  const server = await new Promise<string | undefined>((resolve) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8")));
    socket.once("close", () => resolve(undefined));
  });
  return { server, socket };
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const startedAt = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAt > 5_000) throw new Error(`not within 5 s: ${what}`);
    await sleep(10);
  }
  return performance.now() - startedAt;
}

const reaches = (name: Name) => async (): Promise<boolean> => {
  const { server, socket } = await session();
  socket.destroy();
  return server === name;
};

beforeAll(async () => {
  for (const name of NAMES) {
    const server = createServer((socket) => void socket.on("error", () => undefined).write(name));
    await listening(server, MYSQL_PORT, ADDRESSES[name]);
    servers.push(server);
  }
  writeFileSync(join(folder, "haproxy.cfg"), rendered());
});
beforeEach(async () => {
  Object.assign(responders["db-a"], { status: 200, delayMs: 0 });
  Object.assign(responders["db-b"], { status: 503, delayMs: 0 });
  for (const name of NAMES) await respond(name);
  const program = join(farmPaths(projectRoot).opt, "bin/haproxy");
  haproxy = spawn(program, ["-db", "-f", join(folder, "haproxy.cfg")], { stdio: "ignore" });
  await until("the writer is found", reaches("db-a"));
});
afterEach(() => {
  haproxy?.kill("SIGKILL");
  for (const name of NAMES) {
    http[name]?.closeAllConnections();
    http[name]?.close();
  }
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a writer that says that it is closed loses its sessions at once, and the new one gets them", async () => {
  const { socket } = await session();
  responders["db-a"].status = 503;
  responders["db-b"].status = 200;

  await until("the old session is cut", () => socket.closed);
  await until("the new writer", reaches("db-b"));
});

test("a writer whose responder refuses loses its sessions", async () => {
  const { socket } = await session();
  http["db-a"]?.closeAllConnections();
  http["db-a"]?.close();

  await until("the session is cut", () => socket.closed);
});

test("a writer that is slow to say that it is open keeps its sessions and gets new ones", async () => {
  const { socket } = await session();
  responders["db-a"].delayMs = SLOW_MS;
  await sleep(2 * SLOW_MS);

  expect(socket.closed).toBe(false);
  expect(await reaches("db-a")()).toBe(true);
  socket.destroy();
});
