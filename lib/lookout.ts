import { wallClock, type Clock } from "./clock.ts";
import { publishLine } from "./aws/bus.ts";
import { autoScalingClient, dynamoDbClient, eventBridgeClient, type Connection } from "./aws/clients.ts";
import { openTable, type Table } from "./aws/table.ts";
import type { ReadCache } from "./cache/memcached.ts";
import type { DatabaseDriver } from "./database/driver.ts";
import { readEnvironment } from "./environment.ts";
import { TandemError } from "./errors.ts";
import { randomIds, type Ids } from "./ids.ts";
import type { GroupClients } from "./lifecycle/aws.ts";
import type { Capability } from "./reconcile/capability.ts";
import type { LoopDeps } from "./reconcile/deps.ts";
import { openFreezes } from "./reconcile/freeze.ts";
import { openJournal, type JournalLine } from "./reconcile/journal.ts";
import { openLeases } from "./reconcile/lease.ts";
import { reconcile, type Outcome } from "./reconcile/loop.ts";
import { render, type Action } from "./reconcile/plan.ts";
import { openProblems } from "./reconcile/problems.ts";
import { openProposals } from "./reconcile/proposals.ts";
import { openRequests } from "./reconcile/requests.ts";
import { watch, type Watch } from "./reconcile/watch.ts";
import { isWatched, scopeKind, type Scope, type ScopeKind } from "./scope.ts";
import { specOf, type Spec } from "./spec.ts";

/** What one invocation gives to the farm's code. */
export interface Invocation extends Pick<LoopDeps, "remainingMs" | "log"> {
  /** Lambda's own, and the same in each try of an asynchronous invocation. */
  readonly requestId: string;
  count(metric: "IgnoredEvents" | "RejectedEvents" | "UnpublishedLines" | "Pages"): void;
  /** Says in the structured log why an event had no effect. */
  note(message: string): void;
}

/** What the world around a function is made of. An absent part is the real one; the simulation gives its own. */
export interface World {
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Absent: `process.env`. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** How the SDK reaches AWS, as whom, and how it waits between attempts. Absent: as the environment says. */
  readonly connection?: Connection;
  /** Absent: the state table behind `connection`. */
  readonly table?: Table;
  /** Absent: over the network. */
  readonly databases?: DatabaseDriver;
  /** Absent: over the network. */
  readonly readCache?: ReadCache;
  /** How CloudFormation is answered. Absent: over the network. */
  readonly respond?: (url: string, body: string) => Promise<void>;
}

/** One capability, whatever it observes and does. */
type View = <R>(use: <O, A extends Action>(capability: Capability<O, A>) => R) => R;

export const view =
  <O, A extends Action>(capability: Capability<O, A>): View =>
  (use) =>
    use(capability);

/** What every function has: its invocation, the state table, and the capabilities that it looks with. */
export type Lookout = LoopDeps &
  Invocation &
  GroupClients & {
    readonly spec: Spec;
    readonly table: Table;
    /** By kind of scope. A bundle carries only the capabilities that its function composes. */
    readonly views: Readonly<Partial<Record<ScopeKind, View>>>;
  };

/** What every composition begins with. */
export function openCore(invocation: Invocation, world: World) {
  const { clock = wallClock, ids = randomIds, connection } = world;
  const spec = specOf(readEnvironment(world.variables));
  const table = world.table ?? openTable(dynamoDbClient(connection), spec.table);
  return {
    ...invocation,
    spec,
    table,
    clock,
    ids,
    autoScaling: autoScalingClient(connection),
    observeOnly: spec.observeOnly,
    leases: openLeases(table, clock, ids),
    journal: openJournal(table, clock),
    freezes: openFreezes(table, clock),
    problems: openProblems(table, clock),
    proposals: openProposals(table),
    requests: openRequests(table, clock),
    publish: (line: JournalLine) => publishLine(eventBridgeClient(connection), line),
  };
}

/** Whether this function looks after the scope, or can wake who does. */
export const sees = (farm: Lookout, scope: Scope): boolean =>
  isWatched(scope) || farm.views[scopeKind(scope)] !== undefined;

/** The capability that looks after the scope. */
function viewOf(farm: Lookout, scope: Scope): View {
  const found = farm.views[scopeKind(scope)];
  if (found !== undefined) return found;
  throw new TandemError("scope-not-provisioned", `this version has nothing to look after in scope ${scope}`, {
    next: "name web, web/<instance-id>, database or cron; special where the farm has that class",
  });
}

/** Looks at one scope until nothing is left to do there. See `reconcile`. A scope that is watched is only woken. */
export async function lookAt(farm: Lookout, scope: Scope, cause: string): Promise<Outcome> {
  if (!isWatched(scope)) return viewOf(farm, scope)((capability) => reconcile(scope, cause, farm, capability));
  await farm.leases.wake(scope);
  return { scope, ended: "coalesced", because: "whoever watches it looks at once", passes: 0, lines: [] };
}

/** Watches one scope until a successor takes over. See `watch`. */
export const watchScope = async (farm: Lookout, scope: Scope, cause: string, how: Watch): Promise<Outcome> =>
  viewOf(farm, scope)((capability) => watch(scope, cause, farm, capability, how));

/** What would be done in the scope now, in words. Writes nothing and takes no lease. */
export const planOf = async (farm: Lookout, scope: Scope): Promise<string> =>
  viewOf(
    farm,
    scope,
  )(async (capability) => render(capability.plan(await capability.observe(scope, await farm.requests.pending(scope)))));
