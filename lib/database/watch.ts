import type { Watch } from "../reconcile/watch.ts";

/**
 * A run begins every minute: it stands by for one, watches for one, and hands over. So there are two at any time, and
 * one that is killed is followed within the life of its lease (5 s) and half a second.
 */
export const WATCH: Watch = { everyMs: 1_000, tenureMs: 60_000, patienceMs: 20_000 };
