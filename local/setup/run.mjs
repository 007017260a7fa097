/**
 * `node local/setup/run.mjs <script.ts> [arguments]`: what every npm script calls. Plain JavaScript without dependencies,
 * because on a fresh clone there is nothing but the machine's own Node.js (20 or newer). It installs what is missing,
 * then runs the script on Node.js 24.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupError, say } from "./console.mjs";
import { installPrograms, programsReady } from "./install.mjs";
import { withLock } from "./lock.mjs";
import { dependenciesReady, installDependencies, linkCommand } from "./npm.mjs";

/** Runs TypeScript without a build step since 24; 20 suffices for the set-up itself. */
const NODE_MAJOR_MIN = 24;
const SETUP_MAJOR_MIN = 20;
const USAGE_EXIT = 2;

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tandem = join(repository, ".tandem");
const opt = join(tandem, "opt");

async function setUp() {
  if (majorOf(process.version) < SETUP_MAJOR_MIN) {
    throw new SetupError(
      `set-up: Node.js ${process.version} is too old`,
      `install Node.js ${SETUP_MAJOR_MIN} or newer`,
    );
  }
  if (!dependenciesReady(repository) || !programsReady(opt)) {
    await withLock(join(tandem, "setup.lock"), async () => {
      if (!dependenciesReady(repository)) await installDependencies(repository);
      if (!programsReady(opt)) await installPrograms(tandem);
    });
  }
  linkCommand(repository);
}

const majorOf = (version) => Number(version.replace("v", "").split(".")[0]);

function nodeForScripts() {
  const own = join(repository, "node_modules", ".bin", "node");
  if (existsSync(own)) return own;
  if (majorOf(process.version) >= NODE_MAJOR_MIN) return process.execPath;
  throw new SetupError(
    `set-up: Node.js ${process.version} cannot run the scripts`,
    `install Node.js ${NODE_MAJOR_MIN} or newer`,
  );
}

function run(args) {
  const folders = [join(opt, "bin"), join(repository, "node_modules", ".bin"), process.env.PATH ?? ""];
  const child = spawn(nodeForScripts(), args, {
    stdio: "inherit",
    env: { ...process.env, PATH: folders.join(delimiter) },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to the script as well; sent on, it would count twice.
    process.on(signal, () => void (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on("error", (error) =>
    fail(new SetupError(`set-up: ${args[0]} cannot be started (${error.message})`, "see above")),
  );
  child.on("close", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

function fail(error) {
  if (!(error instanceof SetupError)) throw error;
  say(`${error.message}\n  next: ${error.next}`);
  process.exit(1);
}

const args = process.argv.slice(2);
if (args.length === 0) {
  say("usage: node local/setup/run.mjs <script.ts> [arguments]");
  process.exit(USAGE_EXIT);
}
try {
  await setUp();
  run(args);
} catch (error) {
  fail(error);
}
