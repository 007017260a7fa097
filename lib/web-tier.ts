import { cloudWatchClient } from "./aws/clients.ts";
import { webCapacity } from "./fleet/web.ts";
import { openCore, view, type Invocation, type Lookout, type World } from "./lookout.ts";

/**
 * Only what the size of the web tier takes, neither machines nor databases: who waits for capacity should not wait for
 * a large bundle first.
 */
export function openWebTier(invocation: Invocation, world: World = {}): Lookout {
  const deps = { ...openCore(invocation, world), cloudWatch: cloudWatchClient(world.connection) };
  return { ...deps, views: { web: view(webCapacity(deps, { groupName: deps.spec.webGroup })) } };
}
