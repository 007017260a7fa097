import { createServer, connect, type Server, type Socket } from "node:net";

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

/** One directed link: connections that `from` opens to `to`, on one port or on all. */
export interface Link {
  readonly from: string;
  readonly to: string;
  readonly port?: number;
}

export interface Relays {
  /** Rejects with the system's error when the address cannot be bound. */
  open(relay: { address: string; port: number; target: RelayTarget }): Promise<Relay>;
  /** From now on no byte passes the link, in either direction: connections stay open and silent, as in a partition. */
  cut(link: Link): void;
  /** Undoes the cut of exactly this link: what waited is delivered, and what ended meanwhile is reset. */
  mend(link: Link): void;
  cuts(): readonly Link[];
  close(): Promise<void>;
}

interface Pair {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly target: RelayTarget;
  readonly client: Socket;
  upstream: Socket | undefined;
  silent: boolean;
  /** One side is gone while the link was cut: the other hears of it when it is mended. */
  broken: boolean;
  forget(): void;
}

const FRESH = { upstream: undefined, silent: false, broken: false };

const keyOf = (link: Link): string => `${link.from} ${link.to} ${link.port ?? "*"}`;

/** Relays of a farm. They know which link a connection uses by its peer's address: clients bind their own. */
export function openRelays(): Relays {
  const pairs = new Set<Pair>();
  const cutLinks = new Map<string, Link>();
  const servers = new Set<Relay>();

  const isCut = ({ from, to, port }: Pair): boolean =>
    cutLinks.has(keyOf({ from, to })) || cutLinks.has(keyOf({ from, to, port }));

  /** Makes every connection as silent or as open as its link is now. */
  const settle = (): void => {
    for (const pair of pairs) {
      const silent = isCut(pair);
      if (silent === pair.silent) continue;
      pair.silent = silent;
      if (silent) hush(pair);
      else if (pair.broken) reset(pair);
      else flow(pair);
    }
  };

  return {
    async open(wish) {
      const relay = await openRelay(pairs, isCut, wish);
      servers.add(relay);
      const close = (): Promise<void> => {
        servers.delete(relay);
        return relay.close();
      };
      return { ...relay, close };
    },
    cut(link) {
      cutLinks.set(keyOf(link), link);
      settle();
    },
    mend(link) {
      cutLinks.delete(keyOf(link));
      settle();
    },
    cuts: () => [...cutLinks.values()],
    async close() {
      await Promise.all([...servers].map((relay) => relay.close()));
    },
  };
}

type RelayWish = Parameters<Relays["open"]>[0];

/** One listening address and port, whose connections are kept in `pairs`. */
async function openRelay(
  pairs: Set<Pair>,
  isCut: (pair: Pair) => boolean,
  { address, port, target }: RelayWish,
): Promise<Relay> {
  const own = new Set<Pair>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    const from = client.remoteAddress;
    if (from === undefined) return void client.destroy();
    const pair: Pair = {
      from,
      to: address,
      port: bound,
      target,
      client,
      forget: () => void pairs.delete(pair),
      ...FRESH,
    };
    pairs.add(pair);
    own.add(pair);
    client.once("close", () => own.delete(pair));
    watch(pair, client);
    pair.silent = isCut(pair);
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
  if (pair.upstream.connecting) return;
  pair.client.pipe(pair.upstream);
  pair.upstream.pipe(pair.client);
}

function dial(pair: Pair): Socket {
  const upstream = connect({
    host: pair.target.address,
    port: pair.target.port,
    allowHalfOpen: true,
    // The server behind sees who really calls. Only loopback addresses can be bound without being configured.
    ...(pair.from.startsWith("127.") && { localAddress: pair.from }),
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
  pair.forget();
}

/** Both directions were closed in order: nothing is left to reset. */
const ended = ({ client, upstream }: Pair): boolean =>
  client.readableEnded &&
  client.writableEnded &&
  (upstream === undefined || (upstream.readableEnded && upstream.writableEnded));

function hush({ client, upstream }: Pair): void {
  client.unpipe();
  client.pause();
  upstream?.unpipe();
  upstream?.pause();
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
