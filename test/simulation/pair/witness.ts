import { contains, countOf, isEmpty, renderGtid, subtract, union, type GtidSet } from "../../../lib/database/gtid.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import type { PairEvent, Step } from "./event.ts";
import { NO_GTIDS } from "./gtids.ts";
import { itemAt } from "./log.ts";
import { acceptsWrites, bothNodes, isLinked, peerOf, type PairState, type Server } from "./state.ts";

/** When a server would have accepted a write of an application; `to` is absent while it still does. */
export interface Interval {
  readonly node: DatabaseNode;
  readonly from: number;
  readonly to?: number;
}

/** What must never be, seen from outside of the controller. */
export interface PairWitness {
  /** Broken rules, in words, as they were broken. */
  readonly broken: readonly string[];
  /** Ids of writes whose client was told that they are done, in that order. */
  readonly acknowledged: readonly string[];
  intervals(): readonly Interval[];
  saw(before: PairState, event: PairEvent, step: Step): void;
  /**
   * What is wrong with the pair as it stands, after the faults: acknowledged writes that the writer lacks, and
   * transactions that one server alone holds. `isKnown`: a person was asked about this server's own transactions.
   */
  wrongNow(state: PairState, isKnown: (node: DatabaseNode) => boolean): readonly string[];
}

/** `isSingle`: whether at most one server may be open now (mode single-writer). */
export function openPairWitness(isSingle: () => boolean = () => true): PairWitness {
  const broken: string[] = [];
  const acknowledged: string[] = [];
  const intervals: Interval[] = [];
  /** Everything that was acknowledged, by its GTID; and by place in whose binlog it is looked up. */
  let promised: GtidSet = NO_GTIDS;
  let gone: GtidSet = NO_GTIDS;
  const lookups = new Map<DatabaseNode, { size: number; readonly ids: Map<string, GtidSet> }>();

  const gtidOf = (server: Server, id: string): GtidSet => {
    let known = lookups.get(server.node);
    // A new disk is read from its beginning.
    if (known === undefined || known.size > server.log.size) known = { size: 0, ids: new Map() };
    lookups.set(server.node, known);
    for (; known.size < server.log.size; known.size++) {
      const entry = itemAt(server.log, known.size);
      if (entry?.content.kind === "row")
        known.ids.set(entry.content.id, new Map([[entry.source, [[entry.number, entry.number]]]]));
    }
    return known.ids.get(id) ?? NO_GTIDS;
  };

  const opened = (state: PairState, node: DatabaseNode): void => {
    const lacking = subtract(promised, state.servers[node].executed);
    if (!isEmpty(lacking))
      broken.push(
        `${timeOf(state)}: ${node} was opened without ${countOf(lacking)} acknowledged writes: ${renderGtid(lacking)}`,
      );
  };

  const watchOpen = (before: PairState, after: PairState): void => {
    for (const node of bothNodes) {
      const [was, is] = [isReachable(before, node), isReachable(after, node)];
      const last = intervals.findLastIndex((interval) => interval.node === node);
      const interval = intervals[last];
      if (was && !is && interval !== undefined) intervals[last] = { ...interval, to: after.at };
      if (!was && is) intervals.push({ node, from: after.at });
      if (!acceptsWrites(before.servers[node]) && acceptsWrites(after.servers[node]) && before.servers[node].readOnly)
        opened(after, node);
    }
    const both = (state: PairState): boolean => bothNodes.every((node) => isReachable(state, node));
    if (isSingle() && both(after) && !both(before)) broken.push(`${timeOf(after)}: both servers accept writes`);
  };

  return {
    broken,
    acknowledged,
    intervals: () => intervals,
    saw(before, event, { state, out }) {
      for (const output of out) {
        if (output.kind !== "acknowledged" || output.write.client !== "app" || output.write.content.kind !== "row")
          continue;
        acknowledged.push(output.write.id);
        const gtid = gtidOf(state.servers[output.node], output.write.content.id);
        if (isEmpty(gtid)) broken.push(`${timeOf(state)}: ${output.write.id} was acknowledged and is in no binlog`);
        promised = union(promised, gtid);
      }
      watchOpen(before, state);
      if (event.kind !== "install") return;
      const [disk, other] = [before.servers[event.node], state.servers[peerOf(event.node)]];
      const discarded = subtract(disk.held, other.held);
      gone = union(gone, discarded);
      if (!isEmpty(discarded))
        broken.push(
          `${timeOf(state)}: the disk of ${event.node} went with ${renderGtid(discarded)}, which nobody else has`,
        );
    },
    wrongNow: (state, isKnown) => [...lacks(state, promised), ...unshared(state, isKnown)],
  };
}

/** Some application that asks it could write. */
export const isReachable = (state: PairState, node: DatabaseNode): boolean =>
  acceptsWrites(state.servers[node]) && isLinked(state, "app", node);

const timeOf = ({ at }: PairState): string => new Date(at).toISOString();

function lacks(state: PairState, promised: GtidSet): string[] {
  const writers = bothNodes.filter((node) => acceptsWrites(state.servers[node]));
  if (writers.length === 0) return ["no server accepts writes"];
  return writers.flatMap((node) => {
    const lacking = subtract(promised, state.servers[node].executed);
    return isEmpty(lacking)
      ? []
      : [`the writer ${node} lacks ${countOf(lacking)} acknowledged writes: ${renderGtid(lacking)}`];
  });
}

const unshared = (state: PairState, isKnown: (node: DatabaseNode) => boolean): string[] =>
  bothNodes.flatMap((node) => {
    const [server, peer] = [state.servers[node], state.servers[peerOf(node)]];
    if (contains(peer.held, server.held) || isKnown(node)) return [];
    return [`${node} alone holds ${renderGtid(subtract(server.held, peer.held))}, and nobody was asked`];
  });
