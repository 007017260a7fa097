import type { MachineState } from "../lifecycle/observation.ts";
import { isKnown, type Fact } from "../reconcile/fact.ts";
import type { DatabaseNode } from "../spec.ts";
import {
  committedBy,
  contains,
  isEmpty,
  notCommittedBy,
  parseGtid,
  readGtid,
  subtract,
  union,
  type GtidSet,
} from "./gtid.ts";
import { peerOf, type PairRecord } from "./pair.ts";
import {
  channelFrom,
  isWritable,
  type Channel,
  type ServerFact,
  type ServerState,
  type UnreadCause,
} from "./server.ts";
import { isAnswer } from "./thread-error.ts";

/** What is known of one of the two servers. */
export interface NodeFacts {
  readonly name: DatabaseNode;
  readonly address: string;
  /** Whether its machine has passed its launch hook: before that, a server that does not answer is no problem. */
  readonly inService: boolean;
  readonly server: ServerFact;
  /** When it was read, milliseconds since the epoch: its ages count from then, for other reads can take seconds. */
  readonly readAt: number;
  /** For how long and how many looks in a row it could not be read. Absent: it is known now. */
  readonly unread?: { readonly forMs: number; readonly looks: number };
  /** Absent: its group has no instance. Read only while the server cannot be. */
  readonly machine: Fact<{ readonly instanceId: string; readonly state: MachineState }>;
}

/** Everything that the diagnosis of the pair rests on; `now` in milliseconds since the epoch. */
export interface PairFacts {
  readonly now: number;
  /** Absent: nothing was ever decided. */
  readonly pair: Fact<PairRecord>;
  readonly nodes: Readonly<Record<DatabaseNode, NodeFacts>>;
  /** For how long no commit of the waiting writer was acknowledged. Absent: commits proceed, or it does not wait. */
  readonly stalledMs?: number;
}

/** A server whose host refuses is looked at four times a second: three looks in a row, and no restart between them. */
const REFUSED_MS_MIN = 500;
/** A server that hangs, or whose link flaps, for 4 s is not dead; the peer's own silence is asked for as well. */
export const SILENT_MS_MIN = 6_000;
const LOOKS_MIN = 3;
/** A source is heard every second; a receiver that has heard nothing for this long does not hear it. */
const HEARD_MS_MAX = 3_000;

export const serverOf = (node: NodeFacts): ServerState | undefined =>
  "known" in node.server ? node.server.known : undefined;

export const causeOf = (node: NodeFacts): UnreadCause | undefined =>
  "unknown" in node.server ? node.server.cause : undefined;

export const pairOf = (facts: PairFacts): PairRecord | undefined =>
  isKnown(facts.pair) ? facts.pair.known : undefined;

/** The recorded writer and its peer. Undefined: nothing is recorded, or it could not be read. */
export function rolesOf(facts: PairFacts): { readonly writer: NodeFacts; readonly peer: NodeFacts } | undefined {
  const pair = pairOf(facts);
  return pair === undefined ? undefined : { writer: facts.nodes[pair.writer], peer: facts.nodes[peerOf(pair.writer)] };
}

/** The channel by which `receiver` receives from `source`, if it can be read and has one. */
export function channelTo(receiver: NodeFacts, source: NodeFacts): Channel | undefined {
  const server = serverOf(receiver);
  return server === undefined ? undefined : channelFrom(server, source.address);
}

export const isReceiving = (channel: Channel): boolean => channel.io === "Yes";

/**
 * Whether `receiver` hears `source` over its channel now; a source that answers its last try with a refusal is heard too.
 * Undefined: that cannot be known.
 */
export function hears(receiver: NodeFacts, source: NodeFacts): boolean | undefined {
  const channel = channelTo(receiver, source);
  if (channel === undefined || channel.io === "No") return undefined;
  if (!isReceiving(channel)) return isAnswer(channel.ioError);
  return channel.heardMsAgo === undefined ? true : channel.heardMsAgo <= HEARD_MS_MAX;
}

/** The machine runs no more: EC2 says so, and nothing on it can write. */
export const isMachineOff = (node: NodeFacts): boolean =>
  isKnown(node.machine) && (node.machine.known.state === "stopped" || node.machine.known.state === "terminated");

/**
 * Whether the server of `node` is dead for its clients. It is proven only if its peer does not hear it either. That it is
 * still connected to the peer as a replica says nothing: a cut connection is noticed after minutes only. Slow to believe
 * in silence, quick where the host refuses.
 */
export function isDead(node: NodeFacts, peer: NodeFacts): boolean {
  const cause = causeOf(node);
  // Any other cause is an answer: something runs at its address, whatever EC2 said of a machine some seconds ago.
  if (cause !== "refused" && cause !== "silent") return false;
  if (isMachineOff(node)) return true;
  const { forMs = 0, looks = 0 } = node.unread ?? {};
  const isOver = forMs >= (cause === "refused" ? REFUSED_MS_MIN : SILENT_MS_MIN);
  if (!isOver || looks < LOOKS_MIN) return false;
  const peerServer = serverOf(peer);
  if (cause === "refused") return peerServer === undefined || hears(peer, node) !== true;
  return peerServer !== undefined && hears(peer, node) === false;
}

export const gtidOf = (server: ServerState): GtidSet => parseGtid(server.flavour, server.gtid);

/** Here and not on the other, but for what the other itself committed since it was read. Undefined: one cannot be read. */
export function surplusOf(node: NodeFacts, other: NodeFacts): GtidSet | undefined {
  const [server, second] = [serverOf(node), serverOf(other)];
  if (server === undefined || second === undefined) return undefined;
  return notCommittedBy(subtract(gtidOf(server), gtidOf(second)), second.identity);
}

/**
 * What the peer committed itself although it is not the writer, wherever it has got to since, and what came from neither.
 * Undefined: it cannot be told.
 */
export function errantOf(facts: PairFacts): GtidSet | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  const server = roles && serverOf(roles.peer);
  if (pair === undefined || roles === undefined || server === undefined) return undefined;
  const own = subtract(committedBy(gtidOf(server), server.identity), readGtid(pair.baseline[roles.peer.name]));
  return union(own, surplusOf(roles.peer, roles.writer) ?? new Map());
}

/**
 * What the recorded writer should hold and does not: what the peer holds of anyone else's, and what it was known to hold
 * itself when it ceased to be the writer. What the peer committed later, or is quarantined for, is errant and not missed.
 * Undefined: the writer cannot be read. A peer that cannot be read is not asked.
 */
export function lackingOf(facts: PairFacts): GtidSet | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  const server = roles && serverOf(roles.writer);
  if (pair === undefined || roles === undefined || server === undefined) return undefined;
  const peer = serverOf(roles.peer);
  const decided = union(readGtid(pair.baseline["db-a"]), readGtid(pair.baseline["db-b"]));
  const seen = peer === undefined ? new Map() : notCommittedBy(gtidOf(peer), peer.identity);
  const set = subtract(union(decided, seen), gtidOf(server));
  return pair.quarantined === undefined ? set : subtract(set, readGtid(pair.quarantined.extra));
}

/** Whether everything that was received is applied, by what was read. Undefined: it cannot be told. */
export function isDrained(node: NodeFacts, source: NodeFacts): boolean | undefined {
  const server = serverOf(node);
  const channel = channelTo(node, source);
  if (server === undefined || channel === undefined) return undefined;
  return contains(gtidOf(server), parseGtid(server.flavour, channel.retrieved));
}

/**
 * Whether the server was started after `at`. A replica that restarts may drop what it received, and acknowledged, and had
 * not applied (relay_log_recovery): only once it has caught up again does it hold all that it acknowledged.
 */
export function isRestartedSince(node: NodeFacts, at: number | undefined): boolean {
  const server = serverOf(node);
  return server !== undefined && (at === undefined || node.readAt - server.uptimeSeconds * 1_000 >= at);
}

export const isOpen = (node: NodeFacts): boolean => {
  const server = serverOf(node);
  return server !== undefined && isWritable(server);
};

export const isEmptyServer = (server: ServerState): boolean => isEmpty(gtidOf(server));
