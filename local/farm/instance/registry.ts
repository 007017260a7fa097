import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { allProcesses, isMarked, processOf, signal, touches, type Process } from "./processes.ts";

/** What a later start needs to find the rest of a machine whose farm was killed. */
interface MachineRecord {
  readonly instanceId: string;
  readonly pid: number;
  readonly startTime: string;
  /** A pid means nothing after a reboot of the computer. */
  readonly computerBoot: string;
  readonly root: string;
}

const computerBoot = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
const pathOf = (folder: string, instanceId: string): string => join(folder, `${instanceId}.json`);

/** Written by rename, so that a crash leaves a whole record or none. */
export function recordMachine(folder: string, machine: { instanceId: string; pid: number; root: string }): void {
  const startTime = processOf(machine.pid)?.startTime;
  if (startTime === undefined) throw new Error(`machine ${machine.instanceId}: process ${machine.pid} is gone already`);
  const record: MachineRecord = { ...machine, startTime, computerBoot: computerBoot() };
  mkdirSync(folder, { recursive: true });
  const path = pathOf(folder, machine.instanceId);
  writeFileSync(`${path}.new`, JSON.stringify(record));
  renameSync(`${path}.new`, path);
}

export const forgetMachine = (folder: string, instanceId: string): void =>
  rmSync(pathOf(folder, instanceId), { force: true });

function parse(text: string): MachineRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // not written by us, or torn: it names no process that we could be sure of
  }
}

const isRecord = (value: unknown): value is MachineRecord =>
  typeof value === "object" &&
  value !== null &&
  "instanceId" in value &&
  typeof value.instanceId === "string" &&
  "pid" in value &&
  Number.isSafeInteger(value.pid) &&
  "startTime" in value &&
  typeof value.startTime === "string" &&
  "computerBoot" in value &&
  typeof value.computerBoot === "string" &&
  "root" in value &&
  typeof value.root === "string";

/**
 * A process belongs to the machine if it carries its mark; or is in the group of its leader, proven by the leader's
 * start time; or, with the leader gone, is in that group and uses the machine's own files.
 */
function belongs(one: Process, record: MachineRecord): boolean {
  if (isMarked(one.pid, record.instanceId)) return true;
  if (one.group !== record.pid && one.session !== record.pid) return false;
  const leader = processOf(record.pid);
  return leader === undefined ? touches(one.pid, record.root) : leader.startTime === record.startTime;
}

/** Passes over the process table until nothing is left; new processes cannot outrun this many. */
const PASSES_MAX = 20;

function killAll(record: MachineRecord): number {
  let killed = 0;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const left = allProcesses().filter((one) => one.pid !== process.pid && belongs(one, record));
    if (left.length === 0) break;
    // The leader last: while it lives, its start time proves the others.
    for (const one of left.toSorted((a, b) => Number(a.pid === record.pid) - Number(b.pid === record.pid))) {
      signal(one.pid, "SIGKILL");
      killed += 1;
    }
  }
  return killed;
}

/**
 * Ends what is left of machines of a farm that was killed, and removes their files. Returns their instance ids.
 * A pid that another process has by now is not touched.
 */
export function sweepLeftovers(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return []; // no farm has run here
  }
  return names.flatMap((name) => {
    const record = parse(readFileSync(join(folder, name), "utf8"));
    rmSync(join(folder, name), { force: true });
    if (record === undefined) return [];
    const killed = record.computerBoot === computerBoot() ? killAll(record) : 0;
    if (basename(record.root) === record.instanceId) rmSync(record.root, { recursive: true, force: true });
    return killed > 0 ? [record.instanceId] : [];
  });
}
