import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, expect, test } from "@jest/globals";
import { openRelays, type Relays } from "../../local/farm/relay.ts";

const ADDRESS = "127.61.3.1";
const MIRROR = "127.161.3.1";
const CLIENT = "127.61.3.2";
const OTHER = "127.61.3.3";

let relays: Relays;
let servers: Server[] = [];

afterEach(async () => {
  await relays.close();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  servers = [];
});

/** A server behind a relay; returns the relay's port. */
async function serve(act: (socket: Socket) => void) {
  relays = openRelays();
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

  const socket = connect({ host: ADDRESS, port: relay.port });
  const [error] = await once(socket, "error");
  await relay.close();
  const late = connect({ host: ADDRESS, port: relay.port });
  const [refusal] = await once(late, "error");

  expect(error.code).toBe("ECONNRESET");
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
