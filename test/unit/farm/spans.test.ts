import { expect, test } from "@jest/globals";
import { growthSpans, openSpans, openTogether, type Attempt } from "../../../local/farm/database/spans.ts";
import { reportOf } from "../../../local/farm/database/writer-probe.ts";

const accepted = (sentAt: number, endedAt = sentAt + 5): Attempt => ({ sentAt, endedAt, outcome: "accepted" });
const refused = (sentAt: number): Attempt => ({ sentAt, endedAt: sentAt + 1, outcome: "refused" });
const times = (from: number, to: number): number[] =>
  Array.from({ length: (to - from) / 20 + 1 }, (_, index) => from + index * 20);

test("a server was open between the first answer and the last question of accepted writes", () => {
  expect(openSpans([refused(0), accepted(20), accepted(40), accepted(60), refused(80), accepted(100)])).toEqual([
    { from: 25, to: 60 },
  ]);
});

test("two servers that were open one after the other never were together", () => {
  const a = [...times(0, 200).map((at) => accepted(at)), ...times(220, 400).map(refused)];
  const b = [...times(0, 200).map(refused), ...times(220, 400).map((at) => accepted(at))];
  expect(openTogether(a, b)).toEqual([]);
});

test("a write that waited on the old writer until the new one was open is no second writer", () => {
  const a = [...times(0, 100).map((at) => accepted(at)), accepted(120, 900)];
  const b = times(500, 1500).map((at) => accepted(at));
  expect(openTogether(a, b)).toEqual([]);
});

test("servers that were open together are found, and so is a single write inside the other's time", () => {
  const a = times(0, 1000).map((at) => accepted(at));
  const together = times(900, 1200).map((at) => accepted(at));
  const single = [...times(0, 480).map(refused), accepted(500), ...times(520, 1000).map(refused)];
  expect(openTogether(a, together)).toContainEqual({ from: 905, to: 1000 });
  expect(openTogether(a, single)).toEqual([{ from: 500, to: 505 }]);
});

test("own transactions grow between two samples, unless these are too far apart to tell when", () => {
  const samples = [
    ...[0, 20, 40].map((at) => ({ at, count: 5 })),
    ...[
      { at: 60, count: 7 },
      { at: 2000, count: 9 },
    ],
  ];
  expect(growthSpans(samples)).toEqual([{ from: 40, to: 60 }]);
  const both = reportOf([
    { name: "db-a", attempts: [], own: samples },
    { name: "db-b", attempts: [], own: samples.map(({ at, count }) => ({ at: at - 10, count })) },
  ]);
  expect(both.bothCommitted).toEqual([{ from: 40, to: 50 }]);
});
