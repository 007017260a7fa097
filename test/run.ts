import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * `npm test`: everything that needs no farm first, then the real-process scenarios one after the other, for they share
 * the machine's addresses. `--all` runs every scenario. Further arguments go to jest: a pattern runs the files that
 * match it, in whichever part they are.
 */
const root = join(import.meta.dirname, "..");
const jest = join(root, "node_modules/jest/bin/jest.js");
const all = process.argv.includes("--all");
const rest = process.argv.slice(2).filter((each) => each !== "--all");

function run(title: string, folders: readonly string[], options: readonly string[]): boolean {
  console.log(`\n== ${title}`);
  // As roots and not as patterns: jest runs what matches any of its patterns, and `rest` is to narrow.
  const args = ["--roots", ...folders.map((folder) => join(root, folder)), "--passWithNoTests", ...options, ...rest];
  const ran = spawnSync(process.execPath, ["--experimental-vm-modules", "--no-warnings", jest, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, TANDEM_TEST_ALL: all ? "1" : "", NODE_ENV: "test" },
  });
  return ran.status === 0;
}

if (!all)
  console.log(
    "left to `npm run test:all`, for they take minutes each: test/farm/shared and test/farm/cloud-faults (a farm of their own), " +
      "test/farm/scenarios (the scenarios of test/scenarios/database on both flavours; `npm test` plays them in the simulation), " +
      "90 s of load instead of 50 s, 900 more seeds, Debian's awscli against the endpoint",
  );
const quick = run("unit, contract", ["test/unit", "test/contract"], []);
// Both cores: the seeds stand in two files for that.
const simulated = run("simulation", ["test/simulation"], ["--maxWorkers=2"]);
// Forced, because Node 24 can spin for ever while it closes the handles of processes that were killed (seen as a busy loop
// in node::Environment::CleanupHandles after the last test had passed).
const farm = run("real processes", ["test/farm"], ["--runInBand", "--forceExit"]);
process.exitCode = quick && simulated && farm ? 0 : 1;
