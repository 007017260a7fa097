import type { Proposal } from "../reconcile/plan.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";
import type {
  AcceptErrant,
  EndQuarantine,
  MarkPeer,
  Quarantine,
  Replicate,
  ServerAction,
  SetSemiSync,
  StartReplication,
} from "./action.ts";
import { lagSecondsOf } from "./lag.ts";
import {
  channelTo,
  errantOf,
  gtidOf,
  hears,
  isDead,
  isOpen,
  isReceiving,
  isRestartedSince,
  pairOf,
  rolesOf,
  serverOf,
  type NodeFacts,
  type PairFacts,
} from "./facts.ts";
import { fingerprint } from "./fingerprint.ts";
import { contains, countOf, isEmpty, renderGtid, type GtidSet } from "./gtid.ts";
import type { PairRecord } from "./pair.ts";
import { together, type Part } from "./part.ts";
import { isWritable, type ServerState } from "./server.ts";
import { startMachines } from "./start.ts";
import { isLost } from "./thread-error.ts";
import { SUSPICIOUS_MS } from "./writer.ts";

/** Writers wait this long for a peer that may only be slow; then the farm goes on without its acknowledgement. */
const STALLED_MS_MAX = 1_500;
/** After it was given up, waiting for the peer is begun again only when this time has shown that it stays. */
const RESTORE_PAUSE_MS = 10_000;
/** A receiver that was just restarted connects within milliseconds. */
const CONNECTING_MS_MAX = 500;
/** Waiting for a peer that is further behind would stall writers at once. */
const RESTORE_LAG_SECONDS_MAX = 2;

/** A pair whose writer is open, with what is known of its peer. */
interface OpenPair {
  readonly facts: PairFacts;
  readonly pair: PairRecord;
  readonly writer: NodeFacts;
  readonly peer: NodeFacts;
  readonly server: ServerState;
}

function openPairOf(facts: PairFacts): OpenPair | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  const server = roles && serverOf(roles.writer);
  if (pair === undefined || roles === undefined || server === undefined || !isWritable(server)) return undefined;
  return { facts, pair, ...roles, server };
}

/** Before all that is done on an open writer: its commits must not wait for a peer that does not acknowledge. */
export function goOn(facts: PairFacts): Part | undefined {
  const open = openPairOf(facts);
  return open && degrade(open);
}

/** What the pair needs while its writer serves and its writers go on: data must not get lost, then all else. */
export function keepPeer(facts: PairFacts, approvals: readonly OperatorRequest[]): Part | undefined {
  const open = openPairOf(facts);
  if (open === undefined) return undefined;
  const upkeep = startMachine(open) ?? connect(open) ?? restore(open) ?? acknowledgeNext(open) ?? suspicion(open);
  const parts = [separate(open, approvals), upkeep];
  return together(parts.filter((part) => part !== undefined));
}

const common = (open: OpenPair) => ({
  precondition: "the writer on record and the servers are as they were read",
  writer: open.writer.name,
});

const mark = (open: OpenPair, eligible: boolean, reason: string): MarkPeer => ({
  ...common(open),
  kind: "mark-peer",
  node: open.peer.name,
  eligible,
  reason,
  idempotencyKey: `peer ${open.peer.name} ${eligible ? "eligible" : "not eligible"}`,
});

const semiSync = (
  open: OpenPair,
  node: NodeFacts,
  role: "source" | "replica",
  on: boolean,
  reason: string,
): SetSemiSync => ({
  ...common(open),
  kind: "semi-sync",
  node: node.name,
  role,
  on,
  reason,
  idempotencyKey: `semi-sync ${node.name} ${role} ${on ? "on" : "off"}`,
});

/** Before the first write goes without acknowledgement, it is on record that the peer may lack some. */
function degrade(open: OpenPair): Part | undefined {
  const { facts, pair, server, writer, peer } = open;
  const { source } = server.semiSync;
  if (!source)
    return pair.peerEligible
      ? { actions: [mark(open, false, `${writer.name} does not wait for ${peer.name}`)], because: "semi-sync is off" }
      : undefined;
  if (pair.peerEligible && isRestartedSince(peer, pair.provenAt)) {
    const reason = `${peer.name} was restarted: it must be proven again that it holds everything`;
    return { actions: [mark(open, false, reason)], because: reason };
  }
  const isStalled = facts.stalledMs !== undefined && facts.stalledMs >= STALLED_MS_MAX;
  if (!isStalled && !isDead(peer, writer)) return undefined;
  const why = `${peer.name} does not acknowledge`;
  return {
    actions: [
      // Also where it is on record already: the pause before waiting is begun again counts from the last time.
      mark(open, false, `${why}: it may lack what is written from now on`),
      semiSync(open, writer, "source", false, `${why}, and writers wait`),
    ],
    because: `${writer.name} goes on without ${peer.name}`,
  };
}

/** Transactions that did not come from the writer. Where they do not spread by themselves they are kept from spreading. */
function separate(open: OpenPair, approvals: readonly OperatorRequest[]): Part | undefined {
  const { facts, pair, peer, writer } = open;
  // A quarantined server that was promoted by approval is what the other one is measured by from then on.
  if (pair.quarantined?.node === writer.name) return endQuarantine(open);
  const errant = errantOf(facts);
  if (errant === undefined) return undefined;
  if (isEmpty(errant)) return pair.quarantined?.node === peer.name ? endQuarantine(open) : undefined;
  const text = renderGtid(errant);
  const demote = pair.peerEligible ? [mark(open, false, `${peer.name} holds errant transactions`)] : [];
  if (isSpread(open, errant)) return spread(open, text, demote, approvals);
  const isKept = pair.quarantined?.node === peer.name && pair.quarantined.extra === text;
  const action: Quarantine = {
    ...common(open),
    kind: "quarantine",
    node: peer.name,
    extra: text,
    reason: `${peer.name} holds ${countOf(errant)} transactions that ${writer.name} does not have`,
    problem: "quarantined",
    idempotencyKey: `quarantine ${peer.name} ${text}`,
  };
  return {
    actions: [...demote, ...(isKept ? [] : [action])],
    because: `${peer.name} is kept apart: a person decides about its transactions`,
    proposals: [rebuildProposal(open, text)],
  };
}

/** They are on the writer too, or on their way there. */
function isSpread({ server, peer, writer }: OpenPair, errant: GtidSet): boolean {
  const channel = channelTo(writer, peer);
  return contains(gtidOf(server), errant) || (channel?.io === "Yes" && channel.sql === "Yes");
}

function spread(
  open: OpenPair,
  errant: string,
  demote: readonly MarkPeer[],
  approvals: readonly OperatorRequest[],
): Part {
  const proposal = acceptProposal(open, errant);
  const approval = approvals.find(({ args }) => "proposal" in args && args.proposal === proposal.id);
  const accept: AcceptErrant[] =
    approval === undefined
      ? []
      : [
          {
            ...common(open),
            kind: "accept-errant",
            node: open.peer.name,
            requestId: approval.id,
            reason: `approved: ${proposal.reason}`,
            idempotencyKey: `accept ${proposal.id}`,
          },
        ];
  return { actions: [...demote, ...accept], because: proposal.reason, proposals: [proposal] };
}

function endQuarantine(open: OpenPair): Part {
  const { peer, writer } = open;
  const node = open.pair.quarantined?.node ?? peer.name;
  const action: EndQuarantine = {
    ...common(open),
    kind: "end-quarantine",
    node,
    reason:
      node === writer.name
        ? `${node} is the writer now`
        : `${node} holds nothing any more that ${writer.name} does not have`,
    idempotencyKey: `end the quarantine of ${node}`,
  };
  return { actions: [action], because: action.reason };
}

function rebuildProposal({ pair, peer, writer }: OpenPair, extra: string): Proposal {
  return {
    id: `rebuild-${peer.name}-${pair.since.toString(36)}-${fingerprint(extra)}`,
    action: `rebuild ${peer.name} from ${writer.name}`,
    reason: `${peer.name} holds transactions that ${writer.name} does not have: rebuilding discards them`,
    evidence: { extra, writer: writer.name, howTo: "docs/OPERATIONS.md, quarantined" },
  };
}

function acceptProposal({ pair, peer, writer }: OpenPair, errant: string): Proposal {
  return {
    id: `accept-${peer.name}-${pair.since.toString(36)}-${fingerprint(errant)}`,
    action: `accept what ${peer.name} committed itself`,
    reason: `${peer.name} committed transactions although ${writer.name} is the writer; both servers hold them`,
    evidence: { errant, writer: writer.name },
  };
}

/** The machine of a peer that a fence has stopped is wanted again, now that the writer serves. */
function startMachine({ facts, peer }: OpenPair): Part | undefined {
  const actions = startMachines(facts, [peer]);
  return actions.length === 0 ? undefined : { actions, because: `${peer.name} shall come back` };
}

/**
 * Both directions receive and apply. A thread that failed is not restarted, and an applier that was stopped alone neither;
 * a receiver that gave up trying to connect is, because both servers answer now.
 */
function connect(open: OpenPair): Part | undefined {
  const { peer, writer } = open;
  const errant = errantOf(open.facts);
  if (errant === undefined || open.pair.quarantined?.node === peer.name) return undefined;
  if (!isEmpty(errant) && !isSpread(open, errant)) return undefined;
  const actions = [...connection(open, peer, writer), ...connection(open, writer, peer)];
  return actions.length === 0 ? undefined : { actions, because: "the servers shall replicate from each other" };
}

function connection(open: OpenPair, receiver: NodeFacts, source: NodeFacts): ServerAction[] {
  const channel = channelTo(receiver, source);
  const words = { ...common(open), node: receiver.name };
  if (channel === undefined) {
    const action: Replicate = {
      ...words,
      kind: "replicate",
      reason: `${receiver.name} does not receive from ${source.name}`,
      problem: "replication-not-configured",
      idempotencyKey: `replicate ${receiver.name} from ${source.name}`,
    };
    return [action];
  }
  if (channel.io !== "No" || channel.sqlError !== undefined) return [];
  if (channel.ioError !== undefined && !isLost(channel.ioError)) return [];
  const action: StartReplication = {
    ...words,
    kind: "start-replication",
    // Both are stopped after a restart of the server; the applier alone is stopped by a person only.
    threads: channel.sql === "No" ? "both" : "receiver",
    reason: `${receiver.name} has stopped receiving from ${source.name}`,
    problem: "receiver-stopped",
    idempotencyKey: `start ${receiver.name} from ${source.name}`,
  };
  return [action];
}

/** Writers wait for the peer again, and then it is proven that it holds everything. */
function restore(open: OpenPair): Part | undefined {
  const { facts, pair, peer, writer, server } = open;
  const peerServer = serverOf(peer);
  const channel = channelTo(peer, writer);
  if (pair.peerEligible || peerServer === undefined || channel === undefined || isOpen(peer)) return undefined;
  if (pair.quarantined?.node === peer.name || !isReceiving(channel) || channel.sql !== "Yes") return undefined;
  const errant = errantOf(facts);
  if (hears(peer, writer) !== true || errant === undefined || !isEmpty(errant)) return undefined;
  const toDo = (action: ServerAction, because: string): Part => ({
    actions: [action],
    because,
    lookAgainMs: SUSPICIOUS_MS,
  });
  if (!peerServer.semiSync.replica)
    return toDo(semiSync(open, peer, "replica", true, `${peer.name} shall acknowledge`), "the peer shall acknowledge");
  const isTooSoon = pair.degradedAt !== undefined && facts.now - pair.degradedAt < RESTORE_PAUSE_MS;
  const lag = lagSecondsOf(facts);
  if (!server.semiSync.source) {
    if (isTooSoon || lag === undefined || lag > RESTORE_LAG_SECONDS_MAX) return undefined;
    const reason = `${peer.name} has caught up`;
    return toDo(semiSync(open, writer, "source", true, reason), `${writer.name} shall wait for ${peer.name} again`);
  }
  if (server.semiSync.clients === 0) {
    // It may only be connecting yet, and a restart would set it back.
    if ((facts.stalledMs ?? 0) < CONNECTING_MS_MAX) return undefined;
    const reason = `${peer.name} receives and does not acknowledge: its receiver is restarted`;
    return toDo(semiSync(open, peer, "replica", true, reason), "the peer shall acknowledge");
  }
  return toDo(mark(open, true, `${peer.name} acknowledges, and holds what was written before`), "the peer is whole");
}

/**
 * The writer acknowledges from the moment at which its peer takes over. A receiver takes that up only when it connects, and
 * to restart it in the middle of a switchover is what writers would wait for longest.
 */
function acknowledgeNext(open: OpenPair): Part | undefined {
  const { pair, peer, writer, server } = open;
  const channel = channelTo(writer, peer);
  if (!pair.peerEligible || server.semiSync.replica || channel === undefined) return undefined;
  if (!isReceiving(channel) || channel.sql !== "Yes") return undefined;
  const reason = `${writer.name} shall acknowledge as soon as ${peer.name} is the writer`;
  return { actions: [semiSync(open, writer, "replica", true, reason)], because: reason };
}

/** A peer that has just stopped answering is looked at closely, for writers may be waiting for it. */
function suspicion({ facts, server, peer }: OpenPair): Part | undefined {
  const isNew = peer.unread !== undefined && peer.unread.forMs < 10_000;
  if (facts.stalledMs === undefined && !(isNew && server.semiSync.source)) return undefined;
  return { actions: [], because: `it is not clear whether ${peer.name} acknowledges`, lookAgainMs: SUSPICIOUS_MS };
}
