import type * as Sdk from "@aws-sdk/client-lambda";
import { CloudError } from "../errors.ts";
import type { Call, Operation, Service, World } from "../service.ts";
import type { MessageAttributes } from "../services/sqs/message.ts";
import { openAsyncQueue, type AsyncQueue } from "./asynchronous.ts";
import type { QueueAccess } from "./event-source/mapping.ts";
import { openEventSources } from "./event-source/operations.ts";
import { openEnvironments, type Credentials, type LogLine } from "./environments.ts";
import { functionOperations } from "./function-operations.ts";
import { functionArn, LATEST, parseFunctionName, required } from "./function.ts";
import { runInvocation, type InvocationMeasure } from "./invocation.ts";
import { openRegistry, type Registry, type Resolved } from "./registry.ts";
import { policyDocument, resourceOperations } from "./resource-operations.ts";
import type { FunctionRuntime } from "./runtime.ts";

/** Documented: 6 MB for a synchronous request, 1 MB for an event. */
const REQUEST_BYTES_MAX = 6 * 1024 * 1024;
const EVENT_BYTES_MAX = 1024 * 1024;

export interface LambdaSources {
  readonly runtime: FunctionRuntime;
  /** Where deployment packages are unpacked; it is created. */
  readonly folder: string;
  readObject(bucket: string, key: string): Promise<Uint8Array>;
  credentials(roleArn: string, sessionName: string): Credentials;
  /** With the rights of the function's role. */
  writeLog(group: string, stream: string, lines: readonly LogLine[], roleArn: string): void;
  sendMessage(queueArn: string, body: string, attributes?: MessageAttributes): Promise<void>;
  /** What event source mappings read; without it there are none. */
  readonly queues?: QueueAccess;
  /** Base URL of this cloud; called when a function starts, so it may be known late. */
  endpoint(): string;
  /** Takes the function's own metrics (namespace AWS/Lambda). */
  record?(
    namespace: string,
    metricName: string,
    dimensions: Record<string, string>,
    value: number,
    unit?: string,
  ): void;
}

export interface Lambda {
  readonly service: Service;
  /** Accepts an event, as an asynchronous Invoke does. `origin` names its sender in the log. Throws CloudError when it cannot be accepted. */
  invokeAsync(functionArn: string, payload: unknown, origin: string): Promise<void>;
  /** JSON of the policy that says who else may invoke the function; undefined when it has none or is not there. */
  policyOf(functionArn: string): string | undefined;
}

export function openLambda(world: World, sources: LambdaSources): Lambda {
  const registry = openRegistry(world);
  const pool = openEnvironments(world, sources);
  const measure = (measured: InvocationMeasure): void => recordInvocation(sources, measured);

  const run = (resolved: Resolved, requestId: string, payload: string) =>
    runInvocation(
      world,
      pool,
      {
        version: resolved.version,
        reserved: resolved.fn.reservedConcurrency,
        requestId,
        invokedFunctionArn: resolved.arn,
        payload,
      },
      measure,
    );

  const queue: AsyncQueue = openAsyncQueue(world, {
    target(functionName, qualifier) {
      const resolved = registry.resolve(functionName, qualifier);
      return { version: resolved.version, config: resolved.fn.invokeConfigs.get(qualifier ?? LATEST) };
    },
    run: (version, requestId, payload) =>
      run(
        registry.resolve(version.functionName, version.version === LATEST ? undefined : version.version),
        requestId,
        payload,
      ),
    sendMessage: (...message) => sources.sendMessage(...message),
    invokeFunction: (arn, payload) => invokeAsync(arn, payload),
  });

  const invokeAsync = async (arn: string, payload: unknown): Promise<void> => {
    const { fn, qualifier } = registry.resolve(arn);
    const text = JSON.stringify(payload ?? {});
    checkSize(text, EVENT_BYTES_MAX);
    queue.accept({ functionName: fn.name, qualifier, payload: text, requestId: world.ids.uuid() });
  };

  const eventSources =
    sources.queues === undefined
      ? undefined
      : openEventSources(world, {
          registry,
          queues: sources.queues,
          roleOf: (arn) => registry.resolve(arn).version.settings.role,
          run: (arn, requestId, payload) => run(registry.resolve(arn), requestId, payload),
        });

  const service: Service = {
    id: "lambda",
    operations: {
      ...functionOperations(world, { ...sources, registry, pool }),
      ...resourceOperations(world, registry, eventSources?.mappingOf),
      ...eventSources?.operations,
      Invoke: invokeOperation(registry, run, queue),
    },
    resourceOf: (operation, input) => resourceOf(world, operation, input),
    async close() {
      eventSources?.close();
      queue.close();
      await pool.close();
    },
  };
  const policyOf = (arn: string): string | undefined => {
    const { name, qualifier } = parseFunctionName(arn);
    const statements = registry.has(name) ? registry.get(name).policies.get(qualifier ?? LATEST) : undefined;
    return statements && policyDocument(statements);
  };
  return { service, invokeAsync: (arn, payload) => invokeAsync(arn, payload), policyOf };
}

function invokeOperation(
  registry: Registry,
  run: (resolved: Resolved, requestId: string, payload: string) => ReturnType<typeof runInvocation>,
  queue: AsyncQueue,
): Operation {
  return async (input: Sdk.InvokeCommandInput, call: Call) => {
    const resolved = registry.resolve(required(input.FunctionName, "FunctionName"), input.Qualifier);
    const payload = payloadOf(input.Payload);
    if (input.InvocationType === "DryRun") return { StatusCode: 204 };
    if (input.InvocationType === "Event") {
      checkSize(payload, EVENT_BYTES_MAX);
      queue.accept({
        functionName: resolved.fn.name,
        qualifier: resolved.qualifier,
        payload,
        requestId: call.requestId,
      });
      return { StatusCode: 202 };
    }
    checkSize(payload, REQUEST_BYTES_MAX);
    const result = await run(resolved, call.requestId, payload);
    return {
      StatusCode: 200,
      ExecutedVersion: result.executedVersion,
      Payload: Buffer.from(result.payload),
      ...(result.failed ? { FunctionError: "Unhandled" } : {}),
      ...(input.LogType === "Tail" ? { LogResult: Buffer.from(result.logTail).toString("base64") } : {}),
    };
  };
}

function payloadOf(given: unknown): string {
  const text =
    (given instanceof Uint8Array ? Buffer.from(given).toString() : typeof given === "string" ? given : "") || "{}";
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CloudError("InvalidRequestContentException", `Could not parse request body into json: ${why}`, 400, {
      Type: "User",
    });
  }
}

function checkSize(payload: string, max: number): void {
  const bytes = Buffer.byteLength(payload);
  if (bytes > max)
    throw new CloudError(
      "RequestTooLargeException",
      `Request must be smaller than ${max} bytes for the InvokeFunction operation`,
      413,
    );
}

function recordInvocation(sources: LambdaSources, { functionName, durationMs, failed }: InvocationMeasure): void {
  const dimensions = { FunctionName: functionName };
  sources.record?.("AWS/Lambda", "Invocations", dimensions, 1, "Count");
  sources.record?.("AWS/Lambda", "Errors", dimensions, failed ? 1 : 0, "Count");
  sources.record?.("AWS/Lambda", "Duration", dimensions, durationMs, "Milliseconds");
}

function resourceOf(world: World, operation: string, input: Readonly<Record<string, unknown>>): string {
  if (operation === "ListFunctions" || /^(Create|List)EventSourceMapping/.test(operation)) return "*";
  if (typeof input["UUID"] === "string")
    return `arn:aws:lambda:${world.region}:${world.account}:event-source-mapping:${input["UUID"]}`;
  const given = input["FunctionName"] ?? input["Resource"];
  if (typeof given !== "string") return "*";
  const qualifier = typeof input["Qualifier"] === "string" ? input["Qualifier"] : undefined;
  try {
    const parsed = parseFunctionName(given);
    return functionArn(world, parsed.name, qualifier ?? parsed.qualifier);
  } catch {
    return given; // the operation itself refuses the name
  }
}
