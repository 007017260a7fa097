import type {
  Compute,
  Machine,
  MachineCommand,
  MachineOutcome,
  MachineSpec,
} from "../../../../local/cloud/services/ec2/compute.ts";

export interface ModelMachine extends Machine {
  readonly spec: MachineSpec;
  readonly commands: MachineCommand[];
  power: "on" | "off" | "destroyed";
  ports: readonly number[];
  cutOffSince: number | undefined;
  /** Ends without being told to, as a host that is lost. */
  die(reason: string): void;
}

/** Machines without processes: `answer` decides what a script does; by default it succeeds and echoes itself. */
export function modelCompute(
  answer: (command: MachineCommand, machine: ModelMachine) => Promise<MachineOutcome> = async ({ script }) => ({
    exitCode: 0,
    stdout: script,
    stderr: "",
    timedOut: false,
  }),
): Compute & { readonly machines: Map<string, ModelMachine>; failure?: string } {
  const machines = new Map<string, ModelMachine>();
  const compute: Compute & { machines: typeof machines; failure?: string } = {
    machines,
    async boot(spec) {
      if (compute.failure !== undefined) throw new Error(compute.failure);
      const listeners: ((reason: string) => void)[] = [];
      const machine: ModelMachine = {
        spec,
        address: spec.address,
        commands: [],
        power: "on",
        cutOffSince: undefined,
        ports: spec.ports,
        run(command) {
          machine.commands.push(command);
          return answer(command, machine);
        },
        async powerOff() {
          machine.power = "off";
        },
        async powerOn() {
          machine.power = "on";
        },
        async destroy() {
          machine.power = "destroyed";
        },
        onExit: (listener) => void listeners.push(listener),
        consoleOutput: () => `console of ${spec.instanceId}`,
        async openPorts(ports) {
          machine.ports = ports;
        },
        die(reason) {
          machine.power = "off";
          for (const listener of listeners) listener(reason);
        },
      };
      machines.set(spec.instanceId, machine);
      return machine;
    },
    async close() {},
  };
  return compute;
}
