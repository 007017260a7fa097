import type { Timer } from "../../local/cloud/clock.ts";
import type {
  Compute,
  Machine,
  MachineCommand,
  MachineOutcome,
  MachineSpec,
} from "../../local/cloud/services/ec2/compute.ts";
import type { Chance } from "./chance.ts";
import type { Databases } from "./pair/databases.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** How a script of a node goes wrong. */
export type Mishap = "own-fault" | "shared-missing" | "hang" | "crash";
const SCRIPTS = ["launch", "drain", "fence", "cron"] as const;
export type Script = (typeof SCRIPTS)[number];

/** An instance without processes: boots, answers, runs the scripts of infra/nodes, and dies. */
export interface ModelMachine extends Machine {
  readonly id: string;
  /** `web`, `special`, `db-a`, `db-b`; empty for a machine that is no node of the farm. */
  readonly node: string;
  readonly spec: MachineSpec;
  hasPower(): boolean;
  /** Booted, and its programs run. */
  isUp(): boolean;
  /** The host is lost. */
  die(reason: string): void;
}

/** Of either class. */
export const isWeb = ({ node }: ModelMachine): boolean => node === "web" || node === "special";

export interface MachineParts {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly databases: Databases;
  /** What a script on this machine shall do instead of its work, once. */
  mishap(machine: ModelMachine, script: Script): Mishap | undefined;
  /** A machine is up; what this returns is called when its power goes. */
  booted(machine: ModelMachine): (() => void) | undefined;
}

export interface Machines extends Compute {
  readonly all: ReadonlyMap<string, ModelMachine>;
  at(address: string): ModelMachine | undefined;
}

/** From power to running programs: packages come from a mirror on EC2. */
const BOOT_MS = [8_000, 40_000] as const;
/** As infra/nodes/steps.sh: within one run of the launch document. */
const BOOT_WAIT_MS = 45_000;
const WRITER_WAIT_MS = 10_000;
/** The first page and the warm-up; the last answers of a node whose target is unused. */
const WORK_MS = [500, 4_000] as const;
const POLL_MS = 1_000;
/** Settings, or a kill, on the machine itself. */
const FENCE_MS = [200, 900] as const;

export function modelMachines(parts: MachineParts): Machines {
  const all = new Map<string, ModelMachine>();
  return {
    all,
    at: (address) => [...all.values()].find((machine) => machine.address === address && machine.hasPower()),
    async boot(spec) {
      const machine = openMachine(parts, spec, () => all.delete(spec.instanceId));
      all.set(spec.instanceId, machine);
      return machine;
    },
    async close() {
      for (const machine of all.values()) await machine.powerOff();
      all.clear();
    },
  };
}

function openMachine(parts: MachineParts, spec: MachineSpec, forget: () => void): ModelMachine {
  const { clock, databases } = parts;
  const chance = parts.chance.branch(spec.instanceId);
  const listeners: ((reason: string) => void)[] = [];
  let power: "on" | "off" = "off";
  let isUp = false;
  let booting: Timer | undefined;
  let stop: (() => void) | undefined;
  /** Ends every script that runs, when the power goes. */
  let lost = Promise.withResolvers<never>();

  const on = (): void => {
    power = "on";
    lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined); // with no script running, nobody waits for it
    booting = clock.after(chance.whole(...BOOT_MS), () => {
      isUp = true;
      databases.boot(machine);
      stop = parts.booted(machine);
    });
  };
  const off = (): void => {
    power = "off";
    isUp = false;
    booting?.cancel();
    databases.lost(machine);
    stop?.();
    stop = undefined;
    lost.reject(new Error(`${spec.instanceId} has lost its power`));
  };
  const machine: ModelMachine = {
    id: spec.instanceId,
    node: /^export TANDEM_NODE='([^']*)'/m.exec(spec.userData)?.[1] ?? "",
    spec,
    address: spec.address,
    hasPower: () => power === "on",
    isUp: () => isUp,
    async run(command) {
      if (power === "off") throw new Error(`${spec.instanceId} has no power`);
      return Promise.race([runScript(parts, chance, machine, command), lost.promise]);
    },
    async powerOff() {
      off();
    },
    async powerOn() {
      on();
    },
    async destroy() {
      off();
      forget();
    },
    onExit: (listener) => void listeners.push(listener),
    consoleOutput: () => `the model of ${spec.instanceId}`,
    die(reason) {
      if (power === "off") return;
      off();
      for (const listener of listeners) listener(reason);
    },
  };
  on();
  return machine;
}

const ended = (exitCode: number | null, stdout: string, timedOut = false): MachineOutcome => ({
  exitCode,
  stdout,
  stderr: "",
  timedOut,
});

/** What `tandem-node` does on a machine, with its exit codes. */
async function runScript(
  parts: MachineParts,
  chance: Chance,
  machine: ModelMachine,
  command: MachineCommand,
): Promise<MachineOutcome> {
  const { clock } = parts;
  const word = /tandem-node" (\w+)/.exec(command.script)?.[1];
  const script = SCRIPTS.find((known) => known === word);
  if (script === undefined) return ended(127, `the model knows no command: ${command.script}`);
  const mishap = parts.mishap(machine, script);
  if (mishap === "hang" || parts.databases.isCutOff(machine)) {
    await clock.sleep(command.timeoutMs);
    return ended(null, "", true);
  }
  const [low, high] = script === "fence" ? FENCE_MS : WORK_MS;
  await clock.sleep(chance.whole(low, high));
  if (mishap === "crash") return ended(1, "Segmentation fault");
  if (mishap === "own-fault") return ended(10, "nginx is stopped; see its log");
  if (mishap === "shared-missing") return ended(20, "no database takes writes");
  if (script === "fence") return ended(0, parts.databases.fence(machine));
  return script === "launch" ? launch(parts, machine) : ended(0, "ok");
}

async function launch({ clock, databases }: MachineParts, machine: ModelMachine): Promise<MachineOutcome> {
  const until = async (what: () => boolean, ms: number): Promise<boolean> => {
    for (const deadline = clock.now() + ms; !what(); await clock.sleep(POLL_MS))
      if (clock.now() >= deadline) return false;
    return true;
  };
  if (!(await until(machine.isUp, BOOT_WAIT_MS))) return ended(20, "the boot is not over yet");
  if (!isWeb(machine)) return ended(0, "ok");
  if (!(await until(() => databases.writer() !== undefined, WRITER_WAIT_MS)))
    return ended(20, "no database takes writes");
  return ended(0, "ok");
}
