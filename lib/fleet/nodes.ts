import { isDead, waitingTransition } from "../lifecycle/observation.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import { isUrgent, readNotices } from "../lifecycle/notice.ts";
import type { FleetDeps } from "./deps.ts";

/** Of one pass; each look costs a few calls, and the next minute looks at the rest. */
const NODES_PER_PASS_MAX = 50;

/**
 * Instance ids of the web nodes that need a look although nobody asked: those that are not in service, those that the
 * group calls unhealthy, those whose machine is dead and those that AWS takes within minutes; of the warm
 * pool, those that wait in a hook. Events can be lost; the minute clock calls this.
 * @throws TandemError if the group, the machines or the notices cannot be read
 */
export async function nodesToLookAt(deps: FleetDeps): Promise<readonly string[]> {
  const aws = lifecycleAws(deps);
  const group = await aws.group(deps.spec.webGroup);
  if (group === undefined) return [];
  const pool = group.hasWarmPool ? await aws.warmPool(deps.spec.webGroup) : [];
  const warming = pool.filter(({ lifecycleState }) => waitingTransition(lifecycleState) !== undefined);
  const now = deps.clock.now();
  const [machines, notices] = await Promise.all([
    aws.machines(group.instances.map((instance) => instance.id)),
    readNotices(deps.table, now),
  ]);
  const taken = new Set(notices.filter((notice) => isUrgent(notice, now)).map(({ instanceId }) => instanceId));
  const isQuiet = (id: string): boolean => {
    const machine = machines.get(id);
    return machine !== undefined && !isDead(machine.state) && !taken.has(id);
  };
  const moving = group.instances.filter(
    (instance) => instance.lifecycleState !== "InService" || !instance.healthy || !isQuiet(instance.id),
  );
  return [...moving, ...warming].map((instance) => instance.id).slice(0, NODES_PER_PASS_MAX);
}
