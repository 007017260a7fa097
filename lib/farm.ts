import { wallClock, type Clock } from "./clock.ts";
import { publishLine } from "./aws/bus.ts";
import {
  autoScalingClient,
  cloudWatchClient,
  dynamoDbClient,
  ec2Client,
  elbv2Client,
  eventBridgeClient,
  secretsManagerClient,
  ssmClient,
} from "./aws/clients.ts";
import { openTable, type Table } from "./aws/table.ts";
import { databaseCapability } from "./database/database.ts";
import { readEnvironment } from "./environment.ts";
import { TandemError } from "./errors.ts";
import { webNode } from "./fleet/node/apply.ts";
import { webCapacity } from "./fleet/web.ts";
import { randomIds, type Ids } from "./ids.ts";
import type { Capability } from "./reconcile/capability.ts";
import type { LoopDeps } from "./reconcile/deps.ts";
import { openFreezes } from "./reconcile/freeze.ts";
import { openJournal } from "./reconcile/journal.ts";
import { openLeases } from "./reconcile/lease.ts";
import { reconcile, type Outcome } from "./reconcile/loop.ts";
import { render, type Action } from "./reconcile/plan.ts";
import { openProblems } from "./reconcile/problems.ts";
import { openRequests } from "./reconcile/requests.ts";
import { scopeInstance, type Scope } from "./scope.ts";
import { specOf, type Spec } from "./spec.ts";
import type { StatusDeps } from "./status.ts";

/** What one invocation gives to the farm's code. */
export interface Invocation extends Pick<LoopDeps, "remainingMs" | "log"> {
  count(metric: "IgnoredEvents" | "RejectedEvents" | "UnpublishedLines"): void;
  /** Says in the structured log why an event had no effect. */
  note(message: string): void;
}

/** Everything of one farm, composed. */
export type Farm = StatusDeps & LoopDeps & Invocation;

/** A farm as it is composed on AWS and in the local farm alike: the SDK finds its endpoint in the environment. */
export function openFarm(invocation: Invocation): Farm {
  const spec = specOf(readEnvironment());
  const clients = {
    autoScaling: autoScalingClient(),
    cloudWatch: cloudWatchClient(),
    ec2: ec2Client(),
    elbv2: elbv2Client(),
    secretsManager: secretsManagerClient(),
    ssm: ssmClient(),
  };
  const state = openState(spec, openTable(dynamoDbClient(), spec.table), wallClock, randomIds);
  return { ...clients, ...state, ...invocation, publish: (line) => publishLine(eventBridgeClient(), line) };
}

/** What of a farm lives in its state table. */
export function openState(spec: Spec, table: Table, clock: Clock, ids: Ids) {
  return {
    spec,
    table,
    clock,
    ids,
    observeOnly: spec.observeOnly,
    leases: openLeases(table, clock, ids),
    journal: openJournal(table, clock),
    freezes: openFreezes(table, clock),
    problems: openProblems(table, clock),
    requests: openRequests(table, clock),
  };
}

/** Calls `use` with the capability that looks after this scope. */
async function withCapability<R>(
  farm: Farm,
  scope: Scope,
  use: <O, A extends Action>(capability: Capability<O, A>) => Promise<R>,
): Promise<R> {
  if (scopeInstance(scope) !== undefined) return use(webNode(farm));
  switch (scope) {
    case "web":
      return use(webCapacity(farm));
    case "database":
      return use(databaseCapability(farm));
    default:
      throw new TandemError("scope-not-provisioned", `this version has nothing to look after in scope ${scope}`, {
        next: "name web, web/<instance-id> or database",
      });
  }
}

/** Looks at one scope until nothing is left to do there. See `reconcile`. */
export const lookAt = (farm: Farm, scope: Scope, cause: string): Promise<Outcome> =>
  withCapability(farm, scope, (capability) => reconcile(scope, cause, farm, capability));

/** What would be done in the scope now, in words. Writes nothing and takes no lease. */
export const planOf = (farm: Farm, scope: Scope): Promise<string> =>
  withCapability(farm, scope, async (capability) =>
    render(capability.plan(await capability.observe(scope, await farm.requests.pending(scope)))),
  );
