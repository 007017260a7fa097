import type { Emit } from "../../bus/emit.ts";
import type { SendCommandRequest } from "@aws-sdk/client-ssm";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import type { Machine } from "../ec2/compute.ts";
import type { InstanceRecord } from "../ec2/instance.ts";
import type { Agents } from "./agent.ts";
import { scriptOf, substitute, valuesOf, type Content, type Step, type Values } from "./content.ts";
import { become, dispatch, lose, type Room, type Work } from "./delivery.ts";
import type { Documents } from "./document.ts";
import type { CommandRow, Invocation } from "./invocation.ts";

/** One call names at most 50 instances. */
const INSTANCES_MAX = 50;
/** Delivery timeout of a command, in seconds: default, least and most. */
const DELIVERY_SECONDS = { fallback: 3600, least: 30, most: 2_592_000 };
/** Execution timeouts, in seconds. */
const EXECUTION_SECONDS_MAX = 172_800;
/** An invocation cannot be read until the service's own stores have settled. */
const VISIBLE_MS = 50;
/** Commands are kept for 30 days; the number bounds what a farm of any age remembers. */
const COMMANDS_MAX = 5000;

export interface Commands {
  send(input: SendCommandRequest): CommandRow;
  cancel(commandId: string, instanceIds: readonly string[] | undefined): void;
  all(): CommandRow[];
  /** Throws InvalidCommandId. */
  get(commandId: string): CommandRow;
  /** Undefined until it can be read. */
  invocation(commandId: string, instanceId: string): { command: CommandRow; invocation: Invocation } | undefined;
  close(): void;
}

export function openCommands(
  world: World,
  around: {
    documents: Documents;
    agents: Agents;
    machine: (instanceId: string) => Machine | undefined;
    onInstanceChange: (listener: (instance: InstanceRecord) => void) => void;
    emit: Emit;
  },
): Commands {
  const { agents, documents, emit, machine } = around;
  const commands = new Map<string, CommandRow>();
  const room: Room = { world, clock: world.clock, agents, emit, machine, timers: new Set() };

  around.onInstanceChange((instance) => {
    if (instance.state === "running" || instance.state === "pending") return;
    for (const command of commands.values()) {
      for (const one of command.invocations) if (one.instanceId === instance.instanceId) lose(room, command, one);
    }
  });
  const get = (commandId: string): CommandRow => {
    const command = commands.get(commandId);
    if (command === undefined) throw new CloudError("InvalidCommandId", `Command ${commandId} does not exist`);
    return command;
  };

  return {
    get,
    all: () => [...commands.values()],
    send(input) {
      const command = send(room, documents, input);
      forgetOldest(commands);
      commands.set(command.id, command);
      return command;
    },
    cancel(commandId, instanceIds) {
      const command = get(commandId);
      for (const one of command.invocations) {
        if (!instanceIds?.length || instanceIds.includes(one.instanceId)) cancel(room, command, one);
      }
    },
    invocation(commandId, instanceId) {
      const command = commands.get(commandId);
      const invocation = command?.invocations.find((one) => one.instanceId === instanceId);
      if (command === undefined || invocation === undefined) return undefined;
      return world.clock.now() - command.requestedAt < VISIBLE_MS ? undefined : { command, invocation };
    },
    close() {
      for (const timer of room.timers) timer.cancel();
      room.timers.clear();
      for (const command of commands.values()) for (const one of command.invocations) one.abort.abort();
    },
  };
}

/** Checks everything first, so that a refused command leaves no trace, and dispatches it to its instances. */
function send(room: Room, documents: Documents, input: SendCommandRequest): CommandRow {
  const document = documents.content(input.DocumentName ?? "", input.DocumentVersion);
  refuseHash(input, document.hash);
  const values = valuesOf(document.content, input.Parameters ?? {});
  if (document.content.steps.some((step) => Number.isNaN(secondsOf(step, values)))) {
    throw new CloudError("InvalidParameters", "An execution timeout is not a number of seconds");
  }
  const timeoutSeconds = deliverySeconds(input.TimeoutSeconds);
  const requestedAt = room.clock.now();
  const command: CommandRow = {
    id: room.world.ids.uuid(),
    documentName: document.name,
    documentVersion: input.DocumentVersion ?? "",
    comment: input.Comment ?? "",
    parameters: input.Parameters ?? {},
    requestedAt,
    timeoutSeconds,
    expiresAt: requestedAt + timeoutSeconds * 1000,
    invocations: targetsOf(room, input).map((id) => newInvocation(id, room.agents.nameOf(id), document.content)),
    request: input,
  };
  for (const [index, invocation] of command.invocations.entries()) {
    dispatch(room, command, invocation, workOf(document.content, values, invocation), index === 0);
  }
  return command;
}

function cancel(room: Room, command: CommandRow, invocation: Invocation): void {
  invocation.cancelled = true;
  if (invocation.status === "Pending") become(room, command, invocation, "Cancelled", "Cancelled");
  else if (invocation.status === "InProgress") {
    become(room, command, invocation, "Cancelling", "Cancelling");
    invocation.abort.abort();
  }
}

function targetsOf({ agents, world }: Room, input: SendCommandRequest): string[] {
  const named = [...new Set(input.InstanceIds ?? [])];
  if (named.length > INSTANCES_MAX) {
    throw new CloudError(
      "ValidationException",
      `At most ${INSTANCES_MAX} instance ids are allowed, ${named.length} were given.`,
    );
  }
  const offline = named.find((id) => !agents.isOnline(id));
  if (offline !== undefined) {
    throw new CloudError(
      "InvalidInstanceId",
      `Instances [[${offline}]] not in a valid state for account ${world.account}`,
    );
  }
  if (named.length > 0) return named;
  if (input.Targets === undefined || input.Targets.length === 0) {
    throw new CloudError("ValidationException", "Either InstanceIds or Targets must be given.");
  }
  const sets = input.Targets.map(({ Key = "", Values = [] }) => new Set(agents.targeted(Key, Values)));
  return [...(sets[0] ?? [])].filter((id) => sets.every((set) => set.has(id)));
}

const newInvocation = (instanceId: string, instanceName: string, content: Content): Invocation => ({
  instanceId,
  instanceName,
  status: "Pending",
  details: "Pending",
  abort: new AbortController(),
  cancelled: false,
  steps: content.steps
    .filter((step) => step.applies)
    .map((step) => ({
      name: step.name,
      status: "Pending",
      details: "Pending",
      code: -1,
      startedAt: undefined,
      endedAt: undefined,
      stdout: "",
      stderr: "",
    })),
});

const secondsOf = (step: Step, values: Values): number => {
  const seconds = Number(substitute(step.timeoutSeconds, values));
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= EXECUTION_SECONDS_MAX ? seconds : Number.NaN;
};

/** The steps that apply, each with its script; a working directory is entered first and its absence fails the step. */
function workOf(content: Content, values: Values, invocation: Invocation): Work[] {
  return content.steps
    .filter((step) => step.applies)
    .map((step, index) => {
      const run = invocation.steps[index];
      if (run === undefined) throw new Error(`invariant broken: step ${step.name} has no record`);
      const folder = step.workingDirectory === undefined ? "" : substitute(step.workingDirectory, values);
      const script = scriptOf(step, values);
      const entered = folder === "" ? script : `cd '${folder.replaceAll("'", "'\\''")}' || exit 1\n${script}`;
      return { run, script: entered, seconds: secondsOf(step, values) };
    });
}

function deliverySeconds(wanted: number | undefined): number {
  const seconds = wanted ?? DELIVERY_SECONDS.fallback;
  if (seconds < DELIVERY_SECONDS.least || seconds > DELIVERY_SECONDS.most) {
    throw new CloudError(
      "ValidationException",
      `timeoutSeconds is ${seconds}; allowed are ${DELIVERY_SECONDS.least} to ${DELIVERY_SECONDS.most}`,
    );
  }
  return seconds;
}

function refuseHash(input: SendCommandRequest, hash: string): void {
  if (input.DocumentHash !== undefined && input.DocumentHash !== hash) {
    throw new CloudError("InvalidDocument", "The document's hash is not the one that was given.");
  }
}

function forgetOldest(commands: Map<string, CommandRow>): void {
  const [oldest] = commands.keys();
  if (commands.size >= COMMANDS_MAX && oldest !== undefined) commands.delete(oldest);
}
