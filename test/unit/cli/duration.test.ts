import { describe, expect, test } from "@jest/globals";
import { parseDuration, parseSince } from "../../../local/cli/duration.ts";

describe("a duration on the command line", () => {
  test.each([
    ["90s", 90],
    ["10m", 600],
    ["1h", 3600],
    ["2d", 172_800],
  ])("%s is %d seconds", (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test.each(["", "90", "s", "1.5h", "-1h", "0s", "1 h", "1w"])("%j is refused with an example", (text) => {
    expect(() => parseDuration(text)).toThrow(/e\.g\. 90s/);
  });
});

describe("the start of a journal", () => {
  const now = Date.UTC(2026, 0, 31, 12);

  test("is an ISO-8601 time as given", () => {
    expect(parseSince("2026-01-31T11:00:00Z", now)).toBe("2026-01-31T11:00:00.000Z");
  });

  test("or a duration before now", () => {
    expect(parseSince("10m", now)).toBe("2026-01-31T11:50:00.000Z");
  });

  test("and nothing else", () => {
    expect(() => parseSince("2026-99-99", now)).toThrow(/ISO-8601/);
  });
});
