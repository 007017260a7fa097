import { carryOut } from "../lib/operator/carry-out.ts";
import { onFarm } from "../lib/telemetry.ts";

/** An operator's order, e.g. `{"action": "scale", "count": 4, "forSeconds": 3600}`. */
export const handler = onFarm(carryOut);
