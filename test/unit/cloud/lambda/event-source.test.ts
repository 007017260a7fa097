import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
} from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod/mini";
import { functionCloud, SQS_RIGHTS, type Handler } from "./function-cloud.ts";

const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:jobs";
const URL = "http://127.0.0.1:4566/000000000000/jobs";
const DEAD_URL = "http://127.0.0.1:4566/000000000000/dead";
const Event = z.object({
  Records: z.array(
    z.looseObject({ messageId: z.string(), body: z.string(), attributes: z.record(z.string(), z.string()) }),
  ),
});
const bodies = (event: unknown): string[] => Event.parse(event).Records.map(({ body }) => body);

/** A queue that leads to a function which notes what it gets. */
async function farm(
  answer: Handler = () => null,
  settings: Partial<CreateEventSourceMappingCommandInput> = {},
  attributes: Record<string, string> = {},
) {
  const batches: string[][] = [];
  const events: unknown[] = [];
  const cloud = await functionCloud({
    worker(event, world) {
      events.push(event);
      batches.push(bodies(event));
      return answer(event, world);
    },
  });
  await cloud.sqs.send(new CreateQueueCommand({ QueueName: "dead" }));
  await cloud.sqs.send(new CreateQueueCommand({ QueueName: "jobs", Attributes: attributes }));
  await cloud.makeFunction("worker");
  const make = (more: Partial<CreateEventSourceMappingCommandInput> = {}) =>
    cloud.lambda.send(
      new CreateEventSourceMappingCommand({ FunctionName: "worker", EventSourceArn: QUEUE, ...settings, ...more }),
    );
  const send = async (...texts: readonly string[]): Promise<void> => {
    for (const MessageBody of texts) await cloud.sqs.send(new SendMessageCommand({ QueueUrl: URL, MessageBody }));
  };
  const left = async (QueueUrl = URL): Promise<string[]> => {
    const { Attributes } = await cloud.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    return ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"].map(
      (name) => Reflect.get(Attributes ?? {}, name) ?? "",
    );
  };
  return { ...cloud, batches, events, make, send, left, advance: cloud.world.clock.advance };
}

describe("a queue that leads to a function", () => {
  test("gives it messages as an event, and deletes them when it is done", async () => {
    const { make, send, advance, batches, events, left } = await farm();
    const mapping = await make();
    expect(mapping).toMatchObject({ State: "Creating", BatchSize: 10, MaximumBatchingWindowInSeconds: 0 });
    await send("one", "two");
    await advance(1_000);

    expect(batches).toEqual([["one", "two"]]);
    expect(await left()).toEqual(["0", "0"]);
    expect(Event.parse(events[0]).Records[0]).toMatchObject({
      eventSource: "aws:sqs",
      eventSourceARN: QUEUE,
      awsRegion: "eu-west-1",
      md5OfBody: "f97c5d29941bfb1b2fdab0874906ab82",
      attributes: { ApproximateReceiveCount: "1", SentTimestamp: "1767225600000" },
      messageAttributes: {},
    });
  });

  test("makes no call while it is empty, however long that is", async () => {
    const { make, send, advance, calls, batches } = await farm();
    await make();
    await advance(2_000);
    const before = calls.length;
    await advance(24 * 3_600_000);
    expect(calls).toHaveLength(before);

    await send("after a day");
    await advance(0);
    expect(batches).toEqual([["after a day"]]);
    expect(calls.slice(before).map(({ operation }) => operation)).toEqual([
      "SendMessage",
      "ReceiveMessage",
      "DeleteMessageBatch",
    ]);
  });

  test("gives no more than the batch size at once, and no more batches than its concurrency", async () => {
    let [now, most] = [0, 0];
    const { make, send, advance, batches } = await farm(
      async (_event, world) => {
        most = Math.max(most, ++now);
        await world.clock.sleep(1_000);
        now -= 1;
      },
      { BatchSize: 2, ScalingConfig: { MaximumConcurrency: 2 } },
    );
    await send("1", "2", "3", "4", "5", "6", "7");
    await make();
    await advance(10_000);
    expect(batches).toEqual([["1", "2"], ["3", "4"], ["5", "6"], ["7"]]);
    expect(most).toBe(2);
  });

  test("waits for a full batch as long as its window is open", async () => {
    const { make, send, advance, batches } = await farm(undefined, {
      BatchSize: 12,
      MaximumBatchingWindowInSeconds: 20,
    });
    await make();
    await send("1");
    await advance(5_000);
    await send("2");
    await advance(14_000);
    expect(batches).toEqual([]);
    await advance(1_000);
    expect(batches).toEqual([["1", "2"]]);

    await send(...Array.from({ length: 12 }, (_, index) => String(index)));
    await advance(100);
    expect(batches[1]).toHaveLength(12);
  });

  test("takes a delayed message when it becomes visible", async () => {
    const { make, advance, batches, sqs } = await farm();
    await make();
    await sqs.send(new SendMessageCommand({ QueueUrl: URL, MessageBody: "later", DelaySeconds: 30 }));
    await advance(29_000);
    expect(batches).toEqual([]);
    await advance(1_000);
    expect(batches).toEqual([["later"]]);
  });
});

describe("a batch that fails", () => {
  const fails: Handler = () => {
    throw new Error("no");
  };

  test("comes again when its visibility timeout ends, and goes to the dead letter queue at last", async () => {
    const redrive = { deadLetterTargetArn: QUEUE.replace("jobs", "dead"), maxReceiveCount: 2 };
    const { make, send, advance, batches, left, sqs, lambda, world } = await farm(
      fails,
      {},
      {
        RedrivePolicy: JSON.stringify(redrive),
      },
    );
    const { UUID } = await make();
    await send("bad");
    await advance(1_000);
    expect(batches).toEqual([["bad"]]);
    expect(await left()).toEqual(["0", "1"]);
    await advance(30_000);
    expect(batches).toEqual([["bad"], ["bad"]]);
    await advance(30_000);

    expect(batches).toHaveLength(2);
    expect(await left()).toEqual(["0", "0"]);
    expect(await left(DEAD_URL)).toEqual(["1", "0"]);
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: DEAD_URL }));
    expect(Messages?.map(({ Body }) => Body)).toEqual(["bad"]);
    const shown = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
    expect(shown.LastProcessingResult).toBe("PROBLEM: Function call failed for 1 of 1 messages");
    expect(world.notes).toHaveLength(1);
  });

  test("in part, returns what the answer names and deletes the rest", async () => {
    const { make, send, advance, batches, left } = await farm(
      (event) => ({
        batchItemFailures: Event.parse(event)
          .Records.filter(({ body, attributes }) => body === "bad" && attributes["ApproximateReceiveCount"] === "1")
          .map(({ messageId }) => ({ itemIdentifier: messageId })),
      }),
      { FunctionResponseTypes: ["ReportBatchItemFailures"] },
    );
    await make();
    await send("good", "bad", "fine");
    await advance(1_000);
    expect(await left()).toEqual(["0", "1"]);
    await advance(30_000);
    expect(batches).toEqual([["good", "bad", "fine"], ["bad"]]);
    expect(await left()).toEqual(["0", "0"]);
  });

  test.each([
    ["an empty list", { batchItemFailures: [] }, 0],
    ["null", null, 0],
    ["no list", {}, 0],
    ["an item without its id", { batchItemFailures: [{ itemIdentifier: "" }] }, 2],
    ["an item of another form", { batchItemFailures: [{ id: "x" }] }, 2],
    ["something else than a list", { batchItemFailures: "all" }, 2],
  ])("or not, as the answer has %s", async (_what, answer, kept) => {
    const { make, send, advance, left } = await farm(() => answer, {
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    });
    await send("1", "2");
    await make();
    await advance(1_000);
    expect(await left()).toEqual(["0", String(kept)]);
  });

  test("is deleted all the same where items are not reported", async () => {
    const { make, send, advance, left } = await farm((event) => ({
      batchItemFailures: [{ itemIdentifier: Event.parse(event).Records[0]?.messageId }],
    }));
    await make();
    await send("1");
    await advance(1_000);
    expect(await left()).toEqual(["0", "0"]);
  });
});

describe("a mapping", () => {
  test("is enabled after a moment, changed, disabled, listed and deleted", async () => {
    const { make, send, advance, lambda, batches } = await farm();
    const { UUID } = await make();
    await advance(1_000);
    const get = () => lambda.send(new GetEventSourceMappingCommand({ UUID }));
    expect(await get()).toMatchObject({ State: "Enabled", EventSourceArn: QUEUE });
    const updated = await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false, BatchSize: 3 }));
    expect(updated).toMatchObject({ State: "Updating", BatchSize: 3 });
    await advance(1_000);
    await send("unread");
    await advance(60_000);
    expect((await get()).State).toBe("Disabled");
    expect(batches).toEqual([]);
    const all = await lambda.send(new ListEventSourceMappingsCommand({ FunctionName: "worker" }));
    expect(all.EventSourceMappings?.map((one) => one.UUID)).toEqual([UUID]);

    await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true }));
    await advance(1_000);
    expect(batches).toEqual([["unread"]]);
    await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    await send("too late");
    await advance(60_000);
    expect(batches).toHaveLength(1);
    await expect(get()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  test.each([
    [{ BatchSize: 11 }, "Maximum batch window in seconds must be greater than 0"],
    [{ BatchSize: 0 }, "BatchSize 0"],
    [{ MaximumBatchingWindowInSeconds: 301 }, "between 0 and 300"],
    [{ ScalingConfig: { MaximumConcurrency: 1 } }, "between 2 and 1000"],
    [{ FilterCriteria: { Filters: [{ Pattern: "{}" }] } }, "FilterCriteria is not known"],
    [{ EventSourceArn: "arn:aws:kinesis:eu-west-1:000000000000:stream/s" }, "standard SQS queues"],
    [{ EventSourceArn: QUEUE.replace("jobs", "nobody") }, "SQS Error Code"],
  ])("with %j is refused: %s", async (settings, words) => {
    const { make, lambda } = await farm();
    await expect(make(settings)).rejects.toThrow(words);
    expect((await lambda.send(new ListEventSourceMappingsCommand({}))).EventSourceMappings).toEqual([]);
  });

  test("is refused twice for one queue and function, and where messages come again while they are worked on", async () => {
    const { make, makeFunction } = await farm();
    await make();
    await expect(make()).rejects.toMatchObject({ name: "ResourceConflictException" });
    await makeFunction("slow", { Timeout: 60 });
    await expect(make({ FunctionName: "slow" })).rejects.toThrow(
      "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    );
  });

  test.each(SQS_RIGHTS)("needs %s of the function's role", async (right) => {
    const { make, grant } = await farm();
    await grant(SQS_RIGHTS.filter((one) => one !== right));
    await expect(make()).rejects.toThrow(`does not have permissions to call ${right.slice("sqs:".length)} on SQS`);
  });

  test("whose role has lost its rights says so, and goes on when it has them again", async () => {
    const { make, send, advance, grant, lambda, batches, calls } = await farm();
    const { UUID } = await make();
    await grant(["sqs:DeleteMessage"]);
    await send("held up");
    const before = calls.length;
    await advance(59_000);
    expect(calls.slice(before).map(({ operation, decision }) => `${operation} ${decision}`)).toEqual([
      "ReceiveMessage denied",
    ]);
    const shown = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
    expect(shown.LastProcessingResult).toContain("PROBLEM: User: ");
    await grant(SQS_RIGHTS);
    await advance(1_000);
    expect(batches).toEqual([["held up"]]);
  });

  test("goes on with a queue that was deleted and made again", async () => {
    const { make, send, advance, sqs, batches } = await farm();
    await make();
    await advance(1_000);
    await sqs.send(new DeleteQueueCommand({ QueueUrl: URL }));
    await advance(60_000);
    await sqs.send(new CreateQueueCommand({ QueueName: "jobs" }));
    await send("new");
    await advance(1_000);
    expect(batches).toEqual([["new"]]);
  });
});
