import { lookAtEvent } from "../lib/look.ts";
import { onFarm } from "../lib/telemetry.ts";

/** An alarm changed its state: by the event bus, by SNS, or by calling this function itself. See events/. */
export const handler = onFarm(lookAtEvent);
