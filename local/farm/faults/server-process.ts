import { connect } from "node:net";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mirrorOf } from "../instance/compute.ts";
import { isMarked, processOf } from "../instance/processes.ts";
import type { FarmMachine } from "../machines.ts";
import type { LastingFaults } from "./lasting.ts";
import { Refusal } from "./refusal.ts";

export const DATABASE_PORT = 3306;
/** A greeting comes within milliseconds of the connection; a server that has not sent it by then is stopped. */
const GREETING_MS_MAX = 500;
/** Crash recovery of a small data folder takes a second or two; a loaded computer needs more. */
const BACK_SECONDS_MAX = 60;
const KILLED_SECONDS_MAX = 5;
const LOOK_MS = 20;

const pidFile = (root: string): string => join(root, "run/tandem/mysqld.pid");
const supervisorFile = (root: string): string => join(root, "run/tandem/mysqld.supervisor");
/** While it is there, the supervisor does not start the server again. */
const holdFile = (root: string): string => join(root, "run/tandem/mysqld.hold");

/** The server process of a machine, which its supervisor writes down; undefined when none runs. */
export const serverPid = (machine: FarmMachine): number | undefined => pidIn(pidFile(machine.root), machine);

function pidIn(file: string, { instanceId }: FarmMachine): number | undefined {
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8"));
  const found = Number.isSafeInteger(pid) && pid > 1 ? processOf(pid) : undefined;
  return found === undefined || found.zombie || !isMarked(pid, instanceId) ? undefined : pid;
}

function runningPid(machine: FarmMachine): number {
  const pid = serverPid(machine);
  if (pid === undefined) throw new Refusal(`no database server runs on ${machine.name}`);
  return pid;
}

export type PortAnswer = "greets" | "silent" | "refuses";

/** What the server's port says to a client, past the relays and therefore past every partition. */
export function askPort({ address }: FarmMachine): Promise<PortAnswer> {
  const socket = connect({ host: mirrorOf(address), port: DATABASE_PORT });
  return new Promise((resolve) => {
    const end = (answer: PortAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, GREETING_MS_MAX, "silent");
    socket.once("data", () => end("greets"));
    socket.once("error", () => end("refuses"));
    socket.once("end", () => end("refuses"));
  });
}

async function observe(machine: FarmMachine, wanted: PortAnswer, secondsMax: number): Promise<void> {
  const startedAtMs = performance.now();
  for (;;) {
    const seen = await askPort(machine);
    if (seen === wanted) return;
    if (performance.now() - startedAtMs > secondsMax * 1000)
      throw new Error(`port ${DATABASE_PORT} of ${machine.name} ${seen} still after ${secondsMax} s`);
    await sleep(LOOK_MS);
  }
}

const key = (machine: FarmMachine, state: "dead" | "stopped"): string => `${state} ${machine.instanceId}`;

/** The server dies at once, and stays dead until `mysql-restart` or `heal`. */
export async function killServer(lasting: LastingFaults, machine: FarmMachine, forSeconds: number | undefined) {
  const pid = runningPid(machine);
  const startedAtMs = performance.now();
  writeFileSync(holdFile(machine.root), "");
  lasting.add(key(machine, "dead"), `mysql-kill ${machine.name}`, forSeconds, () => letRun(machine));
  process.kill(pid, "SIGKILL");
  await observe(machine, "refuses", KILLED_SECONDS_MAX);
  return { killed: machine.name, pid, port: "refuses", observedMs: Math.round(performance.now() - startedAtMs) };
}

async function letRun(machine: FarmMachine): Promise<void> {
  rmSync(holdFile(machine.root), { force: true });
  // A machine without power starts its server when it boots.
  if (pidIn(supervisorFile(machine.root), machine) !== undefined) await observe(machine, "greets", BACK_SECONDS_MAX);
}

/** Dies at once and is started again by its supervisor; or only started again, after `mysql-kill`. */
export async function restartServer(lasting: LastingFaults, machine: FarmMachine) {
  const startedAtMs = performance.now();
  const before = serverPid(machine);
  if (before === undefined && !existsSync(holdFile(machine.root))) runningPid(machine);
  if (before !== undefined) process.kill(before, "SIGKILL");
  await lasting.end(key(machine, "stopped"));
  await lasting.end(key(machine, "dead"));
  while (serverPid(machine) === before || serverPid(machine) === undefined) {
    if (performance.now() - startedAtMs > BACK_SECONDS_MAX * 1000)
      throw new Error(`the server of ${machine.name} was not started again within ${BACK_SECONDS_MAX} s`);
    await sleep(LOOK_MS);
  }
  await observe(machine, "greets", BACK_SECONDS_MAX);
  return {
    restarted: machine.name,
    ...{ before: before ?? null, pid: serverPid(machine), observedMs: Math.round(performance.now() - startedAtMs) },
  };
}

/** The server stands still: its port takes connections and says nothing. */
export async function stopServer(lasting: LastingFaults, machine: FarmMachine, forSeconds: number | undefined) {
  const pid = runningPid(machine);
  if ((await askPort(machine)) !== "greets") throw new Refusal(`the server of ${machine.name} does not answer already`);
  process.kill(pid, "SIGSTOP");
  lasting.add(key(machine, "stopped"), `mysql-stop ${machine.name}`, forSeconds, async () => {
    // A new server of that machine is not the one that was stopped.
    if (serverPid(machine) !== pid) return;
    process.kill(pid, "SIGCONT");
    await observe(machine, "greets", BACK_SECONDS_MAX);
  });
  await observe(machine, "silent", KILLED_SECONDS_MAX);
  return { stopped: machine.name, pid, port: "silent" };
}

export async function continueServer(lasting: LastingFaults, machine: FarmMachine) {
  if (!lasting.has(key(machine, "stopped"))) throw new Refusal(`the server of ${machine.name} is not stopped`);
  await lasting.end(key(machine, "stopped"));
  return { continued: machine.name, pid: serverPid(machine) ?? null, port: await askPort(machine) };
}
