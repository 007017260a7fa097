import { lookAtFarm } from "../lib/look.ts";
import { onFarm } from "../lib/telemetry.ts";

/** The minute clock: looks at every scope, whatever the event says. */
export const handler = onFarm(lookAtFarm);
