import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  committedBy,
  contains,
  countOf,
  isEmpty,
  notCommittedBy,
  parseGtid,
  readGtid,
  renderGtid,
  subtract,
  union,
  type GtidSet,
} from "../../../lib/database/gtid.ts";

const A = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B = "4350f323-7565-4e59-8763-4b1b83a0ce0e";
const mysql = (text: string): GtidSet => parseGtid("mysql", text);
const mariadb = (text: string): GtidSet => parseGtid("mariadb", text);

describe("what a MySQL server prints", () => {
  test.each([
    ["", ""],
    [`${A}:1`, `${A}:1`],
    [`${A}:1-5:7-9,\n${B}:3`, `${A}:1-5:7-9,${B}:3`],
    [`${A.toUpperCase()}:1-3:4-6`, `${A}:1-6`],
    [`${A}:1-3:nightly:1-2:weekly:5`, `${A}:1-3,${A}:nightly:1-2,${A}:weekly:5`],
  ])("%j is read", (text, shown) => {
    expect(renderGtid(mysql(text))).toBe(shown);
  });

  test.each(["x:1", A, `${A}:`, `${A}:0`, `${A}:5-3`, `${A}:1-2x`, "1-2-3"])("%j is refused", (text) => {
    expect(() => mysql(text)).toThrow("is no set of GTIDs");
  });

  test("what a server committed itself is told from the rest, tags included", () => {
    const all = mysql(`${A}:1-5:nightly:1,${B}:1-2`);

    expect(renderGtid(committedBy(all, A))).toBe(`${A}:1-5,${A}:nightly:1`);
    expect(renderGtid(notCommittedBy(all, A))).toBe(`${B}:1-2`);
  });
});

describe("what a MariaDB server prints", () => {
  test("a position stands for all up to its number, whichever server of the domain has committed it", () => {
    expect(renderGtid(mariadb("1-10-5,2-11-3"))).toBe("1:1-5,2:1-3");
    expect(renderGtid(mariadb("1-10-5,1-11-7"))).toBe("1:1-7");
    expect(isEmpty(mariadb("1-10-0"))).toBe(true);
  });

  test.each(["1-2", "a-1-1", `${A}:1`])("%j is refused", (text) => {
    expect(() => mariadb(text)).toThrow("is no set of GTIDs");
  });
});

/** Small sets, as lists of members, so that a slow and obvious model can be asked. */
const members = fc.uniqueArray(fc.tuple(fc.constantFrom(A, B, `${A}:tag`), fc.integer({ min: 1, max: 12 })), {
  selector: ([source, number]) => `${source}:${number}`,
  maxLength: 20,
});
const keys = (list: readonly (readonly [string, number])[]): Set<string> =>
  new Set(list.map(([source, number]) => `${source}:${number}`));
const setOf = (list: readonly (readonly [string, number])[]): GtidSet =>
  mysql(list.map(([source, number]) => `${source}:${number}`).join(","));
const listed = (set: GtidSet): Set<string> =>
  new Set(
    [...set].flatMap(([source, intervals]) =>
      intervals.flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, index) => `${source}:${first + index}`),
      ),
    ),
  );

describe("sets of transactions behave as sets", () => {
  test("union, difference, inclusion and size agree with lists of members", () => {
    fc.assert(
      fc.property(members, members, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        expect(listed(union(a, b))).toEqual(keys(left).union(keys(right)));
        expect(listed(subtract(a, b))).toEqual(keys(left).difference(keys(right)));
        expect(contains(a, b)).toBe(keys(right).isSubsetOf(keys(left)));
        expect(countOf(a)).toBe(left.length);
      }),
    );
  });

  test("what is printed is read back as it was", () => {
    fc.assert(fc.property(members, (list) => expect(mysql(renderGtid(setOf(list)))).toEqual(setOf(list))));
    fc.assert(fc.property(members, (list) => expect(readGtid(renderGtid(setOf(list)))).toEqual(setOf(list))));
    expect(readGtid(renderGtid(mariadb("1-10-5,2-11-3")))).toEqual(mariadb("1-10-5,2-11-3"));
  });
});
