import { lookAtFarm } from "../lib/look.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { openMinute } from "../lib/minute.ts";
import { onLambda } from "../lib/telemetry.ts";

/** The minute clock: looks at every scope, whatever the event says. */
export const run = (invocation: Invocation, _event: unknown, world?: World) =>
  lookAtFarm(openMinute(invocation, world));

export const handler = onLambda(run);
