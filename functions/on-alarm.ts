import { lookAtEvent } from "../lib/look.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { onLambda } from "../lib/telemetry.ts";
import { openWebTier } from "../lib/web-tier.ts";

/** An alarm changed its state: by the event bus, by SNS, or by calling this function itself. See events/. */
export const run = (invocation: Invocation, event: unknown, world?: World) =>
  lookAtEvent(openWebTier(invocation, world), event);

export const handler = onLambda(run);
