/** The only place in `lib/` that reads time or waits. Everything else is given a clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export const wallClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** ISO-8601 UTC, the form in which every time leaves Tandem. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
