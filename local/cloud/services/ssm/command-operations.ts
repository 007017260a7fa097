import type {
  CancelCommandRequest,
  Command,
  CommandInvocation,
  GetCommandInvocationRequest,
  GetCommandInvocationResult,
  ListCommandInvocationsRequest,
  ListCommandsRequest,
  SendCommandRequest,
} from "@aws-sdk/client-ssm";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { Commands } from "./command.ts";
import { hasEnded, statusOf, type CommandRow, type Invocation, type StepRun } from "./invocation.ts";
import { page } from "./page.ts";

const LIST_MAX = 50;
/** ListCommandInvocations shows at most this much of a step's output. */
const LISTED_OUTPUT_MAX = 2500;

const commandView = (command: CommandRow): Command => {
  const { status, details } = statusOf(command);
  const ended = command.invocations.filter((one) => hasEnded(one.status));
  return {
    CommandId: command.id,
    DocumentName: command.documentName,
    DocumentVersion: command.documentVersion,
    Comment: command.comment,
    Parameters: command.parameters,
    InstanceIds: command.request.InstanceIds ?? [],
    Targets: command.request.Targets ?? [],
    RequestedDateTime: new Date(command.requestedAt),
    ExpiresAfter: new Date(command.expiresAt),
    Status: status === "Delayed" ? "Pending" : status,
    StatusDetails: details,
    MaxConcurrency: command.request.MaxConcurrency ?? "50",
    MaxErrors: command.request.MaxErrors ?? "0",
    TargetCount: command.invocations.length,
    CompletedCount: ended.length,
    ErrorCount: ended.filter((one) => one.status === "Failed" || one.status === "TimedOut").length,
    DeliveryTimedOutCount: 0,
    TimeoutSeconds: command.timeoutSeconds,
  };
};

const iso = (ms: number | undefined): string => (ms === undefined ? "" : new Date(ms).toISOString());
const elapsed = (run: StepRun): string =>
  run.startedAt === undefined || run.endedAt === undefined ? "" : `PT${(run.endedAt - run.startedAt) / 1000}S`;

/** The step of that name; without a name the last that has begun, which is the one that decided. */
function stepOf(invocation: Invocation, name: string | undefined): StepRun | undefined {
  if (name === undefined) {
    return invocation.steps.findLast((one) => one.startedAt !== undefined) ?? invocation.steps[0];
  }
  const found = invocation.steps.find((one) => one.name === name);
  if (found === undefined) throw new CloudError("InvalidPluginName", `The plugin name ${name} isn't valid.`);
  return found;
}

function getInvocation(commands: Commands, input: GetCommandInvocationRequest): GetCommandInvocationResult {
  const found = commands.invocation(input.CommandId ?? "", input.InstanceId ?? "");
  if (found === undefined)
    throw new CloudError(
      "InvocationDoesNotExist",
      "The command ID and managed node ID you specified didn't match any invocations.",
    );
  const { command, invocation } = found;
  const run = stepOf(invocation, input.PluginName);
  const whole = input.PluginName === undefined;
  return {
    CommandId: command.id,
    InstanceId: invocation.instanceId,
    Comment: command.comment,
    DocumentName: command.documentName,
    DocumentVersion: command.documentVersion,
    PluginName: run?.name,
    ResponseCode: run?.code ?? (hasEnded(invocation.status) ? 0 : -1),
    ExecutionStartDateTime: iso(run?.startedAt),
    ExecutionElapsedTime: run === undefined ? "" : elapsed(run),
    ExecutionEndDateTime: iso(run?.endedAt),
    Status: whole ? invocation.status : run?.status,
    StatusDetails: whole ? invocation.details : run?.details,
    StandardOutputContent: run?.stdout ?? "",
    StandardOutputUrl: "",
    StandardErrorContent: run?.stderr ?? "",
    StandardErrorUrl: "",
  };
}

const invocationView = (command: CommandRow, invocation: Invocation, details: boolean): CommandInvocation => ({
  CommandId: command.id,
  InstanceId: invocation.instanceId,
  InstanceName: invocation.instanceName,
  Comment: command.comment,
  DocumentName: command.documentName,
  DocumentVersion: command.documentVersion,
  RequestedDateTime: new Date(command.requestedAt),
  Status: invocation.status,
  StatusDetails: invocation.details,
  StandardOutputUrl: "",
  StandardErrorUrl: "",
  CommandPlugins: details
    ? invocation.steps.map((run) => ({
        Name: run.name,
        Status: pluginStatus(run),
        StatusDetails: run.details,
        ResponseCode: run.code,
        ...(run.startedAt !== undefined && { ResponseStartDateTime: new Date(run.startedAt) }),
        ...(run.endedAt !== undefined && { ResponseFinishDateTime: new Date(run.endedAt) }),
        Output: [run.stdout, run.stderr].filter(Boolean).join("\n----------ERROR-------\n").slice(0, LISTED_OUTPUT_MAX),
      }))
    : [],
});

/** A plugin knows neither Delayed nor Cancelling. */
const pluginStatus = ({ status }: StepRun) =>
  status === "Delayed" ? "Pending" : status === "Cancelling" ? "InProgress" : status;

type Filters = ListCommandsRequest["Filters"];

function passes(command: CommandRow, status: string, filters: Filters): boolean {
  return (filters ?? []).every(({ key, value = "" }) => {
    if (key === "Status") return status === value;
    if (key === "DocumentName") return command.documentName === value;
    if (key === "InvokedAfter") return command.requestedAt > Date.parse(value);
    if (key === "InvokedBefore") return command.requestedAt < Date.parse(value);
    throw new CloudError("InvalidFilterKey", `The filter key ${key ?? ""} isn't valid.`);
  });
}

const newestFirst = (commands: Commands, id: string | undefined): CommandRow[] =>
  id === undefined ? commands.all().toReversed() : [commands.get(id)];

function list(commands: Commands, input: ListCommandsRequest): object {
  const found = newestFirst(commands, input.CommandId).filter(
    (command) =>
      passes(command, statusOf(command).status, input.Filters) &&
      (input.InstanceId === undefined || command.invocations.some((one) => one.instanceId === input.InstanceId)),
  );
  const { rows, ...rest } = page(found, input, LIST_MAX);
  return { Commands: rows.map(commandView), ...rest };
}

function listInvocations(commands: Commands, input: ListCommandInvocationsRequest): object {
  const found = newestFirst(commands, input.CommandId).flatMap((command) =>
    command.invocations
      .filter((one) => input.InstanceId === undefined || one.instanceId === input.InstanceId)
      .filter((one) => commands.invocation(command.id, one.instanceId) !== undefined)
      .filter((one) => passes(command, one.status, input.Filters))
      .map((one) => invocationView(command, one, input.Details ?? false)),
  );
  const { rows, ...rest } = page(found, input, LIST_MAX);
  return { CommandInvocations: rows, ...rest };
}

export const commandOperations = (commands: Commands): Record<string, Operation> => ({
  SendCommand: (input: SendCommandRequest) => ({ Command: commandView(commands.send(input)) }),
  GetCommandInvocation: (input: GetCommandInvocationRequest) => getInvocation(commands, input),
  ListCommands: (input: ListCommandsRequest) => list(commands, input),
  ListCommandInvocations: (input: ListCommandInvocationsRequest) => listInvocations(commands, input),
  CancelCommand(input: CancelCommandRequest) {
    commands.cancel(input.CommandId ?? "", input.InstanceIds);
    return {};
  },
});
