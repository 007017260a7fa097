import { DEAD_STATES, waitingTransition, type Group, type GroupInstance } from "../lifecycle/observation.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import { isUrgent, readNotices } from "../lifecycle/notice.ts";
import { scopeInstance } from "../scope.ts";
import type { FleetDeps } from "./deps.ts";

/**
 * Of one pass; each look costs a few calls. Those that a pass leaves out come first in the next: a farm in which more than
 * this move at once must not look at the same ones each minute.
 */
export const NODES_PER_PASS_MAX = 1_000;
const MINUTE_MS = 60_000;

/** What tells which nodes need a look although nobody asked. */
export interface ObservedNodes {
  readonly group: Group;
  readonly pool: readonly GroupInstance[];
  /** Instance ids of the group whose machine EC2 shows as dead, or on its way there. */
  readonly dead: ReadonlySet<string>;
  /** Instance ids of the group that AWS takes within minutes. */
  readonly taken: ReadonlySet<string>;
  /** Instance ids that an operator wants something of and that nobody has answered for yet. */
  readonly wanted: readonly string[];
}

/**
 * Instance ids of the web nodes that need a look although nobody asked. Events can be lost; the minute clock calls this.
 * @throws TandemError if the group, the machines or the notices cannot be read
 */
export async function nodesToLookAt(deps: FleetDeps): Promise<readonly string[]> {
  const observed = await observeNodes(deps);
  return observed === undefined ? [] : nodesInNeed(observed, Math.floor(deps.clock.now() / MINUTE_MS));
}

/**
 * Reads groups and pages, never a node: a healthy tier costs the same whatever its size. So it asks for the dead machines
 * and not for all; one that EC2 does not show at all is left to the group's own health check either way (`planNode`).
 * Undefined: no such group.
 */
export async function observeNodes(deps: FleetDeps): Promise<ObservedNodes | undefined> {
  const { webGroup } = deps.spec;
  const aws = lifecycleAws(deps);
  const now = deps.clock.now();
  const [group, dead, notices, requests] = await Promise.all([
    aws.group(webGroup),
    aws.machinesOfGroup(webGroup, DEAD_STATES),
    readNotices(deps.table, now),
    deps.requests.open(),
  ]);
  if (group === undefined) return undefined;
  const pool = group.hasWarmPool ? await aws.warmPool(webGroup) : [];
  const wanted = requests.flatMap(({ state, scope }) => (state === "pending" ? (scopeInstance(scope) ?? []) : []));
  const taken = new Set(notices.filter((notice) => isUrgent(notice, now)).map(({ instanceId }) => instanceId));
  return { group, pool, dead: new Set(dead.keys()), taken, wanted };
}

/**
 * Those that are not in service, those that the group calls unhealthy, those whose machine is dead, those that AWS takes
 * within minutes, and those that an operator wants something of; of the warm pool, those that wait in a hook. Pure.
 * @param turn which of the passes this is, e.g. the minute
 */
export function nodesInNeed({ group, pool, dead, taken, wanted }: ObservedNodes, turn: number): readonly string[] {
  const moving = group.instances.filter(
    ({ id, lifecycleState, healthy }) => lifecycleState !== "InService" || !healthy || dead.has(id) || taken.has(id),
  );
  const warming = pool.filter(({ lifecycleState }) => waitingTransition(lifecycleState) !== undefined);
  const all = [...new Set([...wanted, ...[...moving, ...warming].map(({ id }) => id)])];
  if (all.length <= NODES_PER_PASS_MAX) return all;
  const first = (turn * NODES_PER_PASS_MAX) % all.length;
  return [...all.slice(first), ...all.slice(0, first)].slice(0, NODES_PER_PASS_MAX);
}
