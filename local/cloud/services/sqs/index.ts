import type * as Sdk from "@aws-sdk/client-sqs";
import { CloudError } from "../../errors.ts";
import type { Call, Operation, Service, World } from "../../service.ts";
import { applyAttributes, shownAttributes } from "./attributes.ts";
import { attributesMd5, md5, type MessageAttributes } from "./message.ts";
import { publishCounts, type Record as RecordMetric } from "./metrics.ts";
import { byReceipt, NUMBERS, put, take, untilVisible, visibleAt, wake, type Message, type Queue } from "./queue.ts";

export type { MessageAttribute, MessageAttributes } from "./message.ts";

/** Documented: at most ten messages in one call. */
const BATCH_MAX = 10;
const QUEUES_MAX = 1000;

export interface SqsSources {
  /** Base URL of this cloud: the SDK sends a queue's calls to the host of its URL. */
  endpoint(): string;
  /** Where the metrics of the queues go; without it there are none. */
  readonly record?: RecordMetric;
}

export interface Sqs {
  readonly service: Service;
  /** Puts a message from another service of the cloud. Throws QueueDoesNotExist. */
  send(queueArn: string, body: string, attributes?: MessageAttributes): Promise<void>;
  /** When a message can next be received, in milliseconds of the epoch; undefined: the queue is empty or not there. */
  visibleAt(queueArn: string): number | undefined;
  /** Calls when that may have become earlier; what it returns ends it. */
  onChange(queueArn: string, act: () => void): () => void;
  urlOf(queueArn: string): string;
  /** JSON of the policy that says who else may use the queue; undefined when it has none or is not there. */
  policyOf(queueArn: string): string | undefined;
}

/** Standard queues; FIFO queues are refused by name. */
export function openSqs(world: World, sources: SqsSources): Sqs {
  const queues = new Map<string, Queue>();
  const watchers = new Map<string, Set<() => void>>();
  const tell = (queueArn: string): void => {
    for (const act of watchers.get(queueArn) ?? []) act();
  };
  const arnOf = (name: string): string => `arn:aws:sqs:${world.region}:${world.account}:${name}`;
  const urlOf = (name: string): string => `${sources.endpoint()}/${world.account}/${name}`;
  const named = (name: string): Queue => {
    const queue = queues.get(name);
    if (queue === undefined) throw new CloudError("QueueDoesNotExist", "The specified queue does not exist.");
    return queue;
  };
  const of = (input: { QueueUrl?: string | undefined }): Queue =>
    named(nameOfUrl(required(input.QueueUrl, "QueueUrl")));
  const byArn = (arn: string): Queue | undefined => queues.get(arn.split(":").at(-1) ?? "");
  const metrics = sources.record === undefined ? undefined : publishCounts(world, queues, sources.record);

  const service: Service = {
    id: "sqs",
    operations: {
      ...queueOperations({ world, queues, named, of, urlOf, arnOf, tell }),
      ...messageOperations(world, of),
      ReceiveMessage: receiveOperation({ world, of, byArn }),
    },
    resourceOf(_operation, input) {
      const url = input["QueueUrl"];
      const name = input["QueueName"];
      if (typeof url === "string") return arnOf(nameOfUrl(url));
      return typeof name === "string" ? arnOf(name) : "*";
    },
    async close() {
      metrics?.cancel();
      // Long polls end empty instead of holding a connection open.
      for (const queue of queues.values()) wake(queue);
    },
  };

  return {
    service,
    visibleAt(queueArn) {
      const queue = byArn(queueArn);
      return queue && visibleAt(world, queue);
    },
    onChange(queueArn, act) {
      const acts = watchers.get(queueArn) ?? new Set();
      watchers.set(queueArn, acts.add(act));
      return () => void acts.delete(act);
    },
    urlOf: (queueArn) => urlOf(queueArn.split(":").at(-1) ?? ""),
    policyOf: (queueArn) => byArn(queueArn)?.kept["Policy"] || undefined,
    async send(queueArn, body, attributes = {}) {
      const queue = byArn(queueArn);
      if (queue === undefined)
        throw new CloudError("QueueDoesNotExist", `The specified queue does not exist: ${queueArn}`);
      put(world, queue, { body, attributes, sender: world.account });
    },
  };
}

function required<T>(value: T | undefined | null, member: string): T {
  if (value === undefined || value === null)
    throw new CloudError("MissingParameter", `The request must contain the parameter ${member}.`);
  return value;
}

const nameOfUrl = (url: string): string => url.split("/").at(-1) ?? "";

interface QueueParts {
  readonly world: World;
  readonly queues: Map<string, Queue>;
  named(name: string): Queue;
  of(input: { QueueUrl?: string | undefined }): Queue;
  urlOf(name: string): string;
  arnOf(name: string): string;
  /** Tells who waits for the queue's messages from outside. */
  tell(queueArn: string): void;
}

function queueOperations({ world, queues, named, of, urlOf, arnOf, tell }: QueueParts): Record<string, Operation> {
  return {
    CreateQueue(input: Sdk.CreateQueueCommandInput) {
      const name = required(input.QueueName, "QueueName");
      const given: Record<string, string> = { ...input.Attributes };
      if (name.endsWith(".fifo") || given["FifoQueue"] === "true")
        throw new CloudError("InvalidAttributeValue", "FIFO queues are not known to the embedded cloud.");
      if (!/^[\w-]{1,80}$/.test(name))
        throw new CloudError("InvalidParameterValue", `QueueName ${name}: 1 to 80 letters, digits, - and _.`);
      const queue = newQueue(world, name, arnOf(name), { ...input.tags });
      applyAttributes(queue, given);
      const before = queues.get(name);
      if (before !== undefined) {
        const shown = shownAttributes(world, before, Object.keys(given));
        const differs = Object.entries(given).find(
          ([attribute, value]) => shown[attribute] !== value && attribute !== "RedrivePolicy",
        );
        if (differs !== undefined)
          throw new CloudError(
            "QueueNameExists",
            `A queue already exists with the same name and a different value for attribute ${differs[0]}`,
          );
        return { QueueUrl: urlOf(name) };
      }
      if (queues.size >= QUEUES_MAX) throw new CloudError("OverLimit", `at most ${QUEUES_MAX} queues`, 403);
      queues.set(name, queue);
      queue.waiting.add(() => tell(queue.arn));
      return { QueueUrl: urlOf(name) };
    },
    GetQueueUrl: (input: Sdk.GetQueueUrlCommandInput) => ({
      QueueUrl: urlOf(named(required(input.QueueName, "QueueName")).name),
    }),
    GetQueueAttributes: (input: Sdk.GetQueueAttributesCommandInput) => ({
      Attributes: shownAttributes(world, of(input), input.AttributeNames ?? []),
    }),
    SetQueueAttributes(input: Sdk.SetQueueAttributesCommandInput) {
      const queue = of(input);
      applyAttributes(queue, { ...required(input.Attributes, "Attributes") });
      queue.modifiedAt = world.clock.now();
      return {};
    },
    PurgeQueue(input: Sdk.PurgeQueueCommandInput) {
      of(input).messages = [];
      return {};
    },
    DeleteQueue(input: Sdk.DeleteQueueCommandInput) {
      const queue = of(input);
      queues.delete(queue.name);
      wake(queue);
      return {};
    },
    ListQueues(input: Sdk.ListQueuesCommandInput) {
      const names = [...queues.keys()].filter((name) => name.startsWith(input.QueueNamePrefix ?? "")).toSorted();
      return names.length === 0 ? {} : { QueueUrls: names.map(urlOf) };
    },
    ListQueueTags: (input: Sdk.ListQueueTagsCommandInput) => ({ Tags: of(input).tags }),
    TagQueue(input: Sdk.TagQueueCommandInput) {
      const queue = of(input);
      queue.tags = { ...queue.tags, ...input.Tags };
      return {};
    },
    UntagQueue(input: Sdk.UntagQueueCommandInput) {
      const queue = of(input);
      const gone = new Set(input.TagKeys);
      queue.tags = Object.fromEntries(Object.entries(queue.tags).filter(([key]) => !gone.has(key)));
      return {};
    },
  };
}

function newQueue(world: World, name: string, arn: string, tags: Record<string, string>): Queue {
  const { VisibilityTimeout, DelaySeconds, MaximumMessageSize, MessageRetentionPeriod, ReceiveMessageWaitTimeSeconds } =
    NUMBERS;
  return {
    name,
    arn,
    createdAt: world.clock.now(),
    modifiedAt: world.clock.now(),
    settings: {
      VisibilityTimeout: VisibilityTimeout.initial,
      DelaySeconds: DelaySeconds.initial,
      MaximumMessageSize: MaximumMessageSize.initial,
      MessageRetentionPeriod: MessageRetentionPeriod.initial,
      ReceiveMessageWaitTimeSeconds: ReceiveMessageWaitTimeSeconds.initial,
    },
    redrive: undefined,
    kept: {},
    tags,
    messages: [],
    waiting: new Set(),
  };
}

interface MessageParts {
  readonly world: World;
  of(input: { QueueUrl?: string | undefined }): Queue;
  byArn(arn: string): Queue | undefined;
}

interface Sent {
  readonly MessageBody?: string | undefined;
  readonly DelaySeconds?: number | undefined;
  readonly MessageAttributes?: Record<string, Sdk.MessageAttributeValue> | undefined;
}

const remove = (queue: Queue, receiptHandle: string): void => {
  const message = byReceipt(queue, receiptHandle);
  if (message?.receiptHandle === receiptHandle) queue.messages.splice(queue.messages.indexOf(message), 1);
};

function messageOperations(world: World, of: MessageParts["of"]): Record<string, Operation> {
  const send = (queue: Queue, sent: Sent, call: Call) => {
    const attributes = attributesOf(sent.MessageAttributes);
    const message = put(world, queue, {
      body: required(sent.MessageBody, "MessageBody"),
      attributes,
      delaySeconds: sent.DelaySeconds,
      sender: call.principal.arn,
    });
    const withAttributes = Object.keys(attributes).length > 0;
    return {
      MessageId: message.id,
      MD5OfMessageBody: md5(message.body),
      ...(withAttributes ? { MD5OfMessageAttributes: attributesMd5(attributes) } : {}),
    };
  };
  const changeVisibility = (queue: Queue, receiptHandle: string, seconds: number): void => {
    const message = byReceipt(queue, receiptHandle);
    if (message === undefined || message.visibleAt <= world.clock.now())
      throw new CloudError("MessageNotInflight", "The specified message isn't in flight.");
    message.visibleAt = world.clock.now() + seconds * 1000;
    wake(queue);
  };

  return {
    SendMessage: (input: Sdk.SendMessageCommandInput, call: Call) => send(of(input), input, call),
    SendMessageBatch(input: Sdk.SendMessageBatchCommandInput, call: Call) {
      const queue = of(input);
      return batch(input.Entries, (entry) => send(queue, entry, call));
    },
    DeleteMessage(input: Sdk.DeleteMessageCommandInput) {
      remove(of(input), required(input.ReceiptHandle, "ReceiptHandle"));
      return {};
    },
    DeleteMessageBatch(input: Sdk.DeleteMessageBatchCommandInput) {
      const queue = of(input);
      return batch(input.Entries, (entry) => remove(queue, required(entry.ReceiptHandle, "ReceiptHandle")));
    },
    ChangeMessageVisibility(input: Sdk.ChangeMessageVisibilityCommandInput) {
      const seconds = bounded(
        "VisibilityTimeout",
        required(input.VisibilityTimeout, "VisibilityTimeout"),
        0,
        NUMBERS.VisibilityTimeout.max,
      );
      changeVisibility(of(input), required(input.ReceiptHandle, "ReceiptHandle"), seconds);
      return {};
    },
  };
}

function receiveOperation({ world, of, byArn }: MessageParts): Operation {
  return async (input: Sdk.ReceiveMessageCommandInput) => {
    const queue = of(input);
    const count = bounded("MaxNumberOfMessages", input.MaxNumberOfMessages ?? 1, 1, BATCH_MAX);
    const visibility = bounded(
      "VisibilityTimeout",
      input.VisibilityTimeout ?? queue.settings.VisibilityTimeout,
      0,
      NUMBERS.VisibilityTimeout.max,
    );
    const waitSeconds = input.WaitTimeSeconds ?? queue.settings.ReceiveMessageWaitTimeSeconds;
    const until =
      world.clock.now() + bounded("WaitTimeSeconds", waitSeconds, 0, NUMBERS.ReceiveMessageWaitTimeSeconds.max) * 1000;
    let taken = take(world, queue, count, visibility, byArn);
    while (taken.length === 0 && world.clock.now() < until) {
      await untilVisible(world, queue, until - world.clock.now());
      if (byArn(queue.arn) !== queue) break; // deleted meanwhile
      taken = take(world, queue, count, visibility, byArn);
    }
    return taken.length === 0 ? {} : { Messages: taken.map((message) => shownMessage(message, input)) };
  };
}

function bounded(member: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new CloudError(
    "InvalidParameterValue",
    `Value ${value} for parameter ${member} is invalid. Reason: Must be between ${min} and ${max}.`,
  );
}

/** Every entry succeeds or fails by itself; what is wrong with the whole batch fails it whole. */
function batch<Entry extends { Id?: string | undefined }>(
  entries: readonly Entry[] | undefined,
  act: (entry: Entry) => object | void,
): unknown {
  const given = required(entries, "Entries");
  if (given.length === 0)
    throw new CloudError("EmptyBatchRequest", "There should be at least one entry in the request.");
  if (given.length > BATCH_MAX)
    throw new CloudError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${BATCH_MAX}. You have sent ${given.length}.`,
    );
  if (new Set(given.map((entry) => entry.Id)).size < given.length)
    throw new CloudError("BatchEntryIdsNotDistinct", "Id of two entries is the same.");
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of given) {
    try {
      Successful.push({ Id: entry.Id, ...act(entry) });
    } catch (error) {
      if (!(error instanceof CloudError)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  return { Successful, Failed };
}

function attributesOf(given: Record<string, Sdk.MessageAttributeValue> | undefined): MessageAttributes {
  return Object.fromEntries(
    Object.entries(given ?? {}).map(([name, value]) => [
      name,
      {
        DataType: required(value.DataType, `MessageAttributes.${name}.DataType`),
        ...(value.StringValue === undefined ? {} : { StringValue: value.StringValue }),
        ...(value.BinaryValue === undefined ? {} : { BinaryValue: value.BinaryValue }),
      },
    ]),
  );
}

function shownMessage(message: Message, input: Sdk.ReceiveMessageCommandInput): unknown {
  const wantedSystem: readonly string[] = [
    ...(input.MessageSystemAttributeNames ?? []),
    ...(input.AttributeNames ?? []),
  ];
  const system: Record<string, string> = {
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    SentTimestamp: String(message.sentAt),
    SenderId: message.sender,
  };
  const shownSystem = Object.entries(system).filter(
    ([name]) => wantedSystem.includes("All") || wantedSystem.includes(name),
  );
  const wanted = input.MessageAttributeNames ?? [];
  const matches = (name: string): boolean =>
    wanted.some((one) => one === "All" || one === name || (one.endsWith(".*") && name.startsWith(one.slice(0, -1))));
  const attributes = Object.fromEntries(Object.entries(message.attributes).filter(([name]) => matches(name)));
  const withAttributes = Object.keys(attributes).length > 0;
  return {
    MessageId: message.id,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: md5(message.body),
    ...(shownSystem.length === 0 ? {} : { Attributes: Object.fromEntries(shownSystem) }),
    ...(withAttributes ? { MessageAttributes: attributes, MD5OfMessageAttributes: attributesMd5(attributes) } : {}),
  };
}
