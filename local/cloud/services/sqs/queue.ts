import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { messageBytes, type MessageAttributes } from "./message.ts";

/** Messages of one queue at once: standard queues have no limit in AWS, this machine's memory has. */
export const MESSAGES_MAX = 20_000;

/** Attributes with their documented defaults and bounds; times in seconds. */
export const NUMBERS = {
  VisibilityTimeout: { initial: 30, min: 0, max: 43_200 },
  DelaySeconds: { initial: 0, min: 0, max: 900 },
  MaximumMessageSize: { initial: 1_048_576, min: 1024, max: 1_048_576 },
  MessageRetentionPeriod: { initial: 345_600, min: 60, max: 1_209_600 },
  ReceiveMessageWaitTimeSeconds: { initial: 0, min: 0, max: 20 },
} as const;

export interface Redrive {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

export interface Message {
  readonly id: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly sender: string;
  readonly sentAt: number;
  firstReceivedAt: number | undefined;
  receives: number;
  /** Hidden until then, after a delay or a receive. */
  visibleAt: number;
  /** Of the last receive: only this one deletes or changes it. */
  receiptHandle: string | undefined;
}

export interface Queue {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  modifiedAt: number;
  settings: Record<keyof typeof NUMBERS, number>;
  redrive: Redrive | undefined;
  /** Attributes that are kept as given and change nothing here: policies and encryption. */
  kept: Record<string, string>;
  tags: Record<string, string>;
  messages: Message[];
  /** Called when a message may have become visible. */
  readonly waiting: Set<() => void>;
}

/** Puts a message in and returns it. Throws InvalidParameterValue when it is too large and OverLimit when the queue is full. */
export function put(
  world: World,
  queue: Queue,
  sent: { body: string; attributes: MessageAttributes; delaySeconds?: number | undefined; sender: string },
): Message {
  expire(world, queue);
  const bytes = messageBytes(sent.body, sent.attributes);
  if (bytes > queue.settings.MaximumMessageSize) {
    const message = `One or more parameters are invalid. Reason: Message must be shorter than ${queue.settings.MaximumMessageSize} bytes.`;
    throw new CloudError("InvalidParameterValue", message);
  }
  if (queue.messages.length >= MESSAGES_MAX)
    throw new CloudError("OverLimit", `queue ${queue.name} holds ${MESSAGES_MAX} messages`, 403);
  const delayMs = (sent.delaySeconds ?? queue.settings.DelaySeconds) * 1000;
  const message: Message = {
    id: world.ids.uuid(),
    body: sent.body,
    attributes: sent.attributes,
    sender: sent.sender,
    sentAt: world.clock.now(),
    firstReceivedAt: undefined,
    receives: 0,
    visibleAt: world.clock.now() + delayMs,
    receiptHandle: undefined,
  };
  queue.messages.push(message);
  wake(queue);
  return message;
}

/**
 * Takes up to `count` visible messages and hides them. A message received more often than the redrive policy allows
 * goes to the dead letter queue instead of to the caller.
 */
export function take(
  world: World,
  queue: Queue,
  count: number,
  visibilitySeconds: number,
  deadLetters: (arn: string) => Queue | undefined,
): Message[] {
  expire(world, queue);
  const now = world.clock.now();
  const taken: Message[] = [];
  for (const message of queue.messages.filter((one) => one.visibleAt <= now)) {
    if (taken.length === count) break;
    const target =
      queue.redrive !== undefined && message.receives >= queue.redrive.maxReceiveCount
        ? deadLetters(queue.redrive.deadLetterTargetArn)
        : undefined;
    if (target !== undefined) {
      queue.messages.splice(queue.messages.indexOf(message), 1);
      target.messages.push({ ...message, visibleAt: now, receiptHandle: undefined });
      wake(target);
      continue;
    }
    message.receives += 1;
    message.firstReceivedAt ??= now;
    message.visibleAt = now + visibilitySeconds * 1000;
    message.receiptHandle = Buffer.from(`${message.id}:${world.ids.hex(16)}`).toString("base64");
    taken.push(message);
  }
  return taken;
}

/** A handle that is well formed but outdated is accepted without effect, as AWS does; a malformed one is refused. */
export function byReceipt(queue: Queue, receiptHandle: string): Message | undefined {
  const id = Buffer.from(receiptHandle, "base64").toString().split(":")[0] ?? "";
  if (!/^[0-9a-f-]{36}$/.test(id))
    throw new CloudError(
      "ReceiptHandleIsInvalid",
      `The input receipt handle "${receiptHandle}" is not a valid receipt handle.`,
    );
  return queue.messages.find((message) => message.id === id);
}

export function counts(world: World, queue: Queue): { visible: number; inFlight: number; delayed: number } {
  expire(world, queue);
  const now = world.clock.now();
  const hidden = queue.messages.filter((message) => message.visibleAt > now);
  const inFlight = hidden.filter((message) => message.receiptHandle !== undefined).length;
  return { visible: queue.messages.length - hidden.length, inFlight, delayed: hidden.length - inFlight };
}

function expire(world: World, queue: Queue): void {
  const oldest = world.clock.now() - queue.settings.MessageRetentionPeriod * 1000;
  if (queue.messages.some((message) => message.sentAt < oldest))
    queue.messages = queue.messages.filter((message) => message.sentAt >= oldest);
}

export function wake(queue: Queue): void {
  for (const act of queue.waiting) act();
}

/** When a message can next be received, in milliseconds of the epoch; undefined: there is none. */
export function visibleAt(world: World, queue: Queue): number | undefined {
  expire(world, queue);
  return queue.messages.length === 0 ? undefined : Math.min(...queue.messages.map((message) => message.visibleAt));
}

/** Resolves when a message may have become visible, or after `ms`. */
export function untilVisible(world: World, queue: Queue, ms: number): Promise<void> {
  const now = world.clock.now();
  const next = Math.min(...queue.messages.map((message) => message.visibleAt).filter((at) => at > now), now + ms);
  return new Promise((resolve) => {
    const timer = world.clock.after(next - now, () => done());
    const done = (): void => {
      timer.cancel();
      queue.waiting.delete(done);
      resolve();
    };
    queue.waiting.add(done);
  });
}
