import { assert } from "../../../lib/assert.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { channelDue, disconnected, newChannel, settleConnection, type Due } from "./channel.ts";
import { abandon, arrive, committed, cutSessions, execute, release, reply } from "./commit.ts";
import { and, still, type Happening, type PairEvent, type Step } from "./event.ts";
import { continued, hung, installed, killed, power, started } from "./power.ts";
import {
  bothNodes,
  isCut,
  isRunning,
  isUp,
  peerOf,
  withChannel,
  withServer,
  without,
  type PairState,
} from "./state.ts";

/** Between two events of a world fewer things happen by themselves than this: more means that it never ends. */
const HAPPENINGS_MAX = 1_000_000;

/** The pair after an event, and what its clients hear. Pure: what happens by itself until then happens first. */
export function step(state: PairState, event: PairEvent): Step {
  assert(event.at >= state.at, `events come in order: ${event.at} after ${state.at}`);
  const before = passed(state, event.at);
  return and(before, (now) => and(happened(now, event), settled));
}

/** When something happens by itself next, in milliseconds of the world's clock. Undefined: never. */
export const dueAt = (state: PairState): number | undefined => nextDue(state)?.at;

function passed(state: PairState, until: number): Step {
  let done = still(state);
  for (let count = 0; count < HAPPENINGS_MAX; count++) {
    const due = nextDue(done.state);
    if (due === undefined || due.at > until) return and(done, (now) => still({ ...now, at: until }));
    done = and(done, (now) => settled(due.happen({ ...now, at: Math.max(now.at, due.at) })));
  }
  throw new Error(`the pair is still busy after ${HAPPENINGS_MAX} happenings until ${until}`);
}

function nextDue(state: PairState): Due | undefined {
  let next: Due | undefined;
  for (const node of bothNodes)
    for (const due of [...serverDue(state, node), ...channelDue(state, node)])
      if (next === undefined || due.at < next.at) next = due;
  return next;
}

function serverDue(state: PairState, node: DatabaseNode): readonly Due[] {
  const { process, transactions } = state.servers[node];
  const ends = Math.min(...transactions.map(({ until }) => until));
  return [
    ...(process.is === "starting"
      ? [
          {
            at: process.until,
            happen: (now: PairState) => withServer(now, node, { process: { is: "up", since: process.until } }),
          },
        ]
      : []),
    ...(transactions.length > 0 && process.is === "up"
      ? [
          {
            at: ends,
            happen: (now: PairState) =>
              withServer(now, node, { transactions: transactions.filter(({ until }) => until > ends) }),
          },
        ]
      : []),
  ];
}

/** What follows at once from how things are now. */
function settled(state: PairState): Step {
  return bothNodes.reduce(
    (done, node) => and(done, (now) => settledServer(settleConnection(now, node), node)),
    still(state),
  );
}

function settledServer(state: PairState, node: DatabaseNode): Step {
  const executed = execute(state, node);
  return and(executed, (now) => reply(released(now, node), node));
}

/** A source that waits is done with what a connected replica has acknowledged; one that does not wait, with everything. */
function released(state: PairState, node: DatabaseNode): PairState {
  const server = state.servers[node];
  if (server.waiting.length === 0 || !isUp(server)) return state;
  if (!server.semiSync.source) return release(state, node, Infinity);
  const replica = state.servers[peerOf(node)].channel;
  return replica?.io === "Yes" && replica.start === server.start ? release(state, node, replica.acked) : state;
}

function happened(state: PairState, event: Happening): Step {
  switch (event.kind) {
    case "time":
      return still(state);
    case "cut":
      return still(isCut(state, event.link) ? state : { ...state, cuts: [...state.cuts, event.link] });
    case "mend":
      return still({
        ...state,
        cuts: state.cuts.filter(({ from, to }) => from !== event.link.from || to !== event.link.to),
      });
    case "install":
      return still(installed(state, event.node, event.identity));
    case "power":
      return power(state, event.node, event.on);
    case "start":
      return still(started(state, event.node, event.recoveryMs));
    case "kill":
      return killed(state, event.node);
    case "hang":
      return still(hung(state, event.node));
    case "continue":
      return still(continued(state, event.node));
    case "write":
      return arrive(state, event.node, event.write);
    case "abandon":
      return still(abandon(state, event.node, event.write));
    default:
      return isRunning(state.servers[event.node]) ? changed(state, event) : still(state);
  }
}

/** Statements of an administrator, and what is set on a server that runs. */
function changed(
  state: PairState,
  event: Exclude<
    Happening,
    {
      kind:
        | "time"
        | "cut"
        | "mend"
        | "install"
        | "power"
        | "start"
        | "kill"
        | "hang"
        | "continue"
        | "write"
        | "abandon";
    }
  >,
): Step {
  const { node } = event;
  const server = state.servers[node];
  switch (event.kind) {
    case "errant": {
      const content = { kind: "row", id: event.id } as const;
      return still(committed(state, node, { id: event.id, client: "console", content }));
    }
    case "plant":
      return still(withServer(state, node, { keys: new Map(server.keys).set(event.key, event.value) }));
    case "unplant": {
      const keys = new Map(server.keys);
      if (keys.get(event.key) === event.value) keys.delete(event.key);
      return still(withServer(state, node, { keys }));
    }
    case "hold":
      return still(withServer(state, node, { transactions: [...server.transactions, { until: state.at + event.ms }] }));
    case "full":
      return still(withServer(state, node, { isFull: event.on }));
    case "delay":
      return still(withServer(state, node, { applyDelayMs: event.ms }));
    case "lock":
      return still(server.lock === undefined ? withServer(state, node, { lock: event.session }) : state);
    case "unlock":
      return still(unlocked(state, node, event.session));
    case "closing":
      return still(withServer(state, node, { closing: event.session }));
    case "read-only": {
      const rest = { ...state, servers: { ...state.servers, [node]: without(server, "closing") } };
      return still(withServer(rest, node, { readOnly: event.on }));
    }
    case "offline": {
      const next = withServer(state, node, { offline: event.on });
      return event.on ? cutSessions(next, node, ({ client }) => client === "app") : still(next);
    }
    case "semi-sync":
      return still(semiSync(state, node, event.role, event.on));
    case "replicate":
      return still(withServer(state, node, { channel: newChannel(state.at, server.semiSync.replica) }));
    case "threads":
      return still(threads(state, node, event.threads, event.run));
    case "apply-error":
      return still(withChannel(state, node, { sql: "No", sqlError: { code: event.code, text: event.text } }));
  }
}

function unlocked(state: PairState, node: DatabaseNode, session: string): PairState {
  const server = state.servers[node];
  const names = [
    ...(server.lock === session ? (["lock"] as const) : []),
    ...(server.closing === session ? (["closing"] as const) : []),
  ];
  return { ...state, servers: { ...state.servers, [node]: without(server, ...names) } };
}

function semiSync(state: PairState, node: DatabaseNode, role: "source" | "replica", on: boolean): PairState {
  const server = state.servers[node];
  const next = withServer(state, node, { semiSync: { ...server.semiSync, [role]: on } });
  // Whether it acknowledges, a receiver says when it connects.
  const restarts = role === "replica" && server.channel !== undefined && server.channel.io !== "No";
  return restarts ? threads(threads(next, node, "receiver", false), node, "receiver", true) : next;
}

function threads(
  state: PairState,
  node: DatabaseNode,
  which: "both" | "receiver" | "applier",
  run: boolean,
): PairState {
  const { channel } = state.servers[node];
  if (channel === undefined) return state;
  const receiver = which === "applier" ? channel : receiverOf(state, node, run);
  const applier =
    which === "receiver" || receiver === undefined
      ? receiver
      : { ...without(receiver, "sqlError"), sql: run ? ("Yes" as const) : ("No" as const) };
  return applier === undefined ? state : withServer(state, node, { channel: applier });
}

function receiverOf(state: PairState, node: DatabaseNode, run: boolean) {
  const { channel } = state.servers[node];
  if (channel === undefined || (run && channel.io !== "No")) return channel;
  const rest = without(disconnected(state, node, channel), "ioError");
  return { ...rest, io: run ? ("Connecting" as const) : ("No" as const), ...(run ? { tryAt: state.at } : {}) };
}
