import type { GtidSet } from "../../../lib/database/gtid.ts";
import type { Flavour, Heartbeat, ThreadError } from "../../../lib/database/server.ts";
import { DATABASE_NODES, type DatabaseNode } from "../../../lib/spec.ts";
import { NO_GTIDS } from "./gtids.ts";
import { emptyLog, type Log } from "./log.ts";

/** Who opens a connection: visitors by HAProxy, the controller, a person on the machine itself, or the other server. */
export type Client = "app" | "controller" | "console";

/** Connections that `from` opens to `to`. A cut one stays open and silent, as with the relays of the local farm. */
export interface Link {
  readonly from: "app" | "controller" | DatabaseNode;
  readonly to: DatabaseNode;
}

export type Content =
  /** A row with an id of its own; `key` is a natural unique key, which another row may have too. */
  | { readonly kind: "row"; readonly id: string; readonly key?: string; readonly value?: string }
  | { readonly kind: "heartbeat"; readonly heartbeat: Heartbeat }
  | { readonly kind: "schema" };

/** A transaction as it stands in a server's binlog. */
export interface Entry {
  /** Identity of the server that committed it first, and its number there: its GTID. */
  readonly source: string;
  readonly number: number;
  /** When it was committed first, and when it came into this binlog, in milliseconds. */
  readonly originAt: number;
  readonly at: number;
  readonly content: Content;
}

/** A statement that a client has sent and that is not executed yet. */
export interface Write {
  readonly id: string;
  readonly client: Client;
  readonly content: Content;
}

/** A commit that is in the binlog and waits for an acknowledgement: no session sees it yet. */
export interface Waiter {
  /** Place of its transaction in the binlog. */
  readonly index: number;
  /** Absent: its client is gone. */
  readonly write?: Write;
}

export interface Received {
  readonly entry: Entry;
  readonly at: number;
}

/** Replication from the other server, as its receiver keeps it. */
export interface Channel {
  readonly io: "Yes" | "No" | "Connecting";
  readonly sql: "Yes" | "No";
  readonly ioError?: ThreadError;
  readonly sqlError?: ThreadError;
  /** What was said to the source when the receiver connected. */
  readonly acknowledges: boolean;
  /** The source's start that it is connected to. */
  readonly start: number;
  /** Transactions of the source's binlog that were dealt with on this connection; of these the source knows `acked`. */
  readonly sent: number;
  readonly acked: number;
  /** Since when the connection carries bytes without a pause, or its last transfer: heartbeats come after it. */
  readonly aliveAt: number;
  /** Since when it carries nothing. */
  readonly silentAt?: number;
  /** When the source was last heard, on a connection that is gone. */
  readonly heardAt?: number;
  /** While connecting: the first attempt. */
  readonly tryAt: number;
  /** The source has not noticed until then that a silent connection is gone. */
  readonly ghostUntil?: number;
  readonly ghostAcknowledges?: boolean;
  readonly relay: Log<Received>;
  /** Entries of the relay log that are applied. */
  readonly applied: number;
  readonly retrieved: GtidSet;
}

export type Process =
  | { readonly is: "down" }
  | { readonly is: "starting"; readonly until: number }
  | { readonly is: "up" | "hung"; readonly since: number };

export interface Server {
  readonly node: DatabaseNode;
  /** `server_uuid`, or MariaDB's domain. A new disk has a new one; empty: there is no disk yet. */
  readonly identity: string;
  readonly hasPower: boolean;
  readonly process: Process;
  /** Counts its starts. */
  readonly start: number;
  /** `super_read_only`, or MariaDB's `read_only` for whoever is no administrator. */
  readonly readOnly: boolean;
  readonly offline: boolean;
  readonly semiSync: { readonly source: boolean; readonly replica: boolean };
  readonly log: Log<Entry>;
  /** What is in the binlog, and what of it is committed for everyone to see. */
  readonly held: GtidSet;
  readonly executed: GtidSet;
  readonly waiting: readonly Waiter[];
  readonly inbox: readonly Write[];
  /** Done for their client, who is to hear of it. */
  readonly replies: readonly Write[];
  /** Transactions of applications that run on until then. */
  readonly transactions: readonly { readonly until: number }[];
  /** The session that waits to make it read-only; nothing new is executed meanwhile. */
  readonly closing?: string;
  /** The session that holds `GET_LOCK('tandem')`. */
  readonly lock?: string;
  /** Every connection is taken. */
  readonly isFull: boolean;
  readonly applyDelayMs: number;
  readonly hasSchema: boolean;
  readonly heartbeat?: Heartbeat;
  /** Natural keys that are taken, and by which value. */
  readonly keys: ReadonlyMap<string, string>;
  readonly channel?: Channel;
}

export interface PairState {
  /** Milliseconds of the world's clock. */
  readonly at: number;
  readonly flavour: Flavour;
  readonly servers: Readonly<Record<DatabaseNode, Server>>;
  readonly cuts: readonly Link[];
}

export const peerOf = (node: DatabaseNode): DatabaseNode => (node === "db-a" ? "db-b" : "db-a");

/** A server on an empty disk that was never started. */
export const emptyServer = (node: DatabaseNode, identity: string): Server => ({
  node,
  identity,
  hasPower: false,
  process: { is: "down" },
  start: 0,
  readOnly: true,
  offline: false,
  semiSync: { source: false, replica: false },
  log: emptyLog(),
  held: NO_GTIDS,
  executed: NO_GTIDS,
  waiting: [],
  inbox: [],
  replies: [],
  transactions: [],
  isFull: false,
  applyDelayMs: 0,
  hasSchema: false,
  keys: new Map(),
});

export const emptyPair = (at: number, flavour: Flavour = "mysql"): PairState => ({
  at,
  flavour,
  servers: { "db-a": emptyServer("db-a", ""), "db-b": emptyServer("db-b", "") },
  cuts: [],
});

/** The state with one server changed. */
export const withServer = (state: PairState, node: DatabaseNode, change: Partial<Server>): PairState => ({
  ...state,
  servers: { ...state.servers, [node]: { ...state.servers[node], ...change } },
});

/** The state with its channel changed; nothing if it has none. */
export function withChannel(state: PairState, node: DatabaseNode, change: Partial<Channel>): PairState {
  const { channel } = state.servers[node];
  return channel === undefined ? state : withServer(state, node, { channel: { ...channel, ...change } });
}

/** Without what is absent then: optional properties hold no undefined. */
export function without<T extends object, K extends keyof T>(value: T, ...names: readonly K[]): Omit<T, K> {
  const rest: T = { ...value };
  for (const name of names) delete rest[name];
  return rest;
}

export const isRunning = ({ process }: Server): boolean => process.is === "up" || process.is === "hung";
export const isUp = ({ process }: Server): boolean => process.is === "up";

export const isCut = ({ cuts }: PairState, link: Link): boolean =>
  cuts.some(({ from, to }) => from === link.from && to === link.to);

/** Whether its bytes get through, whatever is there to answer. A person on the machine is never cut off. */
export const isLinked = (state: PairState, client: Client | DatabaseNode, node: DatabaseNode): boolean =>
  client === "console" || !isCut(state, { from: client, to: node });

/** It would execute a write of an application that reached it. */
export const acceptsWrites = (server: Server): boolean =>
  isUp(server) && !server.readOnly && !server.offline && server.closing === undefined;

export const bothNodes = DATABASE_NODES;
