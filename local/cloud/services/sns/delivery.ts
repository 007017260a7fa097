import type { Timer } from "../../clock.ts";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import type { MessageAttributes } from "../sqs/message.ts";
import { confirmation, envelope, lambdaEvent, sqsAttributes, textFor, type Notification } from "./message.ts";
import type { Subscription } from "./model.ts";

/** One POST to an endpoint outside of the cloud. Rejects when there is no answer. */
export type Post = (url: string, headers: Record<string, string>, body: string) => Promise<{ readonly status: number }>;

export interface DeliverySources {
  invokeFunction(functionArn: string, payload: unknown, origin: string): Promise<void>;
  /** `origin` is the topic's ARN: the queue's own policy decides by it. */
  sendMessage(queueArn: string, body: string, attributes: MessageAttributes, origin: string): Promise<void>;
  /** Without it, subscriptions of HTTP endpoints are refused. */
  readonly post?: Post;
  /** Base URL of this cloud. */
  endpoint(): string;
  record?(
    namespace: string,
    metricName: string,
    dimensions: Record<string, string>,
    value: number,
    unit?: "Count",
  ): void;
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: the first phases; days of retries are cut off. */
const RETRIES_MAX = 10;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 20_000;
/** The default policy of HTTP: three retries, 20 seconds apart. */
const HTTP_RETRIES_MAX = 3;
const HTTP_RETRY_MS = 20_000;
/** Deliveries that have not ended: a storm must not take the memory of the whole farm. */
const PENDING_MAX = 10_000;

/** An endpoint that refuses: it is not asked again. */
class Refused extends Error {}

interface Delivery {
  readonly subscription: Subscription;
  /** What a dead letter queue would keep. */
  readonly body: string;
  send(): Promise<void>;
}

export interface Deliveries {
  notify(subscription: Subscription, notification: Notification): void;
  /** Asks an HTTP endpoint to confirm. */
  invite(subscription: Subscription): void;
  close(): void;
}

const isRetriable = (error: unknown): boolean =>
  !(error instanceof Refused) && (!(error instanceof CloudError) || error.status === 429 || error.status >= 500);

const isHttp = ({ protocol }: Subscription): boolean => protocol === "http" || protocol === "https";
const isRaw = ({ attributes }: Subscription): boolean => attributes.get("RawMessageDelivery") === "true";

export function openDeliveries(world: World, sources: DeliverySources): Deliveries {
  const timers = new Map<Delivery, Timer | undefined>();
  let closed = false;

  const later = (delivery: Delivery, retries: number, ms: number): void => {
    if (!closed)
      timers.set(
        delivery,
        world.clock.after(ms, () => void attempt(delivery, retries)),
      );
  };
  const count = ({ topicArn }: Subscription, metric: string): void =>
    sources.record?.("AWS/SNS", metric, { TopicName: topicArn.split(":").at(-1) ?? "" }, 1, "Count");

  const attempt = async (delivery: Delivery, retries: number): Promise<void> => {
    try {
      await delivery.send();
      timers.delete(delivery);
      count(delivery.subscription, "NumberOfNotificationsDelivered");
    } catch (error) {
      const http = isHttp(delivery.subscription);
      const delay = http ? HTTP_RETRY_MS : Math.min(RETRY_MS_MIN * 2 ** retries, RETRY_MS_MAX);
      if (isRetriable(error) && retries < (http ? HTTP_RETRIES_MAX : RETRIES_MAX))
        return later(delivery, retries + 1, delay);
      timers.delete(delivery);
      count(delivery.subscription, "NumberOfNotificationsFailed");
      await bury(delivery, error);
    }
  };

  /** The subscription's dead letter queue keeps the message as it would have been delivered. */
  const bury = async ({ subscription, body }: Delivery, error: unknown): Promise<void> => {
    const lost = `sns: a message for ${subscription.endpoint} of ${subscription.topicArn} is lost: ${String(error)}`;
    const policy: unknown = JSON.parse(subscription.attributes.get("RedrivePolicy") ?? "{}");
    const { deadLetterTargetArn: queue } = { deadLetterTargetArn: undefined, ...Object(policy) };
    if (typeof queue !== "string") return world.note(lost);
    await sources
      .sendMessage(queue, body, {}, subscription.topicArn)
      .catch((reason: unknown) => world.note(`${lost}; ${String(reason)}`));
  };

  const start = (delivery: Delivery): void => {
    if (timers.size >= PENDING_MAX) world.note(`sns: ${PENDING_MAX} deliveries are pending, one is dropped`);
    else later(delivery, 0, 0);
  };

  const post = posterOf(sources);
  const hand = handerOf(sources, post);

  return {
    notify(subscription, notification) {
      // what a person would read is only recorded: nobody confirms here
      if (subscription.protocol === "email" || subscription.protocol === "email-json") return;
      const body = isRaw(subscription)
        ? textFor(notification, subscription.protocol)
        : envelope(notification, subscription, sources.endpoint());
      start({ subscription, body, send: () => hand(subscription, notification, body) });
    },
    invite(subscription) {
      const body = confirmation(world, subscription, sources.endpoint());
      start({
        subscription,
        body,
        send: () => post(subscription, "SubscriptionConfirmation", world.ids.uuid(), body),
      });
    },
    close() {
      closed = true;
      for (const timer of timers.values()) timer?.cancel();
      timers.clear();
    },
  };
}

type Send = (subscription: Subscription, type: string, id: string, body: string) => Promise<void>;

/** One POST to an HTTP endpoint, with the headers that SNS sends. Rejects unless the answer is 2xx. */
const posterOf =
  (sources: DeliverySources): Send =>
  async (subscription, type, id, body) => {
    if (sources.post === undefined) throw new Refused("this world reaches no HTTP endpoints");
    const { status } = await sources.post(
      subscription.endpoint,
      {
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": type,
        "x-amz-sns-message-id": id,
        "x-amz-sns-topic-arn": subscription.topicArn,
        ...(type === "Notification" && { "x-amz-sns-subscription-arn": subscription.arn }),
        ...(isRaw(subscription) && { "x-amz-sns-rawdelivery": "true" }),
      },
      body,
    );
    if (status >= 200 && status < 300) return;
    if (status >= 400 && status < 500 && status !== 429) throw new Refused(`HTTP status ${status}`);
    throw new Error(`HTTP status ${status}`);
  };

/** Brings a notification to its endpoint, once. */
const handerOf =
  (sources: DeliverySources, post: Send) =>
  (subscription: Subscription, notification: Notification, body: string): Promise<void> => {
    const { protocol, endpoint: to } = subscription;
    if (protocol === "lambda")
      return sources.invokeFunction(
        to,
        lambdaEvent(notification, subscription, sources.endpoint()),
        notification.topicArn,
      );
    if (protocol === "sqs")
      return sources.sendMessage(
        to,
        body,
        isRaw(subscription) ? sqsAttributes(notification.attributes) : {},
        notification.topicArn,
      );
    return post(subscription, "Notification", notification.id, body);
  };
