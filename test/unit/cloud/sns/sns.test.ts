import {
  ConfirmSubscriptionCommand,
  CreateTopicCommand,
  DeleteTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  ListTagsForResourceCommand,
  ListTopicsCommand,
  PublishBatchCommand,
  PublishCommand,
  SetTopicAttributesCommand,
  SNSClient,
  SubscribeCommand,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import { describe, expect, test } from "@jest/globals";
import { CloudError } from "../../../../local/cloud/errors.ts";
import { openSns } from "../../../../local/cloud/services/sns/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const LAMBDA = "arn:aws:lambda:eu-west-1:000000000000:function:tandem-local-on-alarm";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:alarms";

async function cloud(fail: { invoke?: Error; status?: number } = {}) {
  const world = testWorld();
  const invoked: unknown[] = [];
  const sent: { queue: string; body: string; attributes: object }[] = [];
  const posted: { url: string; headers: Record<string, string>; body: string }[] = [];
  const sns = openSns(world, {
    async invokeFunction(_arn, payload) {
      invoked.push(payload);
      if (fail.invoke) throw fail.invoke;
    },
    async sendMessage(queue, body, attributes) {
      sent.push({ queue, body, attributes });
    },
    async post(url, headers, body) {
      posted.push({ url, headers, body });
      return { status: fail.status ?? 200 };
    },
    endpoint: () => "http://127.0.0.1:4566",
  });
  const client = sdkClient(SNSClient, testEndpoint(world, sns.service).handle);
  const { TopicArn } = await client.send(new CreateTopicCommand({ Name: "alarms", Tags: [{ Key: "a", Value: "1" }] }));
  const subscribe = (Protocol: string, Endpoint: string, Attributes?: Record<string, string>) =>
    client.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes, ReturnSubscriptionArn: true }));
  const publish = async (Message: string, more = {}) => {
    const answer = await client.send(new PublishCommand({ TopicArn, Message, ...more }));
    await world.clock.advance(0);
    return answer;
  };
  return { world, sns, client, TopicArn, subscribe, publish, invoked, sent, posted };
}

describe("a topic", () => {
  test("is made once, with its attributes and tags", async () => {
    const { client, TopicArn } = await cloud();
    expect(TopicArn).toBe("arn:aws:sns:eu-west-1:000000000000:alarms");
    expect((await client.send(new CreateTopicCommand({ Name: "alarms" }))).TopicArn).toBe(TopicArn);
    await client.send(
      new SetTopicAttributesCommand({ TopicArn, AttributeName: "DisplayName", AttributeValue: "Alarms" }),
    );
    const { Attributes } = await client.send(new GetTopicAttributesCommand({ TopicArn }));
    expect(Attributes).toMatchObject({ DisplayName: "Alarms", Owner: "000000000000", SubscriptionsConfirmed: "0" });
    expect((await client.send(new ListTagsForResourceCommand({ ResourceArn: TopicArn }))).Tags).toEqual([
      { Key: "a", Value: "1" },
    ]);
    await client.send(new DeleteTopicCommand({ TopicArn }));
    expect((await client.send(new ListTopicsCommand({}))).Topics ?? []).toEqual([]);
    await expect(client.send(new GetTopicAttributesCommand({ TopicArn }))).rejects.toMatchObject({
      name: "NotFoundException",
    });
  });

  test("refuses what the embedded cloud would do otherwise than AWS", async () => {
    const { client, subscribe } = await cloud();
    await expect(client.send(new CreateTopicCommand({ Name: "a.fifo" }))).rejects.toThrow("no FIFO topics");
    await expect(subscribe("sms", "+491234")).rejects.toMatchObject({ name: "InvalidParameterException" });
  });
});

describe("a message", () => {
  test("reaches a function as the event that Lambda gets from SNS", async () => {
    const { subscribe, publish, invoked, TopicArn } = await cloud();
    const { SubscriptionArn } = await subscribe("lambda", LAMBDA);
    const { MessageId } = await publish('{"AlarmName":"busy"}', { Subject: "ALARM" });
    expect(invoked).toEqual([
      {
        Records: [
          {
            EventSource: "aws:sns",
            EventVersion: "1.0",
            EventSubscriptionArn: SubscriptionArn,
            Sns: expect.objectContaining({
              Type: "Notification",
              MessageId,
              TopicArn,
              Subject: "ALARM",
              Message: '{"AlarmName":"busy"}',
              Timestamp: "2026-01-01T00:00:00.000Z",
              MessageAttributes: {},
            }),
          },
        ],
      },
    ]);
  });

  test("reaches a queue in its envelope, or raw with its attributes", async () => {
    const { subscribe, publish, sent } = await cloud();
    await subscribe("sqs", QUEUE);
    await subscribe("sqs", `${QUEUE}-raw`, { RawMessageDelivery: "true" });
    await publish("hello", { MessageAttributes: { kind: { DataType: "String", StringValue: "alarm" } } });
    const [wrapped, raw] = sent;
    expect(JSON.parse(wrapped?.body ?? "")).toMatchObject({
      Type: "Notification",
      Message: "hello",
      MessageAttributes: { kind: { Type: "String", Value: "alarm" } },
    });
    expect(raw).toEqual({
      queue: `${QUEUE}-raw`,
      body: "hello",
      attributes: { kind: { DataType: "String", StringValue: "alarm" } },
    });
  });

  test("reaches only those whose filter policy it passes, by attributes or by body", async () => {
    const { subscribe, publish, sent } = await cloud();
    await subscribe("sqs", `${QUEUE}-a`, { FilterPolicy: '{"state":["ALARM"]}' });
    await subscribe("sqs", `${QUEUE}-b`, { FilterPolicy: '{"level":[{"numeric":[">",3]}]}' });
    await subscribe("sqs", `${QUEUE}-c`, { FilterPolicy: '{"state":["OK"]}', FilterPolicyScope: "MessageBody" });
    await publish('{"state":"OK"}', {
      MessageAttributes: {
        state: { DataType: "String.Array", StringValue: '["ALARM","x"]' },
        level: { DataType: "Number", StringValue: "2" },
      },
    });
    expect(sent.map(({ queue }) => queue.at(-1))).toEqual(["a", "c"]);
    await expect(subscribe("sqs", `${QUEUE}-d`, { FilterPolicy: "{" })).rejects.toThrow("FilterPolicy");
  });

  test("reaches an HTTP endpoint only after it has confirmed", async () => {
    const { world, client, subscribe, publish, posted, TopicArn } = await cloud();
    await subscribe("http", "http://127.0.0.1:9/hook");
    await world.clock.advance(0);
    await publish("too early");
    expect(posted.map(({ headers }) => headers["x-amz-sns-message-type"])).toEqual(["SubscriptionConfirmation"]);
    const { Token } = JSON.parse(posted[0]?.body ?? "{}");
    await client.send(new ConfirmSubscriptionCommand({ TopicArn, Token: String(Token) }));
    await publish("now");
    expect(JSON.parse(posted[1]?.body ?? "{}")).toMatchObject({ Type: "Notification", Message: "now" });
  });

  test("for a person is only recorded: the subscription waits for its confirmation", async () => {
    const { world, client, subscribe, publish, TopicArn } = await cloud();
    const { SubscriptionArn } = await subscribe("email", "ops@example.org");
    await publish("hello");
    const { Subscriptions } = await client.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions?.[0]).toMatchObject({ SubscriptionArn: "PendingConfirmation", Endpoint: "ops@example.org" });
    const { Attributes } = await client.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
    expect(Attributes).toMatchObject({ PendingConfirmation: "true" });
    expect(world.notes.join()).toContain("ops@example.org would get a mail now");
  });

  test("that its endpoint refuses is lost at once, and one that fails is tried again", async () => {
    const refused = await cloud({ status: 404 });
    await refused.subscribe("http", "http://127.0.0.1:9/hook");
    await refused.world.clock.advance(600_000);
    expect(refused.posted).toHaveLength(1);
    expect(refused.world.notes.join()).toContain("is lost");

    const failing = await cloud({ status: 503 });
    await failing.subscribe("http", "http://127.0.0.1:9/hook");
    await failing.world.clock.advance(600_000);
    expect(failing.posted).toHaveLength(4);
  });

  test("that a function's policy denies goes to the dead letter queue of the subscription", async () => {
    const denied = new CloudError("AccessDeniedException", "no", 403);
    const { subscribe, publish, sent } = await cloud({ invoke: denied });
    await subscribe("lambda", LAMBDA, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${QUEUE}-dead` }) });
    await publish("hello");
    expect(sent.map(({ queue }) => queue)).toEqual([`${QUEUE}-dead`]);
  });

  test("of a batch is refused alone, and one for nobody is nobody's", async () => {
    const { world, sns, client, TopicArn, subscribe, sent } = await cloud();
    const { SubscriptionArn } = await subscribe("sqs", QUEUE);
    const { Successful, Failed } = await client.send(
      new PublishBatchCommand({
        TopicArn,
        PublishBatchRequestEntries: [
          { Id: "1", Message: "good" },
          { Id: "2", Message: "bad", Subject: "two\nlines" },
        ],
      }),
    );
    await world.clock.advance(0);
    expect([Successful?.map(({ Id }) => Id), Failed?.map(({ Id, Code }) => [Id, Code])]).toEqual([
      ["1"],
      [["2", "InvalidParameter"]],
    ]);
    await client.send(new UnsubscribeCommand({ SubscriptionArn }));
    await sns.publish(TopicArn ?? "", "to nobody", "subject");
    await world.clock.advance(0);
    expect(sent).toHaveLength(1);
    await expect(sns.publish(`${TopicArn}-x`, "m")).rejects.toMatchObject({ code: "NotFound" });
  });
});
