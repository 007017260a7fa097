import type * as Sdk from "@aws-sdk/client-sns";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import { openDeliveries, type Deliveries, type DeliverySources } from "./delivery.ts";
import { wants } from "./filter.ts";
import { notificationOf, type Publication } from "./message.ts";
import { invalid, QUOTAS, type Topic } from "./model.ts";
import { subscriptionOperations } from "./subscriptions.ts";
import { topicOf, topicOperations, type TopicParts } from "./topics.ts";

export type { Post } from "./delivery.ts";

export interface Sns {
  readonly service: Service;
  /** Publishes for another service of the cloud. Throws CloudError, e.g. NotFound. */
  publish(topicArn: string, message: string, subject?: string): Promise<void>;
  /** JSON of the policy that a topic was given; undefined while it has the one from its start. */
  policyOf(topicArn: string): string | undefined;
}

/** Standard topics; FIFO topics are refused by name. */
export function openSns(world: World, sources: DeliverySources): Sns {
  const topics = new Map<string, Topic>();
  const deliveries = openDeliveries(world, sources);
  const parts: TopicParts = { world, topics, get: (arn) => topicOf(topics, arn) };
  const count = (topic: Topic): void =>
    sources.record?.("AWS/SNS", "NumberOfMessagesPublished", { TopicName: topic.name }, 1, "Count");
  const publish = (topicArn: string | undefined, publication: Publication): string => {
    const topic = parts.get(topicArn);
    const id = spread(world, deliveries, topic, publication);
    count(topic);
    return id;
  };
  return {
    service: {
      id: "sns",
      operations: {
        ...topicOperations(parts),
        ...subscriptionOperations({ ...parts, deliveries, canPost: sources.post !== undefined }),
        ...publishOperations(publish),
      },
      resourceOf: (_operation, input) => resourceOf(world, input),
      async close() {
        deliveries.close();
      },
    },
    async publish(topicArn, Message, Subject) {
      publish(topicArn, { Message, Subject });
    },
    policyOf: (topicArn) => topics.get(topicArn)?.attributes.get("Policy"),
  };
}

/** Brings a message to every confirmed subscription that wants it; gives its identity. */
function spread(world: World, deliveries: Deliveries, topic: Topic, publication: Publication): string {
  const notification = notificationOf(world, topic.arn, publication);
  for (const subscription of topic.subscriptions.values())
    if (subscription.token === undefined && wants(subscription, notification))
      deliveries.notify(subscription, notification);
  return notification.id;
}

type Publish = (topicArn: string | undefined, publication: Publication) => string;

function batch(publish: Publish, input: Sdk.PublishBatchCommandInput): object {
  const entries = input.PublishBatchRequestEntries ?? [];
  if (entries.length === 0) throw new CloudError("EmptyBatchRequest", "The batch request doesn't contain any entries.");
  if (entries.length > QUOTAS.batch)
    throw new CloudError(
      "TooManyEntriesInBatchRequest",
      `The batch request contains more than ${QUOTAS.batch} entries.`,
    );
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length)
    throw new CloudError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.");
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const { Id, ...publication } of entries) {
    try {
      Successful.push({ Id, MessageId: publish(input.TopicArn, publication) });
    } catch (error) {
      if (!(error instanceof CloudError) || error.code !== "InvalidParameter") throw error;
      Failed.push({ Id, Code: error.code, Message: error.message, SenderFault: true });
    }
  }
  return { Successful, Failed };
}

const publishOperations = (publish: Publish): Readonly<Record<string, Operation>> => ({
  Publish(input: Sdk.PublishCommandInput) {
    if (input.PhoneNumber !== undefined) throw invalid("the embedded cloud's SNS sends no text messages");
    return { MessageId: publish(input.TopicArn ?? input.TargetArn, input) };
  },
  PublishBatch: (input: Sdk.PublishBatchCommandInput) => batch(publish, input),
});

function resourceOf(world: World, input: Readonly<Record<string, unknown>>): string {
  const { TopicArn, TargetArn, ResourceArn, SubscriptionArn, Name } = input;
  const arn = [TopicArn, TargetArn, ResourceArn, SubscriptionArn].find((one) => typeof one === "string");
  if (typeof arn === "string") return arn;
  return typeof Name === "string" ? `arn:aws:sns:${world.region}:${world.account}:${Name}` : "*";
}
