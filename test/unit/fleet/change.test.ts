import { describe, expect, test } from "@jest/globals";
import { memoryTable } from "../reconcile/memory-table.ts";
import { noteBoot, noteChange, readRemembered } from "../../../lib/fleet/change.ts";
import type { SetDesired } from "../../../lib/fleet/plan.ts";
import { ROOM } from "../../../lib/database/room.ts";
import { isKnown } from "../../../lib/reconcile/fact.ts";
import { GROUP, NOW } from "../lifecycle/observations.ts";

const action: SetDesired = {
  kind: "set-desired",
  group: GROUP,
  from: 2,
  to: 3,
  reason: "",
  precondition: "",
  idempotencyKey: "",
};

describe("what the size of the web tier remembers", () => {
  test("is nothing at first", async () => {
    expect(await readRemembered(memoryTable(), GROUP, NOW)).toEqual({
      lastChange: { absent: true },
      boot: { absent: true },
      database: { absent: true },
    });
  });

  test("is the last change, and a holder that was overtaken cannot write it", async () => {
    const table = memoryTable();
    await noteChange(table, action, NOW, 7);

    await expect(noteChange(table, { ...action, to: 9 }, NOW, 6)).rejects.toThrow("another holder was there first");
    expect((await readRemembered(table, GROUP, NOW)).lastChange).toEqual({ known: { at: NOW, from: 2, to: 3 } });
  });

  test("boots get longer at once and shorter by a quarter; those from the pool are another thing", async () => {
    const table = memoryTable();
    const seen = [
      { from: "directMs", ms: 200_000 },
      { from: "directMs", ms: 240_000 },
      { from: "directMs", ms: 200_000 },
      { from: "poolMs", ms: 40_000 },
    ] as const;
    for (const [index, boot] of seen.entries()) await noteBoot(table, GROUP, { ...boot, at: NOW + index });

    expect((await readRemembered(table, GROUP, NOW)).boot).toEqual({ known: { directMs: 230_000, poolMs: 40_000 } });
  });

  test("two boots that are noted at a time do not undo one another", async () => {
    const table = memoryTable();
    const noted = await Promise.all(
      [200_000, 210_000].map((ms, index) => noteBoot(table, GROUP, { from: "directMs", ms, at: NOW + index })),
    );

    expect(noted.filter(Boolean)).toHaveLength(1);
  });

  test("the database's connections are news for five minutes", async () => {
    const table = memoryTable();
    await table.put({ ...ROOM, at: NOW, connections: 20, connectionsMax: 151, refuses: false });

    expect((await readRemembered(table, GROUP, NOW + 300_000)).database).toEqual({
      known: { connections: 20, connectionsMax: 151, refuses: false },
    });
    expect(isKnown((await readRemembered(table, GROUP, NOW + 300_001)).database)).toBe(false);
  });

  test("an item that Tandem did not write is unknown, and the others are read", async () => {
    const table = memoryTable();
    await table.put({ pk: "capacity", sk: GROUP, at: "noon" });
    await noteBoot(table, GROUP, { from: "directMs", ms: 200_000, at: NOW });
    const { lastChange, boot } = await readRemembered(table, GROUP, NOW);

    expect(lastChange).toEqual({ unknown: expect.stringContaining("is not one that Tandem wrote") });
    expect(isKnown(boot)).toBe(true);
  });
});
