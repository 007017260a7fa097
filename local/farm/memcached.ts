import { mkdirSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { CloudClock } from "../cloud/clock.ts";
import type { Machine } from "../cloud/services/ec2/compute.ts";
import type {
  CacheFront,
  CacheFrontSpec,
  CacheServer,
  CacheServers,
  CacheServerSpec,
} from "../cloud/services/elasticache/servers.ts";
import { mirrorOf, type SandboxOptions } from "./instance/compute.ts";
import { openSandbox } from "./instance/sandbox.ts";
import type { Relay, Relays } from "./relay.ts";

/** Memcached listens within milliseconds; a loaded computer may take longer. */
const ANSWER_MS_MAX = 10_000;
const ASK_AGAIN_MS = 25;
/** Of one cache node: WordPress on fifty web nodes needs fewer. */
const CONNECTIONS_MAX = 1024;
/** A command of auto discovery has a few dozen characters. */
const LINE_CHARACTERS_MAX = 1024;
/** Clients of auto discovery ask once and go; one that stays silent for so long is forgotten. */
const IDLE_MS = 60_000;

export type CacheOptions = Pick<
  SandboxOptions,
  "clock" | "relays" | "folder" | "logFolder" | "runFolder" | "programs" | "path"
>;

/** When Memcached ends, for whatever reason, the machine that it is ends with it: the group's leader is in the group. */
const script = ({ port, memoryMegabytes }: CacheServerSpec): string => `#!/bin/sh
memcached -u "$(id -un)" -l "$TANDEM_BIND" -p ${port} -U 0 -m ${memoryMegabytes} -c ${CONNECTIONS_MAX} -t 1
kill -KILL 0
`;

/** Cache nodes as real Memcached servers: each in a sandbox of its own, as machines are, behind a relay at its address. */
export function openCacheServers(options: CacheOptions): CacheServers {
  const machines = new Set<Machine>();
  const fronts = new Set<CacheFront>();
  return {
    async start(spec) {
      const machine = cacheMachine(options, spec, (gone) => machines.delete(gone));
      machines.add(machine);
      try {
        await machine.powerOn();
        await untilListening(options.clock, mirrorOf(spec.address), spec.port, hasEnded(machine));
      } catch (error) {
        await machine.destroy();
        throw new Error(`${spec.name} at ${spec.address}:${spec.port} does not start: ${wordsOf(error)}`, {
          cause: error,
        });
      }
      return serverOf(machine, spec.port);
    },
    async front(spec) {
      const front = await openFront(options.relays, spec, () => fronts.delete(front));
      fronts.add(front);
      return front;
    },
    async close() {
      await Promise.all([...[...fronts].map((front) => front.close()), ...[...machines].map((one) => one.destroy())]);
    },
  };
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function cacheMachine(options: CacheOptions, spec: CacheServerSpec, destroyed: (machine: Machine) => void): Machine {
  const root = join(options.folder, spec.name);
  mkdirSync(root, { recursive: true });
  mkdirSync(options.logFolder, { recursive: true });
  const bind = mirrorOf(spec.address);
  const machine = openSandbox({
    spec: { instanceId: spec.name, address: spec.address, userData: script(spec), ports: spec.open ? [spec.port] : [] },
    root,
    bind,
    consoleFile: join(options.logFolder, `${spec.name}.log`),
    runFolder: options.runFolder,
    environment: { TANDEM_BIND: bind, PATH: `${options.programs}:${options.path}`, HOME: root, LANG: "C.UTF-8" },
    relays: options.relays,
    clock: options.clock,
    destroyed: async () => destroyed(machine),
  });
  return machine;
}

/** A node that was lost leaves its files; they go before anybody hears of it, so that its replacement can take its name. */
function serverOf(machine: Machine, port: number): CacheServer {
  let stopped = false;
  return {
    setOpen: async (open) => machine.openPorts?.(open ? [port] : []),
    async stop() {
      stopped = true;
      await machine.destroy();
    },
    onExit(listener) {
      machine.onExit(() => {
        void machine.destroy().then(() => {
          if (!stopped) listener();
        });
      });
    },
  };
}

function hasEnded(machine: Machine): () => boolean {
  let ended = false;
  machine.onExit(() => (ended = true));
  return () => ended;
}

async function untilListening(clock: CloudClock, host: string, port: number, ended: () => boolean): Promise<void> {
  const until = clock.now() + ANSWER_MS_MAX;
  for (;;) {
    if (await answers(host, port)) return;
    if (ended()) throw new Error("memcached has ended; see its console");
    if (clock.now() > until) throw new Error(`nothing listens after ${ANSWER_MS_MAX / 1000} s`);
    await clock.sleep(ASK_AGAIN_MS);
  }
}

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });

/** A small server on the mirror of the endpoint's address, behind a relay like everything that machines reach. */
async function openFront(relays: Relays, spec: CacheFrontSpec, closed: () => void): Promise<CacheFront> {
  const { address, port } = spec;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    converse(socket, spec);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, mirrorOf(address), port);
  const target = { address: mirrorOf(address), port };
  let relay: Relay | undefined;
  const setOpen = async (open: boolean): Promise<void> => {
    if (open === (relay !== undefined)) return;
    await relay?.close();
    relay = open ? await relays.open({ address, port, target }) : undefined;
  };
  const close = async (): Promise<void> => {
    await setOpen(false);
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await ended;
    closed();
  };
  try {
    await setOpen(spec.open);
  } catch (error) {
    await close();
    throw error;
  }
  return { setOpen, close };
}

/** Line by line; a client may send several commands at once. */
function converse(socket: Socket, spec: CacheFrontSpec): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => undefined); // a "close" follows
  socket.on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const reply = spec.answer(text.slice(0, end).replace(/\r$/, ""));
      text = text.slice(end + 1);
      if (reply === undefined) return void socket.end();
      socket.write(reply);
    }
    if (text.length > LINE_CHARACTERS_MAX) socket.end("SERVER_ERROR line too long\r\n");
  });
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
