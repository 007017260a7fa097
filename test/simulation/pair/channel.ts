import type { ThreadError } from "../../../lib/database/server.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { committedEntry } from "./commit.ts";
import { CODE } from "./event.ts";
import { hasGtid, NO_GTIDS, printed, withGtid } from "./gtids.ts";
import { append, emptyLog, itemAt, itemsFrom } from "./log.ts";
import {
  isCut,
  isRunning,
  isUp,
  peerOf,
  withChannel,
  withServer,
  without,
  type Channel,
  type Entry,
  type PairState,
  type Server,
} from "./state.ts";

/** One way between two servers of one region, in other zones. */
export const LINK_MS = 1;
/** Of one transaction. */
export const APPLY_MS = 1;
/** `SOURCE_HEARTBEAT_PERIOD` and `replica_net_timeout`, as infra/nodes/my.cnf and the real driver set them. */
export const HEARTBEAT_MS = 1_000;
export const NET_TIMEOUT_MS = 10_000;
/** `SOURCE_CONNECT_RETRY`. */
export const RETRY_MS = 1_000;
/** `net_write_timeout`: until then a source takes a connection that is silently gone for a replica. */
export const GHOST_MS = 60_000;

export const newChannel = (at: number, acknowledges: boolean): Channel => ({
  io: "Connecting",
  sql: "Yes",
  acknowledges,
  start: 0,
  sent: 0,
  acked: 0,
  aliveAt: at,
  tryAt: at,
  relay: emptyLog(),
  applied: 0,
  retrieved: NO_GTIDS,
});

/** No byte passes between this receiver and its source, whatever the reason. */
export function isQuiet(state: PairState, node: DatabaseNode): boolean {
  const source = state.servers[peerOf(node)];
  return (
    isCut(state, { from: node, to: source.node }) ||
    !source.hasPower ||
    source.process.is === "hung" ||
    state.servers[node].process.is === "hung"
  );
}

/** When the source was last heard: its last transaction or the last heartbeat after it. Undefined: never. */
export function heardAt(channel: Channel, now: number): number | undefined {
  if (channel.io !== "Yes") return channel.heardAt;
  const until = channel.silentAt ?? now;
  return channel.aliveAt + Math.floor(Math.max(0, until - channel.aliveAt) / HEARTBEAT_MS) * HEARTBEAT_MS;
}

/** Sees to it that the connection is what its two ends and the link between them make of it. */
export function settleConnection(state: PairState, node: DatabaseNode): PairState {
  const { channel } = state.servers[node];
  if (channel?.io !== "Yes" || !isRunning(state.servers[node])) return state;
  if (isQuiet(state, node))
    return channel.silentAt === undefined ? withChannel(state, node, { silentAt: state.at }) : state;
  const source = state.servers[peerOf(node)];
  if (!isUp(source) || source.start !== channel.start || source.offline)
    return broken(state, node, { code: CODE.lost, text: "Lost connection to MySQL server during query" });
  if (channel.silentAt === undefined) return state;
  return withServer(state, node, { channel: { ...without(channel, "silentAt"), aliveAt: state.at } });
}

/** The receiver has no connection any more and tries to get a new one. */
export function broken(state: PairState, node: DatabaseNode, ioError: ThreadError): PairState {
  const { channel } = state.servers[node];
  if (channel === undefined) return state;
  return withServer(state, node, {
    channel: { ...disconnected(state, node, channel), io: "Connecting", ioError, tryAt: state.at + RETRY_MS },
  });
}

/** What is left of a channel whose connection has ended at this side. Over a silent link the source does not hear of it. */
export function disconnected(state: PairState, node: DatabaseNode, channel: Channel): Channel {
  if (channel.io !== "Yes") return channel;
  const heard = heardAt(channel, state.at);
  return {
    ...without(channel, "silentAt"),
    ...(heard === undefined ? {} : { heardAt: heard }),
    ...(isQuiet(state, node) ? { ghostUntil: state.at + GHOST_MS, ghostAcknowledges: channel.acknowledges } : {}),
  };
}

/** The crash of a replica: relay_log_recovery drops what is not applied, to fetch it again from the source. */
export function crashed(state: PairState, node: DatabaseNode, channel: Channel): Channel {
  return {
    ...without(disconnected(state, node, channel), "ioError", "sqlError"),
    io: "No",
    sql: "No",
    relay: emptyLog(),
    applied: 0,
    retrieved: NO_GTIDS,
  };
}

/** Something that happens by itself, once its time has come. */
export interface Due {
  readonly at: number;
  readonly happen: (state: PairState) => PairState;
}

/** What the channel of this receiver does next by itself. What is due at the same time happens in this order. */
export function channelDue(state: PairState, node: DatabaseNode): readonly Due[] {
  const server = state.servers[node];
  const { channel } = server;
  if (channel === undefined || !isUp(server)) return [];
  return [...connectionDue(state, node, channel), ...applierDue(server, channel)];
}

function connectionDue(state: PairState, node: DatabaseNode, channel: Channel): readonly Due[] {
  const source = state.servers[peerOf(node)];
  if (channel.io === "No") return [];
  if (channel.io === "Connecting") {
    if (isQuiet(state, node) || !isUp(source) || source.offline || source.isFull) return [];
    const tries = Math.max(0, Math.ceil((state.at - channel.tryAt) / RETRY_MS));
    return [{ at: channel.tryAt + tries * RETRY_MS, happen: (now) => connected(now, node) }];
  }
  if (channel.silentAt !== undefined) {
    const at = (heardAt(channel, state.at) ?? channel.silentAt) + NET_TIMEOUT_MS;
    const text = `error connecting to source: Can't connect to MySQL server on '${source.node}'`;
    return [{ at, happen: (now) => broken(now, node, { code: CODE.connect, text }) }];
  }
  const next = itemAt(source.log, channel.sent);
  return [
    ...(channel.acknowledges && channel.acked < channel.sent
      ? [{ at: channel.aliveAt + LINK_MS, happen: (now: PairState) => withChannel(now, node, { acked: channel.sent }) }]
      : []),
    ...(next === undefined
      ? []
      : [{ at: Math.max(next.at, channel.aliveAt) + LINK_MS, happen: (now: PairState) => received(now, node) }]),
  ];
}

function connected(state: PairState, node: DatabaseNode): PairState {
  const { channel, semiSync } = state.servers[node];
  if (channel === undefined) return state;
  return withServer(state, node, {
    channel: {
      ...without(channel, "ioError", "silentAt", "ghostUntil", "ghostAcknowledges"),
      io: "Yes",
      acknowledges: semiSync.replica,
      start: state.servers[peerOf(node)].start,
      sent: 0,
      acked: 0,
      aliveAt: state.at,
    },
  });
}

/** Auto-position: all that the source has in its binlog, but for what is here already, and for what was here first. */
function received(state: PairState, node: DatabaseNode): PairState {
  const server = state.servers[node];
  const source = state.servers[peerOf(node)];
  const { channel } = server;
  if (channel === undefined) return state;
  let { relay, retrieved } = channel;
  for (const entry of itemsFrom(source.log, channel.sent)) {
    const { source: identity, number } = entry;
    if (identity === server.identity || hasGtid(server.held, identity, number) || hasGtid(retrieved, identity, number))
      continue;
    relay = append(relay, { entry, at: state.at });
    retrieved = withGtid(retrieved, identity, number);
  }
  return withChannel(state, node, { relay, retrieved, sent: source.log.size, aliveAt: state.at });
}

function applierDue(server: Server, channel: Channel): readonly Due[] {
  const next = itemAt(channel.relay, channel.applied);
  if (channel.sql === "No" || next === undefined) return [];
  return [{ at: next.at + server.applyDelayMs + APPLY_MS, happen: (now) => applied(now, server.node) }];
}

function applied(state: PairState, node: DatabaseNode): PairState {
  let now = state;
  for (;;) {
    const { channel, applyDelayMs } = now.servers[node];
    const next = channel && itemAt(channel.relay, channel.applied);
    if (channel?.sql !== "Yes" || next === undefined || next.at + applyDelayMs + APPLY_MS > state.at) return now;
    now = applyOne(now, node, next.entry);
  }
}

function applyOne(state: PairState, node: DatabaseNode, entry: Entry): PairState {
  const server = state.servers[node];
  const { channel } = server;
  if (channel === undefined) return state;
  const { content, source, number } = entry;
  if (content.kind === "row" && content.key !== undefined && server.keys.has(content.key))
    return withChannel(state, node, {
      sql: "No",
      sqlError: {
        code: CODE.duplicate,
        text: `Could not execute Write_rows event on table wordpress.tandem_load; Duplicate entry '${content.key}' for key 'natural', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY`,
        gtid: printed(state.flavour, withGtid(NO_GTIDS, source, number)),
      },
    });
  const next = withChannel(state, node, { applied: channel.applied + 1 });
  return hasGtid(server.held, source, number) ? next : committedEntry(next, node, entry);
}
