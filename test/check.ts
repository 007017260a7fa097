import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** `npm run check`: types, lint, format, tidy. Runs all of them even if one fails, and says which. */
const root = join(import.meta.dirname, "..");
const bin = (name: string): string => join(root, "node_modules/.bin", name);

const steps: readonly [string, string, readonly string[]][] = [
  ["types", bin("tsc"), ["--noEmit", "-p", "."]],
  ["lint", bin("oxlint"), ["--type-aware", "--deny-warnings"]],
  ["format", bin("oxfmt"), ["--check"]],
  [
    "tidy",
    process.execPath,
    ["--experimental-vm-modules", "--no-warnings", "node_modules/jest/bin/jest.js", "test/unit/tidy"],
  ],
];

const failed = steps
  .filter(([name, program, args]) => {
    console.log(`== ${name}`);
    return spawnSync(program, args, { cwd: root, stdio: "inherit" }).status !== 0;
  })
  .map(([name]) => name);
console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
