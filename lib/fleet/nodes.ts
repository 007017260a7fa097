import { DEAD_STATES, waitingTransition, type GroupInstance } from "../lifecycle/observation.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import { isUrgent, readNotices } from "../lifecycle/notice.ts";
import { scopeInstance } from "../scope.ts";
import { webGroups } from "../spec.ts";
import type { FleetDeps } from "./deps.ts";

/**
 * Of one pass; each look costs a few calls. Those that a pass leaves out come first in the next: a farm in which more than
 * this move at once must not look at the same ones each minute.
 */
export const NODES_PER_PASS_MAX = 1_000;
const MINUTE_MS = 60_000;
/** Nothing happens to a node in these states that its group, its machine, AWS or an operator does not tell of. */
const RESTING: ReadonlySet<string> = new Set(["InService", "Standby"]);

/** What tells which nodes need a look although nobody asked: of all classes together. */
export interface ObservedNodes {
  readonly instances: readonly GroupInstance[];
  readonly pool: readonly GroupInstance[];
  /** Ids of those instances whose machine EC2 shows as dead, or on its way there. */
  readonly dead: ReadonlySet<string>;
  /** Ids of the instances that AWS takes within minutes. */
  readonly taken: ReadonlySet<string>;
  /** Instance ids that an operator wants something of and that nobody has answered for yet. */
  readonly wanted: readonly string[];
}

/**
 * Instance ids of the web nodes that need a look although nobody asked. Events can be lost; the minute clock calls this.
 * @throws TandemError if the group, the machines or the notices cannot be read
 */
export async function nodesToLookAt(deps: FleetDeps): Promise<readonly string[]> {
  return nodesInNeed(await observeNodes(deps), Math.floor(deps.clock.now() / MINUTE_MS));
}

/**
 * Reads groups and pages, never a node: a healthy tier costs the same whatever its size. So it asks for the dead machines
 * and not for all; one that EC2 does not show at all is left to the group's own health check either way (`planNode`).
 */
export async function observeNodes(deps: FleetDeps): Promise<ObservedNodes> {
  const { spec, clock, table, requests } = deps;
  const now = clock.now();
  const [classes, notices, wishes] = await Promise.all([
    Promise.all((spec.hasSpecial ? webGroups(spec) : [spec.webGroup]).map((name) => observeClass(deps, name))),
    readNotices(table, now),
    requests.open(),
  ]);
  return {
    instances: classes.flatMap(({ instances }) => instances),
    pool: classes.flatMap(({ pool }) => pool),
    dead: new Set(classes.flatMap(({ dead }) => dead)),
    taken: new Set(notices.filter((notice) => isUrgent(notice, now)).map(({ instanceId }) => instanceId)),
    wanted: wishes.flatMap(({ state, scope }) => (state === "pending" ? (scopeInstance(scope) ?? []) : [])),
  };
}

async function observeClass(deps: FleetDeps, groupName: string) {
  const aws = lifecycleAws(deps);
  const [group, dead] = await Promise.all([aws.group(groupName), aws.machinesOfGroup(groupName, DEAD_STATES)]);
  const pool = group?.hasWarmPool === true ? await aws.warmPool(groupName) : [];
  return { instances: group?.instances ?? [], pool, dead: [...dead.keys()] };
}

/**
 * Those that are neither in service nor kept on standby, those that the group calls unhealthy, those whose machine is dead,
 * those that AWS takes within minutes, and those that an operator wants something of; of the warm pool, those that wait in a
 * hook. Pure.
 * @param turn which of the passes this is, e.g. the minute
 */
export function nodesInNeed({ instances, pool, dead, taken, wanted }: ObservedNodes, turn: number): readonly string[] {
  const moving = instances.filter(
    ({ id, lifecycleState, healthy }) => !RESTING.has(lifecycleState) || !healthy || dead.has(id) || taken.has(id),
  );
  const warming = pool.filter(({ lifecycleState }) => waitingTransition(lifecycleState) !== undefined);
  const all = [...new Set([...wanted, ...[...moving, ...warming].map(({ id }) => id)])];
  if (all.length <= NODES_PER_PASS_MAX) return all;
  const first = (turn * NODES_PER_PASS_MAX) % all.length;
  return [...all.slice(first), ...all.slice(0, first)].slice(0, NODES_PER_PASS_MAX);
}
