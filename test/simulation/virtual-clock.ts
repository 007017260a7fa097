import type { CloudClock, Timer } from "../../local/cloud/clock.ts";

/** Time that moves only when told to. Every timer of a world stands in its one queue. */
export interface VirtualClock extends CloudClock {
  /** Lets `ms` pass: timers fire in order of time, then of creation, and what each sets off ends before the next. */
  advance(ms: number): Promise<void>;
  /** Waits until nothing happens any more without time passing. */
  settle(): Promise<void>;
  /** Timers that have not fired. */
  pending(): number;
  /** Timers that have fired so far: what the life of a world costs. */
  fired(): number;
}

/** One burst of work without time passing is some thousand turns; more means that it never ends. */
const TURNS_MAX = 1_000_000;

interface Alarm {
  readonly at: number;
  readonly order: number;
  act: (() => void) | undefined;
}

const isBefore = (a: Alarm, b: Alarm): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export function virtualClock(startMs: number): VirtualClock {
  const queue = openQueue();
  let nowMs = startMs;
  let order = 0;
  let pending = 0;
  let fired = 0;

  const after = (ms: number, act: () => void): Timer => {
    const alarm: Alarm = { at: nowMs + Math.max(0, ms), order: order++, act };
    queue.push(alarm);
    pending += 1;
    return {
      cancel() {
        if (alarm.act !== undefined) pending -= 1;
        alarm.act = undefined;
      },
    };
  };

  return {
    now: () => nowMs,
    after,
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    settle: untilIdle,
    pending: () => pending,
    fired: () => fired,
    async advance(ms) {
      const until = nowMs + ms;
      await untilIdle();
      for (let next = queue.pop(until); next !== undefined; next = queue.pop(until)) {
        const { act } = next;
        if (act === undefined) continue;
        next.act = undefined;
        pending -= 1;
        fired += 1;
        nowMs = next.at;
        act();
        await untilIdle();
      }
      nowMs = until;
    },
  };
}

/** A turn of the event loop ends with empty queues of promises and ticks; what is left can only be in these. */
const BUSY = /^(Immediate|FS|Zlib)/;

async function untilIdle(): Promise<void> {
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (!process.getActiveResourcesInfo().some((resource) => BUSY.test(resource))) return;
  }
  throw new Error(`the world is still busy after ${TURNS_MAX} turns without time passing`);
}

/** A binary heap: a farm has about a hundred timers, and each day fires a hundred thousand. */
function openQueue(): { push(alarm: Alarm): void; pop(until: number): Alarm | undefined } {
  const heap: Alarm[] = [];
  const at = (index: number): Alarm | undefined => heap[index];
  const swap = (a: number, b: number): void => {
    const [left, right] = [heap[a], heap[b]];
    if (left === undefined || right === undefined) return;
    heap[a] = right;
    heap[b] = left;
  };
  const sink = (start: number): void => {
    for (let index = start; ;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        const [one, other] = [at(child), at(least)];
        if (one !== undefined && other !== undefined && isBefore(one, other)) least = child;
      }
      if (least === index) return;
      swap(index, least);
      index = least;
    }
  };
  return {
    push(alarm) {
      heap.push(alarm);
      for (let index = heap.length - 1; index > 0;) {
        const parent = (index - 1) >> 1;
        const above = at(parent);
        if (above === undefined || !isBefore(alarm, above)) return;
        swap(index, parent);
        index = parent;
      }
    },
    pop(until) {
      const first = at(0);
      if (first === undefined || first.at > until) return undefined;
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) {
        heap[0] = last;
        sink(0);
      }
      return first;
    },
  };
}
