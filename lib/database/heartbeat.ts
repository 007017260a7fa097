import { TandemError } from "../errors.ts";
import type { ApplyDeps } from "./hands.ts";
import { databaseAws } from "./aws.ts";
import { isOpen, rolesOf, serverOf } from "./facts.ts";
import { addressOf } from "./observe.ts";
import type { DatabaseObservation } from "./plan.ts";
import type { Credentials } from "./driver.ts";

/** Less than a look: a beat that waits for an acknowledgement is not waited for. */
const BEAT_MS_MAX = 500;
/** Once a second is what lag is measured by; a look may come more often. */
const EVERY_MS = 900;

/**
 * Writes the heartbeat row on the writer. A superfluous one does no harm, so neither lease nor lock is asked for. While
 * commits wait for an acknowledgement none is added to them. That the writer cannot be written to is the next look's news.
 */
export function beat(deps: ApplyDeps): (observation: DatabaseObservation) => Promise<void> {
  let credentials: Promise<Credentials> | undefined;
  let lastAt = -Infinity;
  return async ({ facts }) => {
    const writer = rolesOf(facts)?.writer;
    const server = writer && serverOf(writer);
    const isPrepared = "known" in facts.pair && facts.pair.known.prepared;
    if (writer === undefined || server === undefined || !isOpen(writer) || !isPrepared) return;
    const now = deps.clock.now();
    if (now - lastAt < EVERY_MS || server.semiSync.waiting > 0) return;
    lastAt = now;
    try {
      credentials ??= databaseAws(deps).credentials(`${deps.spec.secretsPrefix}/database/healer`);
      const sequence = (server.heartbeat?.sequence ?? 0) + 1;
      const at = addressOf(deps.spec, writer.name);
      await deps.databases.beat(deps.clock, at, await credentials, { sequence, writtenAt: now }, BEAT_MS_MAX);
    } catch (error) {
      credentials = undefined;
      if (!(error instanceof TandemError)) throw error;
    }
  };
}
