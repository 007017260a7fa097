import type { CloudClock } from "../clock.ts";

/** Things that are held back; healing lets them go at once. */
export interface Waits {
  /** Calls `act` after `ms`, or when it is released. Returns its release. */
  hold(ms: number, act: () => void): () => void;
  releaseAll(): void;
  /** Forgets them all: nothing is called any more. */
  close(): void;
}

export function openWaits(clock: CloudClock): Waits {
  const held = new Map<() => void, { cancel(): void }>();
  return {
    hold(ms, act) {
      const release = (): void => {
        const timer = held.get(release);
        if (timer === undefined) return;
        timer.cancel();
        held.delete(release);
        act();
      };
      held.set(release, clock.after(ms, release));
      return release;
    },
    releaseAll() {
      for (const release of [...held.keys()]) release();
    },
    close() {
      for (const timer of held.values()) timer.cancel();
      held.clear();
    },
  };
}
