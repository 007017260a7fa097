import { openDatabaseTier } from "../lib/database-tier.ts";
import { WATCH } from "../lib/database/watch.ts";
import { watchScope, type Invocation, type World } from "../lib/lookout.ts";
import { onLambda } from "../lib/telemetry.ts";

/** Watches the pair of database servers, one look a second, until the next run of this function takes over. */
export const run = async (invocation: Invocation, _event: unknown, world?: World) => {
  const { scope, ended, because, passes } = await watchScope(
    openDatabaseTier(invocation, world),
    "database",
    "the watch",
    WATCH,
  );
  return { scope, ended, because, passes };
};

export const handler = onLambda(run);
