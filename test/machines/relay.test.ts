import { spawn, type ChildProcess } from "node:child_process";
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, expect, test } from "@jest/globals";
import { openCallers } from "../../local/farm/callers.ts";
import { ANY, openRelays, type Relays } from "../../local/farm/relay.ts";

const ADDRESS = "127.61.3.1";
const MIRROR = "127.161.3.1";
const CLIENT = "127.61.3.2";
const OTHER = "127.61.3.3";

let relays: Relays;
let servers: Server[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await relays.close();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  servers = [];
});

/** A server behind a relay; returns the relay's port. */
async function serve(act: (socket: Socket) => void) {
  relays = openRelays({ groupOf: (address) => (address === OTHER ? "app" : undefined) });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    act(socket);
  });
  servers.push(server);
  server.listen(0, MIRROR);
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return relays.open({ address: ADDRESS, port: 0, target: { address: MIRROR, port: bound.port } });
}

function dial(port: number, localAddress = CLIENT): Socket {
  const socket = connect({ host: ADDRESS, port, localAddress, allowHalfOpen: true });
  socket.setEncoding("utf8");
  socket.on("error", () => undefined);
  return socket;
}

/** No timeout of a client is as short as this. */
const AT_ONCE_MS = 200;

const CLIENT_PROGRAM = `
  const [host, port] = process.argv.slice(1);
  const socket = require("node:net").connect({ host, port });
  socket.on("data", (bytes) => process.stdout.write(bytes));
  process.stdin.on("data", (bytes) => socket.write(bytes));
  socket.on("error", () => process.exit()).on("close", () => process.exit());
`;

/** A client in a process of its own, which calls from 127.0.0.1. `hidden`: as a grandchild with a cleared environment. */
function dialFrom(environment: Record<string, string>, port: number, hidden = false) {
  const node = [process.execPath, "-e", CLIENT_PROGRAM, ADDRESS, String(port)];
  const [program = "", ...args] = hidden ? ["sh", "-c", 'env -i "$@"; true', "sh", ...node] : node;
  const child = spawn(program, args, { env: environment, stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  child.stdout.setEncoding("utf8");
  const next = async (withinMs: number): Promise<string> => {
    const timer = new Promise<string>((resolve) => void setTimeout(resolve, withinMs, "(silence)"));
    return Promise.race([once(child.stdout, "data").then(([chunk]) => String(chunk)), timer]);
  };
  return { next, say: (text: string) => void child.stdin.write(text) };
}

const echo = (socket: Socket): void => void socket.on("data", (bytes) => socket.write(bytes));

const textOf = async (socket: Socket): Promise<string> => {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
};

const nextOf = async (socket: Socket, withinMs: number): Promise<string> => {
  const timer = new Promise<string>((resolve) => void setTimeout(resolve, withinMs, "(silence)"));
  return Promise.race([once(socket, "data").then(([chunk]) => String(chunk)), timer]);
};

test("a client that has sent everything still gets the whole answer", async () => {
  const relay = await serve((socket) => void textOf(socket).then((text) => socket.end(`${text.length} bytes`)));
  const socket = dial(relay.port);

  socket.end("x".repeat(3_000_000));

  expect(await textOf(socket)).toBe("3000000 bytes");
});

test("the server sees the address that the client bound", async () => {
  const relay = await serve((socket) => void socket.end(socket.remoteAddress ?? "nobody"));

  expect(await textOf(dial(relay.port))).toBe(CLIENT);
});

test("a slow reader slows the server instead of filling memory", async () => {
  let written = 0;
  const relay = await serve((socket) => {
    const fill = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) written += 65_536;
    };
    socket.on("drain", fill);
    fill();
  });
  const socket = dial(relay.port);
  socket.pause();

  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = written;
  await new Promise((resolve) => setTimeout(resolve, 200));

  expect(written).toBe(before);
  socket.resetAndDestroy();
});

test("a port that nothing listens on behind the relay is reset, and a closed relay refuses", async () => {
  const relay = await serve(() => undefined);
  await new Promise((resolve) => servers[0]?.close(resolve));
  servers = [];

  const startedAt = performance.now();
  const socket = connect({ host: ADDRESS, port: relay.port });
  let bytes = 0;
  socket.on("data", (chunk) => (bytes += chunk.length));
  const [error] = await once(socket, "error");
  const tookMs = performance.now() - startedAt;
  await relay.close();
  const late = connect({ host: ADDRESS, port: relay.port });
  const [refusal] = await once(late, "error");

  expect(error.code).toBe("ECONNRESET");
  expect(bytes).toBe(0);
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
  expect(refusal.code).toBe("ECONNREFUSED");
});

test("closing the relay ends open connections at once", async () => {
  const relay = await serve((socket) => void socket.write("hello"));
  const socket = dial(relay.port);
  await nextOf(socket, 1000);
  expect(relay.connections()).toBe(1);

  const closed = new Promise((resolve) => socket.once("close", resolve));
  await relay.close();
  await closed;

  expect(relay.connections()).toBe(0);
});

test("connections live on when the relay only stops listening", async () => {
  const relay = await serve((socket) => socket.on("data", (bytes) => socket.write(bytes)));
  const socket = dial(relay.port);
  socket.write("a");
  await nextOf(socket, 1000);

  await relay.stopListening();
  socket.write("b");
  const answer = await nextOf(socket, 1000);
  const [refusal] = await once(connect({ host: ADDRESS, port: relay.port }), "error");

  expect(answer).toBe("b");
  expect(refusal.code).toBe("ECONNREFUSED");
  socket.resetAndDestroy();
});

test("a cut link is silent for one client only, and delivers what waited when it is mended", async () => {
  const relay = await serve((socket) => socket.on("data", (bytes) => socket.write(bytes)));
  const cutOff = dial(relay.port, CLIENT);
  const untouched = dial(relay.port, OTHER);
  cutOff.write("1");
  await nextOf(cutOff, 1000);

  relays.cut({ from: CLIENT, to: ADDRESS, port: relay.port });
  cutOff.write("2");
  untouched.write("3");
  const newcomer = dial(relay.port, CLIENT);
  newcomer.write("4");
  const during = await Promise.all([nextOf(cutOff, 200), nextOf(untouched, 1000), nextOf(newcomer, 200)]);
  relays.mend({ from: CLIENT, to: ADDRESS, port: relay.port });
  const after = await Promise.all([nextOf(cutOff, 1000), nextOf(newcomer, 1000)]);

  expect(during).toEqual(["(silence)", "3", "(silence)"]);
  expect(after).toEqual(["2", "4"]);
  for (const socket of [cutOff, untouched, newcomer]) socket.resetAndDestroy();
});

test("a machine whose server calls from 127.0.0.1 is told by its process, and so is a function", async () => {
  const relay = await serve(echo);
  const machine = { TANDEM_INSTANCE: "i-0a1b2c3d", TANDEM_ADDRESS: "127.61.3.7" };
  const clients = [
    dialFrom(machine, relay.port),
    dialFrom(machine, relay.port, true),
    dialFrom({ AWS_LAMBDA_FUNCTION_NAME: "watch-database" }, relay.port),
    dialFrom({}, relay.port),
  ];
  const heard = async (): Promise<string[]> => {
    for (const [index, client] of clients.entries()) client.say(String(index));
    return Promise.all(clients.map((client) => client.next(300)));
  };
  for (const [index, client] of clients.entries()) client.say(String(index));
  expect(await Promise.all(clients.map((client) => client.next(5000)))).toEqual(["0", "1", "2", "3"]);

  relays.cut({ from: "127.61.3.7", to: ADDRESS });
  expect(await heard()).toEqual(["(silence)", "(silence)", "2", "3"]);
  relays.mend({ from: "127.61.3.7", to: ADDRESS });
  expect(await Promise.all(clients.slice(0, 2).map((client) => client.next(1000)))).toEqual(["0", "1"]);

  relays.cut({ from: "controller", to: ADDRESS });
  expect(await heard()).toEqual(["0", "1", "(silence)", "3"]);
  relays.mend({ from: "controller", to: ADDRESS });
  expect(await clients[2]?.next(1000)).toBe("2");

  relays.cut({ from: "operator", to: ADDRESS });
  expect(await heard()).toEqual(["0", "1", "2", "(silence)"]);
}, 20_000);

test("who calls from 127.0.0.1 is found in a few milliseconds", async () => {
  const relay = await serve(echo);
  const sockets = Array.from({ length: 20 }, () => connect({ host: ADDRESS, port: relay.port }));
  for (const socket of sockets) socket.on("error", () => undefined);
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const identify = openCallers();

  const took = sockets.map((socket) => {
    const startedAt = performance.now();
    expect(identify({ clientPort: socket.localPort ?? 0, address: ADDRESS, port: relay.port })).toBe("operator");
    return performance.now() - startedAt;
  });

  const [first = 0, ...again] = took;
  const median = again.toSorted((a, b) => a - b)[Math.floor(again.length / 2)] ?? 0;
  console.log(`found in ${first.toFixed(1)} ms at first, then in ${median.toFixed(1)} ms`);
  expect(first).toBeLessThan(100);
  expect(median).toBeLessThan(10);
  for (const socket of sockets) socket.resetAndDestroy();
});

test("a group of clients is cut off together, and an isolated address reaches nobody", async () => {
  const relay = await serve(echo);
  const app = dial(relay.port, OTHER);
  const peer = dial(relay.port, CLIENT);
  const heard = async (): Promise<string[]> => {
    app.write("a");
    peer.write("p");
    return Promise.all([nextOf(app, 200), nextOf(peer, 200)]);
  };
  expect(await heard()).toEqual(["a", "p"]);

  relays.cut({ from: "app", to: ADDRESS });
  expect(await heard()).toEqual(["(silence)", "p"]);
  relays.mend({ from: "app", to: ADDRESS });
  expect(await nextOf(app, 1000)).toBe("a");

  relays.cut({ from: CLIENT, to: ANY });
  expect(relays.isolatedSince(CLIENT)).toBeUndefined();
  relays.cut({ from: ANY, to: CLIENT });
  expect(relays.isolatedSince(CLIENT)).toBeGreaterThan(0);
  expect(await heard()).toEqual(["a", "(silence)"]);
  for (const socket of [app, peer]) socket.resetAndDestroy();
});

test("a slow link delays one client's bytes in both directions and keeps their order", async () => {
  const relay = await serve(echo);
  const slow = dial(relay.port, CLIENT);
  const fast = dial(relay.port, OTHER);
  slow.write("0");
  await nextOf(slow, 1000);
  const roundTripMs = async (socket: Socket): Promise<number> => {
    const startedAt = performance.now();
    socket.write("x");
    await once(socket, "data");
    return performance.now() - startedAt;
  };

  relays.delay({ from: CLIENT, to: ADDRESS }, 80);
  const during = await Promise.all([roundTripMs(slow), roundTripMs(fast)]);
  slow.write(Array.from({ length: 50_000 }, (_, index) => `${index};`).join(""));
  relays.delay({ from: CLIENT, to: ADDRESS }, 0);
  let text = "";
  slow.on("data", (chunk) => (text += String(chunk)));
  await new Promise((resolve) => setTimeout(resolve, 400));

  expect(during[0]).toBeGreaterThanOrEqual(158);
  expect(during[1]).toBeLessThan(80);
  expect(text).toBe(Array.from({ length: 50_000 }, (_, index) => `${index};`).join(""));
  for (const socket of [slow, fast]) socket.resetAndDestroy();
});
