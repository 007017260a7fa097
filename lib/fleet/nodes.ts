import { isDead, waitingTransition } from "../lifecycle/observation.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import type { FleetDeps } from "./deps.ts";

/** Of one pass; each look costs a few calls, and the next minute looks at the rest. */
const NODES_PER_PASS_MAX = 50;

/**
 * Instance ids of the web nodes that need a look although nobody asked: those that are not in service, those that the
 * group calls unhealthy and those whose machine is dead; of the warm pool, those that wait in a hook. Events can be lost;
 * the minute clock calls this.
 * @throws TandemError if the group or the machines cannot be read
 */
export async function nodesToLookAt(deps: FleetDeps): Promise<readonly string[]> {
  const { hasSpecial, webGroup, specialGroup } = deps.spec;
  const names = hasSpecial ? [webGroup, specialGroup] : [webGroup];
  const found = await Promise.all(names.map((name) => ofGroup(deps, name)));
  return found.flat().slice(0, NODES_PER_PASS_MAX);
}

async function ofGroup(deps: FleetDeps, name: string): Promise<readonly string[]> {
  const aws = lifecycleAws(deps);
  const group = await aws.group(name);
  if (group === undefined) return [];
  const pool = group.hasWarmPool ? await aws.warmPool(name) : [];
  const warming = pool.filter(({ lifecycleState }) => waitingTransition(lifecycleState) !== undefined);
  const machines = await aws.machines(group.instances.map((instance) => instance.id));
  const isQuiet = (id: string): boolean => {
    const machine = machines.get(id);
    return machine !== undefined && !isDead(machine.state);
  };
  const moving = group.instances.filter(
    (instance) => instance.lifecycleState !== "InService" || !instance.healthy || !isQuiet(instance.id),
  );
  return [...moving, ...warming].map((instance) => instance.id);
}
