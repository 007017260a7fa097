import { farmStatus } from "../lib/status.ts";
import { onFarm } from "../lib/telemetry.ts";

/** The farm's status as JSON: what `tandem status --json` prints. */
export const handler = onFarm(farmStatus);
