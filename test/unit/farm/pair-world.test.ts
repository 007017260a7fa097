import { expect, test } from "@jest/globals";
import type { Attempt } from "../../../local/farm/database/spans.ts";
import { reportOf, type ServerTrace } from "../../../local/farm/database/writer-probe.ts";
import { intervalsOf } from "../../farm/pair-world.ts";
import { differences, type EndState } from "../../scenarios/database/end.ts";
import type { Interval } from "../../scenarios/database/world.ts";

const attempt = (sentAt: number, endedAt: number, outcome: Attempt["outcome"] = "accepted"): Attempt => ({
  ...{ sentAt, endedAt, outcome },
});
const trace = (name: string, attempts: readonly Attempt[], own: ServerTrace["own"] = []): ServerTrace => ({
  ...{ name, attempts, own },
});
const open = (from: number): readonly Attempt[] => [0, 20, 40, 60].map((ms) => attempt(from + ms, from + ms + 5));

const expected: EndState = { writer: "db-a", promotions: 0, told: [], surplus: "any" };
const seen = (intervals: readonly Interval[], rows: readonly string[] = []) => ({
  status: {
    writer: "db-a" as const,
    peerEligible: true,
    problems: [],
    proposals: [],
    replicates: { "db-a": true, "db-b": true },
  },
  accounts: { sent: 2, acknowledged: ["1", "2"], refused: 0, unknown: 0, waiting: 0 },
  rows: { "db-a": rows, "db-b": [] },
  intervals,
  journal: [],
});
const both = ["1", "2"];

test("servers that accept writes one after the other are no two writers", () => {
  const intervals = intervalsOf(reportOf([trace("db-a", open(0)), trace("db-b", open(100))]));

  expect(intervals).toEqual([
    { node: "db-a", from: 5, to: 60 },
    { node: "db-b", from: 105, to: 160 },
  ]);
  expect(differences(expected, seen(intervals, both))).toEqual([]);
});

test("servers that accept writes at a time are two writers", () => {
  const intervals = intervalsOf(reportOf([trace("db-a", open(0)), trace("db-b", open(40))]));

  expect(differences(expected, seen(intervals, both)).join()).toContain("both accepted writes");
});

test("one write that was sent and answered while the other server was open makes two writers", () => {
  const intervals = intervalsOf(reportOf([trace("db-a", open(0)), trace("db-b", [attempt(20, 30)])]));

  expect(differences(expected, seen(intervals, both)).join()).toContain("both accepted writes");
});

test("one write that began before the other server was open proves no two writers, and that its server was open once", () => {
  const intervals = intervalsOf(reportOf([trace("db-a", open(0)), trace("db-b", [attempt(-10, 30)])]));

  expect(differences(expected, seen(intervals, both))).toEqual([]);
  expect(differences({ ...expected, neverWrote: ["db-b"] }, seen(intervals, both))).toEqual(["db-b accepted writes"]);
});

test("own transactions of both servers' binary logs at a time make two writers", () => {
  const own = [
    { at: 0, count: 1 },
    { at: 20, count: 2 },
  ];
  const intervals = intervalsOf(reportOf([trace("db-a", [], own), trace("db-b", [], own)]));

  expect(differences(expected, seen(intervals, both)).join()).toContain("both accepted writes");
});

test("where nobody writes, an acknowledged write that neither server holds is told", () => {
  const nobody: EndState = { ...expected, writer: null };

  expect(differences(nobody, { ...seen([], ["1"]), status: { ...seen([]).status, writer: undefined } })).toEqual([
    "1 acknowledged writes are on neither server: 2",
  ]);
});
