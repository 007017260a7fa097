import type { NodeFacts } from "../../../lib/database/facts.ts";
import type { Channel, SemiSync, UnreadCause } from "../../../lib/database/server.ts";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { A, B, channel, factsOf, NOW, record, server } from "./facts.ts";

/** What the matrix varies of one server, and of its channel from the other one. */
export const NODE_AXES = {
  reach: ["known", "refused", "silent", "too-many-connections", "offline", "denied"],
  access: ["closed", "open"],
  io: ["Yes", "No", "Connecting", "2003", "1045", "1236"],
  heard: ["heard", "unheard"],
  sql: ["Yes", "No", "1062", "1032", "1594", "1205"],
  age: ["fresh", "over"],
  machine: ["running", "stopped", "unknown"],
} as const;
/** What it varies of the pair. The relation is the peer's to the writer; `lacked`: the peer holds more of the writer's own. */
export const PAIR_AXES = {
  relation: ["equal", "behind", "ahead", "diverged", "lacked", "unknown"],
  lag: ["none", "small", "over", "unknown"],
  eligible: ["eligible", "not eligible"],
  record: ["db-a", "absent", "unknown"],
} as const;

type Of<Axes extends Readonly<Record<string, readonly string[]>>> = { readonly [K in keyof Axes]: Axes[K][number] };
export type NodeState = Of<typeof NODE_AXES>;
export interface PairState extends Of<typeof PAIR_AXES> {
  /** db-a; the recorded writer where anything is recorded. */
  readonly writer: NodeState;
  /** db-b. */
  readonly peer: NodeState;
}

/** A class of states that is left out: why, and which. The first that matches counts. */
export type Pruned<T> = readonly (readonly [reason: string, isMeant: (state: T) => boolean])[];

const isFailed = ({ sql }: NodeState): boolean => sql !== "Yes" && sql !== "No";
export const isRead = ({ reach }: NodeState): boolean => reach === "known";
/** Nothing at all answers. */
const isMute = ({ reach }: NodeState): boolean => reach === "refused" || reach === "silent";

export const PRUNED_NODES: Pruned<NodeState> = [
  [
    "a server that cannot be read tells nothing of itself",
    (n) => !isRead(n) && (n.access !== "closed" || n.io !== "Yes" || n.heard !== "heard" || n.sql !== "Yes"),
  ],
  [
    "a server that can be read has no unread age, and its machine is not asked for",
    (n) => isRead(n) && (n.age !== "fresh" || n.machine !== "running"),
  ],
  [
    "an answer is an answer, however old, and whatever EC2 says of the machine",
    (n) => !isRead(n) && !isMute(n) && (n.age !== "fresh" || n.machine !== "running"),
  ],
  ["nothing refuses on a machine that is stopped", (n) => n.reach === "refused" && n.machine === "stopped"],
  [
    "as long as a silence is fresh, what EC2 does not tell changes nothing",
    (n) => n.age === "fresh" && n.machine === "unknown",
  ],
  ["a receiver that does not run hears nobody", (n) => n.io !== "Yes" && n.heard === "heard"],
];

/** The channels of the writer that stand for all in the large matrix; the small one has every other. */
const isSample = ({ io, heard, sql }: NodeState): boolean =>
  (io === "Yes" && heard === "heard" && sql === "Yes") || (io === "No" && sql === "No");
export const PRUNED_WRITERS: Pruned<NodeState> = [
  ...PRUNED_NODES,
  ["what the writer receives is varied in the small matrix", (n) => isRead(n) && !isSample(n)],
];

const ONLY_READ = new Set(["equal", "diverged", "lacked"]);
export const PRUNED_PAIRS: Pruned<PairState> = [
  ["sets that are read have a relation", (p) => isRead(p.writer) && isRead(p.peer) && p.relation === "unknown"],
  [
    "a set that is not read has none, but for what the peer itself committed or has not applied",
    (p) => !isRead(p.writer) && ONLY_READ.has(p.relation),
  ],
  [
    "a peer that is not read shows no set and no lag",
    (p) => !isRead(p.peer) && (p.relation !== "unknown" || p.lag !== "unknown"),
  ],
  ["an applier that has failed has something left to apply", (p) => isFailed(p.peer) && p.relation === "equal"],
  ["what was purged is missing", (p) => p.peer.io === "1236" && p.relation === "equal"],
  ["without a record nobody is eligible", (p) => p.record !== "db-a" && p.eligible === "eligible"],
  [
    "without a record there is no writer to be behind of",
    (p) => p.record !== "db-a" && isRead(p.peer) && p.lag !== "none",
  ],
  [
    "while the record cannot be read, sets are not compared",
    (p) => p.record === "unknown" && p.relation !== "behind" && p.relation !== "unknown",
  ],
];

/** Every combination of the axes of a server. */
export const allNodes = (): NodeState[] => {
  const { reach, access, io, heard, sql, age, machine } = NODE_AXES;
  const read = reach.flatMap((r) => access.map((a) => ({ reach: r, access: a })));
  const receiving = io.flatMap((i) => heard.flatMap((h) => sql.map((s) => ({ io: i, heard: h, sql: s }))));
  const unread = age.flatMap((a) => machine.map((m) => ({ age: a, machine: m })));
  return read.flatMap((r) => receiving.flatMap((c) => unread.map((u) => ({ ...r, ...c, ...u }))));
};

/** Every combination of two servers with the axes of the pair, one at a time: there are many. */
export function* allPairs(writers: readonly NodeState[], peers: readonly NodeState[]): Generator<PairState> {
  for (const writer of writers)
    for (const peer of peers)
      for (const relation of PAIR_AXES.relation)
        for (const lag of PAIR_AXES.lag)
          for (const eligible of PAIR_AXES.eligible)
            for (const recorded of PAIR_AXES.record) yield { writer, peer, relation, lag, eligible, record: recorded };
}

/** What is kept of the states, and how many each reason leaves out. */
export function sift<T>(
  states: Iterable<T>,
  pruned: Pruned<T>,
): { kept: T[]; total: number; counts: Map<string, number> } {
  const counts = new Map(pruned.map(([reason]) => [reason, 0]));
  const kept: T[] = [];
  let total = 0;
  for (const state of states) {
    total++;
    const found = pruned.find(([, isMeant]) => isMeant(state));
    if (found === undefined) kept.push(state);
    else counts.set(found[0], (counts.get(found[0]) ?? 0) + 1);
  }
  return { kept, total, counts };
}

const CODE = {
  "2003": "Can't connect",
  "1045": "Access denied",
  "1236": "purged",
  "1062": "Duplicate entry",
  "1032": "Can't find record",
  "1594": "Relay log read failure",
  "1205": "Lock wait timeout",
} as const;
const error = (code: keyof typeof CODE) => ({ code: Number(code), text: CODE[code] });

function channelOf(n: NodeState, source: DatabaseNode, retrieved: string): Channel {
  const { io, sql } = n;
  return channel(source, {
    io: io === "1236" ? "No" : io === "2003" || io === "1045" ? "Connecting" : io,
    sql: sql === "Yes" ? "Yes" : "No",
    retrieved,
    heardMsAgo: n.heard === "heard" ? 200 : 9_000,
    ...(io === "2003" || io === "1045" || io === "1236" ? { ioError: error(io) } : {}),
    ...(sql === "Yes" || sql === "No" ? {} : { sqlError: error(sql) }),
  });
}

function nodeOf(n: NodeState, said: Partial<NodeFacts>): Partial<NodeFacts> {
  if (n.reach === "known") return said;
  const cause: UnreadCause = n.reach;
  return {
    server: { unknown: `no answer: ${cause}`, cause },
    unread: n.age === "over" ? { forMs: UNREAD_MS.over, looks: 60 } : { forMs: 0, looks: 1 },
    machine: n.machine === "unknown" ? unknown("throttled") : known({ instanceId: "i-1", state: n.machine }),
  };
}

const SETS = {
  equal: [`${A}:1-100`, `${A}:1-100`, `${A}:1-100`],
  behind: [`${A}:1-100`, `${A}:1-90`, `${A}:1-100`],
  ahead: [`${A}:1-100`, `${A}:1-100,${B}:1-2`, `${A}:1-100`],
  diverged: [`${A}:1-110`, `${A}:1-100,${B}:1-2`, `${A}:1-100`],
  lacked: [`${A}:1-90`, `${A}:1-100`, `${A}:1-100`],
  unknown: [`${A}:1-100`, `${A}:1-100`, `${A}:1-100`],
} as const;
/** Enough to be restored, enough for a switchover, too much. */
const LAG_MS = { none: 0, small: 5_000, over: 40_000 } as const;
const UNREAD_MS = { fresh: 0, over: 60_000 } as const;

/** The facts of a state. The writer waits for its peer as long as that is eligible; if nobody acknowledges, it stalls. */
export function factsOfState(p: PairState) {
  const [own, theirs, retrieved] = SETS[p.relation];
  const acknowledges = isRead(p.peer) && p.peer.io === "Yes" && p.peer.heard === "heard";
  const source: SemiSync = {
    source: p.eligible === "eligible",
    replica: true,
    clients: acknowledges ? 1 : 0,
    waiting: 0,
  };
  const { heartbeat: _, ...says } = server("db-b", {
    readOnly: p.peer.access === "closed",
    superReadOnly: p.peer.access === "closed",
    gtid: theirs,
    channels: [channelOf(p.peer, "db-a", retrieved)],
    replicas: [],
  });
  const beat =
    p.lag === "unknown"
      ? {}
      : { heartbeat: { sequence: 1, writtenAt: NOW - 800 - UNREAD_MS[p.writer.age] - LAG_MS[p.lag] } };
  return factsOf({
    record:
      p.record === "db-a"
        ? known(record({ peerEligible: p.eligible === "eligible" }))
        : p.record === "absent"
          ? absent
          : unknown("throttled"),
    a: {
      readOnly: p.writer.access === "closed",
      superReadOnly: p.writer.access === "closed",
      gtid: own,
      channels: [channelOf(p.writer, "db-b", "")],
      semiSync: source,
    },
    nodeA: nodeOf(p.writer, {}),
    nodeB: nodeOf(p.peer, { server: { known: { ...says, ...beat } } }),
    ...(isRead(p.writer) && p.writer.access === "open" && source.source && !acknowledges ? { stalledMs: 2_000 } : {}),
  });
}

/** A server in words, as it differs from one that is closed, receives and applies. */
const nodeWords = (n: NodeState): string =>
  isRead(n)
    ? [
        n.access,
        n.io === "Yes" ? (n.heard === "heard" ? "" : "unheard") : `io ${n.io}`,
        n.sql === "Yes" ? "" : `sql ${n.sql}`,
      ]
        .filter((word) => word !== "")
        .join(", ")
    : [n.reach, n.age === "over" ? "long" : "", n.machine === "running" ? "" : `machine ${n.machine}`]
        .filter((word) => word !== "")
        .join(", ");

export const wordsOfState = (p: PairState): string =>
  `db-a ${nodeWords(p.writer)}; db-b ${nodeWords(p.peer)}; ${p.relation}; lag ${p.lag}; ${p.eligible}; record ${p.record}`;
