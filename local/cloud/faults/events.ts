import { assertNever } from "../../../lib/assert.ts";
import { strikes, type Active, type EventFault } from "./fault.ts";
import type { Waits } from "./waits.ts";

/** Brings one event to the bus under the faults in force; the first that strikes decides. */
export function openFaultyEvents(waits: Waits) {
  /** The event that waits for another to overtake it. */
  let overtaken: (() => void) | undefined;

  const bring = (actives: readonly Active<EventFault>[], deliver: () => void): void => {
    for (const active of actives) {
      const { kind, lateMs } = active.fault;
      // two that wait for each other would arrive in the right order again
      if (kind === "reorder" && overtaken !== undefined) continue;
      if (!strikes(active)) continue;
      switch (kind) {
        case "drop":
          return;
        case "duplicate":
          waits.hold(active.chance() * lateMs, deliver);
          return deliver();
        case "delay":
          waits.hold(lateMs, deliver);
          return;
        case "reorder":
          overtaken = waits.hold(lateMs, () => {
            overtaken = undefined;
            deliver();
          });
          return;
        default:
          assertNever(kind);
      }
    }
    deliver();
  };

  return (actives: readonly Active<EventFault>[], deliver: () => void): void => {
    const waiting = overtaken;
    bring(actives, deliver);
    waiting?.();
  };
}
