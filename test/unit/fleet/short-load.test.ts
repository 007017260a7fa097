import { describe, expect, test } from "@jest/globals";
import { absent, known, type Fact } from "../../../lib/reconcile/fact.ts";
import type { LoadSample } from "../../../lib/fleet/capacity.ts";
import { planCapacity, type CapacityChange } from "../../../lib/fleet/plan.ts";
import { PERIOD_MS, type Period } from "../../../lib/fleet/work.ts";
import { NOW } from "../lifecycle/observations.ts";
import { groupOf, observed, WORKERS } from "./farm-model.ts";

const [MINUTE, BOOT_MS, DRAIN_MS, MIN] = [60_000, 10_000, 10_000, 2];
const FAST_SECONDS = 0.25;
const SLOW_SECONDS = 3;

interface Played {
  /** Fast pages a second, as long as the load lasts. */
  readonly perSecond: number;
  readonly forMs: number;
  /** One slow page is open all the time. */
  readonly isSlowOpen: boolean;
  /** The load begins so long after the start of a minute. */
  readonly phaseMs: number;
  /** So much of the farm's past is known. */
  readonly knownMs: number;
  readonly boot?: { readonly directMs: number };
  readonly isAlwaysLooked?: boolean;
}

interface Look {
  /** Since the end of the load. */
  readonly ms: number;
  readonly desired: number;
  readonly because: string;
}

/**
 * A farm of the local stage: the load comes, ends, and five minutes go by. It is looked at every ten seconds, or after the
 * load only as the product does: by the minute clock, when a node comes or goes, and when a plan asks for it.
 */
function play({ perSecond, forMs, isSlowOpen, phaseMs, knownMs, boot, isAlwaysLooked = true }: Played): Look[] {
  const start = Math.ceil(NOW / MINUTE) * MINUTE + phaseMs;
  const end = start + forMs;
  const samples: LoadSample[] = [];
  const periods: Period[] = [];
  let nodes = Array.from({ length: MIN }, () => ({ readyAt: 0, goneAt: Infinity }));
  let desired = MIN;
  let waiting = 0;
  let lastChange: Fact<CapacityChange> = absent;
  const looks: Look[] = [];
  let [lookAt, seenStates] = [0, ""];
  for (let now = start - knownMs; now < end + 5 * MINUTE;) {
    const serving = nodes.filter(({ readyAt, goneAt }) => readyAt <= now && goneAt === Infinity).length;
    const fast = now >= start && now < end ? (perSecond * PERIOD_MS) / 1000 : 0;
    const slowWorkers = isSlowOpen ? 1 : 0;
    const room = ((serving * WORKERS - slowWorkers) * PERIOD_MS) / 1000 / FAST_SECONDS;
    const served = Math.min(waiting + fast, room);
    waiting += fast - served;
    const slow = Math.round((slowWorkers * PERIOD_MS) / 1000 / SLOW_SECONDS);
    const period = {
      at: now,
      arrived: fast + slow,
      completed: served + slow,
      queued: waiting,
      busy: (served * FAST_SECONDS * 1000) / PERIOD_MS + slowWorkers,
    };
    periods.push({ ...period, processors: 0 });
    const mean = (total: number): number => total / serving;
    samples.push({
      at: now,
      reporters: serving,
      arrived: mean(period.arrived),
      completed: mean(period.completed),
      busy: mean(period.busy),
      workers: WORKERS,
      queued: mean(waiting),
    });
    now += PERIOD_MS;
    if (now < start) continue;
    nodes = nodes.filter(({ goneAt }) => goneAt > now);
    const instances = nodes.map(({ readyAt, goneAt }, index) => ({
      id: `i-${index}`,
      lifecycleState: goneAt < Infinity ? "Terminating:Wait" : readyAt <= now ? "InService" : "Pending:Wait",
      healthy: true,
    }));
    const states = instances.map(({ lifecycleState }) => lifecycleState).join();
    const isLooked = isAlwaysLooked || now < end || now % MINUTE === 0 || now >= lookAt || states !== seenStates;
    seenStates = states;
    if (!isLooked) {
      looks.push({ ms: now - end, desired, because: "nobody looks" });
      continue;
    }
    const plan = planCapacity(
      observed(desired, 0, {
        now,
        scaleInCooldownMs: 10_000,
        targetBusyPercent: 80,
        group: known(groupOf(desired, { instances })),
        samples: known(samples.slice(-8)),
        minutes: known(minutesOf(periods, now)),
        lastChange,
        boot: boot === undefined ? absent : known(boot),
      }),
    );
    lookAt = now + (plan.lookAgainMs ?? Infinity);
    const change = plan.actions.find((action) => action.kind === "set-desired");
    if (change !== undefined) {
      lastChange = known({ at: now, from: change.from, to: change.to });
      for (let more = desired; more < change.to; more++) nodes.push({ readyAt: now + BOOT_MS, goneAt: Infinity });
      const staying = nodes.filter(({ goneAt }) => goneAt === Infinity);
      nodes = nodes.map((node) => (staying.indexOf(node) >= change.to ? { ...node, goneAt: now + DRAIN_MS } : node));
      desired = change.to;
      lookAt = now + PERIOD_MS;
    }
    looks.push({ ms: now - end, desired, because: change?.reason ?? plan.because });
  }
  return looks;
}

/** Whole minutes, as CloudWatch sums them up. */
function minutesOf(periods: readonly Period[], now: number): Period[] {
  const minutes = Map.groupBy(periods, ({ at }) => Math.floor(at / MINUTE) * MINUTE);
  return [...minutes]
    .filter(([at]) => at + MINUTE <= now)
    .map(([at, parts]) => {
      const sum = (of: (part: Period) => number): number => parts.reduce((total, part) => total + of(part), 0);
      return {
        at,
        arrived: sum((part) => part.arrived),
        completed: sum((part) => part.completed),
        queued: sum((part) => part.queued),
        busy: sum((part) => part.busy) / 6,
        processors: 0,
      };
    });
}

const PHASES = [0, 10, 20, 30, 40, 50].map((seconds) => seconds * 1000);
const KNOWN = [0, 1, 5, 60].map((minutes) => minutes * MINUTE);
const LOADS: readonly [string, Pick<Played, "perSecond" | "forMs" | "isSlowOpen" | "boot">][] = [
  ["28 a second for 50 s, with a slow page open", { perSecond: 28, forMs: 50_000, isSlowOpen: true }],
  ["28 a second for 50 s, and nothing afterwards", { perSecond: 28, forMs: 50_000, isSlowOpen: false }],
  ["24 a second for 40 s, with a slow page open", { perSecond: 24, forMs: 40_000, isSlowOpen: true }],
  ["24 a second for 90 s, with a slow page open", { perSecond: 24, forMs: 90_000, isSlowOpen: true }],
  ["16 a second for 90 s, with a slow page open", { perSecond: 16, forMs: 90_000, isSlowOpen: true }],
];

describe.each(LOADS)("a load of fast pages, %s", (_which, load) => {
  const played = (parts: Pick<Played, "boot" | "isAlwaysLooked">): Look[][] =>
    PHASES.flatMap((phaseMs) => KNOWN.map((knownMs) => play({ ...load, ...parts, phaseMs, knownMs })));

  test.each([
    ["boots of 10 s are learnt", { boot: { directMs: BOOT_MS } }],
    ["no boot is learnt", {}],
    ["nobody looks but the clock and who is asked to", { boot: { directMs: BOOT_MS }, isAlwaysLooked: false }],
  ])(
    "is met, grows no more once it is over, and 140 s later the farm is back at its minimum for good: %s",
    (_what, parts) => {
      for (const looks of played(parts)) {
        expect(Math.max(...looks.map(({ desired }) => desired))).toBeGreaterThan(MIN);
        expect(looks.filter(({ ms, desired }) => ms >= 140_000 && desired !== MIN)).toEqual([]);
        const after = looks.filter(({ ms }) => ms >= 30_000);
        expect(after.filter(({ desired }, index) => desired > (after[index - 1]?.desired ?? desired))).toEqual([]);
      }
    },
  );
});

test("a slow page after fast ones does not make the fast ones slow", () => {
  const fast = { arrived: 1_400, completed: 1_400, queued: 0, busy: 5.8, processors: 0 };
  const slow = { arrived: 20, completed: 20, queued: 0, busy: 1, processors: 0 };
  const minute = (ago: number, what: Omit<Period, "at">): Period => ({ ...what, at: NOW - ago * MINUTE });
  const slowSample = (ago: number): LoadSample => ({
    at: NOW - ago * PERIOD_MS,
    reporters: 3,
    arrived: 1,
    completed: 1,
    busy: 1 / 3,
    workers: WORKERS,
    queued: 0,
  });
  const plan = planCapacity(
    observed(3, 0, {
      samples: known([6, 5, 4, 3, 2, 1].map(slowSample)),
      minutes: known([minute(3, slow), minute(2, fast), minute(1, slow)]),
      scaleInCooldownMs: 10_000,
      targetBusyPercent: 80,
      boot: known({ directMs: BOOT_MS }),
    }),
  );

  expect(plan.actions).toMatchObject([{ kind: "set-desired", from: 3, to: 2 }]);
});
