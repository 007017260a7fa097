import { describe, expect, test } from "@jest/globals";
import { isUrgent, keepNotice, noticeOf, readNotices, type Announcement } from "../../../lib/lifecycle/notice.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { NODE, NOW } from "./observations.ts";

const spot: Announcement = { id: "spot-warning", detail: "EC2 takes it", ends: { inMs: 120_000 } };
const planned = (at: number): Announcement => ({ id: "c-1@0", detail: "the host is retired", ends: { at } });
const DAY = 86_400_000;

describe("what AWS announced", () => {
  test("is kept once, however often it is told", async () => {
    const table = memoryTable();
    expect(await keepNotice(table, NOW, NODE, spot)).toBe(true);
    expect(await keepNotice(table, NOW + 60_000, NODE, spot)).toBe(false);
    expect(await readNotices(table, NOW)).toEqual([
      { instanceId: NODE, detail: "EC2 takes it", endsAt: NOW + 120_000 },
    ]);
  });

  test("of one instance are several: what comes first counts", async () => {
    const table = memoryTable();
    await keepNotice(table, NOW, NODE, { id: "rebalance", detail: "may be taken" });
    await keepNotice(table, NOW, NODE, planned(NOW + DAY));
    await keepNotice(table, NOW, NODE, spot);
    await keepNotice(table, NOW, "i-00000000000000002", planned(NOW + 1_000));
    const notices = await readNotices(table, NOW);
    expect(notices).toHaveLength(4);
    expect(noticeOf(notices, NODE)).toMatchObject({ detail: "EC2 takes it" });
    expect(noticeOf(notices, "i-00000000000000003")).toBeUndefined();
  });

  test("for a time that has passed has no time: there is no hurry that could be met", async () => {
    const table = memoryTable();
    await keepNotice(table, NOW, NODE, planned(NOW - 1));
    expect(await readNotices(table, NOW)).toEqual([{ instanceId: NODE, detail: "the host is retired" }]);
  });

  test("counts until a day after its time, and then no longer", async () => {
    const table = memoryTable();
    await keepNotice(table, NOW, NODE, planned(NOW + 14 * DAY));
    expect(await readNotices(table, NOW + 15 * DAY - 1)).toHaveLength(1);
    expect(await readNotices(table, NOW + 15 * DAY)).toEqual([]);
  });

  test("is urgent when only the drain has time left", () => {
    const at = (endsAt: number) => isUrgent({ instanceId: NODE, detail: "", endsAt }, NOW);
    expect([at(NOW - 1), at(NOW + 180_000), at(NOW + 180_001)]).toEqual([true, true, false]);
    expect(isUrgent({ instanceId: NODE, detail: "" }, NOW)).toBe(false);
  });

  test("and stored by someone else is told by name, not skipped", async () => {
    const table = memoryTable();
    await table.put({ pk: "notice", sk: `${NODE}#x`, expiresAt: NOW + 1 });
    await expect(readNotices(table, NOW)).rejects.toMatchObject({ code: "state-corrupt" });
  });
});
