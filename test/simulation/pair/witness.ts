import {
  contains,
  countOf,
  isEmpty,
  readGtid,
  renderGtid,
  subtract,
  union,
  type GtidSet,
} from "../../../lib/database/gtid.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { openAnswers } from "./answers.ts";
import type { Output, PairEvent, Step } from "./event.ts";
import { NO_GTIDS } from "./gtids.ts";
import { itemAt } from "./log.ts";
import { acceptsWrites, bothNodes, isLinked, peerOf, type PairState, type Server } from "./state.ts";

/** When a server would have accepted a write of an application; `to` is absent while it still does. */
export interface Interval {
  readonly node: DatabaseNode;
  readonly from: number;
  readonly to?: number;
}

/** What the controller has written down of the pair, as far as it is held to it. */
export interface Recorded {
  readonly writer: DatabaseNode;
  readonly since: number;
  readonly peerEligible: boolean;
  readonly lastChange?: Change | undefined;
}

interface Change {
  readonly to: DatabaseNode;
  readonly at: number;
  readonly how: "failover" | "switchover" | "approved";
  readonly lost: string;
}

/** A statement of the controller, or of the fence on a machine, that changed a server. */
export interface ServerDeed {
  readonly at: number;
  readonly node: DatabaseNode;
  readonly kind: PairEvent["kind"];
  readonly on?: boolean;
}

/**
 * What must never be, seen from outside of the controller. It is promised of a write that an application was told is done
 * that the writer has it from then on, whoever is the writer; unless a person approved a change of the writer that said it
 * might be lost, or by hand threw away the disk that it was on.
 *
 * Of a write that a server took which a person had opened behind the controller's back, less is promised: the controller
 * could not see to it that the peer has it. It stays on the disk of the server that took it, and where the writer does not
 * get it by replication a person is asked (`wrongNow`). As soon as the controller stands in for such a server, because it is
 * the writer on record and either waits for its peer or is on record as going on without it, its writes are like any other.
 */
export interface PairWitness {
  /** Broken rules, in words, as they were broken. */
  readonly broken: readonly string[];
  /** Ids of writes whose client was told that they are done, in that order. */
  readonly acknowledged: readonly string[];
  readonly deeds: readonly ServerDeed[];
  intervals(): readonly Interval[];
  saw(before: PairState, event: PairEvent, step: Step): void;
  /** The controller has written down what it decided. */
  recorded(pair: Recorded): void;
  /** A person approves this proposal. */
  approved(proposal: string): void;
  /** The controller stops this server from outside, or its machine: it must have been dead for it, by all that can be seen. */
  fencedFromOutside(state: PairState, node: DatabaseNode): void;
  /**
   * What is wrong with the pair as it stands, after the faults: acknowledged writes that the writer lacks, and
   * transactions that one server alone holds. `isKnown`: a person was asked about this server's own transactions.
   */
  wrongNow(state: PairState, isKnown: (node: DatabaseNode) => boolean): readonly string[];
}

/** What a person opened and the controller has on record as the writer is its own after this time: it was looked at since. */
const HAND_MS = 60_000;
/** lib/database/writer.ts: between two automatic failovers. */
const FAILOVER_PAUSE_MS = 10 * 60_000;

/** `isSingle`: whether at most one server may be open now (mode single-writer). */
export function openPairWitness(isSingle: () => boolean = () => true): PairWitness {
  const broken: string[] = [];
  const acknowledged: string[] = [];
  const intervals: Interval[] = [];
  const deeds: ServerDeed[] = [];
  const answers = openAnswers();
  const gtidOf = openLookup();
  const approvals = new Set<string>();
  /** Since when a server is open that a person opened. */
  const opened = new Map<DatabaseNode, number>();
  /** Everything that was acknowledged and not given up by a person. */
  let promised: GtidSet = NO_GTIDS;
  let record: Recorded | undefined;
  /** A change of the writer that was approved, until the new writer is opened. */
  let change: Change | undefined;
  let failoverAt = -Infinity;

  const isByHand = (node: DatabaseNode, at: number): boolean => {
    const since = opened.get(node);
    return since !== undefined && (record?.writer !== node || at - since <= HAND_MS);
  };
  const isBehindItsBack = (server: Server, at: number): boolean =>
    isByHand(server.node, at) && !(record?.writer === server.node && (server.semiSync.source || !record.peerEligible));

  const hear = (state: PairState, output: Output): void => {
    if (output.kind !== "acknowledged" || output.write.client !== "app" || output.write.content.kind !== "row") return;
    acknowledged.push(output.write.id);
    const server = state.servers[output.node];
    const gtid = gtidOf(server, output.write.content.id);
    if (isEmpty(gtid)) broken.push(`${timeOf(state)}: ${output.write.id} was acknowledged and is in no binlog`);
    if (!isBehindItsBack(server, state.at)) promised = union(promised, gtid);
  };

  const open = (state: PairState, node: DatabaseNode): void => {
    if (record !== undefined && record.writer !== node)
      broken.push(`${timeOf(state)}: ${node} was opened, and ${record.writer} is the writer on record`);
    const lacking = subtract(promised, state.servers[node].executed);
    const approved = change?.to === node ? change : undefined;
    if (approved !== undefined) {
      // What a person gave up by approving. The bound that he was told must hold.
      if (!isWithin(lacking, approved.lost))
        broken.push(`${timeOf(state)}: ${renderGtid(lacking)} is lost, and reported was: ${approved.lost}`);
      promised = subtract(promised, lacking);
      change = undefined;
    } else if (!isEmpty(lacking))
      broken.push(
        `${timeOf(state)}: ${node} was opened without ${countOf(lacking)} acknowledged writes: ${renderGtid(lacking)}`,
      );
  };

  const watchOpen = (before: PairState, event: PairEvent, after: PairState): void => {
    for (const node of bothNodes) {
      const [server, own] = [after.servers[node], "node" in event && event.node === node];
      const isOpened = before.servers[node].readOnly && !server.readOnly;
      if (server.readOnly) opened.delete(node);
      else if (isOpened && own && event.byHand === true) opened.set(node, after.at);
      const [was, is] = [isReachable(before, node), isReachable(after, node)];
      const last = was && !is ? intervals.findLastIndex((interval) => interval.node === node) : -1;
      const interval = intervals[last];
      if (interval !== undefined) intervals[last] = { ...interval, to: after.at };
      if (!was && is) intervals.push({ node, from: after.at });
      if (isOpened && acceptsWrites(server) && !opened.has(node)) open(after, node);
    }
    const both = (state: PairState): boolean => bothNodes.every((node) => isReachable(state, node));
    const isExcused = bothNodes.some((node) => isByHand(node, after.at));
    if (isSingle() && !isExcused && both(after) && !both(before))
      broken.push(`${timeOf(after)}: both servers accept writes`);
  };

  const watchDisks = (before: PairState, event: PairEvent, after: PairState): void => {
    for (const node of bothNodes) {
      const [was, is] = [before.servers[node].held, after.servers[node].held];
      if (was === is || contains(is, was)) continue;
      const discarded = subtract(was, after.servers[peerOf(node)].held);
      if (event.byHand === true) promised = subtract(promised, discarded);
      else if (!isEmpty(discarded))
        broken.push(`${timeOf(after)}: the disk of ${node} went with ${renderGtid(discarded)}, which nobody else has`);
    }
  };

  return {
    broken,
    acknowledged,
    deeds,
    intervals: () => intervals,
    saw(before, event, { state, out }) {
      for (const output of out) hear(state, output);
      if (state.servers === before.servers && state.cuts === before.cuts) return;
      if (event.byHand !== true && isDeed(event))
        deeds.push({ at: event.at, node: event.node, kind: event.kind, ...("on" in event ? { on: event.on } : {}) });
      watchOpen(before, event, state);
      watchDisks(before, event, state);
      answers.saw(before, state);
    },
    approved: (proposal) => void approvals.add(proposal),
    recorded(pair) {
      const [before, last] = [record, pair.lastChange];
      record = pair;
      if (before === undefined || before.since === pair.since) return;
      if (last?.at !== pair.since) {
        broken.push(
          `${new Date(pair.since).toISOString()}: the pair was recorded anew, and ${before.writer} was its writer`,
        );
        return;
      }
      change = last.how === "approved" ? last : undefined;
      const words = `${new Date(last.at).toISOString()}: ${last.to} became the writer`;
      if (last.how === "approved" && ![...approvals].some((id) => id.startsWith(`promote-${last.to}-`)))
        broken.push(`${words} as approved, and nobody has approved it`);
      if (last.how !== "approved" && last.lost !== "0")
        broken.push(`${words} by ${last.how}, which may cost ${last.lost}`);
      if (last.how !== "failover") return;
      if (last.at - failoverAt < FAILOVER_PAUSE_MS)
        broken.push(`${words} by a failover ${Math.round((last.at - failoverAt) / 1_000)} s after another one`);
      failoverAt = last.at;
    },
    fencedFromOutside(state, node) {
      if (!answers.wasDead(state, node))
        broken.push(`${timeOf(state)}: ${node} was fenced from outside, and it was not proven dead`);
    },
    wrongNow: (state, isKnown) => [...lacks(state, promised), ...unshared(state, isKnown)],
  };
}

/** Some application that asks it could write. */
export const isReachable = (state: PairState, node: DatabaseNode): boolean =>
  acceptsWrites(state.servers[node]) && isLinked(state, "app", node);

const timeOf = ({ at }: PairState): string => new Date(at).toISOString();

/** By the words of `lost` in the record: none, a set, or that it is not known. */
function isWithin(lacking: GtidSet, lost: string): boolean {
  if (lost.startsWith("not known")) return true;
  const set = /^what only db-[ab] holds: (.+)$/.exec(lost)?.[1];
  return contains(set === undefined ? NO_GTIDS : readGtid(set), lacking);
}

type DeedEvent = Extract<PairEvent, { kind: "read-only" | "offline" | "semi-sync" | "replicate" | "threads" }>;

const isDeed = (event: PairEvent): event is DeedEvent =>
  ["read-only", "offline", "semi-sync", "replicate", "threads"].includes(event.kind);

/** The GTID of a row, by its id, in a server's binlog. */
function openLookup(): (server: Server, id: string) => GtidSet {
  const lookups = new Map<DatabaseNode, { size: number; identity: string; readonly ids: Map<string, GtidSet> }>();
  return (server, id) => {
    let known = lookups.get(server.node);
    // A new disk is read from its beginning.
    if (known === undefined || known.identity !== server.identity)
      known = { size: 0, identity: server.identity, ids: new Map() };
    lookups.set(server.node, known);
    for (; known.size < server.log.size; known.size++) {
      const entry = itemAt(server.log, known.size);
      if (entry?.content.kind === "row")
        known.ids.set(entry.content.id, new Map([[entry.source, [[entry.number, entry.number]]]]));
    }
    return known.ids.get(id) ?? NO_GTIDS;
  };
}

function lacks(state: PairState, promised: GtidSet): string[] {
  const writers = bothNodes.filter((node) => acceptsWrites(state.servers[node]));
  if (writers.length === 0) return ["no server accepts writes"];
  return [
    ...(writers.length > 1 ? ["both servers accept writes at the end"] : []),
    ...writers.flatMap((node) => {
      const lacking = subtract(promised, state.servers[node].executed);
      return isEmpty(lacking)
        ? []
        : [`the writer ${node} lacks ${countOf(lacking)} acknowledged writes: ${renderGtid(lacking)}`];
    }),
  ];
}

const unshared = (state: PairState, isKnown: (node: DatabaseNode) => boolean): string[] =>
  bothNodes.flatMap((node) => {
    const [server, peer] = [state.servers[node], state.servers[peerOf(node)]];
    if (contains(peer.held, server.held) || isKnown(node)) return [];
    return [`${node} alone holds ${renderGtid(subtract(server.held, peer.held))}, and nobody was asked`];
  });
