import type { ServiceId } from "../service.ts";

interface Common {
  /** Share of the calls or events that it strikes, above 0 and up to 1. */
  readonly rate: number;
  readonly forMs: number;
  /** It strikes no more often; absent: as long as it lasts. */
  readonly times?: number;
  /** The same seed and the same calls give the same strikes; absent: drawn from the world's ids. */
  readonly seed?: number;
}

/** What goes wrong with calls, for a service or an operation of it, or for all of them. */
export type ApiFault = Common & {
  readonly on: "api";
  readonly service?: ServiceId;
  readonly operation?: string;
} & (
    | { readonly kind: "throttle" }
    /** 500 or 503. `isDone`: whether the call has done its work before; absent: half of them have. */
    | { readonly kind: "error"; readonly isDone?: boolean }
    /** This answer, and no work. */
    | { readonly kind: "refuse"; readonly code: string; readonly message: string; readonly status: number }
    /** Silence for this long, absent: for good. `isDone`: the work is done before the silence, not after it or never; absent: half of it is. */
    | { readonly kind: "timeout"; readonly answerAfterMs?: number; readonly isDone?: boolean }
    /** Describe* and List* answer what they answered before a change, for this long after it. */
    | { readonly kind: "stale"; readonly staleMs: number }
  );

/** What goes wrong with events on the bus. A schedule's own ticks are not events on the bus and are spared. */
export type EventFault = Common & {
  readonly on: "events";
  readonly kind: "drop" | "duplicate" | "delay" | "reorder";
  /** How late: a duplicate at most, a delayed event exactly, a reordered one when no other event overtakes it. */
  readonly lateMs: number;
};

export type Fault = ApiFault | EventFault;

/** A fault in force. */
export interface Active<F extends Fault = Fault> {
  readonly id: string;
  readonly fault: F;
  readonly seed: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Calls or events so far. */
  struck: number;
  /** The next number of its own sequence, from 0 up to 1. */
  chance(): number;
}

export const isSpent = ({ fault, struck }: Active): boolean => struck >= (fault.times ?? Infinity);

/** Decides about one call or event, and counts it. */
export function strikes(active: Active): boolean {
  if (isSpent(active) || active.chance() >= active.fault.rate) return false;
  active.struck++;
  return true;
}

/** Mulberry32 (T. Ettinger, 2017): a sequence of its own for every fault, so that one does not shift another's strikes. */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
