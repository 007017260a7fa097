import type { Table } from "../aws/table.ts";
import type { Clock } from "../clock.ts";
import { fleetAws, type FleetClients } from "../fleet/aws.ts";
import { AGENTS_PER_CALL_MAX, factOf, lifecycleAws, type LifecycleClients } from "../lifecycle/aws.ts";
import type { Capability } from "../reconcile/capability.ts";
import { absent, isKnown, known } from "../reconcile/fact.ts";
import { webGroups, type Spec } from "../spec.ts";
import { hadTurn, planCron, runKey, type CronObservation, type RunCron } from "./plan.ts";
import { noteCommand, noteRun, readLastRun } from "./record.ts";

export type CronDeps = FleetClients &
  LifecycleClients & { readonly spec: Spec; readonly clock: Clock; readonly table: Table };

/** Scope `cron`: WordPress's scheduled events, which no visitor's page runs (DISABLE_WP_CRON in wp-config.php). */
export function wordPressCron(deps: CronDeps): Capability<CronObservation, RunCron> {
  const { spec, clock, table } = deps;
  const { targets } = fleetAws(deps);
  const aws = lifecycleAws(deps);

  const isServing = async (instanceId: string): Promise<boolean> => {
    const found = await aws.membership(instanceId);
    return found !== undefined && webGroups(spec).includes(found.group) && found.lifecycleState === "InService";
  };

  /**
   * Whose turn it is after this node, as many at a time as one call tells the agents of: to ask for all would be a call a
   * minute for each fifty of them.
   */
  const withinReach = async (ids: readonly string[], last: string): Promise<readonly string[]> => {
    const inTurn = [...ids.filter((id) => id > last), ...ids.filter((id) => id <= last)];
    for (let first = 0; first < inTurn.length; first += AGENTS_PER_CALL_MAX) {
      const some = inTurn.slice(first, first + AGENTS_PER_CALL_MAX);
      const agents = await aws.agents(some);
      const online = some.filter((id) => agents.get(id) === "online");
      if (online.length > 0) return online;
    }
    return [];
  };

  const readyIn = async (groupName: string, last: string): Promise<readonly string[]> => {
    const group = await aws.group(groupName);
    if (group === undefined) return [];
    const health = await Promise.all(group.targetGroups.map((targetGroup) => targets(targetGroup)));
    const ids = group.instances
      .filter(({ lifecycleState, healthy }) => lifecycleState === "InService" && healthy)
      .map(({ id }) => id)
      .filter((id) => health.some((states) => states.get(id) === "healthy"));
    return withinReach(ids.toSorted(), last);
  };

  /** Who can run events now: nodes of the second class; without any such, web nodes. */
  const ready = async (last: string): Promise<readonly string[]> => {
    const special = spec.hasSpecial ? await readyIn(spec.specialGroup, last) : [];
    return special.length > 0 ? special : readyIn(spec.webGroup, last);
  };

  return {
    async observe() {
      const stored = await factOf(() => readLastRun(table));
      const now = clock.now();
      const unread = { run: absent, machine: absent, nodes: absent };
      if ("unknown" in stored) return { ...unread, now, last: stored };
      if (!isKnown(stored)) return { ...unread, now, last: absent, nodes: await factOf(() => ready("")) };
      const { record, commandId } = stored.known;
      const last = known(record);
      if (hadTurn(record, now)) return { ...unread, now, last };
      const { instanceId } = record;
      const [run, nodes] = await Promise.all([
        factOf(async () => {
          const id = commandId ?? (await aws.findCommand(instanceId, runKey(record)));
          return id === undefined ? undefined : aws.commandRun(instanceId, id);
        }),
        factOf(() => ready(instanceId)),
      ]);
      const goesOn = isKnown(run) && run.known.state === "running";
      const machine = goesOn ? await factOf(async () => (await aws.machines([instanceId])).get(instanceId)) : absent;
      return { now, last, run, machine, nodes };
    },
    plan: planCron,
    holds: async ({ instanceId }) => (await isServing(instanceId)) || `${instanceId} is not in service any more`,
    async apply(action, { fence }) {
      const { instanceId } = action;
      await noteRun(action, table, fence);
      const commandId = await aws.sendCommand({
        instanceId,
        document: spec.documents.cron,
        parameters: {},
        comment: runKey(action),
      });
      await noteCommand(commandId, table, fence);
      return `sent command ${commandId} to ${instanceId}`;
    },
  };
}
