import type { CommandInvocationStatus, SendCommandRequest } from "@aws-sdk/client-ssm";

export interface StepRun {
  readonly name: string;
  status: CommandInvocationStatus;
  details: string;
  /** -1 until the step has ended. */
  code: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  stdout: string;
  stderr: string;
}

export interface Invocation {
  readonly instanceId: string;
  readonly instanceName: string;
  status: CommandInvocationStatus;
  details: string;
  readonly steps: StepRun[];
  readonly abort: AbortController;
  cancelled: boolean;
}

export interface CommandRow {
  readonly id: string;
  readonly documentName: string;
  readonly documentVersion: string;
  readonly comment: string;
  readonly parameters: Record<string, string[]>;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly timeoutSeconds: number;
  readonly invocations: readonly Invocation[];
  readonly request: SendCommandRequest;
}

const ENDED: ReadonlySet<CommandInvocationStatus> = new Set(["Success", "Failed", "TimedOut", "Cancelled"]);
export const hasEnded = (status: CommandInvocationStatus): boolean => ENDED.has(status);

/** The command's status is the worst of its invocations' once all have ended. */
export function statusOf(command: CommandRow): { status: CommandInvocationStatus; details: string } {
  const { invocations } = command;
  const active = invocations.find((one) => !hasEnded(one.status));
  if (active !== undefined) {
    const started = invocations.some((one) => one.status !== "Pending");
    return started ? { status: "InProgress", details: "InProgress" } : { status: "Pending", details: "Pending" };
  }
  const worst = (["Failed", "TimedOut", "Cancelled"] as const)
    .map((status) => invocations.find((one) => one.status === status))
    .find((one) => one !== undefined);
  return { status: worst?.status ?? "Success", details: worst?.status ?? "Success" };
}
