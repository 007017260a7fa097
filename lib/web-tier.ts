import { cloudWatchClient } from "./aws/clients.ts";
import type { NodesAws } from "./fleet/aws.ts";
import { webCapacity } from "./fleet/web.ts";
import { openCore, view, type Invocation, type Lookout, type World } from "./lookout.ts";

/** How many nodes there are of each class. Without `nodes` none is let go that AWS announced to take. */
export function capacityViews(deps: Parameters<typeof webCapacity>[0], nodes?: NodesAws) {
  const { hasSpecial, webGroup, specialGroup } = deps.spec;
  const ofClass = (groupName: string) => view(webCapacity(deps, { groupName, ...(nodes && { nodes }) }));
  return { web: ofClass(webGroup), ...(hasSpecial && { special: ofClass(specialGroup) }) };
}

/**
 * Only what the size of the web tier takes, neither machines nor databases: who waits for capacity should not wait for
 * a large bundle first.
 */
export function openWebTier(invocation: Invocation, world: World = {}): Lookout {
  const deps = { ...openCore(invocation, world), cloudWatch: cloudWatchClient(world.connection) };
  return { ...deps, views: capacityViews(deps) };
}
