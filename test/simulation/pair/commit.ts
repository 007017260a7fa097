import type { DatabaseNode } from "../../../lib/spec.ts";
import { and, CODE, still, type Output, type Step } from "./event.ts";
import { withGtid } from "./gtids.ts";
import { append, itemAt } from "./log.ts";
import { isLinked, isUp, withServer, without, type Entry, type PairState, type Server, type Write } from "./state.ts";

/** A client's statement reaches the server, if anything does. */
export function arrive(state: PairState, node: DatabaseNode, write: Write): Step {
  const server = state.servers[node];
  if (!isLinked(state, write.client, node) || !server.hasPower) return still(state);
  switch (server.process.is) {
    case "down":
    case "starting":
      return failed(state, node, write, CODE.connect);
    case "hung":
      return still(withServer(state, node, { inbox: [...server.inbox, write] }));
    case "up":
      if (server.isFull && write.client !== "console") return failed(state, node, write, CODE.tooManyConnections);
      if (server.offline && write.client === "app") return failed(state, node, write, CODE.offline);
      return still(withServer(state, node, { inbox: [...server.inbox, write] }));
  }
}

/** Executes what has arrived, unless the server hangs or is being made read-only. */
export function execute(state: PairState, node: DatabaseNode): Step {
  const server = state.servers[node];
  if (server.inbox.length === 0 || !isUp(server) || server.closing !== undefined) return still(state);
  return server.inbox.reduce(
    (step, write) => and(step, (now) => commit(now, node, write)),
    still(withServer(state, node, { inbox: [] })),
  );
}

function commit(state: PairState, node: DatabaseNode, write: Write): Step {
  const server = state.servers[node];
  const { content } = write;
  if (server.readOnly) return failed(state, node, write, CODE.readOnly);
  if (content.kind !== "schema" && !server.hasSchema) return failed(state, node, write, CODE.noTable);
  if (content.kind === "row" && content.key !== undefined && server.keys.has(content.key))
    return failed(state, node, write, CODE.duplicate);
  return still(committed(state, node, write));
}

/** The transaction is in the binlog, durable; it waits for an acknowledgement or is done. */
export function committed(state: PairState, node: DatabaseNode, write: Write): PairState {
  const server = state.servers[node];
  const number = (server.held.get(server.identity)?.at(-1)?.[1] ?? 0) + 1;
  const { content } = write;
  const entry: Entry = { source: server.identity, number, originAt: state.at, at: state.at, content };
  const written: Server = {
    ...server,
    log: append(server.log, entry),
    held: withGtid(server.held, entry.source, number),
    ...(content.kind === "row" && content.key !== undefined
      ? { keys: new Map(server.keys).set(content.key, content.value ?? "") }
      : {}),
  };
  return withServer(
    state,
    node,
    server.semiSync.source
      ? { ...written, waiting: [...server.waiting, { index: server.log.size, write }] }
      : { ...seen(written, entry), replies: [...server.replies, write] },
  );
}

/** A transaction of the other server is applied: it is in this binlog too, under the name that it has. */
export function committedEntry(state: PairState, node: DatabaseNode, entry: Entry): PairState {
  const server = state.servers[node];
  return withServer(
    state,
    node,
    seen(
      {
        ...server,
        log: append(server.log, { ...entry, at: state.at }),
        held: withGtid(server.held, entry.source, entry.number),
      },
      entry,
    ),
  );
}

/** A transaction that every session sees from now on. */
export function seen(server: Server, { source, number, content }: Entry): Server {
  const executed = withGtid(server.executed, source, number);
  switch (content.kind) {
    case "schema":
      return { ...server, executed, hasSchema: true };
    case "heartbeat":
      return { ...server, executed, heartbeat: content.heartbeat };
    case "row":
      return content.key === undefined
        ? { ...server, executed }
        : { ...server, executed, keys: new Map(server.keys).set(content.key, content.value ?? "") };
  }
}

/** Ends the waiting of all commits whose place in the binlog is below `upTo`; each is done for its client. */
export function release(state: PairState, node: DatabaseNode, upTo: number): PairState {
  const server = state.servers[node];
  const done = server.waiting.filter(({ index }) => index < upTo);
  if (done.length === 0) return state;
  const visible = done.reduce((now, { index }) => {
    const entry = itemAt(server.log, index);
    return entry === undefined ? now : seen(now, entry);
  }, server);
  return withServer(state, node, {
    ...visible,
    waiting: server.waiting.filter(({ index }) => index >= upTo),
    replies: [...server.replies, ...done.flatMap(({ write }) => (write === undefined ? [] : [write]))],
  });
}

/** Tells those whose link carries it that their write is done. */
export function reply(state: PairState, node: DatabaseNode): Step {
  const server = state.servers[node];
  if (server.replies.length === 0 || !isUp(server)) return still(state);
  const reached = server.replies.filter(({ client }) => isLinked(state, client, node));
  if (reached.length === 0) return still(state);
  return {
    state: withServer(state, node, { replies: server.replies.filter((write) => !reached.includes(write)) }),
    out: reached.map((write) => ({ kind: "acknowledged", node, write })),
  };
}

/** The client is gone. What it sent is executed all the same. */
export function abandon(state: PairState, node: DatabaseNode, id: string): PairState {
  const { waiting, replies, inbox } = state.servers[node];
  return withServer(state, node, {
    waiting: waiting.map((waiter) => (waiter.write?.id === id ? without(waiter, "write") : waiter)),
    replies: replies.filter((write) => write.id !== id),
    // Nobody listens on a machine's own console.
    inbox: inbox.map((write) => (write.id === id ? { ...write, id: `${id} (abandoned)`, client: "console" } : write)),
  });
}

/** Cuts the sessions of these clients: their transactions are rolled back, their waiting commits go on without them. */
export function cutSessions(state: PairState, node: DatabaseNode, isMeant: (write: Write) => boolean): Step {
  const { waiting, replies, inbox } = state.servers[node];
  const cut = [...inbox, ...replies, ...waiting.flatMap(({ write }) => write ?? [])].filter(isMeant);
  const next = withServer(state, node, {
    waiting: waiting.map((waiter) =>
      waiter.write !== undefined && isMeant(waiter.write) ? without(waiter, "write") : waiter,
    ),
    replies: replies.filter((write) => !isMeant(write)),
    inbox: inbox.filter((write) => !isMeant(write)),
    transactions: [],
  });
  const out = cut.flatMap((write): Output[] =>
    isLinked(state, write.client, node)
      ? [{ kind: "failed", node, write, code: CODE.lost, isCertain: inbox.includes(write) }]
      : [],
  );
  return { state: next, out };
}

const failed = (state: PairState, node: DatabaseNode, write: Write, code: number): Step => ({
  state,
  out: isLinked(state, write.client, node) ? [{ kind: "failed", node, write, code, isCertain: true }] : [],
});
