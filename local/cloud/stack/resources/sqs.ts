import { textOf } from "../engine/json.ts";
import type { Json, JsonObject } from "../engine/json.ts";
import { documentText, gone, optionalText, retag, strings, tagMap, textAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** The longest queue name, `.fifo` included. */
const NAME_MAX = 80;
const FIFO = ".fifo";

const SETTINGS = [
  "DelaySeconds",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "ReceiveMessageWaitTimeSeconds",
  "RedrivePolicy",
  "RedriveAllowPolicy",
  "VisibilityTimeout",
  "KmsMasterKeyId",
  "SqsManagedSseEnabled",
  "ContentBasedDeduplication",
];
/** What the API takes to clear a setting that the template no longer has. */
const CLEARED = "";

const attributesOf = (properties: JsonObject, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names
      .filter((name) => properties[name] !== undefined)
      .map((name) => [name, documentText(attributeValue(properties[name])) ?? CLEARED]),
  );

const attributeValue = (value: Json | undefined): Json | undefined =>
  typeof value === "object" ? value : optionalText(value);

async function readAttributes(ctx: ResourceContext, QueueUrl: string): Promise<Attributes> {
  const answer = await ctx.call("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["QueueArn"] });
  const Arn = textAt(answer, "Attributes", "QueueArn");
  return { Arn, QueueUrl, QueueName: Arn.split(":").at(-1) ?? "" };
}

const queue: ResourceType = {
  type: "AWS::SQS::Queue",
  replacing: ["QueueName", "FifoQueue"],
  updatable: [...SETTINGS, "Tags"],
  named: "QueueName",
  tags: "list",
  attributes: ["Arn", "QueueName", "QueueUrl"],
  async create(ctx, properties) {
    const fifo = textOf(properties["FifoQueue"]) === "true";
    const QueueName =
      optionalText(properties["QueueName"]) ??
      (fifo ? ctx.physicalName(NAME_MAX - FIFO.length) + FIFO : ctx.physicalName(NAME_MAX));
    const Attributes = { ...attributesOf(properties, SETTINGS), ...(fifo ? { FifoQueue: "true" } : {}) };
    const QueueUrl = textAt(
      await ctx.call("sqs", "CreateQueue", { QueueName, Attributes, tags: tagMap(properties["Tags"]) }),
      "QueueUrl",
    );
    ctx.identify(QueueUrl);
    return { physicalId: QueueUrl, attributes: await readAttributes(ctx, QueueUrl) };
  },
  async update(ctx, { physicalId: QueueUrl, properties }, next, changed) {
    const settings = SETTINGS.filter((name) => changed.includes(name));
    const cleared = Object.fromEntries(
      settings.filter((name) => next[name] === undefined).map((name) => [name, CLEARED]),
    );
    if (settings.length > 0)
      await ctx.call("sqs", "SetQueueAttributes", {
        QueueUrl,
        Attributes: { ...cleared, ...attributesOf(next, settings) },
      });
    await retag(
      properties["Tags"],
      next["Tags"],
      (Tags) => ctx.call("sqs", "TagQueue", { QueueUrl, Tags }),
      (TagKeys) => ctx.call("sqs", "UntagQueue", { QueueUrl, TagKeys }),
    );
    return readAttributes(ctx, QueueUrl);
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("sqs", "DeleteQueue", { QueueUrl: physicalId })),
};

async function setPolicy(ctx: ResourceContext, queues: readonly string[], Policy: string): Promise<void> {
  for (const QueueUrl of queues) await ctx.call("sqs", "SetQueueAttributes", { QueueUrl, Attributes: { Policy } });
}

const queuePolicy: ResourceType = {
  type: "AWS::SQS::QueuePolicy",
  replacing: [],
  updatable: ["PolicyDocument", "Queues"],
  required: ["PolicyDocument", "Queues"],
  attributes: ["Id"],
  async create(ctx, properties) {
    const physicalId = ctx.physicalName(NAME_MAX);
    ctx.identify(physicalId);
    await setPolicy(ctx, strings(properties["Queues"]), documentText(properties["PolicyDocument"]) ?? CLEARED);
    return { physicalId, attributes: { Id: physicalId } };
  },
  async update(ctx, { attributes, properties }, next) {
    const kept = strings(next["Queues"]);
    await setPolicy(ctx, kept, documentText(next["PolicyDocument"]) ?? CLEARED);
    await gone(
      setPolicy(
        ctx,
        strings(properties["Queues"]).filter((url) => !kept.includes(url)),
        CLEARED,
      ),
    );
    return attributes;
  },
  remove: (ctx, { properties }) => gone(setPolicy(ctx, strings(properties["Queues"]), CLEARED)),
};

export const sqsTypes: readonly ResourceType[] = [queue, queuePolicy];
