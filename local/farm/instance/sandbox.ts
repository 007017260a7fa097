import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CloudClock } from "../../cloud/clock.ts";
import type { Machine, MachineCommand, MachineOutcome, MachineSpec } from "../../cloud/services/ec2/compute.ts";
import type { Relay, Relays } from "../relay.ts";
import { isFromMachine, type ToMachine } from "./messages.ts";
import { allProcesses, isMarked, listenersOn, MARKER, signal } from "./processes.ts";
import { forgetMachine, recordMachine } from "./registry.ts";

/** What Run Command keeps of each stream. */
const OUTPUT_CHARACTERS_MAX = 24_000;
/** UTF-8 needs at most this many bytes for that. */
const OUTPUT_BYTES_MAX = OUTPUT_CHARACTERS_MAX * 4;
/** GetConsoleOutput returns the most recent 64 KB. */
const CONSOLE_BYTES_MAX = 65_536;
/** A leader that has not answered by then does not start: it needs about 0.2 s, more on a loaded computer. */
const READY_MS_MAX = 15_000;
/** How often and how many times a power cut looks for what is left. */
const SWEEP_MS = 20;
const SWEEPS_MAX = 250;

export interface SandboxSettings {
  readonly spec: Pick<MachineSpec, "instanceId" | "address" | "userData" | "ports">;
  readonly root: string;
  readonly consoleFile: string;
  /** Folder of the registry that `sweepLeftovers` reads. */
  readonly runFolder: string;
  /** The private mirror address that servers of the machine bind. */
  readonly bind: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly relays: Relays;
  readonly clock: CloudClock;
  /** Called once everything of the machine is gone. */
  destroyed(): Promise<void>;
}

interface Pending {
  resolve(outcome: { exitCode: number | null; timedOut: boolean }): void;
  reject(error: Error): void;
}

const LEADER = join(import.meta.dirname, "machine.ts");
/** A leader only starts processes: it needs next to no heap, and there is one for each machine. */
const LEADER_FLAGS = ["--max-old-space-size=32", "--max-semi-space-size=1", "--disable-warning=ExperimentalWarning"];
const FOLDERS = ["etc", "opt", "root", "run", "tmp", "var/lib/commands", "var/lib/cloud", "var/log"];

/** A machine's present state. */
interface Box {
  readonly settings: SandboxSettings;
  readonly exitListeners: ((reason: string) => void)[];
  readonly pending: Map<number, Pending>;
  /** Undefined while the power is off. */
  leader: ChildProcess | undefined;
  ports: number[];
  open: Relay[];
  /** Relays that listen no more and whose connections live on. */
  retired: Relay[];
  commands: number;
  booted: boolean;
}

function failPending(box: Box, reason: string): void {
  for (const one of box.pending.values()) one.reject(new Error(`machine ${box.settings.spec.instanceId}: ${reason}`));
  box.pending.clear();
}

/** Relays go first: from then on nothing answers, whatever is still dying behind them. */
async function cutPower(box: Box): Promise<void> {
  const child = box.leader;
  box.leader = undefined;
  const closing = [...box.open, ...box.retired];
  box.open = [];
  box.retired = [];
  await Promise.all(closing.map((relay) => relay.close()));
  if (child?.pid !== undefined) {
    killGroup(child.pid);
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once("exit", resolve));
    failPending(box, "its power was cut");
    await sweep(box, child.pid);
  }
  forgetMachine(box.settings.runFolder, box.settings.spec.instanceId);
}

async function sweep(box: Box, group: number): Promise<void> {
  for (let round = 0; round < SWEEPS_MAX; round++) {
    const left = remains(box.settings.spec.instanceId, group, box.settings.bind);
    if (left.length === 0) return;
    for (const pid of left) signal(pid, "SIGKILL");
    await box.settings.clock.sleep(SWEEP_MS);
  }
  const left = remains(box.settings.spec.instanceId, group, box.settings.bind).join(", ");
  throw new Error(`machine ${box.settings.spec.instanceId}: processes ${left} are still there after a power cut`);
}

function received(box: Box, message: unknown): void {
  if (!isFromMachine(message) || message.type !== "ended") return;
  const { id, exitCode, timedOut } = message;
  box.pending.get(id)?.resolve({ exitCode, timedOut });
  box.pending.delete(id);
}

async function startLeader(box: Box): Promise<void> {
  // A machine's /run is in its memory.
  rmSync(join(box.settings.root, "run"), { recursive: true, force: true });
  for (const folder of FOLDERS) mkdirSync(join(box.settings.root, folder), { recursive: true });
  const output = openSync(box.settings.consoleFile, "a");
  const child = spawn(process.execPath, [...LEADER_FLAGS, LEADER], {
    cwd: box.settings.root,
    detached: true,
    env: { ...box.settings.environment, [MARKER]: box.settings.spec.instanceId },
    stdio: ["ignore", output, output, "ipc"],
  });
  closeSync(output);
  box.leader = child;
  if (child.pid !== undefined)
    recordMachine(box.settings.runFolder, {
      instanceId: box.settings.spec.instanceId,
      pid: child.pid,
      root: box.settings.root,
    });
  child.on("message", (message) => received(box, message));
  child.on("error", () => undefined); // a message to a leader that is going: its exit says the rest
  child.once("exit", (code, name) => {
    if (box.leader !== child) return;
    const reason = `its leader process ended with ${code ?? name ?? "no status"}`;
    void cutPower(box)
      .catch(() => undefined) // what could not be killed now is tried again, and reported, by destroy
      .then(() => box.exitListeners.forEach((listener) => listener(reason)));
  });
  await ready(child, box.settings.spec.instanceId, box.settings.clock);
}

function tell(box: Box, message: ToMachine): void {
  box.leader?.send(message);
}

const relayPort = (box: Box, port: number): Promise<Relay> =>
  box.settings.relays.open({ address: box.settings.spec.address, port, target: { address: box.settings.bind, port } });

async function powerOn(box: Box): Promise<void> {
  if (box.leader !== undefined) return;
  try {
    await startLeader(box);
    await openRelayed(box, box.ports);
  } catch (error) {
    await cutPower(box);
    throw error;
  }
  const userData =
    box.booted || box.settings.spec.userData === ""
      ? undefined
      : writeScript(box.settings.root, "var/lib/cloud/user-data", box.settings.spec.userData);
  box.booted = true;
  tell(box, { type: "boot", userData, perBoot: join(box.settings.root, "var/lib/cloud/scripts/per-boot") });
}

async function run(box: Box, command: MachineCommand): Promise<MachineOutcome> {
  if (box.leader === undefined) throw new Error(`machine ${box.settings.spec.instanceId} is off`);
  const id = ++box.commands;
  const folder = join(box.settings.root, "var/lib/commands", String(id));
  mkdirSync(folder, { recursive: true });
  const file = writeScript(folder, "script", command.script);
  const [stdout, stderr] = [join(folder, "stdout"), join(folder, "stderr")];
  const cancel = (): void => tell(box, { type: "cancel", id });
  try {
    const ended = new Promise<{ exitCode: number | null; timedOut: boolean }>((resolve, reject) => {
      box.pending.set(id, { resolve, reject });
    });
    tell(box, { type: "run", id, file, stdout, stderr, timeoutMs: command.timeoutMs, env: command.env ?? {} });
    if (command.signal?.aborted === true) cancel();
    command.signal?.addEventListener("abort", cancel, { once: true });
    const { exitCode, timedOut } = await ended;
    return { exitCode, timedOut, stdout: firstOf(stdout), stderr: firstOf(stderr) };
  } finally {
    command.signal?.removeEventListener("abort", cancel);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openPorts(box: Box, wanted: readonly number[]): Promise<void> {
  const closing = box.open.filter((relay) => !wanted.includes(relay.port));
  const opening = wanted.filter((port) => !box.ports.includes(port));
  box.ports = [...wanted];
  if (box.leader === undefined) return;
  box.open = box.open.filter((relay) => wanted.includes(relay.port));
  await Promise.all(closing.map((relay) => relay.stopListening()));
  box.retired.push(...closing);
  await openRelayed(box, opening);
}

/** What could be opened is known before one failure is thrown, so that it can be closed again. */
async function openRelayed(box: Box, ports: readonly number[]): Promise<void> {
  const results = await Promise.allSettled(ports.map((port) => relayPort(box, port)));
  for (const one of results) if (one.status === "fulfilled") box.open.push(one.value);
  const failed = results.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** One machine as real processes. It is off until `powerOn`; user data runs at the first power-on only. */
export function openSandbox(settings: SandboxSettings): Machine {
  const box: Box = {
    settings,
    exitListeners: [],
    pending: new Map(),
    leader: undefined,
    ports: [...settings.spec.ports],
    open: [],
    retired: [],
    commands: 0,
    booted: false,
  };
  return {
    get pid() {
      return box.leader?.pid;
    },
    address: settings.spec.address,
    get cutOffSince() {
      return settings.relays.isolatedSince(settings.spec.address);
    },
    run: (command) => run(box, command),
    powerOn: () => powerOn(box),
    powerOff: () => cutPower(box),
    openPorts: (ports) => openPorts(box, ports),
    onExit: (listener) => void box.exitListeners.push(listener),
    consoleOutput: () => lastOf(settings.consoleFile),
    async destroy() {
      await cutPower(box);
      await settings.destroyed();
      rmSync(settings.root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Everything that is still of the machine: its group and session, what carries its mark, what listens on its address. */
function remains(instanceId: string, group: number, bind: string): number[] {
  const own = allProcesses()
    .filter((one) => one.group === group || one.session === group || isMarked(one.pid, instanceId))
    .map((one) => one.pid);
  return [...new Set([...own, ...listenersOn(bind)])].filter((pid) => pid !== process.pid);
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // ESRCH: nothing of the group is left
  }
}

async function ready(child: ChildProcess, instanceId: string, clock: CloudClock): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`machine ${instanceId} did not start: ${why}`));
    const timer = clock.after(READY_MS_MAX, () => fail(`no answer within ${READY_MS_MAX / 1000} s`));
    child.once("message", () => {
      timer.cancel();
      resolve();
    });
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, name) => {
      timer.cancel();
      fail(`exit ${code ?? name ?? ""}`);
    });
  });
}

function writeScript(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text.endsWith("\n") ? text : `${text}\n`, { mode: 0o700 });
  return file;
}

function slice(path: string, from: (size: number) => number, length: number): string {
  if (!existsSync(path)) return "";
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    const count = readSync(file, bytes, 0, length, from(fstatSync(file).size));
    return bytes.subarray(0, count).toString("utf8");
  } finally {
    closeSync(file);
  }
}

const firstOf = (path: string): string => slice(path, () => 0, OUTPUT_BYTES_MAX).slice(0, OUTPUT_CHARACTERS_MAX);
const lastOf = (path: string): string =>
  slice(path, (size) => Math.max(0, size - CONSOLE_BYTES_MAX), CONSOLE_BYTES_MAX);
