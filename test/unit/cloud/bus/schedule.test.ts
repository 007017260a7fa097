import { describe, expect, test } from "@jest/globals";
import { parseSchedule } from "../../../../local/cloud/bus/schedule.ts";

const at = (text: string): number => Date.parse(`${text}Z`);
const next = (expression: string, now: string, startedAt = now): string | undefined => {
  const time = parseSchedule(expression)(at(now), at(startedAt));
  return time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);
};

describe("a schedule", () => {
  // The first six are the examples of the EventBridge user guide.
  test.each([
    ["cron(0 10 * * ? *)", "2026-01-01T10:00", "2026-01-02T10:00"],
    ["cron(15 12 * * ? *)", "2026-01-01T10:00", "2026-01-01T12:15"],
    ["cron(0 18 ? * MON-FRI *)", "2026-01-02T18:00", "2026-01-05T18:00"],
    ["cron(0 8 1 * ? *)", "2026-01-01T08:00", "2026-02-01T08:00"],
    ["cron(0/15 * * * ? *)", "2026-01-01T10:01", "2026-01-01T10:15"],
    ["cron(0/5 8-17 ? * MON-FRI *)", "2026-01-02T17:55", "2026-01-05T08:00"],
    ["cron(0 0 L * ? *)", "2026-02-01T00:00", "2026-02-28T00:00"],
    ["cron(0 0 ? * 6L *)", "2026-01-01T00:00", "2026-01-30T00:00"],
    ["cron(0 0 ? * 2#1 *)", "2026-01-06T00:00", "2026-02-02T00:00"],
    ["cron(0 0 29 2 ? *)", "2026-01-01T00:00", "2028-02-29T00:00"],
    ["cron(0 0 1 1 ? 2025)", "2026-01-01T00:00", undefined],
  ])("%s after %s is %s", (expression, now, expected) => {
    expect(next(expression, now)).toBe(expected);
  });

  test("at a rate counts from the start of the rule", () => {
    expect(next("rate(5 minutes)", "2026-01-01T00:07", "2026-01-01T00:01")).toBe("2026-01-01T00:11");
    expect(next("rate(1 minute)", "2026-01-01T00:01", "2026-01-01T00:01")).toBe("2026-01-01T00:02");
  });

  test.each([
    "rate(1 minutes)",
    "rate(5 minute)",
    "rate(0 minutes)",
    "rate(10 seconds)",
    "cron(* * * * * *)",
    "cron(61 * * * ? *)",
    "every day",
  ])("%s is refused", (expression) => {
    expect(() => parseSchedule(expression)).toThrow("Parameter ScheduleExpression is not valid");
  });
});
