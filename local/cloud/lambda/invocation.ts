import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import { LOG_TAIL_BYTES, whenReady, type EnvironmentPool, type Lodging } from "./environments.ts";
import type { FunctionVersion } from "./function.ts";
import type { Fault, Outcome } from "./runtime.ts";

/** AWS ends an init that takes longer. */
const INIT_TIMEOUT_MS = 10_000;

/** Largest answer of a synchronous invocation. */
const RESPONSE_BYTES_MAX = 6 * 1024 * 1024;

export interface InvocationResult {
  /** JSON text: the handler's answer, or the fault when `failed`. */
  readonly payload: string;
  readonly failed: boolean;
  readonly executedVersion: string;
  /** The last 4 KB of what was logged. */
  readonly logTail: string;
}

export interface InvocationRequest {
  readonly version: FunctionVersion;
  readonly reserved: number | undefined;
  readonly requestId: string;
  readonly invokedFunctionArn: string;
  readonly payload: string;
}

/** What an invocation adds to the function's metrics. */
export interface InvocationMeasure {
  readonly functionName: string;
  readonly durationMs: number;
  readonly failed: boolean;
}

type Ran = Outcome & { readonly timedOut: boolean };

/**
 * Runs one invocation to its end in a warm or new environment. A fault of the code is a result, not an error.
 * Throws TooManyRequestsException when no environment is to be had.
 */
export async function runInvocation(
  world: World,
  pool: EnvironmentPool,
  request: InvocationRequest,
  measure: (measured: InvocationMeasure) => void,
): Promise<InvocationResult> {
  const { version, requestId } = request;
  const lodging = pool.take(version, request.reserved);
  const cold = lodging.initMs === undefined;
  const initFault = await within(world, INIT_TIMEOUT_MS, whenReady(world, lodging));
  if (initFault.value !== undefined) {
    lodging.log(
      `${new Date(world.clock.now()).toISOString()}\tundefined\tERROR\tUncaught Exception\t${JSON.stringify(initFault.value)}`,
    );
  }
  lodging.log(`START RequestId: ${requestId} Version: ${version.version}`);
  const startedAt = world.clock.now();
  const ran = initFault.late
    ? { fault: timeoutFault(requestId, INIT_TIMEOUT_MS), memoryUsedMb: 0, timedOut: true }
    : await runReady(world, lodging, request, initFault.value);
  const durationMs = world.clock.now() - startedAt;
  const result = capped(ran);
  if (ran.timedOut && "fault" in result)
    lodging.log(`${new Date(world.clock.now()).toISOString()} ${requestId} ${timeoutWords(version, initFault.late)}`);
  lodging.log(`END RequestId: ${requestId}`);
  lodging.log(reportLine(request, result, durationMs, cold ? lodging.initMs : undefined, ran.timedOut));
  const logTail = tailOf(lodging);
  if (ran.timedOut || initFault.late || initFault.value !== undefined) await pool.destroy(lodging);
  else pool.giveBack(lodging);
  measure({ functionName: version.functionName, durationMs, failed: "fault" in result });
  return {
    payload: "fault" in result ? JSON.stringify(result.fault) : result.payload,
    failed: "fault" in result,
    executedVersion: version.version,
    logTail,
  };
}

async function runReady(
  world: World,
  lodging: Lodging,
  request: InvocationRequest,
  initFault: Fault | undefined,
): Promise<Ran> {
  if (initFault !== undefined) return { fault: initFault, memoryUsedMb: 0, timedOut: false };
  const timeoutMs = request.version.settings.timeoutSeconds * 1000;
  const { requestId, invokedFunctionArn, payload } = request;
  const running = lodging.environment.invoke({
    requestId,
    invokedFunctionArn,
    payload,
    deadline: world.clock.now() + timeoutMs,
  });
  const outcome = await within(world, timeoutMs, running);
  if (!outcome.late) return { ...outcome.value, timedOut: false };
  await lodging.environment.kill();
  return { fault: timeoutFault(requestId, timeoutMs), memoryUsedMb: (await running).memoryUsedMb, timedOut: true };
}

async function within<T>(
  world: World,
  ms: number,
  promise: Promise<T>,
): Promise<{ late: false; value: T } | { late: true; value: undefined }> {
  const late = Promise.withResolvers<{ late: true; value: undefined }>();
  const timer = world.clock.after(ms, () => late.resolve({ late: true, value: undefined }));
  const inTime = promise.then((value) => ({ late: false as const, value }));
  return Promise.race([inTime, late.promise]).finally(() => timer.cancel());
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2);

const timeoutWords = (version: FunctionVersion, duringInit: boolean): string =>
  `Task timed out after ${seconds(duringInit ? INIT_TIMEOUT_MS : version.settings.timeoutSeconds * 1000)} seconds`;

const timeoutFault = (requestId: string, ms: number): Fault => ({
  errorType: "Sandbox.Timedout",
  errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds(ms)} seconds`,
});

function capped(outcome: Outcome): Outcome {
  if ("fault" in outcome) return outcome;
  const bytes = Buffer.byteLength(outcome.payload);
  if (bytes <= RESPONSE_BYTES_MAX) return outcome;
  const errorMessage = `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`;
  return { fault: { errorType: "Function.ResponseSizeTooLarge", errorMessage }, memoryUsedMb: outcome.memoryUsedMb };
}

function reportLine(
  request: InvocationRequest,
  outcome: Outcome,
  durationMs: number,
  initMs: number | undefined,
  timedOut: boolean,
): string {
  const { memoryMb } = request.version.settings;
  const parts = [
    `REPORT RequestId: ${request.requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs + (initMs ?? 0))} ms`,
    `Memory Size: ${memoryMb} MB`,
    `Max Memory Used: ${Math.min(outcome.memoryUsedMb, memoryMb)} MB`,
  ];
  if (initMs !== undefined) parts.push(`Init Duration: ${initMs.toFixed(2)} ms`);
  if ("fault" in outcome)
    parts.push(timedOut ? "Status: timeout" : `Status: error\tError Type: ${outcome.fault.errorType}`);
  return parts.join("\t");
}

function tailOf(lodging: Lodging): string {
  const bytes = Buffer.from(lodging.tail.map((line) => `${line}\n`).join(""));
  return bytes.subarray(Math.max(0, bytes.length - LOG_TAIL_BYTES)).toString();
}

export const isThrottle = (error: unknown): boolean => error instanceof CloudError && error.status === 429;
