import { describe, expect, test } from "@jest/globals";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PROBLEMS } from "../../lib/database/diagnose.ts";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/OPERATIONS.md"), "utf8");
/** The section from its heading to the next that is not below it. */
const section = (heading: string): string => {
  const depth = /^#+/.exec(heading)?.[0] ?? "";
  const [, after = ""] = page.split(`\n${heading}\n`);
  return after.split(new RegExp(`\\n#{1,${depth.length}} `))[0] ?? "";
};
const entries = (text: string): string[] =>
  [...text.matchAll(/^\| (`[a-z`, -]+`) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, code = ""]) => code),
  );

const lib = readdirSync(join(ROOT, "lib"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, text: readFileSync(join(ROOT, "lib", path), "utf8") }));
const found = (pattern: RegExp, files = lib): Set<string> =>
  new Set(files.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, code = ""]) => code)));

describe("docs/OPERATIONS.md", () => {
  test("has an entry for each problem code of the pair, and none for another", () => {
    const planned = found(
      /\bcode: "([a-z-]+)"/g,
      lib.filter(({ path }) => path.startsWith("database/")),
    );
    const codes = new Set<string>([...PROBLEMS.map(({ code }) => code), ...planned]);

    expect(codes.size).toBeGreaterThan(PROBLEMS.length);
    expect(entries(section("### Database")).toSorted()).toEqual([...codes].toSorted());
  });

  test("has an entry for each problem code that is written in lib/", () => {
    expect(
      [...found(/\bcode: "([a-z-]+)"/g)].filter((code) => !entries(section("## Problem codes")).includes(code)),
    ).toEqual([]);
  });

  test("has an entry for each error that is thrown in lib/", () => {
    const thrown = found(/new TandemError\(\s*"([a-z-]+)"/g);

    expect(thrown.size).toBeGreaterThan(10);
    expect([...thrown].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});
