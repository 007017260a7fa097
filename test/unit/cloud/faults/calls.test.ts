import { describe, expect, test } from "@jest/globals";
import { CloudWatchClient, PutMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { EC2Client, DescribeInstancesCommand } from "@aws-sdk/client-ec2";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ListHostedZonesCommand, Route53Client } from "@aws-sdk/client-route-53";
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from "@aws-sdk/client-auto-scaling";
import {
  DeleteParameterCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { isThrottlingError } from "@smithy/core/retry";
import { openEndpoint } from "../../../../local/cloud/endpoint.ts";
import { openFaults, type ApiFault } from "../../../../local/cloud/faults/index.ts";
import type { Service, ServiceId } from "../../../../local/cloud/service.ts";
import { sdkClient, testWorld } from "../client.ts";

/** A service that answers every operation of these tests with nothing, and a parameter store of one parameter. */
function open() {
  const world = testWorld();
  const faults = openFaults(world);
  const stored = new Set<string>();
  const performed: string[] = [];
  const note = (operation: string) => (performed.push(operation), {});
  const service = (id: ServiceId, operations: Service["operations"]): [ServiceId, Service] => [
    id,
    { id, operations, resourceOf: () => "*" },
  ];
  const operator = { arn: "arn:aws:iam::000000000000:user/operator", account: world.account };
  const endpoint = openEndpoint({
    world,
    faults,
    services: new Map([
      service("autoscaling", { DescribeAutoScalingGroups: () => ({ AutoScalingGroups: [] }) }),
      service("dynamodb", { GetItem: () => note("GetItem") }),
      service("ec2", { DescribeInstances: () => note("DescribeInstances") }),
      service("lambda", { ListFunctions: () => note("ListFunctions") }),
      service("monitoring", { PutMetricData: () => note("PutMetricData") }),
      service("route53", {
        ListHostedZones: () => ({ HostedZones: [], Marker: "", IsTruncated: false, MaxItems: 1 }),
      }),
      service("ssm", {
        DescribeParameters: () => ({ Parameters: [...stored].map((Name) => ({ Name })) }),
        GetParameter: () => note("GetParameter"),
        PutParameter: ({ Name }: { Name: string }) => (stored.add(Name), note("PutParameter")),
        DeleteParameter: ({ Name }: { Name: string }) => (stored.delete(Name), note("DeleteParameter")),
      }),
    ]),
    principalOf: () => operator,
    record: () => undefined,
  });
  const ssm = sdkClient(SSMClient, endpoint.handle);
  const names = async () =>
    ((await ssm.send(new DescribeParametersCommand({}))).Parameters ?? []).map(({ Name }) => Name);
  const put = (Name: string) => ssm.send(new PutParameterCommand({ Name, Value: "any" }));
  const remove = (Name: string) => ssm.send(new DeleteParameterCommand({ Name }));
  const get = () => ssm.send(new GetParameterCommand({ Name: "any" }));
  return { world, faults, endpoint, performed, names, put, remove, get };
}

const always = { on: "api", rate: 1, forMs: 60_000 } as const satisfies Partial<ApiFault>;

describe("a throttled call", () => {
  const { endpoint, faults, performed } = open();
  faults.inject({ ...always, kind: "throttle" });
  const { handle } = endpoint;
  test.each([
    ["Query", "Throttling", () => sdkClient(AutoScalingClient, handle).send(new DescribeAutoScalingGroupsCommand({}))],
    ["EC2", "RequestLimitExceeded", () => sdkClient(EC2Client, handle).send(new DescribeInstancesCommand({}))],
    ["JSON 1.1", "ThrottlingException", () => sdkClient(SSMClient, handle).send(new DescribeParametersCommand({}))],
    [
      "JSON 1.0",
      "ProvisionedThroughputExceededException",
      () => sdkClient(DynamoDBClient, handle).send(new GetItemCommand({ TableName: "t", Key: { pk: { S: "a" } } })),
    ],
    [
      "CBOR",
      "Throttling",
      () => sdkClient(CloudWatchClient, handle).send(new PutMetricDataCommand({ Namespace: "Any", MetricData: [] })),
    ],
    ["REST JSON", "TooManyRequestsException", () => sdkClient(LambdaClient, handle).send(new ListFunctionsCommand({}))],
    ["REST XML", "Throttling", () => sdkClient(Route53Client, handle).send(new ListHostedZonesCommand({}))],
  ])("of the protocol %s is one that its own client tries again (%s)", async (_protocol, name, send) => {
    const error = await send().then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.name).toBe(name);
    expect(isThrottlingError({ name, message: "" })).toBe(true);
    expect(performed).toEqual([]);
  });
});

describe("a fault", () => {
  test("strikes the service and operation that it names, and nothing else", async () => {
    const { faults, names, get } = open();
    faults.inject({ ...always, kind: "throttle", service: "ssm", operation: "GetParameter" });
    await expect(get()).rejects.toThrow("Rate exceeded");
    await expect(names()).resolves.toEqual([]);
  });

  test("strikes its share of the calls, and the same ones under the same seed", async () => {
    const strike = async (seed: number) => {
      const { faults, get } = open();
      faults.inject({ ...always, kind: "throttle", rate: 0.2, seed });
      const ends: boolean[] = [];
      for (let call = 0; call < 100; call++)
        ends.push(
          await get().then(
            () => true,
            () => false,
          ),
        );
      return ends;
    };
    const [first, again, other] = [await strike(7), await strike(7), await strike(8)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(first.filter((ok) => !ok).length).toBeGreaterThan(10);
    expect(first.filter((ok) => !ok).length).toBeLessThan(30);
  });

  test("ends when its time is over, and when it is healed", async () => {
    const { world, faults, get } = open();
    faults.inject({ ...always, kind: "throttle", forMs: 1_000 });
    await expect(get()).rejects.toThrow("Rate exceeded");
    await world.clock.advance(1_000);
    await expect(get()).resolves.toBeDefined();
    expect(faults.active()).toEqual([]);

    faults.inject({ ...always, kind: "error" });
    expect(faults.heal()).toBe(1);
    await expect(get()).resolves.toBeDefined();
  });

  test("strikes no more often than it is told to, and is over then", async () => {
    const { faults, get } = open();
    faults.inject({ ...always, kind: "throttle", times: 2 });
    await expect(get()).rejects.toThrow("Rate exceeded");
    await expect(get()).rejects.toThrow("Rate exceeded");
    await expect(get()).resolves.toBeDefined();
    expect(faults.active()).toEqual([]);
  });

  test("answers what it is told to, and then no work is done", async () => {
    const { faults, put, performed } = open();
    faults.inject({ ...always, kind: "refuse", code: "TooManyUpdates", message: "wait", status: 400 });
    await expect(put("any")).rejects.toMatchObject({ name: "TooManyUpdates", message: "wait" });
    expect(performed).toEqual([]);
  });

  test.each([
    [{ times: 0 }, /strikes some times/],
    [{ rate: 0 }, /rate is 0/],
    [{ rate: 1.5 }, /rate is 1.5/],
    [{ forMs: 0 }, /lasts for some time/],
    [{ operation: "GetParameter" }, /needs the service/],
  ])("%j is refused", (wrong, says) => {
    expect(() => open().faults.inject({ ...always, kind: "throttle", ...wrong })).toThrow(says);
  });
});

test("a call that ends in 500 or 503 has done its work about half of the time", async () => {
  const { faults, put, performed } = open();
  faults.inject({ ...always, kind: "error", seed: 1 });
  const names = new Set<unknown>();
  for (let call = 0; call < 40; call++) await put(`p${call}`).catch((error: Error) => names.add(error.name));
  expect(names).toEqual(new Set(["InternalFailure", "ServiceUnavailable"]));
  expect(performed.length).toBeGreaterThan(10);
  expect(performed.length).toBeLessThan(30);
});

test.each([
  ["error", true],
  ["error", false],
  ["timeout", true],
  ["timeout", false],
] as const)("a call with the fault %s has done its work: %s, when the fault says so", async (kind, isDone) => {
  const { faults, put, performed } = open();
  faults.inject({ ...always, kind, isDone });
  const calls = Array.from({ length: 10 }, (_, index) => put(`p${index}`).catch(() => undefined));
  await new Promise<void>((resolve) => void setImmediate(resolve));
  faults.heal();
  await Promise.all(calls);
  expect(performed).toHaveLength(isDone ? calls.length : 0);
});

describe("a call that times out", () => {
  test("is answered late, and its work is done once", async () => {
    const { world, faults, put, performed } = open();
    faults.inject({ ...always, kind: "timeout", answerAfterMs: 3_000 });
    let answered = false;
    const call = put("late").then(() => (answered = true));
    await world.clock.advance(2_999);
    expect(answered).toBe(false);
    await world.clock.advance(1);
    await call;
    expect(performed).toEqual(["PutParameter"]);
  });

  test("for good says nothing before the fault ends, and then fails", async () => {
    const { world, faults, get } = open();
    faults.inject({ ...always, kind: "timeout" });
    const call = get().then(
      () => "answered",
      (error: Error) => error.name,
    );
    await world.clock.advance(10_000);
    faults.heal();
    expect(await call).toBe("RequestTimeout");
  });
});

describe("a stale read", () => {
  test("tells what was so before a change, for a while after it", async () => {
    const { world, faults, names, put } = open();
    faults.inject({ ...always, kind: "stale", staleMs: 5_000 });
    expect(await names()).toEqual([]);
    await world.clock.advance(10_000);

    await put("new");
    expect(await names()).toEqual([]);
    await world.clock.advance(4_999);
    expect(await names()).toEqual([]);
    await world.clock.advance(1);
    expect(await names()).toEqual(["new"]);
  });

  test("does not stay stale when changes go on", async () => {
    const { world, faults, names, put, remove } = open();
    faults.inject({ ...always, kind: "stale", staleMs: 5_000 });
    await names();
    for (let second = 0; second < 5; second++) {
      await (second % 2 === 0 ? put("on-and-off") : remove("on-and-off"));
      await world.clock.advance(1_000);
    }
    expect(await names()).toEqual(["on-and-off"]);
  });

  test("also hides what an event of the service tells of", async () => {
    const { faults, names, put } = open();
    await put("one");
    faults.inject({ ...always, kind: "stale", staleMs: 5_000, service: "ssm", operation: "DescribeParameters" });
    await names();
    faults.event("aws.ssm", () => undefined);
    const stale = faults.active()[0];
    await names();
    expect(stale?.struck).toBe(1);
  });

  test("of something never read before is right: there is nothing older to tell", async () => {
    const { faults, names, put } = open();
    faults.inject({ ...always, kind: "stale", staleMs: 5_000 });
    await put("new");
    expect(await names()).toEqual(["new"]);
  });
});
