import { openNodeTier } from "../lib/node-tier.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { lookAtFarm } from "../lib/look.ts";
import { onLambda } from "../lib/telemetry.ts";

/** The minute clock: looks at every scope, whatever the event says. */
export const run = (invocation: Invocation, _event: unknown, world?: World) =>
  lookAtFarm(openNodeTier(invocation, world));

export const handler = onLambda(run);
