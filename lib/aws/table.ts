import {
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type DynamoDBClient,
} from "@aws-sdk/client-dynamodb";
import { fromAttributes, toAttribute, toAttributes } from "./attributes.ts";
import { renderCondition, type Condition, type Placeholders, type Value } from "./condition.ts";
import { awsErrorName, callAws } from "./errors.ts";
import { placeholders } from "./placeholders.ts";

export type { Condition, Value } from "./condition.ts";

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** One item of the state table. `expires` (epoch seconds) is the table's TTL attribute. */
export type Item = Key & { readonly [attribute: string]: Value };

/** What one update does to one item. An item that does not exist yet is created by it. */
export interface Change {
  readonly set?: Readonly<Record<string, Value>>;
  /** Numbers that grow; an absent attribute counts from 0. */
  readonly add?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
}

export interface Range {
  /** Sort keys from here on, included. */
  readonly from?: string;
  readonly descending?: boolean;
  /** At most so many items; required, because nothing is read without a bound. */
  readonly limit: number;
  /** Further condition on the items; those that fail it do not count against `limit`. */
  readonly where?: Condition;
}

/**
 * The state table: single-item operations only, reads are strongly consistent. A condition that does not hold is an
 * answer, never an error; everything else throws TandemError.
 */
export interface Table {
  get(key: Key): Promise<Item | undefined>;
  /** Resolves to false if the condition does not hold, and then nothing was written. */
  put(item: Item, condition?: Condition): Promise<boolean>;
  /** Resolves to the whole item after the change, or undefined if the condition does not hold. */
  update(key: Key, change: Change, condition?: Condition): Promise<Item | undefined>;
  delete(key: Key, condition?: Condition): Promise<boolean>;
  /** The items of one partition, by sort key. */
  query(pk: string, range: Range): Promise<readonly Item[]>;
}

/** Pages of one query: 20 x 1 MB is far beyond what the bounded partitions of this table hold. */
const QUERY_PAGES_MAX = 20;

/**
 * The table of that name. `client` retries throttled calls by itself; a write that was applied and whose answer was
 * lost is sent again, so callers must recognise their own write (see lease.ts).
 */
export function openTable(client: DynamoDBClient, name: string): Table {
  const doing = (operation: string, key: Pick<Key, "pk"> & Partial<Key>): string =>
    `${operation} ${key.pk}${key.sk === undefined ? "" : ` ${key.sk}`} in table ${name}`;

  return {
    async get(key) {
      const input = { TableName: name, Key: toAttributes({ ...key }), ConsistentRead: true };
      const { Item: item } = await callAws(doing("get", key), () => client.send(new GetItemCommand(input)));
      return item === undefined ? undefined : fromAttributes(item);
    },
    async put(item, condition) {
      const use = placeholders();
      const input = { TableName: name, Item: toAttributes(item), ...conditional(condition, use), ...use.fields() };
      return (await ifHolds(doing("put", item), () => client.send(new PutItemCommand(input)))) !== undefined;
    },
    async update(key, change, condition) {
      const use = placeholders();
      const input = {
        TableName: name,
        Key: toAttributes({ ...key }),
        UpdateExpression: renderChange(change, use),
        ReturnValues: "ALL_NEW" as const,
        ...conditional(condition, use),
        ...use.fields(),
      };
      const answer = await ifHolds(doing("update", key), () => client.send(new UpdateItemCommand(input)));
      return answer === undefined ? undefined : fromAttributes(answer.Attributes ?? {});
    },
    async delete(key, condition) {
      const use = placeholders();
      const input = { TableName: name, Key: toAttributes({ ...key }), ...conditional(condition, use), ...use.fields() };
      return (await ifHolds(doing("delete", key), () => client.send(new DeleteItemCommand(input)))) !== undefined;
    },
    query: (pk, range) => callAws(doing("query", { pk }), () => queryPages(client, name, pk, range)),
  };
}

async function queryPages(client: DynamoDBClient, name: string, pk: string, range: Range): Promise<Item[]> {
  const use = placeholders();
  const from = range.from === undefined ? "" : ` AND ${use.name("sk")} >= ${use.value(range.from)}`;
  const input = {
    TableName: name,
    KeyConditionExpression: `${use.name("pk")} = ${use.value(pk)}${from}`,
    ...(range.where === undefined ? {} : { FilterExpression: renderCondition(range.where, use) }),
    ConsistentRead: true,
    ScanIndexForward: range.descending !== true,
    // DynamoDB counts items before the filter, so the bound can be given to it only when there is no filter.
    ...(range.where === undefined ? { Limit: range.limit } : {}),
    ...use.fields(),
  };
  const items: Item[] = [];
  let start: Record<string, ReturnType<typeof toAttribute>> | undefined;
  for (let page = 0; page < QUERY_PAGES_MAX; page++) {
    const answer = await client.send(
      new QueryCommand({ ...input, ...(start === undefined ? {} : { ExclusiveStartKey: start }) }),
    );
    for (const item of answer.Items ?? []) items.push(fromAttributes(item));
    start = answer.LastEvaluatedKey;
    if (start === undefined || items.length >= range.limit) break;
  }
  return items.slice(0, range.limit);
}

const conditional = (condition: Condition | undefined, use: Placeholders) =>
  condition === undefined ? {} : { ConditionExpression: renderCondition(condition, use) };

const clause = (keyword: string, parts: readonly string[]): string[] =>
  parts.length === 0 ? [] : [`${keyword} ${parts.join(", ")}`];

function renderChange(change: Change, use: Placeholders): string {
  const set = Object.entries(change.set ?? {}).map(([name, value]) => `${use.name(name)} = ${use.value(value)}`);
  const add = Object.entries(change.add ?? {}).map(([name, value]) => `${use.name(name)} ${use.value(value)}`);
  const remove = (change.remove ?? []).map((name) => use.name(name));
  return [...clause("SET", set), ...clause("ADD", add), ...clause("REMOVE", remove)].join(" ");
}

/** Undefined when DynamoDB says that the condition did not hold. */
async function ifHolds<T>(doing: string, call: () => Promise<T>): Promise<T | undefined> {
  return callAws(doing, async () => {
    try {
      return await call();
    } catch (error) {
      if (awsErrorName(error) === "ConditionalCheckFailedException") return undefined;
      throw error;
    }
  });
}
