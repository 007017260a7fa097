import type * as Sdk from "@aws-sdk/client-sns";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { invalid, notFound, QUOTAS, type Topic } from "./model.ts";

const SETTINGS = ["Policy", "DisplayName", "KmsMasterKeyId", "DeliveryPolicy", "TracingConfig", "SignatureVersion"];
const PAGE_MAX = 100;

/** Everything a topic's owner may do; what AWS puts there until the owner sets another policy. */
const defaultPolicy = (world: World, arn: string): string =>
  JSON.stringify({
    Version: "2008-10-17",
    Id: "__default_policy_ID",
    Statement: [
      {
        Sid: "__default_statement_ID",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:DeleteTopic"],
        Resource: arn,
        Condition: { StringEquals: { "AWS:SourceOwner": world.account } },
      },
    ],
  });

/** One page of a list; the token is the place at which the next one begins. */
export function pageOf<T>(items: readonly T[], token: string | undefined): { page: readonly T[]; NextToken?: string } {
  const start = Number(token ?? 0);
  if (!Number.isInteger(start) || start < 0) throw invalid("NextToken");
  const end = start + PAGE_MAX;
  return { page: items.slice(start, end), ...(end < items.length && { NextToken: String(end) }) };
}

function checkSetting(name: string, value: string): void {
  if (name === "FifoTopic" || name === "ContentBasedDeduplication" || name === "ArchivePolicy")
    throw invalid(`Attributes Reason: the embedded cloud's SNS does not know ${name}`);
  if (!SETTINGS.includes(name)) throw invalid("AttributeName");
  if (name !== "Policy" && name !== "DeliveryPolicy") return;
  try {
    JSON.parse(value);
  } catch {
    throw invalid(`${name} is not JSON`);
  }
}

export interface TopicParts {
  readonly world: World;
  readonly topics: Map<string, Topic>;
  get(arn: string | undefined): Topic;
}

function create({ world, topics }: TopicParts, input: Sdk.CreateTopicCommandInput): object {
  const name = input.Name ?? "";
  if (name.endsWith(".fifo")) throw invalid("the embedded cloud's SNS has no FIFO topics");
  if (!/^[\w-]{1,256}$/.test(name)) throw invalid("Topic Name");
  const arn = `arn:aws:sns:${world.region}:${world.account}:${name}`;
  const given = Object.entries(input.Attributes ?? {});
  for (const [attribute, value] of given) checkSetting(attribute, value);
  const before = topics.get(arn);
  if (before !== undefined) {
    if (given.some(([attribute, value]) => before.attributes.get(attribute) !== value))
      throw invalid("Attributes Reason: Topic already exists with different attributes");
    if ((input.Tags ?? []).some(({ Key = "", Value }) => before.tags.get(Key) !== Value))
      throw invalid("Tags Reason: Topic already exists with different tags");
    return { TopicArn: arn };
  }
  if (topics.size >= QUOTAS.topics) throw new CloudError("TopicLimitExceeded", `at most ${QUOTAS.topics} topics`, 403);
  const attributes = new Map([["DisplayName", ""], ...given]);
  const topic: Topic = { arn, name, attributes, tags: new Map(), subscriptions: new Map(), deleted: 0 };
  setTags(topic, input.Tags);
  topics.set(arn, topic);
  return { TopicArn: arn };
}

function setTags({ tags }: Topic, given: readonly Sdk.Tag[] | undefined): object {
  const wanted = new Map([...tags, ...(given ?? []).map(({ Key = "", Value = "" }) => [Key, Value] as const)]);
  if (wanted.size > QUOTAS.tags) throw new CloudError("TagLimitExceeded", `at most ${QUOTAS.tags} tags`);
  for (const [key, value] of wanted) tags.set(key, value);
  return {};
}

function shownAttributes({ world }: TopicParts, topic: Topic): Record<string, string> {
  const subscriptions = [...topic.subscriptions.values()];
  const pending = subscriptions.filter(({ token }) => token !== undefined).length;
  return {
    Policy: defaultPolicy(world, topic.arn),
    ...Object.fromEntries(topic.attributes),
    TopicArn: topic.arn,
    Owner: world.account,
    SubscriptionsConfirmed: String(subscriptions.length - pending),
    SubscriptionsPending: String(pending),
    SubscriptionsDeleted: String(topic.deleted),
  };
}

/** Tags of a resource that is not there fail with a code of their own. */
function tagged(parts: TopicParts, arn: string | undefined): Topic {
  const topic = parts.topics.get(arn ?? "");
  if (topic === undefined) throw new CloudError("ResourceNotFound", "Resource does not exist", 404);
  return topic;
}

export const topicOperations = (parts: TopicParts): Readonly<Record<string, Operation>> => ({
  CreateTopic: (input: Sdk.CreateTopicCommandInput) => create(parts, input),
  /** A topic that is not there is no error on AWS. */
  DeleteTopic(input: Sdk.DeleteTopicCommandInput) {
    parts.topics.delete(input.TopicArn ?? "");
    return {};
  },
  ListTopics(input: Sdk.ListTopicsCommandInput) {
    const { page, ...next } = pageOf([...parts.topics.keys()], input.NextToken);
    return { Topics: page.map((TopicArn) => ({ TopicArn })), ...next };
  },
  GetTopicAttributes: (input: Sdk.GetTopicAttributesCommandInput) => ({
    Attributes: shownAttributes(parts, parts.get(input.TopicArn)),
  }),
  SetTopicAttributes(input: Sdk.SetTopicAttributesCommandInput) {
    const { attributes } = parts.get(input.TopicArn);
    const { AttributeName: name = "", AttributeValue: value = "" } = input;
    if (value !== "") {
      checkSetting(name, value);
      attributes.set(name, value);
    } else attributes.delete(name);
    return {};
  },
  TagResource: (input: Sdk.TagResourceCommandInput) => setTags(tagged(parts, input.ResourceArn), input.Tags),
  UntagResource(input: Sdk.UntagResourceCommandInput) {
    for (const key of input.TagKeys ?? []) tagged(parts, input.ResourceArn).tags.delete(key);
    return {};
  },
  ListTagsForResource: (input: Sdk.ListTagsForResourceCommandInput) => ({
    Tags: [...tagged(parts, input.ResourceArn).tags].map(([Key, Value]) => ({ Key, Value })),
  }),
});

export const topicOf = (topics: ReadonlyMap<string, Topic>, arn: string | undefined): Topic => {
  const found = topics.get(arn ?? "");
  if (found) return found;
  if (!arn?.startsWith("arn:aws:sns:")) throw invalid("TopicArn");
  throw notFound("Topic");
};
