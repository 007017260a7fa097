import { spawn } from "node:child_process";
import { appendFileSync, closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { assert } from "../../lib/assert.ts";
import { isoTime, wallClock } from "../../lib/clock.ts";
import { openFarm, type Farm } from "./farm.ts";
import { takeLock } from "./lock.ts";
import { farmPaths, projectRoot } from "./paths.ts";
import type { Flavour } from "./state.ts";

export interface StartOptions {
  readonly flavour: Flavour;
  readonly web: number;
  readonly port: number;
  readonly fresh: boolean;
}

const paths = farmPaths(projectRoot);

/** First words of the lines by which a waiting parent learns how the start ended; no other line begins so. */
const FAILED = "failed: ";
const READY = "ready ";
/** Set-up is done by then; a start that takes longer than this is stuck. */
const START_SECONDS_MAX = 180;

function prepareFolders(fresh: boolean): void {
  rmSync(paths.machines, { recursive: true, force: true });
  rmSync(paths.share, { recursive: true, force: true });
  rmSync(paths.functions, { recursive: true, force: true });
  if (fresh) rmSync(paths.log, { recursive: true, force: true });
  for (const folder of [paths.run, paths.log, paths.machines, paths.share, paths.functions])
    mkdirSync(folder, { recursive: true });
}

/** Everything goes to the farm's log; the terminal sees it until the farm is ready, which is the last line there. */
function openProgress() {
  let onTerminal = true;
  // The parent of a detached farm goes away after `ready`; what is printed later has no reader.
  process.stdout.on("error", () => (onTerminal = false));
  return (line: string): void => {
    appendFileSync(paths.farmLog, `${isoTime(wallClock.now())} ${line}\n`);
    if (onTerminal) process.stdout.write(`${line}\n`);
    if (line.startsWith(READY)) onTerminal = false;
  };
}

/** Runs the farm in this process until Ctrl-C, SIGTERM or a failed start. Returns the exit code. */
export async function startForeground(options: StartOptions): Promise<number> {
  const holder = takeLock(paths.lock);
  if (holder !== undefined) {
    console.log(`${FAILED}a local farm already runs here (pid ${holder}). Stop it with \`npm run local:stop\``);
    return 1;
  }
  prepareFolders(options.fresh);
  const progress = openProgress();
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

  let farm: Farm | undefined;
  let exitCode = 0;
  try {
    farm = await openFarm({ ...options, paths, projectRoot, signal: stop.signal, progress });
    progress(`${READY}${farm.site}`);
    await stopped;
  } catch (error) {
    if (!stop.signal.aborted) {
      progress(`${FAILED}${error instanceof Error ? error.message : String(error)}`);
      exitCode = 1;
    }
  } finally {
    await farm?.close();
    rmSync(paths.lock, { force: true });
  }
  return exitCode;
}

/** Starts the farm as a process of its own and returns when it is ready (0) or has failed (1, with the reason). */
export async function startDetached(options: StartOptions): Promise<number> {
  mkdirSync(paths.log, { recursive: true });
  const log = openSync(paths.farmLog, "a");
  const args = [
    "start",
    "--flavour",
    options.flavour,
    "--web",
    String(options.web),
    "--port",
    String(options.port),
    ...(options.fresh ? ["--fresh"] : []),
  ];
  const child = spawn(process.execPath, [join(projectRoot, "local/main.ts"), ...args], {
    cwd: projectRoot,
    detached: true,
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  const timer = setTimeout(() => {
    console.error(`the farm was not ready within ${START_SECONDS_MAX} s and is stopped; see ${paths.farmLog}`);
    child.kill("SIGTERM");
  }, START_SECONDS_MAX * 1000);
  let failed = false;
  const output = child.stdout;
  assert(output !== null, "a child with a pipe has an output");
  for await (const line of createInterface({ input: output })) {
    failed ||= line.startsWith(FAILED);
    if (failed) console.error(line);
    else console.log(line);
    if (line.startsWith(READY)) {
      clearTimeout(timer);
      output.destroy();
      child.unref();
      return 0;
    }
  }
  clearTimeout(timer);
  if (!failed) console.error(`the farm ended before it was ready; see ${paths.farmLog}`);
  return 1;
}
