import {
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from "@aws-sdk/client-cloudformation";
import { ListEventSourceMappingsCommand, ListTagsCommand } from "@aws-sdk/client-lambda";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { expect, test } from "@jest/globals";
import { functionCloud } from "../lambda/function-cloud.ts";

const template = (settings: object) => ({
  Resources: {
    Jobs: { Type: "AWS::SQS::Queue", Properties: { QueueName: "jobs" } },
    Mapping: {
      Type: "AWS::Lambda::EventSourceMapping",
      Properties: { FunctionName: "worker", EventSourceArn: { "Fn::GetAtt": ["Jobs", "Arn"] }, ...settings },
    },
  },
  Outputs: { Id: { Value: { Ref: "Mapping" } } },
});

test("a queue of a stack leads to a function as the template says, and no more when it is gone", async () => {
  const seen: unknown[] = [];
  const { stacks, lambda, sqs, world, makeFunction } = await functionCloud({ worker: (event) => seen.push(event) });
  await makeFunction("worker");
  const run = async (command: "create" | "update", settings: object) => {
    const input = { StackName: "farm", TemplateBody: JSON.stringify(template(settings)) };
    await stacks.send(command === "create" ? new CreateStackCommand(input) : new UpdateStackCommand(input));
    await world.clock.advance(60_000);
    return (await stacks.send(new DescribeStacksCommand({ StackName: "farm" }))).Stacks?.[0];
  };
  const mappings = async () => (await lambda.send(new ListEventSourceMappingsCommand({}))).EventSourceMappings ?? [];

  const made = await run("create", { BatchSize: 5, Tags: [{ Key: "farm", Value: "one" }] });
  expect(made?.StackStatus).toBe("CREATE_COMPLETE");
  const [mapping] = await mappings();
  expect(mapping).toMatchObject({ State: "Enabled", BatchSize: 5 });
  expect(made?.Outputs?.[0]?.OutputValue).toBe(mapping?.UUID);
  await sqs.send(new SendMessageCommand({ QueueUrl: "http://127.0.0.1:4566/000000000000/jobs", MessageBody: "hello" }));
  await world.clock.advance(1_000);
  expect(seen).toHaveLength(1);

  const updated = await run("update", { Enabled: false, Tags: [{ Key: "farm", Value: "two" }] });
  expect(updated?.StackStatus).toBe("UPDATE_COMPLETE");
  const [changed] = await mappings();
  expect(changed).toMatchObject({ UUID: mapping?.UUID, State: "Disabled", BatchSize: 10 });
  const tags = await lambda.send(new ListTagsCommand({ Resource: changed?.EventSourceMappingArn }));
  expect(tags.Tags).toMatchObject({ farm: "two" });

  const refused = await run("update", { FilterCriteria: { Filters: [{ Pattern: "{}" }] } });
  expect(refused?.StackStatus).toBe("UPDATE_ROLLBACK_COMPLETE");
  expect(await mappings()).toMatchObject([{ UUID: mapping?.UUID, State: "Disabled" }]);

  await stacks.send(new DeleteStackCommand({ StackName: "farm" }));
  await world.clock.advance(60_000);
  expect(await mappings()).toEqual([]);
});
