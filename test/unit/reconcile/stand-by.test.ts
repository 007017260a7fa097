import { describe, expect, test } from "@jest/globals";
import { openLeases, type Lease } from "../../../lib/reconcile/lease.ts";
import { manualClock } from "../manual-clock.ts";
import { countingIds } from "./loop-fixture.ts";
import { memoryTable } from "./memory-table.ts";

function farm() {
  const clock = manualClock();
  const table = memoryTable();
  return { clock, table, leases: openLeases(table, clock, countingIds()) };
}
type Standing = Lease | "stands-by" | "beside";

function taken(got: Standing | undefined): Lease {
  if (got === undefined || typeof got === "string") throw new Error(`the lease was not taken: ${got}`);
  return got;
}

describe("whoever stands by for a scope", () => {
  test("takes it at once while nobody holds it", async () => {
    const { leases, table } = farm();
    const lease = taken(await leases.standBy("database", "s1"));

    expect(await lease.renew()).toBe(true);
    expect(table.items.get("lease|database")).toMatchObject({ fence: 1 });
  });

  test("is known to the holder from its next renewal on", async () => {
    const { leases } = farm();
    const holder = taken(await leases.standBy("database", "s1"));
    expect(await leases.standBy("database", "s2")).toBe("stands-by");
    expect(holder.hasSuccessor()).toBe(false);

    await holder.renew();

    expect(holder.hasSuccessor()).toBe(true);
  });

  test("is one: another one stands beside, and takes the place of one that fell silent", async () => {
    const { leases, clock } = farm();
    const holder = taken(await leases.standBy("database", "s1"));
    await leases.standBy("database", "s2");
    expect(await leases.standBy("database", "s3")).toBe("beside");

    await clock.advance(3_000);
    await holder.renew();
    expect(await leases.standBy("database", "s3")).toBe("beside");
    await clock.advance(1_500);
    await holder.renew();

    expect(holder.hasSuccessor()).toBe(false);
    expect(await leases.standBy("database", "s3")).toBe("stands-by");
    expect(await leases.standBy("database", "s2")).toBe("beside");
  });

  test("keeps its place as long as it says so, and writes no more often than that takes", async () => {
    const { leases, clock, table } = farm();
    const holder = taken(await leases.standBy("database", "s1"));
    const said = new Set<unknown>();
    for (let tries = 0; tries < 40; tries++) {
      expect(await leases.standBy("database", "s2")).toBe("stands-by");
      said.add(table.items.get("lease|database")?.["standsByUntil"]);
      await holder.renew();
      await clock.advance(500);
      expect(await leases.standBy("database", "s3")).toBe("beside");
    }

    expect(said.size).toBeLessThanOrEqual(11);
  });

  test("is handed the scope with a higher fence, and with every wake-up that came meanwhile", async () => {
    const { leases, table } = farm();
    const holder = taken(await leases.standBy("database", "s1"));
    await leases.standBy("database", "s2");
    expect(await leases.request("database")).toBeUndefined();

    await holder.abandon();
    const next = taken(await leases.standBy("database", "s2"));

    expect(next.fence).toBe(holder.fence + 1);
    expect(next.wanted()).toBe(1);
    expect(await holder.renew()).toBe(false);
    expect(table.items.get("lease|database")).not.toHaveProperty("successor");
    expect(next.hasSuccessor()).toBe(false);
  });

  test("takes over from a killed holder when its lease has run out, not before", async () => {
    const { leases, clock } = farm();
    const killed = taken(await leases.standBy("database", "s1"));
    await clock.advance(4_900);
    expect(await leases.standBy("database", "s2")).toBe("stands-by");

    await clock.advance(200);
    const next = taken(await leases.standBy("database", "s2"));

    expect(next.fence).toBe(killed.fence + 1);
    expect(killed.isAlive()).toBe(false);
  });

  test("is not the only one that tries: of two that find the scope free, one gets it", async () => {
    const { leases } = farm();
    const got = await Promise.all([leases.standBy("database", "s1"), leases.standBy("database", "s2")]);

    expect(got.filter((each) => typeof each !== "string")).toHaveLength(1);
    expect(got.filter((each) => each === "beside")).toHaveLength(1);
  });
});
