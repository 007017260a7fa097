import { wordPressCron } from "./cron/cron.ts";
import type { FleetDeps } from "./fleet/deps.ts";
import { view, type Invocation, type Lookout, type World } from "./lookout.ts";
import { openNodeTier } from "./node-tier.ts";

/** What the minute clock looks at itself: the web tier, its nodes, and WordPress's scheduled events, which are its alone. */
export function openMinute(invocation: Invocation, world: World = {}): Lookout & FleetDeps {
  const tier = openNodeTier(invocation, world);
  return { ...tier, views: { ...tier.views, cron: view(wordPressCron(tier)) } };
}
