import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { Context } from "aws-lambda";
import { readFileSync } from "node:fs";
import { fakeAws, quietGroup, WEB_NODE } from "./farm-fixture.ts";

const { handler: onAlarm } = await import("../../../functions/on-alarm.ts");
const { handler: onLifecycle } = await import("../../../functions/on-lifecycle.ts");
const { handler: onInterruption } = await import("../../../functions/on-interruption.ts");
const { handler: watchFarm } = await import("../../../functions/watch-farm.ts");
const { handler: maintain } = await import("../../../functions/maintain.ts");
const { handler: panel } = await import("../../../functions/panel.ts");

const event = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../events/${file}`, import.meta.url), "utf8"));
const context: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: "tandem-local-on-alarm",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:eu-west-1:000000000000:function:tandem-local-on-alarm",
  memoryLimitInMB: "512",
  awsRequestId: "9f0c1f6e-4c3d-4c59-8a5b-0d1f6a2b3c4d",
  logGroupName: "/aws/lambda/tandem-local-on-alarm",
  logStreamName: "2026/01/01/[$LATEST]0",
  getRemainingTimeInMillis: () => 60_000,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
};

/** A state table that any look can be made on: nobody holds anything, and nothing is stored. */
const emptyTable = {
  UpdateItem: () => ({
    Attributes: {
      pk: { S: "lease" },
      sk: { S: "web" },
      wanted: { N: "1" },
      fence: { N: "1" },
      expiresAt: { N: "99999999999999" },
    },
  }),
  GetItem: () => ({}),
  PutItem: () => ({}),
  Query: () => ({ Items: [] }),
  PutEvents: () => ({ FailedEntryCount: 0, Entries: [] }),
};

const printed = (): string => JSON.stringify([...streams, ...consoles].map((spy) => spy.mock.calls));
const streams = ([process.stdout, process.stderr] as const).map((stream) =>
  jest.spyOn(stream, "write").mockReturnValue(true),
);
const consoles = (["log", "info", "warn", "error"] as const).map((level) =>
  jest.spyOn(console, level).mockReturnValue(undefined),
);
afterEach(() => [...streams, ...consoles].forEach((spy) => spy.mockClear()));

/** An event of a kind that this version does not know. */
const stranger = { source: "com.example.shop", "detail-type": "Order", detail: { total: 7 } };

const denied = (): never => {
  throw Object.assign(new Error("not allowed"), { name: "AccessDeniedException" });
};

describe("an exported handler", () => {
  test("on-alarm looks at the web tier", async () => {
    fakeAws({ ...quietGroup(), ...emptyTable });
    expect(await onAlarm(event("alarm-direct.json"), context)).toMatchObject({
      looks: [{ scope: "web", ended: "rest" }],
    });
  });

  test("on-lifecycle acknowledges what it does not know and counts it", async () => {
    const calls = fakeAws({});
    expect(await onLifecycle(stranger, context)).toMatchObject({
      looks: [],
      ignored: [expect.any(String)],
    });
    expect(calls).toEqual([]);
  });

  test("on-interruption looks at the node that is to be taken, and then at the tier", async () => {
    fakeAws({ ...quietGroup(), ...emptyTable });
    expect(await onInterruption(event("rebalance.json"), context)).toMatchObject({
      looks: [
        { scope: `web/${WEB_NODE}`, ended: "rest" },
        { scope: "web", ended: "rest" },
      ],
    });
  });

  test("on-lifecycle answers a broken event with a structured error", async () => {
    fakeAws({});
    expect(await onLifecycle([], context)).toMatchObject({ error: { code: "bad-event" } });
  });

  test("watch-farm fails by name when AWS refuses a call that it needs", async () => {
    fakeAws({ ...quietGroup(), ...emptyTable, UpdateItem: denied });
    await expect(watchFarm({}, context)).rejects.toThrow(
      /web: could not update lease web.*AccessDeniedException: not allowed/,
    );
  });

  test("maintain and panel tell the same status", async () => {
    fakeAws({ ...quietGroup(), ...emptyTable });
    const [asked, shown] = [await maintain({ action: "status" }, context), await panel({}, context)];
    expect(asked).toMatchObject({ farm: "tandem-local", web: { desired: 1 } });
    expect({ ...shown, at: "" }).toEqual({ ...asked, at: "" });
  });
});

test("a handler writes structured logs and metrics in the embedded metric format", async () => {
  fakeAws({});
  await onLifecycle(stranger, context);
  expect(printed()).toContain("IgnoredEvents");
  expect(printed()).toContain("unknown kind of event");
});
