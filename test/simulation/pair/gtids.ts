import { renderGtid, type GtidSet } from "../../../lib/database/gtid.ts";
import type { Flavour } from "../../../lib/database/server.ts";

export const NO_GTIDS: GtidSet = new Map();

export const hasGtid = (set: GtidSet, source: string, number: number): boolean =>
  (set.get(source) ?? []).some(([first, last]) => first <= number && number <= last);

/** The set with one transaction more. Nearly always it is the next one of its source. */
export function withGtid(set: GtidSet, source: string, number: number): GtidSet {
  if (hasGtid(set, source, number)) return set;
  const intervals = set.get(source) ?? [];
  const before = intervals.filter(([, last]) => last < number - 1);
  const after = intervals.filter(([first]) => first > number + 1);
  const touching = intervals.filter(([first, last]) => last === number - 1 || first === number + 1);
  const joined = [
    Math.min(number, ...touching.map(([first]) => first)),
    Math.max(number, ...touching.map(([, last]) => last)),
  ] as const;
  return new Map(set).set(source, [...before, joined, ...after]);
}

/**
 * As the server prints it: sets of MySQL; of MariaDB the last position of each domain, whose number is the identity of
 * the server that has it, which is its server id too.
 */
export function printed(flavour: Flavour, set: GtidSet): string {
  if (flavour === "mysql") return renderGtid(set);
  return [...set]
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([domain, intervals]) => `${domain}-${domain}-${intervals.at(-1)?.[1] ?? 0}`)
    .join(",");
}
