import { isoTime } from "./clock.ts";
import { observeCache, type CacheDeps, type ObservedCacheNode } from "./cache/observe.ts";
import { readLastRun } from "./cron/record.ts";
import type { DatabaseDeps } from "./database/observe.ts";
import { databaseStatus, type DatabaseStatus } from "./database/status.ts";
import type { Distribution, EdgeRecord } from "./edge/aws.ts";
import { observeEdge, type EdgeDeps } from "./edge/observe.ts";
import { TandemError } from "./errors.ts";
import { isUnknown, readable, type Known } from "./known.ts";
import { observeMounts, type MountFact } from "./files/observe.ts";
import { fleetAws, type Alarm } from "./fleet/aws.ts";
import type { FleetDeps } from "./fleet/deps.ts";
import { refreshAws } from "./fleet/refresh/aws.ts";
import type { InstanceRefresh } from "./fleet/refresh/plan.ts";
import type { TargetState } from "./fleet/node/plan.ts";
import { lifecycleAws } from "./lifecycle/aws.ts";
import { isLeaving, isStandby, isWarm, type Group, type Machine } from "./lifecycle/observation.ts";
import { isKnown, type Fact } from "./reconcile/fact.ts";
import type { Freezes } from "./reconcile/freeze.ts";
import type { Proposal } from "./reconcile/plan.ts";
import type { Problems } from "./reconcile/problems.ts";
import type { Proposals } from "./reconcile/proposals.ts";
import type { OperatorRequest } from "./reconcile/requests.ts";

export interface WebNodeStatus {
  readonly id: string;
  /** Auto Scaling's lifecycle state. `Warmed:*`: in the warm pool, `Standby`: kept by an operator; none of the nodes wanted. */
  readonly state: string;
  readonly address: Known<string>;
  /** First process of the machine; the local farm only. */
  readonly pid?: number;
  /** The balancer's word. `unused`: not registered with it. */
  readonly health: Known<TargetState>;
  /** The node's own word, of the last minute: its share is mounted and can be read. */
  readonly mounted: Known<boolean>;
}

/** An instance refresh as Auto Scaling tells it. */
export interface RefreshStatus {
  readonly id: string;
  readonly state: InstanceRefresh["status"];
  /** Version of the launch template; absent for a refresh that was begun by hand without one. */
  readonly version?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly percent: number;
  /** Nodes that are still to be replaced. */
  readonly toReplace: number;
  /** What it waits for, or why it was rolled back or has failed. */
  readonly reason?: string;
}

export interface WebTierStatus {
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  readonly nodes: readonly WebNodeStatus[];
  /** The newest roll-out of the last six weeks; null: there was none. */
  readonly refresh: Known<RefreshStatus | null>;
}

export interface CacheNodeStatus {
  readonly id: string;
  /** ElastiCache's word. */
  readonly state: string;
  readonly address: string;
  readonly port: number;
  /** Of the Memcached server; the local farm only. */
  readonly pid?: number;
  readonly items: Known<number>;
  /** Share of the reads since the server's start that found their item, from 0 to 1. */
  readonly hitRatio: Known<number>;
}

export interface EdgeStatus {
  /** Null: the farm was deployed without one. */
  readonly distribution: Known<Distribution | null>;
  /** Of the public and the private zone, their own NS and SOA left out. */
  readonly records: Known<readonly EdgeRecord[]>;
  /** How many paths are being invalidated and are not yet done. */
  readonly pendingPaths: Known<number>;
  /** Newest first; `createdAt` is ISO-8601 UTC. */
  readonly invalidations: Known<readonly InvalidationStatus[]>;
}

export interface InvalidationStatus {
  readonly id: string;
  readonly createdAt: string;
  readonly state: "InProgress" | "Completed";
}

/** What `tandem status --json` prints; every time is ISO-8601 UTC. */
export interface FarmStatus {
  readonly farm: string;
  readonly world: "aws" | "local";
  readonly at: string;
  /** False, or every freeze in force. */
  readonly frozen: Known<false | readonly { readonly scope: string; readonly until: string }[]>;
  readonly web: Known<WebTierStatus>;
  /** The second class of web nodes, which serves the administration. Null: the farm was deployed without. */
  readonly special: Known<WebTierStatus> | null;
  readonly database: DatabaseStatus;
  /** WordPress's scheduled events. */
  readonly cron: Known<{
    /** Null: this farm never ran any. */
    readonly last: { readonly at: string; readonly node: string } | null;
    readonly problems: readonly { readonly code: string; readonly since: string; readonly detail: string }[];
  }>;
  readonly cache: Known<{ readonly nodes: readonly CacheNodeStatus[] }>;
  readonly files: Known<{
    /** Server and path that the nodes mount. */
    readonly server: string;
    /** Web nodes that have proven their mount in the last minute, of all that are not leaving. */
    readonly mounted: Known<number>;
    readonly of: number;
  }>;
  readonly edge: EdgeStatus;
  readonly alarms: Known<readonly Alarm[]>;
  /** What could lose data and waits for `tandem approve <id>`. */
  readonly proposals: Known<readonly Proposal[]>;
  readonly requests: Known<readonly RequestStatus[]>;
}

export type RequestStatus = Pick<OperatorRequest, "id" | "scope" | "action" | "args" | "state" | "answer"> & {
  readonly createdAt: string;
  readonly expiresAt: string;
};

export type StatusDeps = FleetDeps &
  DatabaseDeps &
  CacheDeps &
  EdgeDeps & { readonly freezes: Freezes; readonly problems: Problems; readonly proposals: Proposals };

/** The farm as it is now. What cannot be read is `{unknown}` and fails nothing else; only a broken invariant throws. */
export async function farmStatus(deps: StatusDeps): Promise<FarmStatus> {
  const { spec, clock } = deps;
  const [frozen, web, special, database, cron, cache, edge, alarms, proposals, requests] = await Promise.all([
    readable(() => frozenOf(deps.freezes)),
    readable(() => webOf(deps, spec.webGroup)),
    specialOf(deps),
    databaseStatus(deps),
    readable(() => cronOf(deps)),
    readable(async () => ({ nodes: (await observeCache(deps)).map((node) => cacheNodeOf(node, spec.world)) })),
    edgeOf(deps),
    readable(() => fleetAws(deps).alarms(`${spec.farm}-`)),
    readable(() => deps.proposals.of("database")),
    readable(async () => (await deps.requests.open()).map(requestOf)),
  ]);
  const at = isoTime(clock.now());
  const shared = { cache, files: filesOf(spec.share, special === null ? [web] : [web, special]), edge };
  return {
    farm: spec.farm,
    world: spec.world,
    at,
    frozen,
    web,
    special,
    database,
    cron,
    ...shared,
    alarms,
    proposals,
    requests,
  };
}

async function frozenOf(freezes: Freezes): Promise<false | readonly { scope: string; until: string }[]> {
  const all = await freezes.all();
  return all.length === 0 ? false : all.map(({ scope, until }) => ({ scope, until: isoTime(until) }));
}

async function specialOf(deps: StatusDeps): Promise<FarmStatus["special"]> {
  const { hasSpecial, specialGroup } = deps.spec;
  return hasSpecial ? readable(() => webOf(deps, specialGroup)) : null;
}

async function webOf(deps: StatusDeps, groupName: string): Promise<WebTierStatus> {
  const group = await lifecycleAws(deps).group(groupName);
  if (group === undefined)
    throw new TandemError("aws-not-found", `group ${groupName} does not exist`, { next: "deploy the farm" });
  const pool = group.hasWarmPool ? await lifecycleAws(deps).warmPool(groupName) : [];
  const instances = [...group.instances, ...pool];
  const ids = instances.map((instance) => instance.id);
  const [machines, health, mounts, refreshes] = await Promise.all([
    readable(() => lifecycleAws(deps).machinesOfGroup(groupName)),
    readable(() => healthOf(deps, group)),
    readable(() => observeMounts(deps, groupName, ids)),
    readable(() => refreshAws(deps).refreshes(groupName)),
  ]);
  const nodes = instances.map(({ id, lifecycleState: state }): WebNodeStatus => ({
    id,
    state,
    ...placeOf(machines, id),
    health: isUnknown(health) ? health : (health.get(id) ?? "unused"),
    mounted: isUnknown(mounts) ? mounts : mountOf(mounts, id),
  }));
  const refresh = isUnknown(refreshes) ? refreshes : refreshOf(refreshes[0]);
  return { desired: group.desired, min: group.min, max: group.max, nodes, refresh };
}

function refreshOf(refresh: InstanceRefresh | undefined): RefreshStatus | null {
  if (refresh === undefined) return null;
  const { id, status: state, to, startedAt, endedAt, percent, toUpdate: toReplace } = refresh;
  const reason = refresh.rollbackReason ?? refresh.reason;
  return {
    id,
    state,
    startedAt: isoTime(startedAt),
    percent,
    toReplace,
    ...(to === undefined ? {} : { version: to }),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt) }),
    ...(reason === undefined ? {} : { reason }),
  };
}

async function cronOf({ table, problems }: StatusDeps) {
  const [run, found] = await Promise.all([readLastRun(table), problems.of("cron")]);
  return {
    last: run === undefined ? null : { at: isoTime(run.record.at), node: run.record.instanceId },
    problems: found.map(({ code, since, detail }) => ({ code, since: isoTime(since), detail })),
  };
}

const mountOf = (mounts: ReadonlyMap<string, MountFact>, id: string): MountFact =>
  mounts.get(id) ?? { unknown: "the node was not asked for" };

/** A node that leaves has done with its share, one of the warm pool has not begun, one on standby is not asked. */
function filesOf(server: string | undefined, tiers: readonly FarmStatus["web"][]): FarmStatus["files"] {
  if (server === undefined) return { unknown: "the deployment names no share" };
  const unreadable = tiers.find(isUnknown);
  if (unreadable !== undefined) return unreadable;
  const nodes = tiers
    .flatMap((tier) => (isUnknown(tier) ? [] : tier.nodes))
    .filter(({ state }) => !isLeaving(state) && !isWarm(state) && !isStandby(state));
  const facts = nodes.map(({ mounted }) => mounted);
  const [unread] = facts.filter(isUnknown);
  const allUnread = unread !== undefined && facts.every(isUnknown);
  return { server, mounted: allUnread ? unread : facts.filter((fact) => fact === true).length, of: nodes.length };
}

/** What was observed, in the words of the status: a fact is a value or says why it is none. */
const told = <T>(fact: Fact<T>): Known<T | null> =>
  isKnown(fact) ? fact.known : "absent" in fact ? null : { unknown: fact.unknown };
const toldAlways = <T>(fact: Fact<T>): Known<T> => told(fact) ?? { unknown: "not there" };

async function edgeOf(deps: EdgeDeps): Promise<EdgeStatus> {
  const { distribution, records, pendingPaths, invalidations } = await observeEdge(deps);
  const list = toldAlways(invalidations);
  return {
    distribution: told(distribution),
    records: toldAlways(records),
    pendingPaths: toldAlways(pendingPaths),
    invalidations: isUnknown(list) ? list : list.map((one) => ({ ...one, createdAt: isoTime(one.createdAt) })),
  };
}

function cacheNodeOf({ server, ...node }: ObservedCacheNode, world: FarmStatus["world"]): CacheNodeStatus {
  if ("unknown" in server) return { ...node, items: server, hitRatio: server };
  const { pid, items, hits, misses } = server.known;
  const hitRatio = hits + misses === 0 ? { unknown: "nothing was asked for yet" } : hits / (hits + misses);
  return { ...node, ...(world === "local" ? { pid } : {}), items, hitRatio };
}

/** A group of web nodes has one target group. */
async function healthOf(deps: StatusDeps, group: Group): Promise<ReadonlyMap<string, TargetState>> {
  const [targetGroup] = group.targetGroups;
  return targetGroup === undefined ? new Map() : fleetAws(deps).targets(targetGroup);
}

function placeOf(machines: Known<ReadonlyMap<string, Machine>>, id: string): { address: Known<string>; pid?: number } {
  if (isUnknown(machines)) return { address: machines };
  const machine = machines.get(id);
  const address = machine?.address ?? { unknown: "EC2 shows no address" };
  return machine?.pid === undefined ? { address } : { address, pid: machine.pid };
}

const requestOf = (request: OperatorRequest): RequestStatus => ({
  id: request.id,
  scope: request.scope,
  action: request.action,
  args: request.args,
  state: request.state,
  ...(request.answer === undefined ? {} : { answer: request.answer }),
  createdAt: isoTime(request.createdAt),
  expiresAt: isoTime(request.expiresAt),
});
