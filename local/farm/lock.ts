import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Whether a process with this id exists (it may belong to somebody else). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** When the process started, in the kernel's clock ticks: tells a pid from a later process with the same number. */
export function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and brackets: fields are counted from its closing bracket (proc(5)).
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** Takes the lock of one farm per project folder; returns the pid that holds it, or undefined when it is ours now. */
export function takeLock(file: string): number | undefined {
  const holder = lockHolder(file);
  if (holder !== undefined) return holder;
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, `${process.pid} ${startTicks(process.pid) ?? ""}\n`, { flag: "wx" });
  return undefined;
}

/** The live process that holds the lock; a stale lock of a crashed farm counts as none. */
export function lockHolder(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const [pidText, ticks] = text.trim().split(" ");
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) return undefined;
  return ticks === undefined || startTicks(pid) === ticks ? pid : undefined;
}
