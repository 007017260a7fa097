import { describe, expect, test } from "@jest/globals";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { openSqs } from "../../../../local/cloud/services/sqs/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const ARN = "arn:aws:sqs:eu-west-1:000000000000:letters";

describe("the metrics of a queue", () => {
  test("tell every minute how many messages wait, and end with the world", async () => {
    const world = testWorld();
    const told: [string, string, number][] = [];
    const sqs = openSqs(world, {
      endpoint: () => "http://127.0.0.1:4566",
      record: (namespace, name, { QueueName }, value) => void told.push([`${namespace} ${QueueName}`, name, value]),
    });
    await sdkClient(SQSClient, testEndpoint(world, sqs.service).handle).send(
      new CreateQueueCommand({ QueueName: "letters" }),
    );
    await sqs.send(ARN, "one");
    await sqs.send(ARN, "two");

    await world.clock.advance(60_000);
    const first = [...told];
    await sqs.service.close?.();
    await world.clock.advance(120_000);

    expect(first).toEqual([
      ["AWS/SQS letters", "ApproximateNumberOfMessagesVisible", 2],
      ["AWS/SQS letters", "ApproximateNumberOfMessagesNotVisible", 0],
      ["AWS/SQS letters", "ApproximateNumberOfMessagesDelayed", 0],
    ]);
    expect(told).toEqual(first);
  });
});
