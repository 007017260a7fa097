import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { every, type Timer } from "../../clock.ts";
import { CloudError } from "../../errors.ts";
import type { Members } from "../../wire/index.ts";
import type { Table, Tables } from "./tables.ts";

/** DynamoDB takes hours to days; soon is enough to see that nothing relies on an expired item being gone, or there. */
const SWEEP_MS = 60_000;
/** DynamoDB leaves items alone that expired longer ago: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html */
const EXPIRED_SECONDS_MAX = 5 * 365 * 24 * 60 * 60;

const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null;
const list = (value: unknown): Members[] => (Array.isArray(value) ? value.filter(isMembers) : []);

async function keyNames(tables: Tables, table: Table): Promise<string[]> {
  const { Table: description } = await tables.engine("DescribeTable", { TableName: table.name });
  const schema = isMembers(description) ? list(description["KeySchema"]) : [];
  return schema.map(({ AttributeName }) => String(AttributeName));
}

/** What the sweep looks for, and what each deletion is conditional on: the item may have been renewed meanwhile. */
function expired(
  attribute: string,
  nowSeconds: number,
): { names: Record<string, string>; values: Record<string, AttributeValue>; test: string } {
  return {
    names: { "#ttl": attribute },
    values: {
      ":now": { N: String(nowSeconds) },
      ":oldest": { N: String(nowSeconds - EXPIRED_SECONDS_MAX) },
      ":number": { S: "N" },
    },
    test: "attribute_type(#ttl, :number) AND #ttl <= :now AND #ttl > :oldest",
  };
}

async function sweepTable(tables: Tables, table: Table, attribute: string): Promise<void> {
  const { names, values, test } = expired(attribute, Math.floor(tables.world.clock.now() / 1000));
  const condition = { ExpressionAttributeNames: names, ExpressionAttributeValues: values };
  const keys = await keyNames(tables, table);
  let start: unknown;
  do {
    const page = await tables.engine("Scan", {
      TableName: table.name,
      FilterExpression: test,
      ...condition,
      ...(start !== undefined && { ExclusiveStartKey: start }),
    });
    for (const item of list(page["Items"])) {
      const Key = Object.fromEntries(keys.map((name) => [name, item[name]]));
      await tables
        .engine("DeleteItem", { TableName: table.name, Key, ConditionExpression: test, ...condition })
        .catch(ignoreRenewed);
    }
    start = page["LastEvaluatedKey"];
  } while (start !== undefined);
}

/** A renewed item stays. */
function ignoreRenewed(error: unknown): void {
  if (!(error instanceof CloudError) || error.code !== "ConditionalCheckFailedException") throw error;
}

/** Deletes the expired items of every table that has a time-to-live attribute, again and again. */
export function openExpiry(tables: Tables): Timer {
  return every(tables.world.clock, SWEEP_MS, async () => {
    for (const table of tables.byName.values()) {
      if (table.timeToLive === undefined) continue;
      await sweepTable(tables, table, table.timeToLive).catch((error: unknown) => {
        tables.world.note(
          `dynamodb: expiry of ${table.name}: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
    }
  });
}
