/**
 * The leader of one machine: a process with a session and process group of its own, in which everything that the
 * machine does runs. When the farm's end of the pipe closes, for whatever reason, it takes the group with it.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isToMachine, type FromMachine, type ToMachine } from "./messages.ts";
import { allProcesses, isMarked, killTree, MARKER, signal } from "./processes.ts";

type Run = Extract<ToMachine, { type: "run" }>;

const instanceId = process.env[MARKER] ?? "";
const running = new Map<number, number>();
const say = (message: FromMachine): void => void process.send?.(message);
const log = (line: string): void => void process.stdout.write(`[machine] ${line}\n`);

/** Kills what left the group first, then the group, this process included. */
function die(): void {
  for (const { pid, group } of allProcesses()) {
    if (group !== process.pid && isMarked(pid, instanceId)) signal(pid, "SIGKILL");
  }
  process.kill(-process.pid, "SIGKILL");
}

/** As the SSM agent does: `sh` runs the file, which obeys a `#!` line if there is one. */
function run({ id, file, stdout, stderr, timeoutMs, env }: Run): void {
  const out = openSync(stdout, "a");
  const err = openSync(stderr, "a");
  const child = spawn("sh", ["-c", '"$0"', file], { stdio: ["ignore", out, err], env: { ...process.env, ...env } });
  closeSync(out);
  closeSync(err);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (child.pid !== undefined) killTree(child.pid);
  }, timeoutMs);
  if (child.pid !== undefined) running.set(id, child.pid);
  const end = (exitCode: number | null): void => {
    clearTimeout(timer);
    running.delete(id);
    say({ type: "ended", id, exitCode, timedOut });
  };
  child.once("error", (error) => {
    log(`command ${id} did not start: ${error.message}`);
    end(127);
  });
  child.once("exit", end);
}

/** Runs a boot script with its output on the console. Its failure is reported there and does not end the machine. */
function bootScript(file: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(file, [], { stdio: ["ignore", "inherit", "inherit"] });
    const end = (result: string): void => {
      log(`${file} ${result}`);
      resolve();
    };
    child.once("error", (error) => end(`did not start: ${error.message}`));
    child.once("exit", (code, name) => end(code === null ? `ended by ${name ?? "a signal"}` : `exit ${code}`));
  });
}

function scriptsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .toSorted()
      .map((name) => join(folder, name));
  } catch {
    return []; // nothing has put a script there
  }
}

/** cloud-init's order: scripts of every boot, then user data, which is a script of the first boot only. */
async function boot({ userData, perBoot }: Extract<ToMachine, { type: "boot" }>): Promise<void> {
  for (const file of scriptsIn(perBoot)) await bootScript(file);
  if (userData === undefined) return;
  if (readFileSync(userData, "utf8").startsWith("#!")) await bootScript(userData);
  else log("user data is not a script: it has no #! line");
}

process.on("disconnect", die);
process.on("message", (message: unknown) => {
  if (!isToMachine(message)) throw new Error("the farm sent a message of an unknown kind");
  if (message.type === "boot") void boot(message);
  else if (message.type === "run") run(message);
  else {
    const pid = running.get(message.id);
    if (pid !== undefined) killTree(pid);
  }
});
say({ type: "ready" });
