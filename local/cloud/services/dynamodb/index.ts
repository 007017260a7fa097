import type {
  GetItemCommandInput,
  UpdateItemCommandInput,
  DeleteItemCommandInput,
  PutItemCommandInput,
} from "@aws-sdk/client-dynamodb";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import type { Members } from "../../wire/index.ts";
import { openEngine } from "./engine.ts";
import { openExpiry } from "./expiry.ts";
import { nameOf, tableOperations, Tables } from "./tables.ts";

/** Passed on as they are, but for a table given by its ARN. */
const itemOperations = ["GetItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"];

const byName = (input: Members): Members =>
  typeof input["TableName"] === "string" ? { ...input, TableName: nameOf(input["TableName"]) } : input;

type Write = PutItemCommandInput | UpdateItemCommandInput | DeleteItemCommandInput;

const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null;

async function keyOf(tables: Tables, input: Write): Promise<GetItemCommandInput["Key"]> {
  if ("Key" in input) return input.Key;
  const { Table: table } = await tables.engine("DescribeTable", { TableName: nameOf(input.TableName) });
  const schema = isMembers(table) && Array.isArray(table["KeySchema"]) ? table["KeySchema"].filter(isMembers) : [];
  const names = new Set(schema.map(({ AttributeName }) => AttributeName));
  return Object.fromEntries(
    Object.entries("Item" in input ? (input.Item ?? {}) : {}).filter(([name]) => names.has(name)),
  );
}

/**
 * dynalite does not know ReturnValuesOnConditionCheckFailure. The item is read after the failure, not with it: when
 * someone writes in between, it is newer than the one that failed the condition.
 */
async function write(tables: Tables, operation: string, input: Write): Promise<Members> {
  const { ReturnValuesOnConditionCheckFailure: wanted, ...rest } = input;
  const TableName = nameOf(input.TableName);
  try {
    return await tables.engine(operation, { ...rest, TableName });
  } catch (error) {
    const failed = error instanceof CloudError && error.code === "ConditionalCheckFailedException";
    if (!failed || wanted !== "ALL_OLD") throw error;
    const { Item } = await tables.engine("GetItem", {
      TableName,
      Key: await keyOf(tables, input),
      ConsistentRead: true,
    });
    throw new CloudError(error.code, error.message, error.status, Item === undefined ? {} : { Item });
  }
}

const operationsOf = (tables: Tables): Record<string, Operation> => ({
  ...tableOperations(tables),
  ...Object.fromEntries(
    itemOperations.map((operation) => [operation, (input: Members) => tables.engine(operation, byName(input))]),
  ),
  ...Object.fromEntries(
    ["PutItem", "UpdateItem", "DeleteItem"].map((operation) => [
      operation,
      (input: Write) => write(tables, operation, input),
    ]),
  ),
});

/** The first table that a batch names. */
function tableIn(input: Readonly<Members>): string | undefined {
  const named = input["TableName"] ?? input["ResourceArn"];
  if (typeof named === "string") return nameOf(named);
  const batch = input["RequestItems"];
  return isMembers(batch) ? Object.keys(batch)[0] : undefined;
}

/** DynamoDB: items and tables by dynalite in memory; time to live, backups, tags and protection answered here. */
export function openDynamoDb(world: World): { readonly service: Service } {
  const tables = new Tables(world, openEngine());
  const expiry = openExpiry(tables);
  return {
    service: {
      id: "dynamodb",
      operations: operationsOf(tables),
      resourceOf: (_operation, input) => {
        const name = tableIn(input);
        return name === undefined ? "*" : tables.arn(name);
      },
      async close() {
        expiry.cancel();
      },
    },
  };
}
