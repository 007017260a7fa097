import type * as Sdk from "@aws-sdk/client-sns";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { Deliveries } from "./delivery.ts";
import { compileFilter } from "./filter.ts";
import { invalid, notFound, QUOTAS, type Protocol, type Subscription, type Topic } from "./model.ts";
import { pageOf, type TopicParts } from "./topics.ts";

/** What an endpoint of each protocol looks like. */
const ENDPOINTS: Readonly<Record<Protocol, RegExp>> = {
  lambda: /^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:.+$/,
  sqs: /^arn:aws[\w-]*:sqs:[\w-]+:\d{12}:.+$/,
  http: /^http:\/\/./,
  https: /^https:\/\/./,
  email: /^[^@\s]+@[^@\s]+$/,
  "email-json": /^[^@\s]+@[^@\s]+$/,
};
const SETTINGS = ["RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy"];
/** What AWS answers in place of an ARN until the endpoint has confirmed. */
const PENDING = "pending confirmation";
const PENDING_LISTED = "PendingConfirmation";

const isProtocol = (protocol: string): protocol is Protocol => Object.hasOwn(ENDPOINTS, protocol);
/** Services of the same account need not confirm. */
const confirmsItself = (protocol: Protocol): boolean => protocol === "lambda" || protocol === "sqs";

export interface SubscriptionParts extends TopicParts {
  readonly deliveries: Deliveries;
  readonly canPost: boolean;
}

function setAttribute(subscription: Subscription, name: string, value: string): void {
  if (!SETTINGS.includes(name)) throw invalid("AttributeName");
  if (name === "RawMessageDelivery" && value === "true" && !["sqs", "http", "https"].includes(subscription.protocol))
    throw invalid(`Delivery protocol [${subscription.protocol}] does not support raw message delivery.`);
  if (name === "FilterPolicyScope" && value !== "MessageAttributes" && value !== "MessageBody")
    throw invalid("FilterPolicyScope");
  if (name === "FilterPolicy") subscription.matches = compileFilter(value);
  if (name === "RedrivePolicy" && value !== "") checkRedrive(value);
  if (value === "" || value === "{}") subscription.attributes.delete(name);
  else subscription.attributes.set(name, value);
}

function checkRedrive(text: string): void {
  try {
    const { deadLetterTargetArn: arn } = { deadLetterTargetArn: undefined, ...Object(JSON.parse(text)) };
    if (typeof arn === "string" && ENDPOINTS.sqs.test(arn)) return;
  } catch {
    // the error below says what is wrong
  }
  throw invalid("RedrivePolicy: must be a JSON object with the deadLetterTargetArn of a queue");
}

function checkQuotas({ subscriptions }: Topic): void {
  const all = [...subscriptions.values()];
  const limit = (what: string): CloudError => new CloudError("SubscriptionLimitExceeded", what, 403);
  if (all.length >= QUOTAS.subscriptionsPerTopic) throw limit(`at most ${QUOTAS.subscriptionsPerTopic} subscriptions`);
  if (all.filter(({ token }) => token !== undefined).length >= QUOTAS.pendingPerTopic)
    throw limit(`at most ${QUOTAS.pendingPerTopic} pending subscriptions`);
}

function subscribe(parts: SubscriptionParts, input: Sdk.SubscribeCommandInput): object {
  const { world, deliveries } = parts;
  const topic = parts.get(input.TopicArn);
  const { Protocol: protocol = "", Endpoint: endpoint = "" } = input;
  if (!isProtocol(protocol)) throw invalid(`the embedded cloud's SNS delivers by ${Object.keys(ENDPOINTS).join(", ")}`);
  if (!ENDPOINTS[protocol].test(endpoint)) throw invalid(`Endpoint of protocol ${protocol}: ${endpoint}`);
  if ((protocol === "http" || protocol === "https") && !parts.canPost)
    throw invalid("this world reaches no HTTP endpoints");
  const given = Object.entries(input.Attributes ?? {});
  const before = [...topic.subscriptions.values()].find(
    (one) => one.protocol === protocol && one.endpoint === endpoint,
  );
  if (before !== undefined) {
    if (given.some(([name, value]) => before.attributes.get(name) !== value))
      throw invalid("Attributes Reason: Subscription already exists with different attributes");
    return answered(before, input.ReturnSubscriptionArn);
  }
  checkQuotas(topic);
  const subscription: Subscription = {
    arn: `${topic.arn}:${world.ids.uuid()}`,
    topicArn: topic.arn,
    protocol,
    endpoint,
    owner: world.account,
    token: confirmsItself(protocol) ? undefined : world.ids.hex(64),
    attributes: new Map(),
    matches: undefined,
  };
  for (const [name, value] of given) setAttribute(subscription, name, value);
  topic.subscriptions.set(subscription.arn, subscription);
  if (protocol === "http" || protocol === "https") deliveries.invite(subscription);
  if (protocol === "email" || protocol === "email-json")
    world.note(`sns: ${endpoint} would get a mail now to confirm its subscription to ${topic.name}`);
  return answered(subscription, input.ReturnSubscriptionArn);
}

const answered = ({ arn, token }: Subscription, always: boolean | undefined): object => ({
  SubscriptionArn: token === undefined || always === true ? arn : PENDING,
});

const shown = ({ arn, topicArn, protocol, endpoint, owner, token }: Subscription): object => ({
  SubscriptionArn: token === undefined ? arn : PENDING_LISTED,
  Owner: owner,
  Protocol: protocol,
  Endpoint: endpoint,
  TopicArn: topicArn,
});

function find({ topics }: TopicParts, arn: string | undefined): Subscription {
  for (const { subscriptions } of topics.values()) {
    const found = subscriptions.get(arn ?? "");
    if (found) return found;
  }
  if (!/^arn:aws:sns:[\w-]+:\d{12}:[\w-]+:[\w-]+$/.test(arn ?? "")) throw invalid("SubscriptionId");
  throw notFound("Subscription");
}

function confirm(parts: SubscriptionParts, input: Sdk.ConfirmSubscriptionCommandInput): object {
  const found = [...parts.get(input.TopicArn).subscriptions.values()].find(({ token }) => token === input.Token);
  if (found === undefined) throw invalid("Token");
  found.token = undefined;
  return { SubscriptionArn: found.arn };
}

export const subscriptionOperations = (parts: SubscriptionParts): Readonly<Record<string, Operation>> => ({
  Subscribe: (input: Sdk.SubscribeCommandInput) => subscribe(parts, input),
  ConfirmSubscription: (input: Sdk.ConfirmSubscriptionCommandInput) => confirm(parts, input),
  Unsubscribe(input: Sdk.UnsubscribeCommandInput) {
    const subscription = find(parts, input.SubscriptionArn);
    const topic = parts.get(subscription.topicArn);
    topic.subscriptions.delete(subscription.arn);
    topic.deleted += 1;
    return {};
  },
  ListSubscriptions(input: Sdk.ListSubscriptionsCommandInput) {
    const all = [...parts.topics.values()].flatMap(({ subscriptions }) => [...subscriptions.values()]);
    const { page, ...next } = pageOf(all, input.NextToken);
    return { Subscriptions: page.map(shown), ...next };
  },
  ListSubscriptionsByTopic(input: Sdk.ListSubscriptionsByTopicCommandInput) {
    const { page, ...next } = pageOf([...parts.get(input.TopicArn).subscriptions.values()], input.NextToken);
    return { Subscriptions: page.map(shown), ...next };
  },
  GetSubscriptionAttributes(input: Sdk.GetSubscriptionAttributesCommandInput) {
    const subscription = find(parts, input.SubscriptionArn);
    return {
      Attributes: {
        RawMessageDelivery: "false",
        ...Object.fromEntries(subscription.attributes),
        SubscriptionArn: subscription.arn,
        TopicArn: subscription.topicArn,
        Owner: subscription.owner,
        Protocol: subscription.protocol,
        Endpoint: subscription.endpoint,
        PendingConfirmation: String(subscription.token !== undefined),
        ConfirmationWasAuthenticated: String(confirmsItself(subscription.protocol)),
      },
    };
  },
  SetSubscriptionAttributes(input: Sdk.SetSubscriptionAttributesCommandInput) {
    setAttribute(find(parts, input.SubscriptionArn), input.AttributeName ?? "", input.AttributeValue ?? "");
    return {};
  },
});
