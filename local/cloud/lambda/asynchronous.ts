import type { Timer } from "../clock.ts";
import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import type { MessageAttributes } from "../services/sqs/message.ts";
import type { FunctionVersion, InvokeConfig } from "./function.ts";
import { isThrottle, type InvocationResult } from "./invocation.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html */
const RETRIES_MAX_DEFAULT = 2;
const EVENT_AGE_MS_DEFAULT = 6 * 3600_000;
/** "one minute before the first retry and two minutes before the second". */
const RETRY_DELAYS_MS = [60_000, 120_000];
/** A throttled event is tried again "from 1 second after the first attempt to a maximum of 5 minutes". */
const THROTTLE_DELAY_MS_MIN = 1000;
const THROTTLE_DELAY_MS_MAX = 300_000;

/** Events accepted and not yet done: a storm of events must not take the memory of the whole farm. */
const PENDING_MAX = 10_000;

/** SQS attribute values are short; AWS cuts the error message of a dead letter at 1 KB. */
const ERROR_MESSAGE_MAX = 1024;

export interface AsyncSources {
  /** Version to run and its settings for asynchronous events. Throws ResourceNotFoundException when it is gone. */
  target(
    functionName: string,
    qualifier: string | undefined,
  ): { version: FunctionVersion; config: InvokeConfig | undefined };
  run(version: FunctionVersion, requestId: string, payload: string): Promise<InvocationResult>;
  sendMessage(queueArn: string, body: string, attributes?: MessageAttributes): Promise<void>;
  /** Accepts an event for a function that is a destination. */
  invokeFunction(functionArn: string, payload: unknown): Promise<void>;
}

interface Pending {
  readonly functionName: string;
  readonly qualifier: string | undefined;
  readonly payload: string;
  readonly requestId: string;
  readonly acceptedAt: number;
  failures: number;
  throttles: number;
}

interface Given {
  readonly functionName: string;
  readonly qualifier: string | undefined;
  readonly payload: string;
  readonly requestId: string;
}

export interface AsyncQueue {
  /** Accepts an event; it runs as soon as an environment is to be had. Throws TooManyRequestsException when the queue is full. */
  accept(given: Given): void;
  pending(): number;
  close(): void;
}

export function openAsyncQueue(world: World, sources: AsyncSources): AsyncQueue {
  const timers = new Map<Pending, Timer>();
  const accepted = new Set<Pending>();
  let closed = false;

  const later = (event: Pending, ms: number): void => {
    if (closed) return;
    timers.set(
      event,
      world.clock.after(ms, () => {
        timers.delete(event);
        void attempt(event);
      }),
    );
  };

  const attempt = async (event: Pending): Promise<void> => {
    try {
      const delay = await attemptOnce(world, sources, event);
      if (delay === undefined) accepted.delete(event);
      else later(event, delay);
    } catch (error) {
      accepted.delete(event);
      if (!closed) world.note(`lambda: event ${event.requestId} for ${event.functionName} is lost: ${String(error)}`);
    }
  };

  return {
    accept(given) {
      if (accepted.size >= PENDING_MAX)
        throw new CloudError("TooManyRequestsException", `${PENDING_MAX} events are pending`, 429);
      const event = { ...given, acceptedAt: world.clock.now(), failures: 0, throttles: 0 };
      accepted.add(event);
      later(event, 0);
    },
    pending: () => accepted.size,
    close() {
      closed = true;
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
      accepted.clear();
    },
  };
}

/** Milliseconds until the next attempt, or undefined when the event is done with, one way or the other. */
async function attemptOnce(world: World, sources: AsyncSources, event: Pending): Promise<number | undefined> {
  const { version, config } = sources.target(event.functionName, event.qualifier);
  const ageMsMax = config === undefined ? EVENT_AGE_MS_DEFAULT : config.eventAgeSecondsMax * 1000;
  const tooOld = (delay: number): boolean => world.clock.now() + delay - event.acceptedAt > ageMsMax;
  let result: InvocationResult;
  try {
    result = await sources.run(version, event.requestId, event.payload);
  } catch (error) {
    if (!isThrottle(error)) throw error;
    const delay = Math.min(THROTTLE_DELAY_MS_MIN * 2 ** event.throttles, THROTTLE_DELAY_MS_MAX);
    event.throttles += 1;
    if (!tooOld(delay)) return delay;
    await giveUp(world, sources, event, version, config, "EventAgeExceeded", undefined);
    return undefined;
  }
  if (!result.failed) {
    if (config?.onSuccess !== undefined)
      await tellDestination(sources, config.onSuccess, record(world, event, version, "Success", result));
    return undefined;
  }
  event.failures += 1;
  const delay = RETRY_DELAYS_MS[event.failures - 1] ?? 0;
  if (event.failures <= (config?.retriesMax ?? RETRIES_MAX_DEFAULT) && !tooOld(delay)) return delay;
  const condition =
    event.failures > (config?.retriesMax ?? RETRIES_MAX_DEFAULT) ? "RetriesExhausted" : "EventAgeExceeded";
  await giveUp(world, sources, event, version, config, condition, result);
  return undefined;
}

/** The record and the attributes of a dead letter are documented on the page named above. */
async function giveUp(
  world: World,
  sources: AsyncSources,
  event: Pending,
  version: FunctionVersion,
  config: InvokeConfig | undefined,
  condition: string,
  result: InvocationResult | undefined,
): Promise<void> {
  if (config?.onFailure !== undefined)
    await tellDestination(sources, config.onFailure, record(world, event, version, condition, result));
  const { deadLetterArn } = version.settings;
  if (deadLetterArn !== undefined) {
    await sources.sendMessage(deadLetterArn, event.payload, {
      RequestID: { DataType: "String", StringValue: event.requestId },
      ErrorCode: { DataType: "Number", StringValue: result === undefined ? "429" : "200" },
      ErrorMessage: { DataType: "String", StringValue: messageOf(result).slice(0, ERROR_MESSAGE_MAX) },
    });
  }
  if (config?.onFailure === undefined && deadLetterArn === undefined) {
    world.note(
      `lambda: event ${event.requestId} for ${event.functionName} is dropped (${condition}) after ${event.failures} failures: ${messageOf(result)}`,
    );
  }
}

const parsed = (json: string): unknown => JSON.parse(json);

function messageOf(result: InvocationResult | undefined): string {
  const payload = result === undefined ? undefined : parsed(result.payload);
  const named =
    typeof payload === "object" && payload !== null && "errorMessage" in payload ? String(payload.errorMessage) : "";
  return named === "" ? "Rate Exceeded." : named;
}

function record(
  world: World,
  event: Pending,
  version: FunctionVersion,
  condition: string,
  result: InvocationResult | undefined,
): unknown {
  return {
    version: "1.0",
    timestamp: new Date(world.clock.now()).toISOString(),
    requestContext: {
      requestId: event.requestId,
      functionArn: version.version === "$LATEST" ? `${version.arn}:$LATEST` : version.arn,
      condition,
      approximateInvokeCount: Math.max(1, event.failures + (condition === "Success" ? 1 : 0)),
    },
    requestPayload: parsed(event.payload),
    ...(result === undefined
      ? {}
      : {
          responseContext: {
            statusCode: 200,
            executedVersion: result.executedVersion,
            ...(result.failed ? { functionError: "Unhandled" } : {}),
          },
          responsePayload: parsed(result.payload),
        }),
  };
}

async function tellDestination(sources: AsyncSources, arn: string, message: unknown): Promise<void> {
  if (arn.startsWith("arn:aws:lambda:")) await sources.invokeFunction(arn, message);
  else await sources.sendMessage(arn, JSON.stringify(message));
}
