import { openNodeTier } from "../lib/node-tier.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { lookAtEvent } from "../lib/look.ts";
import { onLambda } from "../lib/telemetry.ts";

/** A machine waits in a hook, changed its state, or finished a command. See events/. */
export const run = (invocation: Invocation, event: unknown, world?: World) =>
  lookAtEvent(openNodeTier(invocation, world), event);

export const handler = onLambda(run);
