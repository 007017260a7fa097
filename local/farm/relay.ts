import { createServer, connect, type Server, type Socket } from "node:net";
import { wallCloudClock, type CloudClock } from "../cloud/clock.ts";
import { openCallers } from "./callers.ts";
import { Latency } from "./latency.ts";

/** Connections of one relay at a time: more than any server behind it accepts. */
const CONNECTIONS_MAX = 4096;

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

export interface Relay {
  readonly address: string;
  readonly port: number;
  /** Clients that are connected now. */
  connections(): number;
  /** Refuses new connections; those that are open live on. */
  stopListening(): Promise<void>;
  /** Refuses new connections and resets those that are open. */
  close(): Promise<void>;
}

/** Stands for every address in a link. */
export const ANY = "*";

/** One directed link: connections that `from` opens to `to`, on one port or on all. */
export interface Link {
  /** An address, `controller` or `operator` (see callers.ts), a group of `RelayOptions.groupOf`, or ANY. */
  readonly from: string;
  /** An address, or ANY. */
  readonly to: string;
  readonly port?: number;
}

export interface RelayOptions {
  /** The group that an address belongs to, under which links can name it, e.g. all web nodes. */
  groupOf?(address: string): string | undefined;
  readonly clock?: Pick<CloudClock, "now">;
}

export interface Relays {
  /** Rejects with the system's error when the address cannot be bound. */
  open(relay: { address: string; port: number; target: RelayTarget }): Promise<Relay>;
  /** From now on no byte passes the link, in either direction: connections stay open and silent, as in a partition. */
  cut(link: Link): void;
  /** Undoes the cut of exactly this link: what waited is delivered, and what ended meanwhile is reset. */
  mend(link: Link): void;
  cuts(): readonly Link[];
  /** From now on every byte on the link arrives `ms` later, in either direction; 0 ends that. */
  delay(link: Link, ms: number): void;
  /** Since when every link to and from the address is cut, in ms of the clock; undefined while one is not. */
  isolatedSince(address: string): number | undefined;
  close(): Promise<void>;
}

/** The two directions of a connection on a link that is or was slow. */
interface SlowLines {
  readonly up: Latency;
  readonly down: Latency;
}

interface Pair {
  readonly address: string;
  readonly to: string;
  readonly port: number;
  readonly target: RelayTarget;
  readonly client: Socket;
  /** Who calls, as links name it. Found out once, and only when a link may concern the connection. */
  from(): string;
  upstream: Socket | undefined;
  lines: SlowLines | undefined;
  silent: boolean;
  /** One side is gone while the link was cut: the other hears of it when it is mended. */
  broken: boolean;
  forget(): void;
}

const keyOf = (link: Link): string => `${link.from} ${link.to} ${link.port ?? ANY}`;

/** What is wrong with the links of a farm. */
interface Network {
  readonly cut: Map<string, { readonly link: Link; readonly at: number }>;
  readonly slow: Map<string, { readonly link: Link; readonly ms: number }>;
  isOn(link: Link, pair: Pair): boolean;
}

const isCut = (network: Network, pair: Pair): boolean =>
  [...network.cut.values()].some(({ link }) => network.isOn(link, pair));

const delayOf = (network: Network, pair: Pair): number =>
  [...network.slow.values()].reduce((sum, { link, ms }) => sum + (network.isOn(link, pair) ? ms : 0), 0);

function openNetwork({ groupOf = () => undefined }: RelayOptions): Network {
  return {
    cut: new Map(),
    slow: new Map(),
    isOn({ from, to, port }, pair) {
      if ((to !== ANY && to !== pair.to) || (port !== undefined && port !== pair.port)) return false;
      return from === ANY || from === pair.from() || from === groupOf(pair.from());
    },
  };
}

/**
 * Relays of a farm. They know which link a connection uses by its peer's address, as clients bind their own; who calls
 * from 127.0.0.1 is told by the process that holds the client's socket.
 */
export function openRelays(options: RelayOptions = {}): Relays {
  const pairs = new Set<Pair>();
  const network = openNetwork(options);
  const servers = new Set<Relay>();
  const callerOf = openCallers();
  const { clock = wallCloudClock } = options;

  /** Makes every connection as silent, slow or open as its link is now. */
  const settle = (): void => {
    for (const pair of pairs) adjust(network, pair);
  };

  return {
    async open(wish) {
      const relay = await openRelay(pairs, (pair) => adjust(network, pair), callerOf, wish);
      servers.add(relay);
      const close = (): Promise<void> => {
        servers.delete(relay);
        return relay.close();
      };
      return { ...relay, close };
    },
    cut(link) {
      network.cut.set(keyOf(link), { link, at: clock.now() });
      settle();
    },
    mend(link) {
      network.cut.delete(keyOf(link));
      settle();
    },
    cuts: () => [...network.cut.values()].map(({ link }) => link),
    delay(link, ms) {
      if (ms > 0) network.slow.set(keyOf(link), { link, ms });
      else network.slow.delete(keyOf(link));
      settle();
    },
    isolatedSince(address) {
      const inward = network.cut.get(keyOf({ from: ANY, to: address }));
      const outward = network.cut.get(keyOf({ from: address, to: ANY }));
      return inward && outward && Math.max(inward.at, outward.at);
    },
    async close() {
      await Promise.all([...servers].map((relay) => relay.close()));
    },
  };
}

function adjust(network: Network, pair: Pair): void {
  setDelay(pair, delayOf(network, pair));
  const silent = isCut(network, pair);
  if (silent === pair.silent) return;
  pair.silent = silent;
  if (silent) hush(pair);
  else if (pair.broken) reset(pair);
  else flow(pair);
}

function setDelay(pair: Pair, delayMs: number): void {
  if (delayMs > 0 && pair.lines === undefined) {
    unpipe(pair);
    pair.lines = { up: new Latency(), down: new Latency() };
    if (!pair.silent && pair.upstream !== undefined) flow(pair);
  }
  if (pair.lines === undefined) return;
  pair.lines.up.delayMs = delayMs;
  pair.lines.down.delayMs = delayMs;
}

type RelayWish = Parameters<Relays["open"]>[0];

/** One listening address and port, whose connections are kept in `pairs`. */
async function openRelay(
  pairs: Set<Pair>,
  accept: (pair: Pair) => void,
  callerOf: ReturnType<typeof openCallers>,
  { address, port, target }: RelayWish,
): Promise<Relay> {
  const own = new Set<Pair>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    const { remoteAddress, remotePort } = client;
    if (remoteAddress === undefined || remotePort === undefined) return void client.destroy();
    const ends = { clientPort: remotePort, address, port: bound };
    let from = remoteAddress === "127.0.0.1" ? undefined : remoteAddress;
    const pair: Pair = {
      ...{ address: remoteAddress, to: address, port: bound, target, client },
      from: () => (from ??= callerOf(ends)),
      ...{ upstream: undefined, lines: undefined, silent: false, broken: false },
      forget: () => void pairs.delete(pair),
    };
    pairs.add(pair);
    own.add(pair);
    client.once("close", () => own.delete(pair));
    watch(pair, client);
    accept(pair);
    if (!pair.silent) flow(pair);
  });
  server.maxConnections = CONNECTIONS_MAX;
  const bound = await listen(server, address, port);
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    address,
    port: bound,
    connections: () => own.size,
    async stopListening() {
      // "close" of the server waits for its connections: what counts is that the listening socket is gone.
      server.close();
      await new Promise<void>((resolve) => setImmediate(resolve));
    },
    async close() {
      server.close();
      for (const pair of pairs) if (pair.to === address && pair.port === bound) reset(pair);
      await closed;
    },
  };
}

function flow(pair: Pair): void {
  pair.upstream ??= dial(pair);
  const { client, upstream, lines } = pair;
  if (upstream.connecting) return;
  if (lines === undefined) {
    client.pipe(upstream);
    upstream.pipe(client);
  } else {
    client.pipe(lines.up).pipe(upstream);
    upstream.pipe(lines.down).pipe(client);
  }
}

function dial(pair: Pair): Socket {
  const upstream = connect({
    host: pair.target.address,
    port: pair.target.port,
    allowHalfOpen: true,
    // The server behind sees who really calls. Only loopback addresses can be bound without being configured.
    ...(pair.address.startsWith("127.") && { localAddress: pair.address }),
  });
  upstream.setNoDelay(true);
  upstream.once("connect", () => {
    if (pair.silent) hush(pair);
    else flow(pair);
  });
  watch(pair, upstream);
  return upstream;
}

function watch(pair: Pair, socket: Socket): void {
  socket.on("error", () => undefined); // a "close" follows, and says all that there is to do
  socket.once("close", (failed) => {
    if (pair.silent) pair.broken = true;
    else if (failed || !ended(pair)) reset(pair);
    if (pair.client.destroyed && (pair.upstream?.destroyed ?? true)) pair.forget();
  });
}

function reset(pair: Pair): void {
  pair.client.resetAndDestroy();
  pair.upstream?.resetAndDestroy();
  pair.lines?.up.destroy();
  pair.lines?.down.destroy();
  pair.forget();
}

/** Both directions were closed in order: nothing is left to reset. */
const ended = ({ client, upstream }: Pair): boolean =>
  client.readableEnded &&
  client.writableEnded &&
  (upstream === undefined || (upstream.readableEnded && upstream.writableEnded));

function unpipe({ client, upstream, lines }: Pair): void {
  for (const each of [client, upstream, lines?.up, lines?.down]) each?.unpipe();
}

function hush(pair: Pair): void {
  unpipe(pair);
  pair.client.pause();
  pair.upstream?.pause();
}

async function listen(server: Server, address: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : port;
}
