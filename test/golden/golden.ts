import { expect } from "@jest/globals";
import { readFileSync, writeFileSync } from "node:fs";

/**
 * Compares with `test/golden/<name>.txt`. These files are reviewed as behaviour; `UPDATE_GOLDEN=1` writes them anew.
 */
export function expectGolden(name: string, actual: string): void {
  const file = new URL(`./${name}.txt`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, `${actual}\n`);
  expect(`${actual}\n`).toBe(readFileSync(file, "utf8"));
}
