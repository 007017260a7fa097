import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { optimum } from "../../../bench/scaling/optimum.ts";
import { productDefaults } from "../../../bench/scaling/product.ts";
import { tandem } from "../../../bench/scaling/tandem.ts";
import { targetTracking } from "../../../bench/scaling/target-tracking.ts";
import { replay, type Policy, type Terms } from "../../../bench/scaling/tier.ts";
import { parseTrace, slicesOf, SLICES, type Trace } from "../../../bench/scaling/trace.ts";

const terms: Terms = { nodeCapacity: 100, bootMs: 240_000, poolBootMs: 45_000, pool: 0, min: 2, max: 50 };
const traceOf = (requests: readonly number[]): Trace => ({ name: "test", startsAt: 0, requests });
const play = (requests: readonly number[], policy: Policy, start: number, on = terms) =>
  replay(slicesOf(traceOf(requests)), 0, on, policy, start);
const ours = (): Policy => tandem(productDefaults());
const constant = (minutes: number, requests: number): number[] => Array.from({ length: minutes }, () => requests);

describe("a trace", () => {
  test("is read from its two columns, whichever else there are; a missing minute had no request", () => {
    const csv = "host,minute,requests\na,2026-01-01T00:00Z,5\na,2026-01-01T00:02Z,7\n";

    expect(parseTrace("a", csv)).toEqual({ name: "a", startsAt: Date.UTC(2026, 0, 1), requests: [5, 0, 7] });
  });

  test.each([
    ["minute,count\n", "the first line must name the columns minute and requests"],
    ["minute,requests\nnoon,5\n", "line 2: noon is no time"],
    ["minute,requests\n2026-01-01T00:00Z,-5\n", "line 2: -5 is no number of requests"],
    ["minute,requests\n2026-01-01T00:01Z,5\n2026-01-01T00:00Z,5\n", "line 3: minutes must ascend"],
    ["minute,requests\n", "no minute in it"],
  ])("%j is refused", (csv, why) => {
    expect(() => parseTrace("a", csv)).toThrow(why);
  });

  test("keeps the sum of each minute in its slices, none beyond the minutes around it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { minLength: 1, maxLength: 50 }), (requests) => {
        const slices = slicesOf(traceOf(requests));
        requests.forEach((count, minute) => {
          const own = slices.slice(minute * SLICES, (minute + 1) * SLICES);
          const around = [requests[minute - 1] ?? count, count, requests[minute + 1] ?? count];
          expect(own.reduce((a, b) => a + b, 0)).toBeCloseTo(count, 6);
          expect(Math.max(...own) * SLICES).toBeLessThanOrEqual(Math.max(...around) + 1e-6);
          expect(Math.min(...own) * SLICES).toBeGreaterThanOrEqual(Math.min(...around) - 1e-6);
        });
      }),
    );
  });
});

describe("target tracking", () => {
  test("adds after three minutes over the target, and the nodes serve a boot later", () => {
    const { capacity } = play(constant(20, 360), targetTracking(60), 4);

    expect(capacity.slice(0, 8)).toEqual([4, 4, 4, 4, 4, 4, 4, 6]);
  });

  test("removes after fifteen minutes under nine tenths of the target, little by little", () => {
    const { capacity } = play(constant(40, 120), targetTracking(60), 8);

    expect(capacity[15]).toBe(7);
    expect(capacity.at(-1)).toBe(2);
  });
});

describe("the optimum", () => {
  test("serves everything, and keeps a node over a gap shorter than a boot", () => {
    const requests = [...constant(20, 150), ...constant(5, 390), ...constant(3, 150), ...constant(5, 390), 150];
    const { nodeMinutes, unservedRatio } = optimum(slicesOf(traceOf(requests)), terms);

    expect(unservedRatio).toBe(0);
    // Two nodes all the time, two more for 13 minutes and their boot.
    expect(nodeMinutes).toBeCloseTo(34 * 2 + 2 * (13 + 4), 6);
  });

  test("no policy that serves everything is cheaper", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { minLength: 30, maxLength: 60 }), (requests) => {
        const all = play(requests, () => () => undefined, 50);
        expect(optimum(slicesOf(traceOf(requests)), terms).nodeMinutes).toBeLessThanOrEqual(all.nodeMinutes + 1e-6);
      }),
      { numRuns: 30 },
    );
  });
});

describe("Tandem on a load that stays", () => {
  test("settles once and changes nothing any more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000 }), fc.integer({ min: 2, max: 50 }), (requests, start) => {
        const { actionsByMinute, actions } = play(constant(300, requests), ours(), start);
        expect(actions - (actionsByMinute[120] ?? 0)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test("serves all of it with the share of busy workers that a calm load may have", () => {
    const { violationMinutes, capacity } = play(constant(300, 1_600), ours(), 30);

    expect(violationMinutes).toBe(0);
    expect(capacity.at(-1)).toBe(Math.ceil((1_600 / 100) * 1.25 * 1.05));
  });
});

test("a node of the warm pool serves after its own boot, and the pool is filled again at a price", () => {
  const oneMore: Policy = (tier) => (slice, _arrived, _inService, now) => {
    if (slice === 0) tier.setDesired(4, now);
  };
  const { capacity, nodeMinutes } = play(constant(10, 100), oneMore, 2, { ...terms, pool: 1 });

  expect(capacity.slice(0, 7)).toEqual([2, 3, 3, 3, 3, 4, 4]);
  expect(nodeMinutes).toBeCloseTo(10 * 4 - 2 / SLICES + 4, 6);
});
