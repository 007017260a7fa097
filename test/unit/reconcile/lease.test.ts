import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { Lease } from "../../../lib/reconcile/lease.ts";
import { openLeases } from "../../../lib/reconcile/lease.ts";
import { manualClock } from "../manual-clock.ts";
import { memoryTable } from "./memory-table.ts";
import { countingIds } from "./loop-fixture.ts";

function farm() {
  const clock = manualClock();
  const table = memoryTable();
  return { clock, table, leases: openLeases(table, clock, countingIds()) };
}

async function taken(lease: Promise<Lease | undefined>): Promise<Lease> {
  const held = await lease;
  if (held === undefined) throw new Error("the lease was not taken");
  return held;
}

describe("a lease on a scope", () => {
  test("is given to one asker; a second one is told that somebody will look again", async () => {
    const { leases } = farm();
    const first = await taken(leases.request("web"));
    expect(await leases.request("web")).toBeUndefined();
    expect(await first.release(first.wanted())).toBe("wanted");
    expect(await first.renew()).toBe(true);
    expect(await first.release(first.wanted())).toBe("released");
  });

  test("is apart for each scope", async () => {
    const { leases } = farm();
    await taken(leases.request("web"));
    expect(await leases.request("database")).toBeDefined();
  });

  test("of a killed holder is taken over after its life, with a higher fence, and the old holder can do nothing", async () => {
    const { leases, clock, table } = farm();
    const killed = await taken(leases.request("database"));
    await clock.advance(5_001);
    const successor = await taken(leases.request("database"));
    expect(successor.fence).toBeGreaterThan(killed.fence);
    expect(killed.isAlive()).toBe(false);
    expect(await killed.renew()).toBe(false);
    expect(await killed.release(killed.wanted())).toBe("lost");
    await killed.abandon();
    expect(table.items.get("lease|database")).toMatchObject({ fence: successor.fence });
    expect(await successor.renew()).toBe(true);
  });

  test("that is renewed is not taken over", async () => {
    const { leases, clock } = farm();
    const holder = await taken(leases.request("database"));
    for (let renewals = 0; renewals < 5; renewals++) {
      await clock.advance(3_000);
      expect(await holder.renew()).toBe(true);
      expect(await leases.request("database")).toBeUndefined();
    }
  });

  test("that was abandoned is free at once, and what was asked meanwhile is still wanted", async () => {
    const { leases, table } = farm();
    const holder = await taken(leases.request("web"));
    await leases.request("web");
    await holder.abandon();
    expect(table.items.get("lease|web")).not.toHaveProperty("holder");
    expect((await taken(leases.request("web"))).fence).toBe(holder.fence + 1);
  });

  test("is recognised when the taking write was sent twice and the second answer said no", async () => {
    const clock = manualClock();
    const inner = memoryTable();
    const table: typeof inner = {
      ...inner,
      async update(key, change, condition) {
        const answer = await inner.update(key, change, condition);
        return condition === undefined ? answer : inner.update(key, change, condition);
      },
    };
    const holder = await taken(openLeases(table, clock, countingIds()).request("web"));
    expect(await holder.release(holder.wanted())).toBe("released");
  });
});

/** What one asker does with the lease, as far as others can tell. */
type Asker = { readonly crashes: "never" | "before work" | "after work"; readonly workMs: number };

const asker: fc.Arbitrary<Asker> = fc.record({
  crashes: fc.constantFrom<Asker["crashes"]>("never", "never", "never", "before work", "after work"),
  workMs: fc.nat(9_000),
});

describe("many askers in any order", () => {
  test("are never two holders at a time, fences only grow, and every wake-up is followed by a look", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(asker, { minLength: 2, maxLength: 7 }), async (scheduler, askers) => {
        let nowMs = 1_000_000;
        const clock = { now: () => nowMs, sleep: async () => undefined };
        const table = memoryTable((name) => scheduler.schedule(Promise.resolve(), name));
        const leases = openLeases(table, clock, countingIds());
        const alive = new Set<Lease>();
        const fences: number[] = [];
        const looks: number[] = [];
        let step = 0;
        const asked: number[] = [];

        const ask = async ({ crashes, workMs }: Asker): Promise<void> => {
          asked.push(step++);
          const lease = await leases.request("database");
          if (lease === undefined) return;
          fences.push(lease.fence);
          alive.add(lease);
          for (let answer = "wanted"; answer === "wanted";) {
            if (!(await lease.renew())) break;
            if (crashes === "before work") return;
            const seen = lease.wanted();
            expect([...alive].filter((other) => other.isAlive())).toEqual([lease]);
            looks.push(step++);
            await scheduler.schedule(Promise.resolve(), "work");
            nowMs += workMs;
            if (crashes === "after work") return;
            answer = await lease.release(seen);
          }
          alive.delete(lease);
        };

        await scheduler.waitFor(Promise.all(askers.map(ask)));
        // The minute clock comes round when every lease of a crashed holder has run out.
        nowMs += 60_000;
        await scheduler.waitFor(ask({ crashes: "never", workMs: 0 }));

        expect(Math.max(...looks)).toBeGreaterThan(Math.max(...asked));
        expect(fences).toEqual([...new Set(fences)]);
        expect(table.items.get("lease|database")).not.toHaveProperty("holder");
      }),
      { numRuns: 300 },
    );
  });

  test("lose no wake-up when nobody crashes: the last look began after the last request, with no clock to help", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 8 }), async (scheduler, count) => {
        const clock = { now: () => 1_000_000, sleep: async () => undefined };
        let wantedAtLook = 0;
        const table = memoryTable((name) => scheduler.schedule(Promise.resolve(), name));
        const leases = openLeases(table, clock, countingIds());
        const ask = async (): Promise<void> => {
          const lease = await leases.request("web");
          if (lease === undefined) return;
          for (let answer = "wanted"; answer === "wanted"; answer = await lease.release(lease.wanted())) {
            expect(await lease.renew()).toBe(true);
            wantedAtLook = lease.wanted();
          }
        };
        await scheduler.waitFor(Promise.all(Array.from({ length: count }, ask)));
        expect(wantedAtLook).toBe(count);
        expect(table.items.get("lease|web")).toMatchObject({ wanted: count, done: count });
      }),
      { numRuns: 300 },
    );
  });
});
