import { openFarm } from "../lib/farm.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { farmStatus } from "../lib/status.ts";
import { onLambda } from "../lib/telemetry.ts";

/** The farm's status as JSON: what `tandem status --json` prints. */
export const run = (invocation: Invocation, _event: unknown, world?: World) => farmStatus(openFarm(invocation, world));

export const handler = onLambda(run);
