import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";

/** The least that a function of any use is: one client of the SDK and one call. `bundle` measures the others beside it. */
const client = new DynamoDBClient({});

export const handler = async (): Promise<unknown> =>
  (await client.send(new GetItemCommand({ TableName: "any", Key: { pk: { S: "any" } } }))).Item;
