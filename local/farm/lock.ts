import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { processOf } from "./instance/processes.ts";

/** Whether a process with this id runs. A zombie does not: it is dead, and only its parent has not asked yet. */
export const isAlive = (pid: number): boolean => processOf(pid)?.zombie === false;

/** Takes the lock of one farm per project folder; returns the pid that holds it, or undefined when it is ours now. */
export function takeLock(file: string): number | undefined {
  const holder = lockHolder(file);
  if (holder !== undefined) return holder;
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, `${process.pid} ${processOf(process.pid)?.startTime ?? ""}\n`, { flag: "wx" });
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
  const [pidText, startTime] = text.trim().split(" ");
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) return undefined;
  return startTime === undefined || processOf(pid)?.startTime === startTime ? pid : undefined;
}
