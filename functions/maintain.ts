import { openFarm } from "../lib/farm.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { carryOut } from "../lib/operator/carry-out.ts";
import { onLambda } from "../lib/telemetry.ts";

/** An operator's order, e.g. `{"action": "scale", "count": 4, "forSeconds": 3600}`. */
export const run = (invocation: Invocation, event: unknown, world?: World) =>
  carryOut(openFarm(invocation, world), event);

export const handler = onLambda(run);
