import type { CloudClock, Timer } from "../../local/cloud/clock.ts";

/** Enough turns of the event loop for promise chains that a timer started to settle before the next timer fires. */
const TURNS_BETWEEN_TIMERS = 20;

/** A clock that moves only when told to; timers fire in order of time, then of creation. */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): CloudClock & { advance(ms: number): Promise<void> } {
  let nowMs = startMs;
  let nextId = 0;
  const timers = new Map<number, { at: number; act: () => void }>();

  const after = (ms: number, act: () => void): Timer => {
    const id = nextId++;
    timers.set(id, { at: nowMs + Math.max(0, ms), act });
    return { cancel: () => void timers.delete(id) };
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS_BETWEEN_TIMERS; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const due = (until: number): [number, { at: number; act: () => void }] | undefined =>
    [...timers].filter(([, timer]) => timer.at <= until).toSorted((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];

  return {
    now: () => nowMs,
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    after,
    async advance(ms) {
      const until = nowMs + ms;
      await settle();
      for (let next = due(until); next !== undefined; next = due(until)) {
        timers.delete(next[0]);
        nowMs = next[1].at;
        next[1].act();
        await settle();
      }
      nowMs = until;
    },
  };
}
