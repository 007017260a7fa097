import type { Channel as ChannelSeen, ServerState } from "../../../lib/database/server.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { heardAt } from "./channel.ts";
import { printed } from "./gtids.ts";
import { itemAt, itemsFrom } from "./log.ts";
import { isUp, peerOf, type Channel, type PairState } from "./state.ts";

const VERSIONS = { mysql: "9.7.4", mariadb: "10.11.14-MariaDB-log" } as const;

/** What a running server says of itself; `addressOf` gives the address that a server is configured to be reached at. */
export function serverState(
  state: PairState,
  node: DatabaseNode,
  addressOf: (node: DatabaseNode) => string,
): ServerState {
  const server = state.servers[node];
  const { flavour } = state;
  const { process, channel, heartbeat } = server;
  const replica = replicaOf(state, node);
  return {
    flavour,
    version: VERSIONS[flavour],
    identity: server.identity,
    uptimeSeconds: "since" in process ? Math.floor((state.at - process.since) / 1_000) : 0,
    readOnly: server.readOnly,
    ...(flavour === "mysql" ? { superReadOnly: server.readOnly } : {}),
    offline: server.offline,
    // MariaDB's gtid_binlog_pos has what is in the binlog, committed or not.
    gtid: printed(flavour, flavour === "mysql" ? server.executed : server.held),
    channels: channel === undefined ? [] : [channelSeen(state, channel, addressOf(peerOf(node)))],
    semiSync: {
      ...server.semiSync,
      clients: replica?.acknowledges === true ? 1 : 0,
      waiting: server.waiting.length,
    },
    replicas: replica === undefined ? [] : [addressOf(peerOf(node))],
    ...(heartbeat === undefined ? {} : { heartbeat }),
  };
}

/** The peer's connection as this source sees it: it may be gone for long and still be counted. */
function replicaOf(state: PairState, node: DatabaseNode): { readonly acknowledges: boolean } | undefined {
  const { channel } = state.servers[peerOf(node)];
  const { start } = state.servers[node];
  if (channel === undefined || channel.start !== start || !isUp(state.servers[node])) return undefined;
  if (channel.io === "Yes") return { acknowledges: channel.acknowledges };
  return (channel.ghostUntil ?? 0) > state.at ? { acknowledges: channel.ghostAcknowledges === true } : undefined;
}

function channelSeen({ at, flavour }: PairState, channel: Channel, source: string): ChannelSeen {
  const { io, sql, ioError, sqlError } = channel;
  const heard = heardAt(channel, at);
  const lagSeconds = lagOf(at, channel);
  return {
    name: "",
    source,
    io,
    sql,
    // MariaDB tells where its receiver is, which is not behind what is applied.
    retrieved: printed(flavour, channel.retrieved),
    ...(lagSeconds === undefined ? {} : { lagSeconds }),
    ...(heard === undefined ? {} : { heardMsAgo: Math.max(0, at - heard) }),
    ...(ioError === undefined ? {} : { ioError }),
    ...(sqlError === undefined ? {} : { sqlError }),
  };
}

/** `Seconds_Behind_Source`: NULL while the applier is stopped, or has nothing left and nothing is received. */
function lagOf(at: number, channel: Channel): number | undefined {
  if (channel.sql !== "Yes") return undefined;
  const next = itemAt(channel.relay, channel.applied);
  if (next !== undefined) return Math.floor((at - next.entry.originAt) / 1_000);
  return channel.io === "Yes" ? 0 : undefined;
}

/** Ids of the rows that a session on this server sees, in the order of its binlog. */
export function rowsOf(state: PairState, node: DatabaseNode): readonly string[] {
  const { log, waiting } = state.servers[node];
  const hidden = new Set(waiting.map(({ index }) => index));
  return itemsFrom(log, 0).flatMap(({ content }, index) =>
    content.kind === "row" && !hidden.has(index) ? [content.id] : [],
  );
}
