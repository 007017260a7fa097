import { describe, expect, test } from "@jest/globals";
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { allOf, anyOf, equals, greaterThan, isAbsent, isPresent, lessThan } from "../../../lib/aws/condition.ts";
import { openTable, type Table } from "../../../lib/aws/table.ts";
import { openFreezes } from "../../../lib/reconcile/freeze.ts";
import { openJournal, type JournalLine } from "../../../lib/reconcile/journal.ts";
import { openLeases } from "../../../lib/reconcile/lease.ts";
import { openProblems } from "../../../lib/reconcile/problems.ts";
import { openRequests } from "../../../lib/reconcile/requests.ts";
import { openDynamoDb } from "../../../local/cloud/services/dynamodb/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../cloud/client.ts";
import { manualClock } from "../manual-clock.ts";
import { countingIds } from "./loop-fixture.ts";
import { memoryTable } from "./memory-table.ts";

/** The real adapter on DynamoDB's protocol, without a socket. */
async function dynamoTable(): Promise<Table> {
  const world = testWorld();
  const endpoint = testEndpoint(world, openDynamoDb(world).service);
  const client = sdkClient(DynamoDBClient, (request) => endpoint.handle(request));
  const create = new CreateTableCommand({
    TableName: "state",
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
  });
  await client.send(create);
  while ((await client.send(new DescribeTableCommand({ TableName: "state" }))).Table?.TableStatus !== "ACTIVE")
    await new Promise((resolve) => setImmediate(resolve));
  return openTable(client, "state");
}

const TABLES: readonly [string, () => Promise<Table>][] = [
  ["the model of the tests", async () => memoryTable()],
  ["DynamoDB's protocol", dynamoTable],
];

const line = (at: string, id: string): JournalLine => ({
  id,
  at,
  scope: "web",
  cause: "c",
  phase: "applied",
  reason: "r",
  fence: 1,
  result: "done",
});

/** The same scenarios on both: this is what keeps the model honest. */
describe.each(TABLES)("the state table, on %s", (_name, open) => {
  const key = { pk: "p", sk: "s" };

  test("keeps every kind of value", async () => {
    const table = await open();
    const item = {
      ...key,
      text: "é",
      empty: "",
      number: -1.5,
      big: 1_767_225_600_000,
      yes: true,
      list: ["a", 1],
      map: { deep: { er: false } },
    };
    expect(await table.put(item)).toBe(true);
    expect(await table.get(key)).toEqual(item);
    expect(await table.get({ pk: "p", sk: "t" })).toBeUndefined();
  });

  test("writes nothing when the condition does not hold, and says so without an error", async () => {
    const table = await open();
    expect(await table.put({ ...key, n: 1 }, isAbsent("pk"))).toBe(true);
    expect(await table.put({ ...key, n: 2 }, isAbsent("pk"))).toBe(false);
    expect(await table.update(key, { set: { n: 3 } }, lessThan("n", 1))).toBeUndefined();
    expect(await table.delete(key, equals("n", 9))).toBe(false);
    expect(await table.get(key)).toEqual({ ...key, n: 1 });
    expect(await table.delete(key, equals("n", 1))).toBe(true);
    expect(await table.get(key)).toBeUndefined();
  });

  test("changes an item in one step, and creates it by its first change", async () => {
    const table = await open();
    expect(await table.update(key, { add: { count: 1 } })).toEqual({ ...key, count: 1 });
    expect(await table.update(key, { set: { holder: "a" }, add: { count: 2 } })).toEqual({
      ...key,
      count: 3,
      holder: "a",
    });
    expect(await table.update(key, { remove: ["holder"] }, isPresent("holder"))).toEqual({ ...key, count: 3 });
  });

  test("judges conditions of several parts", async () => {
    const table = await open();
    const free = anyOf(isAbsent("holder"), allOf(lessThan("until", 100), greaterThan("until", 50)));
    expect(await table.update(key, { set: { holder: "a", until: 60 } }, free)).toBeDefined();
    expect(await table.update(key, { set: { holder: "b", until: 200 } }, free)).toBeDefined();
    expect(await table.update(key, { set: { holder: "c" } }, free)).toBeUndefined();
  });

  test("reads a partition in order, from a key on, backwards, filtered and bounded", async () => {
    const table = await open();
    for (const n of [3, 1, 2, 4]) await table.put({ pk: "p", sk: `k${n}`, n });
    await table.put({ pk: "q", sk: "k1", n: 9 });
    const read = async (range: Parameters<Table["query"]>[1]) => (await table.query("p", range)).map(({ sk }) => sk);
    expect(await read({ limit: 10 })).toEqual(["k1", "k2", "k3", "k4"]);
    expect(await read({ from: "k2", descending: true, limit: 2 })).toEqual(["k4", "k3"]);
    expect(await read({ where: greaterThan("n", 1), limit: 2 })).toEqual(["k2", "k3"]);
  });

  test("holds leases", async () => {
    const leases = openLeases(await open(), manualClock(), countingIds());
    const lease = await leases.request("web");
    expect(await leases.request("web")).toBeUndefined();
    expect(await lease?.release(1)).toBe("wanted");
    expect(await lease?.renew()).toBe(true);
    expect(await lease?.release(2)).toBe("released");
    expect((await leases.request("web"))?.fence).toBe(2);
  });

  test("keeps the journal over midnight, oldest first, bounded to the newest", async () => {
    const clock = manualClock();
    const journal = openJournal(await open(), clock);
    const written = [
      line("2025-12-30T23:00:00.000Z", "a"),
      line("2025-12-31T23:59:59.999Z", "b"),
      line("2026-01-01T00:00:00.000Z", "c"),
    ];
    for (const each of [...written, ...written]) await journal.append(each);
    expect(await journal.read(0, 10)).toEqual(written);
    expect(await journal.read(Date.UTC(2025, 11, 31), 10)).toEqual(written.slice(1));
    expect(await journal.read(0, 2)).toEqual(written.slice(1));
  });

  test("keeps the operator's requests until they are answered or too old", async () => {
    const clock = manualClock();
    const requests = openRequests(await open(), clock);
    const wish = {
      scope: "web",
      action: "scale",
      args: { count: 3 },
      state: "pending",
      createdAt: clock.now(),
      expiresAt: clock.now() + 60_000,
    } as const;
    await requests.put({ ...wish, id: "one" });
    await requests.put({ ...wish, id: "two" });
    await expect(requests.put({ ...wish, id: "two" })).rejects.toMatchObject({ code: "request-exists" });
    await requests.settle("one", { state: "standing", answer: "3 nodes are held" });
    await requests.settle("two", { state: "refused", answer: "too many" });
    await requests.settle("two", { state: "done", answer: "late" });
    expect(await requests.pending("web")).toEqual([
      { ...wish, id: "one", state: "standing", answer: "3 nodes are held" },
    ]);
    expect(await requests.pending("database")).toEqual([]);
    expect(await requests.get("two")).toMatchObject({ state: "refused", answer: "too many" });
    await clock.advance(60_001);
    expect(await requests.open()).toEqual([]);
    expect(await requests.get("none")).toBeUndefined();
  });

  test("keeps freezes and problems", async () => {
    const clock = manualClock();
    const table = await open();
    const freezes = openFreezes(table, clock);
    await freezes.set({ scope: "database", until: clock.now() + 1_000 });
    expect(await freezes.of("web")).toBeUndefined();
    expect(await freezes.of("database")).toMatchObject({ scope: "database" });
    await clock.advance(1_001);
    expect(await freezes.all()).toEqual([]);

    const problems = openProblems(table, clock);
    const found = [{ code: "load-unknown", detail: "no metrics", since: 1 }];
    await problems.set("web", found, 5);
    await problems.set("web", [], 4);
    expect(await problems.of("web")).toEqual(found);
  });

  test("refuses an item that Tandem did not write", async () => {
    const table = await open();
    await table.put({ pk: "request", sk: "odd", id: "odd", state: "pending", action: "explode", expiresAt: 9e12 });
    await table.put({ pk: "freeze", sk: "moon", until: 9e12 });
    await expect(openRequests(table, manualClock()).open()).rejects.toMatchObject({ code: "state-corrupt" });
    await expect(openFreezes(table, manualClock()).all()).rejects.toMatchObject({ code: "state-corrupt" });
  });
});
