import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Accounts, Interval, Line, PairStatus } from "./world.ts";

/** How the pair is to stand at the end, and what may and may not have been done until then. */
export interface EndState {
  /** Null: nobody writes, and that is right. */
  readonly writer: DatabaseNode | null;
  /** Automatic promotions since the beginning. */
  readonly promotions: number;
  readonly eligible?: boolean;
  /** Codes of problems that were told at some time. */
  readonly told: readonly string[];
  /** Codes that must never be told. */
  readonly neverTold?: readonly string[];
  /** Codes that are open at the end; whatever else is open is a difference. Absent: not looked at. */
  readonly open?: readonly string[];
  /** Servers that never accepted a write. */
  readonly neverWrote?: readonly DatabaseNode[];
  /**
   * What the other server holds beyond the writer's rows. `none`: nothing, and it replicates. `asked`: something, nothing
   * of it is lost, and a person was asked.
   */
  readonly surplus?: "none" | "asked" | "any";
}

/** The same, as it was seen. */
export interface SeenEnd {
  readonly status: PairStatus;
  readonly accounts: Accounts;
  readonly rows: Readonly<Record<DatabaseNode, readonly string[]>>;
  readonly intervals: readonly Interval[];
  readonly journal: readonly Line[];
}

/** What is not as it should be, in words. Pure, and the same for every world. */
export function differences(expected: EndState, seen: SeenEnd): readonly string[] {
  return [
    ...writerAsExpected(expected, seen),
    ...told(expected, seen),
    ...(expected.writer === null ? somewhere(seen) : accounted(expected.writer, seen)),
    ...twoWriters(seen.intervals),
    ...(expected.writer === null ? [] : surplus(expected, expected.writer, seen)),
  ];
}

function writerAsExpected(expected: EndState, { status, intervals, journal }: SeenEnd): string[] {
  const writer = status.writer ?? null;
  const promotions = journal.filter(
    ({ phase, action, result }) => phase === "applied" && action === "promote" && !isFailed(result),
  ).length;
  return [
    ...(writer === expected.writer ? [] : [`the writer is ${writer ?? "nobody"}, not ${expected.writer ?? "nobody"}`]),
    ...(promotions === expected.promotions ? [] : [`${promotions} promotions, not ${expected.promotions}`]),
    ...(expected.eligible === undefined || status.peerEligible === expected.eligible
      ? []
      : [`the peer is ${status.peerEligible === true ? "" : "not "}eligible`]),
    ...(expected.neverWrote ?? [])
      .filter((node) => intervals.some((interval) => interval.node === node))
      .map((node) => `${node} accepted writes`),
  ];
}

const isFailed = (result: string): boolean => result.startsWith("failed");

const codeOf = (problem: string): string => problem.split(" ")[0] ?? problem;

function told({ told: expected, neverTold = [], open }: EndState, { status, journal }: SeenEnd): string[] {
  const codes = new Set(journal.flatMap(({ phase, problem }) => (phase === "detected" ? (problem ?? []) : [])));
  return [
    ...expected.filter((code) => !codes.has(code)).map((code) => `${code} was not told`),
    ...neverTold.filter((code) => codes.has(code)).map((code) => `${code} was told`),
    ...(open === undefined
      ? []
      : status.problems.filter((problem) => !open.includes(codeOf(problem))).map((problem) => `${problem} is open`)),
    ...(open ?? [])
      .filter((code) => !status.problems.some((problem) => codeOf(problem) === code))
      .map((code) => `${code} is not open`),
  ];
}

/** Every acknowledged row is on the writer, once. */
function accounted(writer: DatabaseNode, { accounts, rows }: SeenEnd): string[] {
  const there = new Set(rows[writer]);
  const missing = accounts.acknowledged.filter((id) => !there.has(id));
  const doubled = rows[writer].length - there.size;
  return [
    ...(missing.length === 0
      ? []
      : [`${missing.length} acknowledged writes are missing on ${writer}: ${missing.slice(0, NAMED_MAX).join(", ")}`]),
    ...(doubled === 0 ? [] : [`${doubled} rows are on ${writer} twice`]),
  ];
}

/** Where nobody writes, every acknowledged row is on one of the servers: whoever is brought back, nothing is lost. */
function somewhere({ accounts, rows }: SeenEnd): string[] {
  const there = new Set([...rows["db-a"], ...rows["db-b"]]);
  const missing = accounts.acknowledged.filter((id) => !there.has(id));
  return missing.length === 0
    ? []
    : [`${missing.length} acknowledged writes are on neither server: ${missing.slice(0, NAMED_MAX).join(", ")}`];
}

/** Ids that a message names. */
const NAMED_MAX = 5;

function twoWriters(intervals: readonly Interval[]): string[] {
  const long = intervals.filter(({ from, to }) => from !== to);
  const [a, b] = [long.filter(({ node }) => node === "db-a"), long.filter(({ node }) => node === "db-b")];
  return a.flatMap((one) =>
    b
      .filter((other) => one.from < (other.to ?? Infinity) && other.from < (one.to ?? Infinity))
      .map((other) => `db-a and db-b both accepted writes from ${Math.max(one.from, other.from)} on`),
  );
}

function surplus({ surplus: expected = "none" }: EndState, writer: DatabaseNode, seen: SeenEnd): string[] {
  const other = writer === "db-a" ? "db-b" : "db-a";
  const there = new Set(seen.rows[writer]);
  const alone = seen.rows[other].filter((id) => !there.has(id));
  const isAsked = seen.status.proposals.some((words) => words.includes(other));
  switch (expected) {
    case "none":
      return [
        ...(alone.length === 0 ? [] : [`${other} alone holds ${alone.length} rows`]),
        ...(seen.status.replicates[other] === true ? [] : [`${other} does not replicate`]),
      ];
    case "asked":
      return [
        ...(alone.length > 0 ? [] : [`${other} holds nothing of its own any more`]),
        ...(isAsked ? [] : [`nobody was asked about ${other}`]),
      ];
    case "any":
      return alone.length === 0 || isAsked ? [] : [`${other} alone holds ${alone.length} rows, and nobody was asked`];
  }
}
