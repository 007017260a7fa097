import { describe, expect, test } from "@jest/globals";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { openSqs } from "../../../../local/cloud/services/sqs/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const open = () => {
  const world = testWorld();
  const sqs = openSqs(world, { endpoint: () => "http://127.0.0.1:4566" });
  return { world, sqs, client: sdkClient(SQSClient, testEndpoint(world, sqs.service).handle) };
};
const ARN = "arn:aws:sqs:eu-west-1:000000000000:letters";

describe("a queue", () => {
  test("hides a received message and shows it again when nobody deleted it", async () => {
    const { world, client } = open();
    const { QueueUrl } = await client.send(
      new CreateQueueCommand({ QueueName: "letters", Attributes: { VisibilityTimeout: "10" } }),
    );
    await client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: "hello",
        MessageAttributes: { Kind: { DataType: "String", StringValue: "test" } },
      }),
    );

    const first = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] }),
    );
    const hidden = await client.send(new ReceiveMessageCommand({ QueueUrl }));
    await world.clock.advance(10_000);
    const again = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ["ApproximateReceiveCount"] }),
    );

    expect(QueueUrl).toBe("http://127.0.0.1:4566/000000000000/letters");
    expect(first.Messages).toEqual([
      expect.objectContaining({
        Body: "hello",
        MessageAttributes: { Kind: expect.objectContaining({ StringValue: "test" }) },
        Attributes: expect.objectContaining({ ApproximateReceiveCount: "1" }),
      }),
    ]);
    expect(hidden.Messages).toBeUndefined();
    expect(again.Messages?.[0]?.Attributes).toEqual({ ApproximateReceiveCount: "2" });
  });

  test("answers a long poll as soon as a message comes", async () => {
    const { world, sqs, client } = open();
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "letters" }));

    const polling = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    await world.clock.advance(5000);
    await sqs.send(ARN, "late");

    expect((await polling).Messages?.[0]?.Body).toBe("late");
  });

  test("answers a long poll empty when its time is over", async () => {
    const { world, client } = open();
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "letters" }));

    const polling = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 3 }));
    await world.clock.advance(3000);

    expect((await polling).Messages).toBeUndefined();
  });

  test("moves a message that was received too often to its dead letter queue", async () => {
    const { world, client } = open();
    const dead = await client.send(new CreateQueueCommand({ QueueName: "dead" }));
    const redrive = JSON.stringify({
      deadLetterTargetArn: "arn:aws:sqs:eu-west-1:000000000000:dead",
      maxReceiveCount: 1,
    });
    const { QueueUrl } = await client.send(
      new CreateQueueCommand({ QueueName: "letters", Attributes: { VisibilityTimeout: "1", RedrivePolicy: redrive } }),
    );
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "poison" }));

    await client.send(new ReceiveMessageCommand({ QueueUrl }));
    await world.clock.advance(1000);
    const second = await client.send(new ReceiveMessageCommand({ QueueUrl }));

    expect(second.Messages).toBeUndefined();
    expect((await client.send(new ReceiveMessageCommand({ QueueUrl: dead.QueueUrl }))).Messages?.[0]?.Body).toBe(
      "poison",
    );
  });

  test("counts, deletes and purges, and takes a batch with one bad entry", async () => {
    const { client } = open();
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "letters" }));
    const Entries = [
      { Id: "a", MessageBody: "one" },
      { Id: "b", MessageBody: "two" },
      { Id: "c", MessageBody: "x".repeat(1_048_577) },
    ];

    const sent = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    const received = await client.send(new ReceiveMessageCommand({ QueueUrl }));
    await client.send(
      new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received.Messages?.[0]?.ReceiptHandle ?? "" }),
    );
    const counted = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages", "QueueArn"] }),
    );
    await client.send(new PurgeQueueCommand({ QueueUrl }));

    expect(sent.Successful?.map((one) => one.Id)).toEqual(["a", "b"]);
    expect(sent.Failed).toEqual([expect.objectContaining({ Id: "c", SenderFault: true })]);
    expect(counted.Attributes).toEqual({ ApproximateNumberOfMessages: "1", QueueArn: ARN });
    expect((await client.send(new ReceiveMessageCommand({ QueueUrl }))).Messages).toBeUndefined();
  });

  test("that does not exist is named as such", async () => {
    const { client } = open();

    await expect(client.send(new GetQueueUrlCommand({ QueueName: "nothing" }))).rejects.toMatchObject({
      name: "QueueDoesNotExist",
    });
  });
});
