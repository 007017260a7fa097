import type { Emit } from "../../bus/emit.ts";
import type { CommandInvocationStatus } from "@aws-sdk/client-ssm";
import type { Timer } from "../../clock.ts";
import type { World } from "../../service.ts";
import type { Machine, MachineOutcome } from "../ec2/compute.ts";
import type { Agents } from "./agent.ts";
import { hasEnded, statusOf, type CommandRow, type Invocation, type StepRun } from "./invocation.ts";

/** From SendCommand to the agent's start of the script. */
const DELIVERY_MS = 100;
/** A machine that has not ended its command this long after the execution timeout never will. */
const GRACE_MS = 10_000;
/** How often a message for a machine that is cut off is tried again. */
const RETRY_MS = 200;
/** The agent's exit code for a command that it stopped itself (137 = 128 + SIGKILL). */
const STOPPED_CODE = 137;
/** What GetCommandInvocation shows of each stream, in characters. */
const STDOUT_MAX = 24_000;
const STDERR_MAX = 8000;

/** What a delivery needs around it. */
export interface Room {
  readonly world: World;
  readonly clock: World["clock"];
  readonly agents: Agents;
  readonly timers: Set<Timer>;
  readonly emit: Emit;
  machine(instanceId: string): Machine | undefined;
}

/** One step as it will run on one instance. */
export interface Work {
  readonly run: StepRun;
  readonly script: string;
  readonly seconds: number;
}

function later(room: Room, ms: number, act: () => void): Timer {
  const timer = room.clock.after(ms, () => {
    room.timers.delete(timer);
    act();
  });
  room.timers.add(timer);
  return timer;
}

const arnOf = ({ world }: Room, instanceId: string): string =>
  `arn:aws:ec2:${world.region}:${world.account}:instance/${instanceId}`;

function announce(room: Room, command: CommandRow, invocation: Invocation, before: string): void {
  const common = {
    "command-id": command.id,
    "document-name": command.documentName,
    "requested-date-time": new Date(command.requestedAt).toISOString(),
  };
  room.emit({
    source: "aws.ssm",
    detailType: "EC2 Command Invocation Status-change Notification",
    resources: [arnOf(room, invocation.instanceId)],
    detail: { ...common, "instance-id": invocation.instanceId, status: invocation.status },
  });
  const { status } = statusOf(command);
  if (status === before) return;
  room.emit({
    source: "aws.ssm",
    detailType: "EC2 Command Status-change Notification",
    resources: command.invocations.map((one) => arnOf(room, one.instanceId)),
    detail: {
      ...common,
      "expire-after": new Date(command.expiresAt).toISOString(),
      parameters: command.parameters,
      status,
    },
  });
}

/** What has ended stays as it ended: the first of outcome, loss, timeout and cancellation counts. */
export function become(
  room: Room,
  command: CommandRow,
  invocation: Invocation,
  status: CommandInvocationStatus,
  details: string,
): void {
  if (hasEnded(invocation.status) || invocation.status === status) return;
  const before = statusOf(command).status;
  invocation.status = status;
  invocation.details = details;
  for (const step of invocation.steps) {
    if (!hasEnded(status) || hasEnded(step.status)) continue;
    step.status = status;
    step.details = details;
    if (step.startedAt !== undefined) step.endedAt = room.clock.now();
  }
  announce(room, command, invocation, before);
}

/** The machine is gone: its command ended as undeliverable, and nobody waits for it. */
export const lose = (room: Room, command: CommandRow, invocation: Invocation): void =>
  become(room, command, invocation, "Failed", "Undeliverable");

/** Waits until the machine's agent can be talked to. False: not by `until`. */
async function connected(room: Room, instanceId: string, until: number): Promise<boolean> {
  while (room.machine(instanceId)?.cutOffSince !== undefined) {
    if (room.clock.now() >= until) return false;
    await new Promise<void>((resolve) => void later(room, RETRY_MS, resolve));
  }
  return true;
}

/** One script on the machine, never longer than its execution timeout and a little. */
async function runScript(
  room: Room,
  machine: Machine,
  script: string,
  seconds: number,
  abort: AbortSignal,
): Promise<MachineOutcome> {
  let guard: Timer | undefined;
  const overdue = new Promise<MachineOutcome>((resolve) => {
    guard = later(room, seconds * 1000 + GRACE_MS, () =>
      resolve({ exitCode: null, stdout: "", stderr: "", timedOut: true }),
    );
  });
  try {
    return await Promise.race([machine.run({ script, timeoutMs: seconds * 1000, signal: abort }), overdue]);
  } finally {
    guard?.cancel();
    if (guard !== undefined) room.timers.delete(guard);
  }
}

function endStep(room: Room, run: StepRun, outcome: MachineOutcome, cancelled: boolean): CommandInvocationStatus {
  const failed = outcome.exitCode !== 0;
  const [status, details] = cancelled
    ? (["Cancelled", "Cancelled"] as const)
    : outcome.timedOut
      ? (["TimedOut", "ExecutionTimedOut"] as const)
      : failed
        ? (["Failed", "Failed"] as const)
        : (["Success", "Success"] as const);
  run.status = status;
  run.details = details;
  run.code = outcome.exitCode ?? STOPPED_CODE;
  run.endedAt = room.clock.now();
  run.stdout = outcome.stdout.slice(0, STDOUT_MAX);
  const note = failed && !cancelled && !outcome.timedOut ? `failed to run commands: exit status ${run.code}` : "";
  run.stderr = (outcome.stderr + note).slice(0, STDERR_MAX);
  return status;
}

async function deliver(room: Room, command: CommandRow, invocation: Invocation, work: readonly Work[]): Promise<void> {
  const { instanceId } = invocation;
  if (!(await connected(room, instanceId, command.expiresAt)))
    return become(room, command, invocation, "TimedOut", "DeliveryTimedOut");
  if (hasEnded(invocation.status)) return;
  const machine = room.machine(instanceId);
  if (machine === undefined || !room.agents.isOnline(instanceId)) return lose(room, command, invocation);
  become(room, command, invocation, "InProgress", "InProgress");
  for (const { run, script, seconds } of work) {
    run.status = "InProgress";
    run.details = "InProgress";
    run.startedAt = room.clock.now();
    let outcome: MachineOutcome;
    try {
      outcome = await runScript(room, machine, script, seconds, invocation.abort.signal);
    } catch {
      return lose(room, command, invocation); // the machine died with its command
    }
    // What it has to tell comes when it can be heard again.
    const reported = await connected(room, instanceId, run.startedAt + seconds * 1000 + GRACE_MS);
    if (hasEnded(invocation.status)) return;
    if (!reported) return become(room, command, invocation, "TimedOut", "ExecutionTimedOut");
    const status = endStep(room, run, outcome, invocation.cancelled);
    if (status !== "Success") return become(room, command, invocation, status, run.details);
  }
  become(room, command, invocation, "Success", "Success");
}

/** Announces the invocation and brings it to its machine a moment later. `first`: it is the command's first. */
export function dispatch(
  room: Room,
  command: CommandRow,
  invocation: Invocation,
  work: readonly Work[],
  first: boolean,
): void {
  announce(room, command, invocation, first ? "" : "Pending");
  later(room, DELIVERY_MS, () => {
    deliver(room, command, invocation, work).catch((error: unknown) => {
      room.world.note(`command ${command.id} on ${invocation.instanceId}: ${String(error)}`);
      lose(room, command, invocation);
    });
  });
}
