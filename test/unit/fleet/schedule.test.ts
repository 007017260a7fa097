import { describe, expect, test } from "@jest/globals";
import { floorWithin, parseFloors } from "../../../lib/fleet/schedule.ts";

/** A Thursday. */
const at = (time: string): number => Date.parse(`2026-01-01T${time}:00Z`);
const MINUTE_MS = 60_000;

describe("floors of a schedule", () => {
  test.each([
    ["mon-fri 08:00-19:00 4", "07:59", 0],
    ["mon-fri 08:00-19:00 4", "08:00", 4],
    ["mon-fri 08:00-19:00 4", "19:00", 0],
    ["sat-sun 00:00-24:00 4", "12:00", 0],
    ["thu 10:00-12:00 3, thu 11:00-13:00 5", "11:30", 5],
    ["fri-mon 08:00-19:00 4", "12:00", 0],
    ["wed 22:00-02:00 6", "01:59", 6],
    ["wed 22:00-02:00 6", "02:00", 0],
    ["", "12:00", 0],
  ])("%s: at %s there are at least %i", (text, time, count) => {
    expect(floorWithin(parseFloors(text) ?? [], at(time), 0)).toBe(count);
  });

  test("begin one boot early", () => {
    const floors = parseFloors("thu 08:00-09:00 4") ?? [];

    expect(floorWithin(floors, at("07:54"), 5 * MINUTE_MS)).toBe(0);
    expect(floorWithin(floors, at("07:55"), 5 * MINUTE_MS)).toBe(4);
  });

  test.each(["mon 08:00-19:00", "noday 08:00-19:00 4", "mon 25:00-26:00 4", "mon 08:00-24:01 4", "mon 08:00-19:00 4,"])(
    "%s is refused",
    (text) => {
      expect(parseFloors(text)).toBeUndefined();
    },
  );
});
