import { lookAtEvent } from "../lib/look.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { openNodeTier } from "../lib/node-tier.ts";
import { onLambda } from "../lib/telemetry.ts";

/** EC2 takes a machine back, recommends to leave it, plans work on its host, or has stopped it. See events/. */
export const run = (invocation: Invocation, event: unknown, world?: World) =>
  lookAtEvent(openNodeTier(invocation, world), event);

export const handler = onLambda(run);
