import type { Emit } from "../../bus/emit.ts";
import type { StateReason } from "@aws-sdk/client-ec2";
import { assert } from "../../../../lib/assert.ts";
import type { CloudClock, Timer } from "../../clock.ts";
import { CloudError } from "../../errors.ts";
import type { Compute, InstanceMetadata, Machine } from "./compute.ts";
import { openPortsOf } from "./security-group.ts";
import { arnOf, type Ec2State } from "./state.ts";
import type { Tagged } from "./table.ts";
import { tagRecord } from "./tag.ts";
import { releaseVolumes } from "./volume.ts";

export type InstanceState = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

export interface InstanceRow extends Tagged {
  readonly reservationId: string;
  readonly imageId: string;
  readonly architecture: "arm64" | "x86_64";
  readonly instanceType: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  readonly privateIpAddress: string;
  readonly keyName: string | undefined;
  readonly profile: string | undefined;
  readonly clientToken: string | undefined;
  readonly launchTemplateId: string | undefined;
  readonly launchTemplateVersion: string | undefined;
  readonly metadataTags: boolean;
  readonly lifecycleState: (() => string) | undefined;
  readonly userData: string;
  launchedAt: number;
  state: InstanceState;
  /** Interface ids; empty once terminated. */
  interfaces: string[];
  terminationProtected: boolean;
  stopProtected: boolean;
  shutdownBehavior: "stop" | "terminate";
  stateReason: StateReason | undefined;
  transitionReason: string;
  machine: Machine | undefined;
  /** Console output of a machine that is gone. */
  lastConsole: string;
  /** Power actions of one instance run one after the other. */
  work: Promise<void>;
}

/** What other services of the cloud see of an instance. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly state: InstanceState;
  readonly privateIpAddress: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  readonly instanceType: string;
  readonly imageId: string;
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly launchTemplateId: string | undefined;
  readonly launchTemplateVersion: string | undefined;
  readonly userData: string;
}

export const recordOf = (row: InstanceRow): InstanceRecord => ({
  instanceId: row.id,
  state: row.state,
  privateIpAddress: row.privateIpAddress,
  subnetId: row.subnetId,
  vpcId: row.vpcId,
  availabilityZone: row.availabilityZone,
  instanceType: row.instanceType,
  imageId: row.imageId,
  launchedAt: row.launchedAt,
  tags: tagRecord(row.tags),
  launchTemplateId: row.launchTemplateId,
  launchTemplateVersion: row.launchTemplateVersion,
  userData: row.userData,
});

/** How long the visible transitions last at least. On EC2 they take seconds to minutes; nothing may rely on their length. */
const PENDING_MS = 200;
const STOPPING_MS = 200;
const SHUTTING_DOWN_MS = 200;
/**
 * How long StopInstances of a host that is cut off takes. EC2 promises no time for that, forced or not; half a minute is what
 * a failover through it has to live with here, and it is declared as such wherever a recovery time is told.
 */
export const STOP_CUT_OFF_MS = 30_000;
/** A terminated instance can be described for about an hour (EC2 User Guide: terminate your instance). */
const TERMINATED_VISIBLE_MS = 3_600_000;

/** The state machine of instances: every change of state is seen by listeners and as an event on the bus. */
export interface Power {
  start(row: InstanceRow, metadata: InstanceMetadata): void;
  terminate(row: InstanceRow, reason: StateReason): void;
  stop(row: InstanceRow): void;
  restart(row: InstanceRow): void;
  reboot(row: InstanceRow): void;
  /** Gives the machine the ports of its present security groups. */
  refreshPorts(row: InstanceRow): Promise<void>;
  onChange(listener: (row: InstanceRow) => void): void;
  /** Ends the timers; machines are the Compute's to close. */
  close(): void;
}

/** Who may follow whom; everything else is a bug here. */
const NEXT: Readonly<Record<InstanceState, readonly InstanceState[]>> = {
  pending: ["running", "shutting-down", "terminated"],
  running: ["stopping", "shutting-down", "terminated"],
  stopping: ["stopped", "shutting-down", "terminated"],
  stopped: ["pending", "shutting-down", "terminated"],
  "shutting-down": ["terminated"],
  terminated: [],
};

interface Plant {
  readonly state: Ec2State;
  readonly clock: CloudClock;
  readonly compute: Compute;
  readonly emit: Emit;
  readonly listeners: ((row: InstanceRow) => void)[];
  readonly timers: Set<Timer>;
}

function later(plant: Plant, ms: number, act: () => void): void {
  const timer: Timer = plant.clock.after(ms, () => {
    plant.timers.delete(timer);
    act();
  });
  plant.timers.add(timer);
}

const wait = (plant: Plant, ms: number): Promise<void> => new Promise((resolve) => later(plant, ms, resolve));

function announce(plant: Plant, row: InstanceRow): void {
  plant.emit({
    source: "aws.ec2",
    detailType: "EC2 Instance State-change Notification",
    detail: { "instance-id": row.id, state: row.state },
    resources: [arnOf(plant.state.world, "instance", row.id)],
  });
  for (const listener of plant.listeners) listener(row);
}

function become(plant: Plant, row: InstanceRow, next: InstanceState): void {
  assert(NEXT[row.state].includes(next), `instance ${row.id} goes from ${row.state} to ${next}`);
  row.state = next;
  announce(plant, row);
}

/** Appends to the instance's work; what fails is noted, and the next action still runs. */
function enqueue(plant: Plant, row: InstanceRow, name: string, act: () => Promise<void>): void {
  row.work = row.work.then(act).catch((error: unknown) => {
    plant.state.world.note(
      `instance ${row.id}: ${name} failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
}

async function removeMachine(row: InstanceRow): Promise<void> {
  const { machine } = row;
  if (machine === undefined) return;
  row.lastConsole = machine.consoleOutput();
  row.machine = undefined;
  await machine.destroy();
}

function terminated(plant: Plant, row: InstanceRow): void {
  for (const one of plant.state.interfaces.all()) {
    if (one.attachment?.instanceId !== row.id) continue;
    one.attachment = undefined;
    if (one.deleteOnTermination) plant.state.interfaces.remove(one.id);
  }
  row.interfaces = [];
  releaseVolumes(plant.state, row.id);
  become(plant, row, "terminated");
  later(plant, TERMINATED_VISIBLE_MS, () => plant.state.instances.remove(row.id));
}

/** A machine that ends by itself is a host that is lost: the instance is terminated, and what replaces it is a new one. */
function lost(plant: Plant, row: InstanceRow, machine: Machine, reason: string): void {
  if (row.machine !== machine || row.state === "terminated") return;
  row.stateReason = { Code: "Server.InternalError", Message: `Server.InternalError: ${reason}` };
  row.transitionReason = "Server.InternalError";
  plant.state.world.note(`instance ${row.id} lost its machine: ${reason}`);
  enqueue(plant, row, "removal of a lost machine", async () => {
    if (row.state !== "terminated") terminated(plant, row);
    await removeMachine(row);
  });
}

/** A machine that does not come back is lost like one that goes. */
async function powerOn(plant: Plant, row: InstanceRow): Promise<void> {
  const { machine } = row;
  try {
    await machine?.powerOn();
  } catch (error) {
    if (machine !== undefined) lost(plant, row, machine, error instanceof Error ? error.message : String(error));
    throw error;
  }
}

async function boot(plant: Plant, row: InstanceRow, metadata: InstanceMetadata): Promise<void> {
  const machine = await plant.compute.boot({
    instanceId: row.id,
    address: row.privateIpAddress,
    userData: row.userData,
    tags: tagRecord(row.tags),
    metadata,
    ports: openPortsOf(plant.state, groupsOf(plant.state, row)),
  });
  row.machine = machine;
  machine.onExit((reason) => lost(plant, row, machine, reason));
}

function shutDown(plant: Plant, row: InstanceRow, reason: StateReason): void {
  row.stateReason = reason;
  row.transitionReason = `User initiated (${new Date(plant.clock.now()).toISOString()})`;
  become(plant, row, "shutting-down");
  enqueue(plant, row, "termination", async () => {
    const [removal] = await Promise.allSettled([removeMachine(row), wait(plant, SHUTTING_DOWN_MS)]);
    terminated(plant, row);
    if (removal.status === "rejected") throw removal.reason; // its instance is over all the same
  });
}

function start(plant: Plant, row: InstanceRow, metadata: InstanceMetadata): void {
  announce(plant, row);
  enqueue(plant, row, "boot", async () => {
    await wait(plant, PENDING_MS);
    if (row.state !== "pending") return;
    try {
      await boot(plant, row, metadata);
    } catch (error) {
      row.lastConsole = error instanceof Error ? error.message : String(error);
      row.stateReason = {
        Code: "Server.InternalError",
        Message: "Server.InternalError: An internal error occurred during instance launch",
      };
      if (row.state === "pending") terminated(plant, row);
      throw error;
    }
    if (row.state === "pending") become(plant, row, "running");
  });
}

export function openPower(state: Ec2State, compute: Compute, emit: Emit): Power {
  const { clock } = state.world;
  const plant: Plant = { state, clock, compute, emit, listeners: [], timers: new Set() };
  const { listeners, timers } = plant;

  return {
    start: (row, metadata) => start(plant, row, metadata),
    terminate(row, reason) {
      if (row.state === "terminated" || row.state === "shutting-down") return;
      shutDown(plant, row, reason);
    },
    stop(row) {
      if (row.state === "stopped" || row.state === "stopping") return;
      refuseState(row, ["running"], "stopped");
      row.transitionReason = `User initiated (${new Date(clock.now()).toISOString()})`;
      row.stateReason = {
        Code: "Client.UserInitiatedShutdown",
        Message: "Client.UserInitiatedShutdown: User initiated shutdown",
      };
      become(plant, row, "stopping");
      enqueue(plant, row, "stop", async () => {
        if (row.machine?.cutOffSince !== undefined) await wait(plant, STOP_CUT_OFF_MS);
        await Promise.all([row.machine?.powerOff(), wait(plant, STOPPING_MS)]);
        if (row.state === "stopping") become(plant, row, "stopped");
      });
    },
    restart(row) {
      if (row.state === "running" || row.state === "pending") return;
      refuseState(row, ["stopped"], "started");
      row.launchedAt = clock.now();
      row.stateReason = undefined;
      row.transitionReason = "";
      become(plant, row, "pending");
      enqueue(plant, row, "start", async () => {
        await Promise.all([powerOn(plant, row), wait(plant, PENDING_MS)]);
        if (row.state === "pending") become(plant, row, "running");
      });
    },
    reboot(row) {
      refuseState(row, ["running", "pending"], "rebooted");
      enqueue(plant, row, "reboot", async () => {
        if (row.state !== "running") return;
        await row.machine?.powerOff();
        await powerOn(plant, row);
      });
    },
    async refreshPorts(row) {
      await row.machine?.openPorts?.(openPortsOf(state, groupsOf(state, row)));
    },
    onChange: (listener) => void listeners.push(listener),
    close() {
      for (const timer of timers) timer.cancel();
      timers.clear();
    },
  };
}

export const groupsOf = (state: Ec2State, row: InstanceRow): string[] => [
  ...new Set(row.interfaces.flatMap((id) => state.interfaces.find(id)?.groups ?? [])),
];

function refuseState(row: InstanceRow, allowed: readonly InstanceState[], participle: string): void {
  if (allowed.includes(row.state)) return;
  throw new CloudError(
    "IncorrectInstanceState",
    `The instance '${row.id}' is not in a state from which it can be ${participle}.`,
  );
}

/** EC2's numbers (API reference: InstanceState). */
export const STATE_CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};
