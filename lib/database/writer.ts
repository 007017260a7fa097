import { isKnown } from "../reconcile/fact.ts";
import type { Problem, Proposal } from "../reconcile/plan.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";
import type { Fence, OpenWriter, Promote, RecordPair } from "./action.ts";
import { lagDoubtOf } from "./lag.ts";
import {
  causeOf,
  channelTo,
  errantOf,
  gtidOf,
  isDead,
  isDrained,
  isEmptyServer,
  isMachineOff,
  isOpen,
  isRestartedSince,
  lackingOf,
  pairOf,
  rolesOf,
  serverOf,
  type NodeFacts,
  type PairFacts,
} from "./facts.ts";
import { countOf, isEmpty, renderGtid, subtract } from "./gtid.ts";
import { fingerprint } from "./fingerprint.ts";
import { listen } from "./listen.ts";
import { peerOf, type PairRecord } from "./pair.ts";
import type { Part } from "./part.ts";
import type { ServerState } from "./server.ts";

/** The first writer of a new farm. */
const FIRST_WRITER = "db-a";
/** An automatic failover after another one within this time is a person's decision: something else is wrong. */
const FAILOVER_PAUSE_MS = 10 * 60_000;
/** While it is not clear yet what is wrong with a server it is looked at four times a second. */
export const SUSPICIOUS_MS = 250;
/** What is not clear by then is looked at in the watch's own pace. */
const SUSPICIOUS_FOR_MS = 15_000;

const step = { precondition: "the writer on record and the servers are as they were read" };

/** Nobody but the recorded writer may be open: everyone else is fenced, whatever it takes. */
export function fenceOthers(facts: PairFacts): Part | undefined {
  const pair = pairOf(facts);
  const all = [facts.nodes["db-a"], facts.nodes["db-b"]];
  if ("unknown" in facts.pair) return undefined;
  const wrong =
    pair === undefined
      ? all.every(isOpen)
        ? all
        : []
      : all.filter((node) => node.name !== pair.writer && isOpen(node));
  // Of a peer whose writer serves it can wait until writers go on.
  const half = halfFenced(facts).filter(({ name }) => pair === undefined || name === pair.writer || !isServed(facts));
  const actions = [...wrong.map((node) => fenceOf(facts, node)), ...half.map((node) => endOf(facts, node))];
  return actions.length === 0 ? undefined : { actions, because: "there is one writer at most" };
}

/** A fence of the peer that was begun and not ended, while the writer serves. */
export function endFence(facts: PairFacts): Part | undefined {
  const actions = halfFenced(facts).map((node) => endOf(facts, node));
  return actions.length === 0 ? undefined : { actions, because: "a fence that was begun is ended" };
}

const isServed = (facts: PairFacts): boolean => {
  const roles = rolesOf(facts);
  return roles !== undefined && isOpen(roles.writer);
};

/** A fence that was begun and not ended leaves a server that lets only administrators in. */
const halfFenced = ({ nodes }: PairFacts): readonly NodeFacts[] =>
  [nodes["db-a"], nodes["db-b"]].filter((node) => causeOf(node) === "offline" || serverOf(node)?.offline === true);

const endOf = (facts: PairFacts, node: NodeFacts): Fence => ({
  ...fenceOf(facts, node),
  reason: `${node.name} lets only administrators in: end the fence that was begun`,
});

function fenceOf(facts: PairFacts, { name }: NodeFacts): Fence {
  const pair = pairOf(facts);
  return {
    ...step,
    kind: "fence",
    way: "sql",
    node: name,
    ...(pair === undefined ? {} : { writer: pair.writer }),
    reason: `${name} accepts writes and is not the recorded writer`,
    problem: pair === undefined ? "two-writers" : "wrong-writer",
    idempotencyKey: `fence ${name}`,
  };
}

/** A pair of which nothing is recorded: new, or adopted as it runs. Anything else is for a person. */
export function provision(facts: PairFacts): Part | undefined {
  if (!("absent" in facts.pair)) return undefined;
  const [a, b] = [facts.nodes["db-a"], facts.nodes["db-b"]];
  const [serverA, serverB] = [serverOf(a), serverOf(b)];
  // An answer that cannot be had is not an empty server: the farm's transactions may all be there.
  if (serverA === undefined || serverB === undefined)
    return { actions: [], because: "no writer is recorded, and not every server can be read yet" };
  const record = (node: NodeFacts, reason: string): Part => {
    const action: RecordPair = {
      ...step,
      kind: "record-pair",
      node: node.name,
      reason,
      problem: "pair-not-provisioned",
      idempotencyKey: `record ${node.name}`,
    };
    return { actions: [action], because: `${node.name} shall be the writer` };
  };
  if (!isOpen(a) && !isOpen(b) && isEmptyServer(serverA) && isEmptyServer(serverB))
    return record(facts.nodes[FIRST_WRITER], "a new farm: neither server holds a transaction");
  const open = [a, b].find(isOpen);
  const other = open && facts.nodes[peerOf(open.name)];
  const otherServer = other && serverOf(other);
  if (open === undefined || other === undefined || otherServer === undefined || isOpen(other)) return undefined;
  const server = serverOf(open);
  return server !== undefined && isEmpty(subtract(gtidOf(otherServer), gtidOf(server)))
    ? record(open, `it is open, and ${other.name} holds nothing that it does not hold`)
    : undefined;
}

/** The recorded writer answers and is closed: after a restart, or when somebody has closed it. */
export function reopen(facts: PairFacts): Part | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  const server = roles && serverOf(roles.writer);
  if (pair === undefined || roles === undefined || server === undefined || isOpen(roles.writer)) return undefined;
  const { writer, peer } = roles;
  const stranger = strangerOf(pair, writer, server, serverOf(peer) === undefined);
  if (stranger !== undefined)
    return {
      actions: [],
      because: `${writer.name} is not opened: ${stranger}`,
      problems: [{ code: "writer-incomplete", node: writer.name, detail: stranger }],
    };
  // It is closed: nothing can be in flight from it, and what the peer holds of it must be here.
  const lacking = lackingOf(facts) ?? new Map();
  if (!isEmpty(lacking))
    return {
      actions: [],
      because: `${writer.name} lacks ${countOf(lacking)} transactions that ${peer.name} holds: a person decides who writes`,
      problems: [
        {
          code: "writer-incomplete",
          page: true,
          node: writer.name,
          detail: `${peer.name} also holds ${renderGtid(lacking)}`,
        },
      ],
    };
  const action: OpenWriter = {
    ...step,
    kind: "open-writer",
    node: writer.name,
    writer: writer.name,
    waits: pair.peerEligible,
    reason: `${writer.name} is the recorded writer, and is read-only`,
    problem: "no-writer",
    idempotencyKey: `open ${writer.name}`,
  };
  return { actions: [action], because: `${writer.name} shall accept writes again` };
}

/** The recorded writer answers and must not be opened: a person may let its peer take over. `part` is what `reopen` says. */
export function orPeer(
  facts: PairFacts,
  part: Part | undefined,
  approvals: readonly OperatorRequest[],
): Part | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  if (part === undefined || part.actions.length > 0 || pair === undefined || roles === undefined) return part;
  const { writer, peer } = roles;
  const [server, peerServer] = [serverOf(writer), serverOf(peer)];
  if (server === undefined || peerServer === undefined || emptiness(pair, peer) !== undefined) return part;
  // What it received and will not apply is nowhere else perhaps: then nobody could say what is lost.
  if (channelTo(peer, writer)?.sql !== "Yes" && isDrained(peer, writer) !== true) return part;
  const proposal = promoteAnyway(facts, pair, peer, `it cannot be opened: ${part.because}`);
  const approval = approvalOf(proposal, approvals);
  if (approval === undefined) return { ...part, proposals: [proposal] };
  const only = renderGtid(subtract(gtidOf(server), gtidOf(peerServer)));
  const lost = only === "" ? "0" : `what only ${writer.name} holds: ${only}`;
  return promotion(writer, peer, { how: "approved", lost, requestId: approval.id });
}

const approvalOf = ({ id }: Proposal, approvals: readonly OperatorRequest[]): OperatorRequest | undefined =>
  approvals.find(({ action, args }) => action === "approve" && "proposal" in args && args.proposal === id);

/**
 * Why the server at the writer's address may not be the one that was recorded: a new volume, for example. While its peer
 * cannot be asked what it should hold, it is not opened then, for WordPress would install itself on it.
 */
function strangerOf(pair: PairRecord, writer: NodeFacts, server: ServerState, isAlone: boolean): string | undefined {
  const empty = emptiness(pair, writer);
  if (empty !== undefined) return empty;
  const recorded = pair.identities[pair.writer];
  return isAlone && server.identity !== recorded
    ? `${pair.writer} is ${server.identity} and was ${recorded}, and its peer cannot be asked what it should hold`
    : undefined;
}

/** A new volume, on which nothing was replicated yet: WordPress would install itself on it. */
function emptiness(pair: PairRecord, node: NodeFacts): string | undefined {
  const server = serverOf(node);
  return pair.prepared && server !== undefined && isEmptyServer(server) ? `${node.name} is empty` : undefined;
}

/** The writer is dead: its peer is promoted, if that loses nothing. */
export function failover(facts: PairFacts, approvals: readonly OperatorRequest[]): Part | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  if (pair === undefined || roles === undefined || serverOf(roles.writer) !== undefined) return undefined;
  const { writer, peer } = roles;
  if (!isDead(writer, peer)) return listen(facts) ?? suspicion(writer);
  const forbidden = forbiddance(pair, peer, writer);
  if (forbidden !== undefined) return refusal(peer, forbidden, []);
  const doubt = doubtOf(facts, pair, peer);
  if (doubt === undefined) return promotion(writer, peer, { how: "failover", lost: "0" });
  const proposal = promoteAnyway(facts, pair, peer, `it is dead, and ${doubt}`);
  const approval = approvalOf(proposal, approvals);
  if (approval === undefined) return refusal(peer, doubt, [proposal]);
  const lost = `not known until ${writer.name} is seen again: ${doubt}`;
  return promotion(writer, peer, { how: "approved", lost, requestId: approval.id });
}

function suspicion(writer: NodeFacts): Part | undefined {
  const { forMs = 0 } = writer.unread ?? {};
  const cause = causeOf(writer);
  if ((cause !== "refused" && cause !== "silent") || forMs > SUSPICIOUS_FOR_MS) return undefined;
  return { actions: [], because: `${writer.name} does not answer, and may only be slow`, lookAgainMs: SUSPICIOUS_MS };
}

/** What no approval can outweigh. */
function forbiddance(pair: PairRecord, peer: NodeFacts, writer: NodeFacts): string | undefined {
  if (serverOf(peer) === undefined) return `${peer.name} cannot be read either`;
  const empty = emptiness(pair, peer);
  if (empty !== undefined) return empty;
  if (!isMachineOff(writer) && !isKnown(writer.machine))
    return `${writer.name} cannot be fenced: ${"unknown" in writer.machine ? writer.machine.unknown : "its group has no instance"}`;
  return undefined;
}

/** What may cost acknowledged writes, or says that this failover helps nobody. */
function doubtOf(facts: PairFacts, pair: PairRecord, peer: NodeFacts): string | undefined {
  const [server, channel] = [serverOf(peer), channelTo(peer, facts.nodes[pair.writer])];
  if (server === undefined || channel === undefined) return `${peer.name} does not replicate from ${pair.writer}`;
  if (channel.sqlError !== undefined) return `${peer.name} cannot apply what it received: ${channel.sqlError.text}`;
  if (isRestartedSince(peer, pair.provenAt))
    return `${peer.name} was restarted, and may have dropped what it acknowledged and had not applied`;
  if (channel.sql !== "Yes") return `the applier of ${peer.name} is stopped`;
  if (pair.quarantined?.node === peer.name) return `${peer.name} is quarantined`;
  if (!pair.peerEligible) return `${peer.name} may lack acknowledged writes`;
  const errant = errantOf(facts);
  if (errant !== undefined && !isEmpty(errant)) return `${peer.name} holds errant transactions: ${renderGtid(errant)}`;
  const lag = lagDoubtOf(facts);
  if (lag !== undefined) return lag;
  const last = pair.failovers.at(-1);
  if (last !== undefined && facts.now - last < FAILOVER_PAUSE_MS)
    return `the last failover was less than ${FAILOVER_PAUSE_MS / 60_000} minutes ago`;
  return undefined;
}

function refusal(peer: NodeFacts, why: string, proposals: readonly Proposal[]): Part {
  const problem: Problem = { code: "failover-refused", node: peer.name, detail: why, page: true };
  return { actions: [], because: `${peer.name} is not promoted: ${why}`, problems: [problem], proposals };
}

function promoteAnyway(facts: PairFacts, pair: PairRecord, peer: NodeFacts, why: string): Proposal {
  const server = serverOf(peer);
  return {
    id: `promote-${peer.name}-${pair.since.toString(36)}-${fingerprint(why)}`,
    action: `promote ${peer.name}`,
    reason: `${pair.writer} is the writer; ${why}`,
    evidence: {
      why,
      gtid: server === undefined ? "" : server.gtid,
      received: channelTo(peer, facts.nodes[pair.writer])?.retrieved ?? "",
      writer: pair.writer,
    },
  };
}

function promotion(writer: NodeFacts, peer: NodeFacts, how: Pick<Promote, "how" | "lost" | "requestId">): Part {
  const common = { ...step, writer: writer.name, problem: "writer-dead" } as const;
  const isAnswering = serverOf(writer) !== undefined;
  const machine = !isAnswering && isKnown(writer.machine) ? { instanceId: writer.machine.known.instanceId } : {};
  const fence: Fence = {
    ...common,
    ...machine,
    kind: "fence",
    way: isAnswering ? "sql" : "machine",
    node: writer.name,
    reason: `${writer.name} must not accept a write any more before ${peer.name} does`,
    idempotencyKey: `fence ${writer.name} before ${peer.name} is promoted`,
  };
  const promote: Promote = {
    ...common,
    ...how,
    kind: "promote",
    node: peer.name,
    reason:
      how.how === "failover"
        ? `${writer.name} is dead, and ${peer.name} holds every acknowledged write`
        : `approved; acknowledged writes that may be lost: ${how.lost}`,
    idempotencyKey: `promote ${peer.name} after ${writer.name}`,
  };
  return {
    // A machine that EC2 shows as stopped is fenced already.
    actions: !isAnswering && isMachineOff(writer) ? [promote] : [fence, promote],
    because: `${peer.name} takes over from ${writer.name}`,
  };
}
