import type { Watch } from "../reconcile/watch.ts";

/**
 * A run begins every minute. It stands by for 55 s, watches until its own successor has stood by for as long, and hands
 * over: so two runs exist but for 5 s of each minute, and one that is killed is followed within the life of its lease (5 s)
 * and half a second, or 5 s later. The tenure is shorter than a minute, or the hand-overs would come later and later.
 */
export const WATCH: Watch = { everyMs: 1_000, tenureMs: 50_000, standByMs: 55_000, patienceMs: 20_000 };
