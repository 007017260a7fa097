import type { Json, JsonObject } from "../engine/json.ts";
import {
  documentText,
  gone,
  objects,
  optionalText,
  requiredText,
  retag,
  strings,
  tagList,
  tagMap,
  textAt,
} from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

const NAME_MAX = 256;

const call = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("sns", operation, input);

const SETTINGS = ["DisplayName", "KmsMasterKeyId", "TracingConfig", "SignatureVersion"];

const attributesOf = (properties: JsonObject): Record<string, string> =>
  Object.fromEntries(
    SETTINGS.flatMap((name) => {
      const text = optionalText(properties[name]);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );

interface Endpoint {
  readonly Protocol: string;
  readonly Endpoint: string;
}
/** Subscriptions that stand inside of a topic. */
const within = (properties: JsonObject): readonly Endpoint[] =>
  objects(properties["Subscription"]).map((one) => ({
    Protocol: requiredText(one, "Protocol"),
    Endpoint: requiredText(one, "Endpoint"),
  }));

const isSame = (a: Endpoint, b: Endpoint): boolean => a.Protocol === b.Protocol && a.Endpoint === b.Endpoint;

const subscribe = (
  ctx: ResourceContext,
  TopicArn: string,
  endpoint: Endpoint,
  Attributes: Record<string, string> = {},
) =>
  call(ctx, "Subscribe", {
    TopicArn,
    ...endpoint,
    ReturnSubscriptionArn: true,
    ...(Object.keys(Attributes).length === 0 ? {} : { Attributes }),
  });

const topicAttributes = (TopicArn: string): Attributes => ({
  TopicArn,
  TopicName: TopicArn.slice(TopicArn.lastIndexOf(":") + 1),
});

const topic: ResourceType = {
  type: "AWS::SNS::Topic",
  replacing: ["TopicName"],
  updatable: [...SETTINGS, "Subscription", "Tags"],
  named: "TopicName",
  tags: "list",
  attributes: ["TopicArn", "TopicName"],
  async create(ctx, properties) {
    const Name = optionalText(properties["TopicName"]) ?? ctx.physicalName(NAME_MAX);
    const Attributes = attributesOf(properties);
    const Tags = tagList(tagMap(properties["Tags"]));
    const arn = textAt(await call(ctx, "CreateTopic", { Name, Attributes, Tags }), "TopicArn");
    ctx.identify(arn);
    for (const endpoint of within(properties)) await subscribe(ctx, arn, endpoint);
    return { physicalId: arn, attributes: topicAttributes(arn) };
  },
  async update(ctx, { physicalId: TopicArn, properties, attributes }, next, changed) {
    const wanted = attributesOf(next);
    for (const AttributeName of SETTINGS.filter((name) => changed.includes(name)))
      await call(ctx, "SetTopicAttributes", { TopicArn, AttributeName, AttributeValue: wanted[AttributeName] ?? "" });
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => call(ctx, "TagResource", { ResourceArn: TopicArn, Tags: tagList(tags) }),
      (TagKeys) => call(ctx, "UntagResource", { ResourceArn: TopicArn, TagKeys }),
    );
    const [old, kept] = [within(properties), within(next)];
    for (const endpoint of kept.filter((one) => !old.some((other) => isSame(one, other))))
      await subscribe(ctx, TopicArn, endpoint);
    // AWS keeps a subscription that the topic no longer names; so does the embedded cloud
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(call(ctx, "DeleteTopic", { TopicArn: physicalId })),
};

const CHANGEABLE = ["RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy"];

const settingText = (value: Json | undefined): string | undefined =>
  typeof value === "object" ? documentText(value) : optionalText(value);

const subscriptionAttributes = (properties: JsonObject): Record<string, string> =>
  Object.fromEntries(
    CHANGEABLE.flatMap((name) => {
      const text = settingText(properties[name]);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );

const subscription: ResourceType = {
  type: "AWS::SNS::Subscription",
  replacing: ["TopicArn", "Protocol", "Endpoint"],
  updatable: CHANGEABLE,
  required: ["TopicArn", "Protocol"],
  attributes: ["Arn"],
  async create(ctx, properties) {
    const endpoint = {
      Protocol: requiredText(properties, "Protocol"),
      Endpoint: requiredText(properties, "Endpoint"),
    };
    const topicArn = requiredText(properties, "TopicArn");
    const arn = textAt(await subscribe(ctx, topicArn, endpoint, subscriptionAttributes(properties)), "SubscriptionArn");
    return { physicalId: arn, attributes: { Arn: arn } };
  },
  async update(ctx, { physicalId: SubscriptionArn, attributes }, next, changed) {
    const wanted = subscriptionAttributes(next);
    for (const AttributeName of changed)
      await call(ctx, "SetSubscriptionAttributes", {
        SubscriptionArn,
        AttributeName,
        AttributeValue: wanted[AttributeName] ?? "",
      });
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(call(ctx, "Unsubscribe", { SubscriptionArn: physicalId })),
};

async function setPolicy(ctx: ResourceContext, topics: readonly string[], AttributeValue: string): Promise<void> {
  for (const TopicArn of topics)
    await call(ctx, "SetTopicAttributes", { TopicArn, AttributeName: "Policy", AttributeValue });
}

const topicPolicy: ResourceType = {
  type: "AWS::SNS::TopicPolicy",
  replacing: [],
  updatable: ["PolicyDocument", "Topics"],
  required: ["PolicyDocument", "Topics"],
  attributes: ["Id"],
  async create(ctx, properties) {
    const physicalId = ctx.physicalName(NAME_MAX);
    ctx.identify(physicalId);
    await setPolicy(ctx, strings(properties["Topics"]), documentText(properties["PolicyDocument"]) ?? "");
    return { physicalId, attributes: { Id: physicalId } };
  },
  async update(ctx, { attributes, properties }, next) {
    const kept = strings(next["Topics"]);
    await setPolicy(ctx, kept, documentText(next["PolicyDocument"]) ?? "");
    const left = strings(properties["Topics"]).filter((arn) => !kept.includes(arn));
    await gone(setPolicy(ctx, left, ""));
    return attributes;
  },
  remove: (ctx, { properties }) => gone(setPolicy(ctx, strings(properties["Topics"]), "")),
};

export const snsTypes: readonly ResourceType[] = [topic, subscription, topicPolicy];
