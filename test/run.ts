import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";

/**
 * `npm test`: what needs no farm first, then the whole farm, and the simulation beside it. `--all` runs every scenario.
 * Further arguments go to jest: a pattern runs the files that match it, in whichever part they are.
 */
const root = join(import.meta.dirname, "..");
const jest = join(root, "node_modules/jest/bin/jest.js");
const all = process.argv.includes("--all");
const rest = process.argv.slice(2).filter((each) => each !== "--all");

/**
 * One after the other, for they share the machine's addresses. Forced, because Node 24 can spin for ever while it closes the
 * handles of processes that were killed (seen as a busy loop in node::Environment::CleanupHandles after the last test had
 * passed).
 */
const REAL = ["--runInBand", "--forceExit"];

interface Part {
  readonly title: string;
  readonly folders: readonly string[];
  readonly options?: readonly string[];
  /** Gives way to what runs beside it; what it says is shown when it has ended. */
  readonly isBeside?: boolean;
}

/** Whether every test passed. */
async function run({ title, folders, options = [], isBeside = false }: Part): Promise<boolean> {
  // As roots and not as patterns: jest runs what matches any of its patterns, and `rest` is to narrow.
  const args = ["--roots", ...folders.map((folder) => join(root, folder)), "--passWithNoTests", ...options, ...rest];
  const child = spawn(process.execPath, ["--experimental-vm-modules", "--no-warnings", jest, ...args], {
    cwd: root,
    stdio: isBeside ? ["ignore", "pipe", "pipe"] : "inherit",
    detached: isBeside,
    env: { ...process.env, TANDEM_TEST_ALL: all ? "1" : "", NODE_ENV: "test" },
  });
  if (isBeside) giveWay(child);
  else console.log(`\n== ${title}`);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (isBeside) console.log(`\n== ${title}\n${said}`);
  return code === 0;
}

/** Linux shares the processors out among sessions first: what counts is the session's own niceness, and a process's within it. */
function giveWay(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // This kernel does not group by session.
  }
  // A session of its own hears no Ctrl-C.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      if (child.exitCode === null) process.kill(-pid, signal);
      process.kill(process.pid, signal);
    });
}

if (!all)
  console.log(
    "left to `npm run test:all`, for they take minutes: test/farm/shared, cloud-faults, mariadb, rounds and maintenance (a farm of their own each), " +
      "test/farm/scenarios (the pair's on real servers of both flavours; here they are played in the simulation), a node that is " +
      "abandoned, the driver on MySQL, 90 s of overload instead of 40 s of full load, 1,900 more seeds, a quiet day instead of six hours, " +
      "Debian's awscli against the endpoint",
  );
// What mostly waits for real time to pass goes first, and what never does beside it.
const [quick, machines] = await Promise.all([
  run({ title: "unit, contract", folders: ["test/unit", "test/contract"], isBeside: true }),
  run({ title: "machines", folders: ["test/machines"], options: REAL }),
]);
const [simulated, farm] = await Promise.all([
  // Both cores: the seeds stand in two files for that.
  run({ title: "simulation", folders: ["test/simulation"], options: ["--maxWorkers=2"], isBeside: true }),
  run({ title: "farm", folders: ["test/farm"], options: REAL }),
]);
process.exitCode = quick && machines && simulated && farm ? 0 : 1;
