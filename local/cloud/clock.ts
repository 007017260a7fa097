import { wallClock, type Clock } from "../../lib/clock.ts";

export interface Timer {
  cancel(): void;
}

/** The one clock of a world. Nothing in `local/cloud` reads time or sets a timer but through it. */
export interface CloudClock extends Clock {
  /** Calls `act` once, `ms` from now. A rejected promise of `act` must be dealt with by `act` itself. */
  after(ms: number, act: () => void): Timer;
}

export const wallCloudClock: CloudClock = {
  ...wallClock,
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Calls `act` every `ms` until cancelled; a call that is still running is not overlapped. */
export function every(clock: CloudClock, ms: number, act: () => Promise<void> | void): Timer {
  let timer: Timer | undefined;
  let cancelled = false;
  const arm = (): void => {
    timer = clock.after(ms, () => {
      void Promise.resolve()
        .then(act)
        .finally(() => {
          if (!cancelled) arm();
        });
    });
  };
  arm();
  return {
    cancel() {
      cancelled = true;
      timer?.cancel();
    },
  };
}
