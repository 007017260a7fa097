import { TandemError } from "../errors.ts";
import type { Flavour } from "./server.ts";

export type Interval = readonly [first: number, last: number];

/**
 * A set of transactions by where they were first committed: MySQL's `uuid` or `uuid:tag`, MariaDB's domain. Intervals are
 * sorted, disjoint and not adjacent; both ends belong to them.
 */
export type GtidSet = ReadonlyMap<string, readonly Interval[]>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html: a tag has up to 32 characters. */
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const INTERVAL = /^(\d+)(?:-(\d+))?$/;
const POSITION = /^(\d+)-(\d+)-(\d+)$/;

/**
 * Reads what a server prints: `uuid:1-5:7:tag:1-3, uuid:...` of MySQL, `domain-server-number,...` of MariaDB. A MariaDB
 * position stands for 1 to its number: under `gtid_strict_mode`, with one domain for each server, numbers of a domain
 * only grow, and none is left out. Several positions of one domain are one set.
 * @throws TandemError `gtid-malformed`
 */
export function parseGtid(flavour: Flavour, text: string): GtidSet {
  const parts = text
    .toLowerCase()
    .split(",")
    .map((part) => part.replaceAll(/\s/g, ""))
    .filter((part) => part !== "");
  const found = new Map<string, Interval[]>();
  const add = (source: string, interval: Interval): void =>
    void found.set(source, [...(found.get(source) ?? []), interval]);
  for (const part of parts) (flavour === "mariadb" ? addPosition : addUuidSet)(part, add);
  return new Map([...found].map(([source, intervals]) => [source, joined(intervals)]));
}

type Add = (source: string, interval: Interval) => void;

function addPosition(part: string, add: Add): void {
  const [, domain = "", , number = ""] = POSITION.exec(part) ?? [];
  if (domain === "") throw malformed(part);
  if (Number(number) > 0) add(domain, [1, Number(number)]);
}

function addUuidSet(part: string, add: Add): void {
  const [uuid = "", ...rest] = part.split(":");
  if (!UUID.test(uuid) || rest.length === 0) throw malformed(part);
  let source = uuid;
  for (const piece of rest) {
    const [, first, last = first] = INTERVAL.exec(piece) ?? [];
    if (first !== undefined) add(source, intervalOf(Number(first), Number(last), part));
    else if (TAG.test(piece)) source = `${uuid}:${piece}`;
    else throw malformed(part);
  }
}

function intervalOf(first: number, last: number, part: string): Interval {
  if (!Number.isSafeInteger(last) || first < 1 || last < first) throw malformed(part);
  return [first, last];
}

const malformed = (part: string): TandemError =>
  new TandemError("gtid-malformed", `"${part}" is no set of GTIDs`, { next: "look at what the server prints" });

/** Sorted, and what overlaps or touches made one. */
function joined(intervals: readonly Interval[]): readonly Interval[] {
  const result: Interval[] = [];
  for (const [first, last] of intervals.toSorted((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before !== undefined && first <= before[1] + 1)
      result[result.length - 1] = [before[0], Math.max(before[1], last)];
    else result.push([first, last]);
  }
  return result;
}

/** Reads what `renderGtid` has written, of either flavour. Throws TandemError `gtid-malformed`. */
export function readGtid(text: string): GtidSet {
  const found = new Map<string, readonly Interval[]>();
  for (const part of text.split(",").filter((each) => each !== "")) {
    const [first = "", ...rest] = part.split(":");
    const tags = rest.filter((piece) => !INTERVAL.test(piece));
    const intervals = rest.flatMap((piece) => {
      const [, from, to = from] = INTERVAL.exec(piece) ?? [];
      return from === undefined ? [] : [intervalOf(Number(from), Number(to), part)];
    });
    if (first === "" || intervals.length === 0 || tags.length > 1) throw malformed(part);
    found.set([first, ...tags].join(":"), joined(intervals));
  }
  return found;
}

export const union = (a: GtidSet, b: GtidSet): GtidSet =>
  new Map(
    [...new Set([...a.keys(), ...b.keys()])].map((source) => [
      source,
      joined([...(a.get(source) ?? []), ...(b.get(source) ?? [])]),
    ]),
  );

/** What is in `a` and not in `b`. */
export function subtract(a: GtidSet, b: GtidSet): GtidSet {
  const left = [...a].map(([source, intervals]) => {
    const cuts = b.get(source) ?? [];
    return [source, intervals.flatMap((each) => cuts.reduce<Interval[]>(cutAll, [each]))] as const;
  });
  return new Map(left.filter(([, intervals]) => intervals.length > 0));
}

const cutAll = (pieces: readonly Interval[], cut: Interval): Interval[] =>
  pieces.flatMap((piece) => without(piece, cut));

function without([first, last]: Interval, [from, to]: Interval): Interval[] {
  if (to < first || from > last) return [[first, last]];
  return [...(from > first ? [[first, from - 1] as const] : []), ...(to < last ? [[to + 1, last] as const] : [])];
}

/** Whether all of `part` is in `whole`. */
export const contains = (whole: GtidSet, part: GtidSet): boolean => subtract(part, whole).size === 0;

export const isEmpty = (set: GtidSet): boolean => set.size === 0;

/** Transactions in the set. */
export const countOf = (set: GtidSet): number =>
  [...set.values()].flat().reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** Those that were first committed on the server of this identity (`ServerState.identity`), whatever their tag. */
export const committedBy = (set: GtidSet, identity: string): GtidSet =>
  new Map([...set].filter(([source]) => source === identity || source.startsWith(`${identity}:`)));

/** Those that were first committed anywhere else. */
export const notCommittedBy = (set: GtidSet, identity: string): GtidSet =>
  new Map([...set].filter(([source]) => source !== identity && !source.startsWith(`${identity}:`)));

/** As MySQL prints it, by source; for people, for evidence, and for MySQL's own functions. */
export const renderGtid = (set: GtidSet): string =>
  [...set]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([source, intervals]) =>
      [source, ...intervals.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))].join(":"),
    )
    .join(",");
