import { lookAtEvent } from "../lib/look.ts";
import { onFarm } from "../lib/telemetry.ts";

/** A machine waits in a hook, changed its state, or finished a command. See events/. */
export const handler = onFarm(lookAtEvent);
