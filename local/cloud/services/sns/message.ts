import type { MessageAttributeValue } from "@aws-sdk/client-sns";
import type { World } from "../../service.ts";
import type { MessageAttributes } from "../sqs/message.ts";
import type { Protocol, Subscription } from "./model.ts";
import { invalid, QUOTAS } from "./model.ts";

export type Attributes = Readonly<Record<string, MessageAttributeValue>>;

/** A published message, before it is written for a protocol. */
export interface Notification {
  readonly id: string;
  readonly topicArn: string;
  readonly subject?: string;
  /** By protocol, when the publisher gave several; `default` is always there. */
  readonly texts: Readonly<Record<string, string>>;
  readonly attributes: Attributes;
  /** ISO-8601. */
  readonly timestamp: string;
}

export interface Publication {
  readonly Message?: string | undefined;
  readonly Subject?: string | undefined;
  readonly MessageStructure?: string | undefined;
  readonly MessageAttributes?: Attributes | undefined;
}

/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: the texts of `MessageStructure` json by protocol. */
function textsOf(message: string, structure: string | undefined): Record<string, string> {
  if (structure === undefined) return { default: message };
  if (structure !== "json") throw invalid("MessageStructure");
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    throw invalid("Message Structure - JSON message body failed to parse");
  }
  const entries = Object.entries(typeof parsed === "object" && parsed !== null ? parsed : {});
  const texts = Object.fromEntries(entries.flatMap(([name, text]) => (typeof text === "string" ? [[name, text]] : [])));
  if (texts["default"] === undefined) throw invalid("Message Structure - No default entry in JSON message body");
  return texts;
}

function bytesOf(message: string, attributes: Attributes): number {
  const ofAttributes = Object.entries(attributes).map(
    ([name, { DataType = "", StringValue = "", BinaryValue }]) =>
      Buffer.byteLength(name) + Buffer.byteLength(DataType) + (BinaryValue?.length ?? Buffer.byteLength(StringValue)),
  );
  return ofAttributes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(message));
}

/** Checks what was published. Throws InvalidParameter. */
export function notificationOf(world: World, topicArn: string, input: Publication): Notification {
  const { Message: message = "", Subject: subject, MessageAttributes: attributes = {} } = input;
  if (message === "") throw invalid("Empty message");
  if (bytesOf(message, attributes) > QUOTAS.messageBytes) throw invalid("Message too long");
  if (subject !== undefined && !/^[\x21-\x7e][\x20-\x7e]{0,99}$/.test(subject)) throw invalid("Subject");
  for (const [name, { DataType = "" }] of Object.entries(attributes))
    if (!/^(String|Number|Binary|String\.Array)$/.test(DataType))
      throw invalid(`The message attribute '${name}' has an invalid message attribute type`);
  return {
    id: world.ids.uuid(),
    topicArn,
    ...(subject !== undefined && { subject }),
    texts: textsOf(message, input.MessageStructure),
    attributes,
    timestamp: new Date(world.clock.now()).toISOString(),
  };
}

const shownAttributes = (attributes: Attributes): Record<string, { Type: string; Value: string }> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType = "", StringValue, BinaryValue }]) => [
      name,
      { Type: DataType, Value: StringValue ?? Buffer.from(BinaryValue ?? []).toString("base64") },
    ]),
  );

/** The same attributes as a message of SQS has them. */
export const sqsAttributes = (attributes: Attributes): MessageAttributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType = "String", StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        ...(StringValue !== undefined && { StringValue }),
        ...(BinaryValue !== undefined && { BinaryValue }),
      },
    ]),
  );

export const textFor = ({ texts }: Notification, protocol: Protocol): string =>
  texts[protocol] ?? texts["default"] ?? "";

/** Messages of the embedded cloud carry no signature that could be verified. */
const SIGNATURE = Buffer.from("not signed by the embedded cloud").toString("base64");
const SIGNING_CERTIFICATE = "https://sns.amazonaws.com/SimpleNotificationService-0000000000000000000000.pem";

const unsubscribeUrl = (endpoint: string, arn: string): string =>
  `${endpoint}/?Action=Unsubscribe&SubscriptionArn=${encodeURIComponent(arn)}`;

function common(notification: Notification, protocol: Protocol): Record<string, unknown> {
  const { id, topicArn, subject, timestamp } = notification;
  return {
    Type: "Notification",
    MessageId: id,
    TopicArn: topicArn,
    ...(subject !== undefined && { Subject: subject }),
    Message: textFor(notification, protocol),
    Timestamp: timestamp,
    SignatureVersion: "1",
    Signature: SIGNATURE,
  };
}

/** The JSON that queues and HTTP endpoints get. */
export function envelope(notification: Notification, { arn, protocol }: Subscription, endpoint: string): string {
  const attributes = shownAttributes(notification.attributes);
  return JSON.stringify({
    ...common(notification, protocol),
    SigningCertURL: SIGNING_CERTIFICATE,
    UnsubscribeURL: unsubscribeUrl(endpoint, arn),
    ...(Object.keys(attributes).length > 0 && { MessageAttributes: attributes }),
  });
}

/** The event that a function gets; two of its members are spelt in another way than in the envelope. */
export const lambdaEvent = (notification: Notification, { arn }: Subscription, endpoint: string): object => ({
  Records: [
    {
      EventSource: "aws:sns",
      EventVersion: "1.0",
      EventSubscriptionArn: arn,
      Sns: {
        Subject: null,
        ...common(notification, "lambda"),
        SigningCertUrl: SIGNING_CERTIFICATE,
        UnsubscribeUrl: unsubscribeUrl(endpoint, arn),
        MessageAttributes: shownAttributes(notification.attributes),
      },
    },
  ],
});

/** What an HTTP endpoint is asked before it gets anything else. */
export const confirmation = (world: World, { topicArn, token = "" }: Subscription, endpoint: string): string =>
  JSON.stringify({
    Type: "SubscriptionConfirmation",
    MessageId: world.ids.uuid(),
    Token: token,
    TopicArn: topicArn,
    Message: `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
    SubscribeURL: `${endpoint}/?Action=ConfirmSubscription&TopicArn=${encodeURIComponent(topicArn)}&Token=${token}`,
    Timestamp: new Date(world.clock.now()).toISOString(),
    SignatureVersion: "1",
    Signature: SIGNATURE,
    SigningCertURL: SIGNING_CERTIFICATE,
  });
