import type { DatabaseAction } from "../../../lib/database/action.ts";
import type { NodeFacts, PairFacts } from "../../../lib/database/facts.ts";
import type { MachineObservation } from "../../../lib/database/launch.ts";
import type { PairRecord } from "../../../lib/database/pair.ts";
import { planDatabase, type DatabaseObservation } from "../../../lib/database/plan.ts";
import type { Channel, ServerState, UnreadCause } from "../../../lib/database/server.ts";
import type { Group, MachineState } from "../../../lib/lifecycle/observation.ts";
import { absent, known, type Fact } from "../../../lib/reconcile/fact.ts";
import type { Plan } from "../../../lib/reconcile/plan.ts";
import type { OperatorRequest, Wish } from "../../../lib/reconcile/requests.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";

export const NOW = Date.UTC(2026, 0, 1, 12);
export const A = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
export const B = "4350f323-7565-4e59-8763-4b1b83a0ce0e";
const ADDRESS: Readonly<Record<DatabaseNode, string>> = { "db-a": "127.20.10.10", "db-b": "127.20.11.10" };
const HOUR_MS = 3_600_000;

/** One direction of replication as it should be. */
export const channel = (source: DatabaseNode, parts: Partial<Channel> = {}): Channel => ({
  name: "",
  source: ADDRESS[source],
  io: "Yes",
  sql: "Yes",
  retrieved: source === "db-a" ? `${A}:1-100` : "",
  lagSeconds: 0,
  heardMsAgo: 200,
  ...parts,
});

/** A server of the healthy pair: db-a is open and waits for db-b, which applies and acknowledges. */
export const server = (node: DatabaseNode, parts: Partial<ServerState> = {}): ServerState => ({
  flavour: "mysql",
  version: "9.7.4",
  identity: node === "db-a" ? A : B,
  uptimeSeconds: 86_400,
  readOnly: node === "db-b",
  superReadOnly: node === "db-b",
  offline: false,
  gtid: `${A}:1-100`,
  channels: [channel(node === "db-a" ? "db-b" : "db-a")],
  semiSync: { source: node === "db-a", replica: true, clients: node === "db-a" ? 1 : 0, waiting: 0 },
  replicas: [ADDRESS[node === "db-a" ? "db-b" : "db-a"]],
  heartbeat: { sequence: 500, writtenAt: NOW - 800 },
  ...parts,
});

/** Its switches only, for a server that is otherwise as it should be. */
export const closed = { readOnly: true, superReadOnly: true };
export const opened = { readOnly: false, superReadOnly: false };

export const proof = { provenAt: NOW - HOUR_MS };

export const record = (parts: Partial<PairRecord> = {}): PairRecord => ({
  writer: "db-a",
  since: NOW - 2 * HOUR_MS,
  peerEligible: true,
  ...proof,
  identities: { "db-a": A, "db-b": B },
  baseline: { "db-a": "", "db-b": "" },
  failovers: [],
  recordsFor: "db-a",
  prepared: true,
  ...parts,
});

/** A server that cannot be read, for so long and so many looks, on a machine in this state. */
export const unread = (
  cause: UnreadCause,
  forMs = 0,
  looks = 1,
  state: MachineState = "running",
): Partial<NodeFacts> => ({
  server: { unknown: `no answer: ${cause}`, cause },
  unread: { forMs, looks },
  machine: known({ instanceId: "i-1", state }),
});
/** For longer than any threshold. */
export const gone = (cause: UnreadCause = "silent"): Partial<NodeFacts> => unread(cause, 8_000, 20);

/** A server that has no heartbeat row. */
export function beatless(node: DatabaseNode): Partial<NodeFacts> {
  const { heartbeat: _, ...state } = server(node);
  return { server: { known: state } };
}

export interface Vary {
  readonly pair?: Partial<PairRecord>;
  /** In place of the whole record. */
  readonly record?: Fact<PairRecord>;
  /** What a server says differently. */
  readonly a?: Partial<ServerState>;
  readonly b?: Partial<ServerState>;
  /** What else is different of a node, e.g. that it cannot be read. */
  readonly nodeA?: Partial<NodeFacts>;
  readonly nodeB?: Partial<NodeFacts>;
  readonly stalledMs?: number;
}

/** The facts of a healthy pair, but for what is varied. */
export function factsOf(vary: Vary = {}): PairFacts {
  const node = (name: DatabaseNode, says: Partial<ServerState> = {}, parts: Partial<NodeFacts> = {}): NodeFacts => ({
    name,
    address: ADDRESS[name],
    inService: true,
    server: { known: server(name, says) },
    readAt: NOW,
    machine: absent,
    ...parts,
  });
  return {
    now: NOW,
    pair: vary.record ?? known(record(vary.pair)),
    nodes: { "db-a": node("db-a", vary.a, vary.nodeA), "db-b": node("db-b", vary.b, vary.nodeB) },
    ...(vary.stalledMs === undefined ? {} : { stalledMs: vary.stalledMs }),
  };
}

export const groupOf = (lifecycleState: string, suspended: readonly string[] = []): Group => ({
  min: 1,
  max: 1,
  desired: 1,
  suspended,
  targetGroups: [],
  hasWarmPool: false,
  instances: [{ id: "i-1", lifecycleState, healthy: true }],
});
const SUSPENDED = ["AZRebalance", "HealthCheck", "ReplaceUnhealthy"];

export const machineOf = (name: DatabaseNode, parts: Partial<MachineObservation> = {}): MachineObservation => ({
  name,
  groupName: `tandem-local-${name}`,
  group: known(groupOf("InService", SUSPENDED)),
  hooks: [],
  notices: absent,
  ...parts,
});

export const observed = (vary: Vary = {}, parts: Partial<DatabaseObservation> = {}): DatabaseObservation => ({
  machines: [machineOf("db-a"), machineOf("db-b")],
  facts: factsOf(vary),
  requests: [],
  hasRecords: true,
  ...parts,
});

export const wish = (what: Wish, id = "r1"): OperatorRequest => ({
  ...what,
  id,
  scope: "database",
  createdAt: NOW - 1_000,
  expiresAt: NOW + 60_000,
  state: "pending",
});
export const switchTo = (to: DatabaseNode): OperatorRequest => wish({ action: "switchover", args: { to } });
export const approve = (proposal: string): OperatorRequest => wish({ action: "approve", args: { proposal } });

export const plan = (vary: Vary = {}, ...requests: readonly OperatorRequest[]): Plan<DatabaseAction> =>
  planDatabase(observed(vary, { requests }));

/** The plan after an operator has approved the only thing that it proposes. */
export function approved(vary: Vary): Plan<DatabaseAction> {
  const [proposal] = plan(vary).proposals ?? [];
  if (proposal === undefined) throw new Error("nothing is proposed");
  return plan(vary, approve(proposal.id));
}

/** Actions in short: kind, node, and what makes it this one. */
export const kinds = ({ actions }: Plan<DatabaseAction>): string[] =>
  actions.map((action) => {
    const words: string[] = [action.kind];
    if ("node" in action) words.push(action.node);
    if (action.kind === "fence") words.push(action.way);
    if (action.kind === "semi-sync") words.push(action.role, action.on ? "on" : "off");
    if (action.kind === "mark-peer") words.push(action.eligible ? "eligible" : "not-eligible");
    if (action.kind === "start-replication") words.push(action.threads);
    if (action.kind === "answer-request") words.push(action.state);
    return words.join(" ");
  });

export const codes = ({ problems }: Plan<DatabaseAction>): string[] =>
  (problems ?? []).map(({ code, node }) => (node === undefined ? code : `${code} ${node}`));
