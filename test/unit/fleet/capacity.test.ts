import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { known, unknown } from "../../../lib/reconcile/fact.ts";
import { render } from "../../../lib/reconcile/plan.ts";
import type { LoadSample } from "../../../lib/fleet/capacity.ts";
import { PERIOD_MS } from "../../../lib/fleet/work.ts";
import { parseFloors } from "../../../lib/fleet/schedule.ts";
import { planCapacity, type CapacityChange, type CapacityObservation } from "../../../lib/fleet/plan.ts";
import { expectGolden } from "../../golden/golden.ts";
import { NOW } from "../lifecycle/observations.ts";
import { daysOf, groupOf, lastMinute, minutesOf, observed, sample, scaleWish } from "./farm-model.ts";

const sizeAfter = (o: CapacityObservation): number | "no call" => {
  const change = planCapacity(o).actions.find((action) => action.kind === "set-desired");
  return change === undefined ? "no call" : change.to;
};
const changed = (from: number, to: number, agoMs: number) => known<CapacityChange>({ at: NOW - agoMs, from, to });
const pendingNode = groupOf(3, {
  instances: [...groupOf(2).instances, { id: "i-9", lifecycleState: "Pending:Wait", healthy: true }],
});
const missingNode = lastMinute(3, 2).map((one, index) => (index < 2 ? { ...one, reporters: 2 } : one));

const database = (connections: number, connectionsMax: number) =>
  known({ connections, connectionsMax, refuses: false });
const withCpu = (cpuPercent: number) => (one: LoadSample) => ({ ...one, cpuPercent });
/** 1 January 2026 is a Thursday. */
const workdays = (count: number) => parseFloors(`mon-fri 12:00-19:00 ${count}`) ?? [];
const calm = known(minutesOf(180, () => 12));

const ROWS: readonly [string, CapacityObservation, number | "no call"][] = [
  ["the load fits", observed(2, 10), "no call"],
  ["the load needs three nodes", observed(2, 16), 3],
  ["the load has doubled", observed(2, 24), 5],
  ["requests wait", observed(2, 10, { samples: known(lastMinute(2, 10, 100)) }), 3],
  ["the load is beyond the maximum", observed(2, 1_000), 6],
  ["the maximum is reached", observed(6, 1_000), "no call"],
  ["the farm scaled out 10 s ago", observed(3, 1_000, { lastChange: changed(2, 3, 10_000) }), "no call"],
  ["the farm scaled out 20 s ago and it is not enough", observed(3, 1_000, { lastChange: changed(2, 3, 20_000) }), 6],
  ["the last scale-out was noted and its call failed", observed(2, 24, { lastChange: changed(2, 5, 1_000) }), 5],
  ["load comes back right after a scale-in", observed(2, 24, { lastChange: changed(3, 2, 1_000) }), 5],
  ["the load is gone", observed(4, 0), 3],
  ["the load is gone from eight nodes or more", observed(20, 0, { group: known(groupOf(20, { max: 30 })) }), 15],
  ["the load is gone and the minimum is reached", observed(2, 0), "no call"],
  ["the cooldown has not passed", observed(4, 0, { lastChange: changed(3, 4, 59_000) }), "no call"],
  ["the cooldown has passed", observed(4, 0, { lastChange: changed(3, 4, 60_000) }), 3],
  [
    "a node is still launching",
    observed(3, 0, { group: known(pendingNode), samples: known(lastMinute(2, 0)) }),
    "no call",
  ],
  [
    "the load was higher 50 s ago",
    observed(4, 0, {
      samples: known([sample(NOW - 60_000, 4, 30), sample(NOW - 50_000, 4, 30), ...lastMinute(4, 0).slice(2)]),
    }),
    "no call",
  ],
  ["one node fewer would have no headroom", observed(3, 10), "no call"],
  ["a node did not report twice", observed(3, 2, { samples: known(missingNode) }), "no call"],
  ["nobody reports", observed(4, 0, { samples: known([]) }), "no call"],
  ["the metrics cannot be read", observed(4, 0, { samples: unknown("throttled") }), "no call"],
  ["the metrics are a minute old", observed(4, 0, { samples: known(lastMinute(4, 0, 0, NOW - 70_000)) }), "no call"],
  [
    "requests arrive and none completes",
    observed(4, 5, { samples: known(lastMinute(4, 5).map((one) => ({ ...one, completed: 0 }))) }),
    "no call",
  ],
  ["the last change is unknown", observed(4, 0, { lastChange: unknown("throttled") }), "no call"],
  ["the group is unknown", observed(2, 24, { group: unknown("throttled") }), "no call"],
  [
    "a node reported twice in a period",
    observed(2, 10, { samples: known(lastMinute(2, 10).map((one) => ({ ...one, reporters: 3 }))) }),
    "no call",
  ],
  [
    "the load was calm for hours, less headroom does",
    observed(2, 12, { targetBusyPercent: 80, minutes: known(minutesOf(180, () => 12)) }),
    "no call",
  ],
  [
    "the load was restless for hours, more headroom is kept",
    observed(2, 12, { targetBusyPercent: 80, minutes: known(minutesOf(180, (ago) => (ago % 9 === 0 ? 18 : 12))) }),
    3,
  ],
  [
    "the load rises on a line, it is met where it will be after a boot",
    observed(2, 12, { targetBusyPercent: 80, minutes: known(minutesOf(30, (ago) => Math.max(2, 12 - ago * 0.5))) }),
    4,
  ],
  [
    "earlier days doubled at this hour",
    observed(2, 12, {
      targetBusyPercent: 80,
      minutes: known(minutesOf(180, () => 12)),
      history: known(daysOf(7, (minute) => (minute >= 5 ? 24 : 12))),
    }),
    4,
  ],
  [
    "one day alone doubled at this hour",
    observed(2, 12, {
      targetBusyPercent: 80,
      minutes: known(minutesOf(180, () => 12)),
      history: known(daysOf(1, (minute) => (minute >= 5 ? 24 : 12))),
    }),
    "no call",
  ],
  ["the last hours are unknown and the load is gone", observed(4, 0, { minutes: unknown("throttled") }), "no call"],
  ["the last hours are unknown and the load has doubled", observed(2, 24, { minutes: unknown("throttled") }), 5],
  ["the database has room for one node more", observed(2, 24, { database: database(132, 151) }), 3],
  ["the database has no room", observed(2, 24, { database: database(140, 151) }), "no call"],
  [
    "the database has no room and an operator wants four",
    observed(2, 24, { database: database(140, 151), requests: [scaleWish(4)] }),
    4,
  ],
  ["nobody knows the database", observed(2, 24, { database: unknown("throttled") }), 5],
  ["the processors are the limit", observed(2, 10, { samples: known(lastMinute(2, 10).map(withCpu(90))) }), 3],
  ["the processors idle", observed(2, 10, { samples: known(lastMinute(2, 10).map(withCpu(5))) }), "no call"],
  ["the schedule wants four", observed(2, 0, { floors: workdays(4) }), 4],
  [
    "the schedule wants four within a boot",
    observed(2, 0, { now: NOW - 300_000, samples: known(lastMinute(2, 0, 0, NOW - 300_000)), floors: workdays(4) }),
    4,
  ],
  ["the schedule wants more than the maximum", observed(2, 0, { floors: workdays(40) }), 6],
  ["the schedule wants four and the load is unknown", observed(2, 0, { floors: workdays(4), samples: known([]) }), 4],
  [
    "the schedule has ended",
    observed(4, 0, {
      now: NOW + 8 * 3_600_000,
      samples: known(lastMinute(4, 0, 0, NOW + 8 * 3_600_000)),
      floors: workdays(4),
    }),
    3,
  ],
  ["an operator wants four", observed(2, 0, { requests: [scaleWish(4)] }), 4],
  [
    "an operator wants four and the load is unknown",
    observed(2, 0, { requests: [scaleWish(4)], samples: unknown("throttled") }),
    4,
  ],
  [
    "an operator's four stand and the load is gone",
    observed(4, 0, { requests: [scaleWish(4, "r-1", "standing")] }),
    "no call",
  ],
  [
    "an operator's four stand and the load needs five",
    observed(4, 24, { requests: [scaleWish(4, "r-1", "standing")] }),
    5,
  ],
  ["an operator wants more than the maximum", observed(2, 0, { requests: [scaleWish(7)] }), "no call"],
];

describe("the web tier's size", () => {
  test.each(ROWS)("when %s", (_when, seen, then) => {
    expect(sizeAfter(seen)).toBe(then);
  });

  test("an impossible wish is refused with what is allowed", () => {
    const [answer] = planCapacity(observed(2, 0, { requests: [scaleWish(7)] })).actions;

    expect(answer).toMatchObject({
      kind: "answer-request",
      state: "refused",
      answer: "count is 7, allowed is a whole number from 2 to 6",
    });
  });

  test("a newer wish supersedes the one that stands", () => {
    const { actions } = planCapacity(
      observed(4, 0, { requests: [scaleWish(4, "old", "standing"), scaleWish(3, "new")] }),
    );

    expect(actions.map((action) => action.kind === "answer-request" && [action.requestId, action.state])).toEqual([
      ["old", "done"],
      ["new", "standing"],
      false,
    ]);
  });

  test.each([
    ["capacity-out", observed(2, 24)],
    ["capacity-in", observed(4, 2)],
    ["capacity-rest", observed(2, 10)],
    ["capacity-settling", observed(3, 1_000, { lastChange: changed(2, 3, 10_000) })],
    ["capacity-unknown", observed(4, 0, { samples: unknown("could not read the metrics: Throttling: Rate exceeded") })],
    ["capacity-forecast", observed(2, 20, { minutes: known(minutesOf(60, (ago) => Math.max(8, 20 - ago))) })],
    [
      "capacity-habit",
      observed(2, 12, { minutes: calm, history: known(daysOf(7, (minute) => (minute >= 5 ? 30 : 12))) }),
    ],
    ["capacity-surprise", observed(2, 30, { minutes: calm })],
    ["capacity-database", observed(2, 24, { minutes: calm, database: database(140, 151) })],
    [
      "capacity-pool",
      observed(2, 20, { minutes: known(minutesOf(60, (ago) => Math.max(8, 20 - ago))), pool: known(3) }),
    ],
    ["capacity-floor", observed(2, 1, { minutes: calm, floors: workdays(4) })],
    ["capacity-wish", observed(2, 0, { requests: [scaleWish(4)] })],
  ])("reads as in %s.txt", (name, seen) => {
    expectGolden(name, render(planCapacity(seen)));
  });
});

const anySample = fc.record({
  at: fc
    .integer({
      min: 0,
      max: 9,
    })
    .map((periods) => NOW - periods * PERIOD_MS),
  reporters: fc.integer({
    min: 0,
    max: 20,
  }),
  arrived: fc.integer({
    min: 0,
    max: 5e3,
  }),
  completed: fc.integer({
    min: 0,
    max: 5e3,
  }),
  busy: fc.integer({
    min: 0,
    max: 64,
  }),
  workers: fc.integer({
    min: 0,
    max: 64,
  }),
  queued: fc.integer({
    min: 0,
    max: 5e3,
  }),
});
const anyFarm = fc.record({
  min: fc.nat(10),
  spread: fc.nat(10),
  at: fc.nat(10),
  samples: fc.array(anySample, { maxLength: 10 }),
});

describe("whatever the metrics say", () => {
  test("the size stays within minimum and maximum, and a call always changes it", () => {
    fc.assert(
      fc.property(anyFarm, ({ min, spread, at, samples }) => {
        const desired = min + Math.min(at, spread);
        const group = groupOf(desired, { min, max: min + spread });
        const to = sizeAfter(observed(desired, 0, { group: known(group), samples: known(samples) }));
        if (to === "no call") return;
        expect(to).not.toBe(desired);
        expect(to).toBeGreaterThanOrEqual(min);
        expect(to).toBeLessThanOrEqual(min + spread);
      }),
    );
  });

  test("more load never wants fewer nodes", () => {
    const anyMinutes = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 180 });
    fc.assert(
      fc.property(
        anyMinutes,
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 1, max: 5, noNaN: true }),
        (rates, now, factor) => {
          const wanted = (times: number): number => {
            const minutes = known(minutesOf(rates.length, (ago) => times * (rates[rates.length - ago] ?? 0)));
            const history = known(daysOf(3, (minute) => times * (1 + Math.abs(minute % 25))));
            const group = known(groupOf(2, { max: 1_000 }));
            // What the nodes complete is the same: only as much as two of them can.
            const samples = known(
              lastMinute(2, now).map((one) => ({
                ...one,
                arrived: one.arrived * times,
                queued: one.queued + one.arrived * (times - 1),
              })),
            );
            const to = sizeAfter(observed(2, 0, { group, minutes, history, samples }));
            return to === "no call" ? 2 : to;
          };
          expect(wanted(factor)).toBeGreaterThanOrEqual(wanted(1));
        },
      ),
    );
  });

  test("no node goes on fewer than five complete periods", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 6 }),
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        (desired, reported) => {
          const samples = lastMinute(desired, 0).map((one, index) =>
            reported[index] === true ? one : { ...one, reporters: desired - 1 },
          );
          const to = sizeAfter(observed(desired, 0, { samples: known(samples) }));
          if (reported.filter(Boolean).length < 5) expect(to).toBe("no call");
        },
      ),
    );
  });

  test("a constant load with noise settles and never swings over an hour", () => {
    const noise = fc.array(fc.double({ min: 0.93, max: 1.07, noNaN: true }), { minLength: 366, maxLength: 366 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 45 }),
        fc.integer({ min: 2, max: 8 }),
        noise,
        (perSecond, start, factors) => {
          const sizes = anHourOf(perSecond, start, factors);
          const turns = sizes
            .map((size, index) => Math.sign(size - (sizes[index - 1] ?? start)))
            .filter((step) => step !== 0);

          // Out at once, then at most inwards: a node that went is never wanted back.
          expect(turns.join().includes("-1,1")).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });
});

/** The size after each look of an hour, six looks a minute; a node that is wanted is there by the next look. */
function anHourOf(perSecond: number, start: number, factors: readonly number[]): number[] {
  const sizes: number[] = [];
  const samples = factors
    .slice(0, 6)
    .map((factor, index) => sample(NOW + (index - 6) * PERIOD_MS, start, perSecond * factor));
  let desired = start;
  let last: CapacityObservation["lastChange"] = { absent: true };
  factors.slice(6).forEach((factor, index) => {
    const now = NOW + index * PERIOD_MS;
    const group = known(groupOf(desired, { max: 8 }));
    const to = sizeAfter(observed(desired, 0, { now, group, samples: known(samples.slice(-6)), lastChange: last }));
    if (to !== "no call") {
      last = known({ at: now, from: desired, to });
      desired = to;
    }
    sizes.push(desired);
    samples.push(sample(now, desired, perSecond * factor));
  });
  return sizes;
}
