import { describe, expect, test } from "@jest/globals";
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTagsOfResourceCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TagResourceCommand,
  TransactWriteItemsCommand,
  UpdateContinuousBackupsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { openDynamoDb } from "../../../../local/cloud/services/dynamodb/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const TableName = "tandem-local-state";
const TableArn = `arn:aws:dynamodb:eu-west-1:000000000000:table/${TableName}`;

async function withTable() {
  const world = testWorld();
  const { service } = openDynamoDb(world);
  const endpoint = testEndpoint(world, service);
  const client = sdkClient(DynamoDBClient, endpoint.handle);
  const created = await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
      ],
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      Tags: [{ Key: "stage", Value: "local" }],
    }),
  );
  // the engine changes the state of a table in a later turn of the event loop
  for (let turn = 0; turn < 100; turn++) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    if (Table?.TableStatus === "ACTIVE") break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { world, client, created, endpoint, service };
}

const key = (sk: string) => ({ pk: { S: "lease" }, sk: { S: sk } });

describe("the state table", () => {
  test("is active soon, in this world's account, region and time", async () => {
    const { client, created } = await withTable();
    expect(created.TableDescription?.TableArn).toBe(TableArn);
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    expect(Table).toMatchObject({
      TableArn,
      TableStatus: "ACTIVE",
      CreationDateTime: new Date("2026-01-01T00:00:00Z"),
    });
    const { Tags } = await client.send(new ListTagsOfResourceCommand({ ResourceArn: TableArn }));
    expect(Tags).toEqual([{ Key: "stage", Value: "local" }]);
  });

  test("writes on a condition, and shows what stood in the way when asked", async () => {
    const { client } = await withTable();
    const put = (fence: string) =>
      client.send(
        new PutItemCommand({
          TableName,
          Item: { ...key("web"), fence: { N: fence }, raw: { B: Uint8Array.from([1, 2]) } },
          ConditionExpression: "attribute_not_exists(pk)",
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        }),
      );
    await put("1");
    await expect(put("2")).rejects.toMatchObject({
      name: "ConditionalCheckFailedException",
      Item: { fence: { N: "1" } },
    });
    await client.send(
      new UpdateItemCommand({
        TableName,
        Key: key("web"),
        UpdateExpression: "ADD fence :one",
        ExpressionAttributeValues: { ":one": { N: "1" } },
      }),
    );
    const { Item } = await client.send(
      new GetItemCommand({ TableName: TableArn, Key: key("web"), ConsistentRead: true }),
    );
    expect(Item).toEqual({ ...key("web"), fence: { N: "2" }, raw: { B: Uint8Array.from([1, 2]) } });
    const found = await client.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: "pk = :pk",
        ExpressionAttributeValues: { ":pk": { S: "lease" } },
      }),
    );
    expect(found.Count).toBe(1);
  });

  test("forgets items whose time to live is over, and only those", async () => {
    const { client, world } = await withTable();
    await client.send(
      new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName: "expires" } }),
    );
    const at = (seconds: number) => ({ N: String(Math.floor(world.clock.now() / 1000) + seconds) });
    await client.send(new PutItemCommand({ TableName, Item: { ...key("old"), expires: at(10) } }));
    await client.send(new PutItemCommand({ TableName, Item: { ...key("young"), expires: at(10_000) } }));
    await client.send(new PutItemCommand({ TableName, Item: { ...key("text"), expires: { S: "1" } } }));
    await client.send(new PutItemCommand({ TableName, Item: key("forever") }));
    await world.clock.advance(61_000);
    // the sweep goes on in turns of the event loop that the clock does not wait for
    for (let turn = 0; turn < 50; turn++) await client.send(new DescribeTimeToLiveCommand({ TableName }));
    const left = await client.send(new ScanCommand({ TableName }));
    expect(left.Items?.map((item) => item["sk"]?.S).toSorted()).toEqual(["forever", "text", "young"]);
    expect((await client.send(new DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription).toEqual({
      TimeToLiveStatus: "ENABLED",
      AttributeName: "expires",
    });
  });

  test("has tags and point-in-time recovery", async () => {
    const { client } = await withTable();
    await client.send(new TagResourceCommand({ ResourceArn: TableArn, Tags: [{ Key: "a", Value: "b" }] }));
    await client.send(
      new UpdateContinuousBackupsCommand({
        TableName,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      }),
    );
    expect((await client.send(new ListTagsOfResourceCommand({ ResourceArn: TableArn }))).Tags).toHaveLength(2);
    const backups = await client.send(new DescribeContinuousBackupsCommand({ TableName }));
    expect(backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe(
      "ENABLED",
    );
  });

  test("is gone after its deletion, and says what it cannot do", async () => {
    const { client, endpoint } = await withTable();
    const transact = client.send(
      new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName, Item: key("a") } }] }),
    );
    await expect(transact).rejects.toMatchObject({ name: "NotImplemented" });
    await client.send(new DeleteTableCommand({ TableName }));
    await expect(client.send(new DescribeTimeToLiveCommand({ TableName }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    expect(endpoint.calls.at(-1)).toMatchObject({ resource: TableArn, error: "ResourceNotFoundException" });
  });
});
