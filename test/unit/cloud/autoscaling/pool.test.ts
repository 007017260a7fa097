import { describe, expect, test } from "@jest/globals";
import {
  DeleteWarmPoolCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeWarmPoolCommand,
  PutWarmPoolCommand,
  SetDesiredCapacityCommand,
  SetInstanceHealthCommand,
  type PutWarmPoolCommandInput,
} from "@aws-sdk/client-auto-scaling";
import { activities, complete, createGroup, group, hook, NAME, states } from "./farm.ts";
import { openModel, type Model } from "./model-world.ts";

const put = (model: Model, settings: Partial<PutWarmPoolCommandInput> = {}): Promise<unknown> =>
  model.client.send(new PutWarmPoolCommand({ AutoScalingGroupName: NAME, ...settings }));
const drop = (model: Model, ForceDelete = false): Promise<unknown> =>
  model.client.send(new DeleteWarmPoolCommand({ AutoScalingGroupName: NAME, ForceDelete }));
const desired = (model: Model, DesiredCapacity: number): Promise<unknown> =>
  model.client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: NAME, DesiredCapacity }));
const pool = (model: Model) => model.client.send(new DescribeWarmPoolCommand({ AutoScalingGroupName: NAME }));
/** e.g. `["i-2 Warmed:Stopped"]`. */
const warm = async (model: Model): Promise<string[]> =>
  ((await pool(model)).Instances ?? []).map((each) => `${each.InstanceId} ${each.LifecycleState}`);
const journeys = (model: Model): string[] =>
  model.events.map(
    ({ detailType, detail }) =>
      `${detailType.replace("EC2 Instance", "").replace(/[ -]/g, "")}: ${String(detail["Origin"])} to ${String(detail["Destination"])}`,
  );

/** One instance in service, and one in the pool. */
async function pooled(settings: Partial<PutWarmPoolCommandInput> = { MinSize: 1, MaxGroupPreparedCapacity: 0 }) {
  const model = openModel();
  await createGroup(model);
  await put(model, settings);
  await model.advance(10);
  return model;
}

describe("the way into the pool", () => {
  test("an instance boots, passes the launch hook, is stopped and waits; it is none of the group's instances", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING");
    await put(model, { MinSize: 1, MaxGroupPreparedCapacity: 0 });
    await model.advance(0);
    expect(await warm(model)).toEqual(["i-1 Warmed:Pending"]);
    expect(model.requests[0]?.lifecycleState()).toBe("Warmed:Stopped");
    await model.advance(1);
    expect(await warm(model)).toEqual(["i-1 Warmed:Pending:Wait"]);

    await complete(model, "tandem-launch", "CONTINUE", { id: "i-1" });
    await model.advance(0);
    expect(await warm(model)).toEqual(["i-1 Warmed:Pending:Proceed"]);
    await model.advance(1);

    expect(await warm(model)).toEqual(["i-1 Warmed:Stopped"]);
    expect(model.instance("i-1")?.state).toBe("stopped");
    expect(model.log).not.toContain("register i-1");
    expect(await group(model)).toMatchObject({
      Instances: [],
      WarmPoolSize: 1,
      WarmPoolConfiguration: { MinSize: 1, MaxGroupPreparedCapacity: 0, PoolState: "Stopped" },
    });
    const all = await model.client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: ["i-1"] }));
    expect(all.AutoScalingInstances?.[0]).toMatchObject({ LifecycleState: "Warmed:Stopped" });
    expect(journeys(model)).toEqual(["launchLifecycleAction: EC2 to WarmPool", "LaunchSuccessful: EC2 to WarmPool"]);
    expect((await activities(model))[0]).toMatchObject({
      StatusCode: "Successful",
      Description: "Launching a new EC2 instance into warm pool: i-1",
    });
  });

  test("of a pool that keeps its instances running ends in Warmed:Running", async () => {
    const model = await pooled({ MinSize: 1, MaxGroupPreparedCapacity: 0, PoolState: "Running" });
    expect(await warm(model)).toEqual(["i-2 Warmed:Running"]);
    expect(model.log).not.toContain("stop i-2");
  });

  test("ends with ABANDON in Warmed:Terminating, and another instance takes its place", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING");
    await hook(model, "tandem-terminate", "TERMINATING");
    await put(model, { MinSize: 1, MaxGroupPreparedCapacity: 0 });
    await model.advance(1);
    await complete(model, "tandem-launch", "ABANDON", { id: "i-1" });
    await model.advance(0);
    expect(await warm(model)).toContain("i-1 Warmed:Terminating:Wait");

    await complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" });
    await model.advance(10);

    expect(await warm(model)).toEqual(["i-2 Warmed:Pending:Wait"]);
    expect(journeys(model)).toEqual([
      "launchLifecycleAction: EC2 to WarmPool",
      "LaunchUnsuccessful: EC2 to WarmPool",
      "terminateLifecycleAction: WarmPool to EC2",
      "TerminateSuccessful: WarmPool to EC2",
      "launchLifecycleAction: EC2 to WarmPool",
    ]);
  });
});

describe("the way out of the pool", () => {
  test("a scale-out starts the warm instance, which passes the launch hook again; the pool is filled up again", async () => {
    const model = await pooled();
    await hook(model, "tandem-launch", "LAUNCHING");
    expect(await warm(model)).toEqual(["i-2 Warmed:Stopped"]);

    await desired(model, 2);
    await model.advance(0);
    expect(model.instance("i-2")?.state).toBe("pending");
    await model.advance(1);
    expect(await states(model)).toEqual(["i-1 InService", "i-2 Pending:Wait"]);
    await complete(model, "tandem-launch", "CONTINUE", { id: "i-2" });
    await model.advance(0);

    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService"]);
    expect(await warm(model)).toEqual(["i-3 Warmed:Pending:Wait"]);
    expect(model.log).toContain("register i-2");
    expect(journeys(model).slice(-3)).toEqual([
      "launchLifecycleAction: WarmPool to AutoScalingGroup",
      "launchLifecycleAction: EC2 to WarmPool",
      "LaunchSuccessful: WarmPool to AutoScalingGroup",
    ]);
    expect((await activities(model)).map(({ Description }) => Description)).toContain(
      "Launching a new EC2 instance from warm pool: i-2",
    );
  });

  test("a scale-out beyond the pool launches the rest directly", async () => {
    const model = await pooled();
    await desired(model, 3);
    await model.advance(10);
    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService", "i-3 InService"]);
    expect(await warm(model)).toEqual(["i-4 Warmed:Stopped"]);
  });

  test("an instance that EC2 does not start is given up, and the group launches another", async () => {
    const model = await pooled();
    model.failures.push("InsufficientInstanceCapacity");
    await desired(model, 2);
    await model.advance(30);
    expect(await states(model)).toEqual(["i-1 InService", "i-3 InService"]);
    expect(model.log).toContain("terminate i-2");
  });

  test("a replacement of an unhealthy instance comes from the pool", async () => {
    const model = await pooled();
    model.turn("i-1", "terminated");
    await model.advance(1);
    model.health.set("i-1", "unused");
    await model.advance(10);
    expect(await states(model)).toEqual(["i-2 InService"]);
    expect(await warm(model)).toEqual(["i-3 Warmed:Stopped"]);
  });
});

describe("the size of the pool", () => {
  test("is by default what the group's maximum leaves, and shrinks as the group grows", async () => {
    const model = await pooled({});
    expect(await warm(model)).toHaveLength(3);
    await desired(model, 3);
    await model.advance(10);
    expect(await states(model)).toHaveLength(3);
    expect(await warm(model)).toHaveLength(1);
    expect(model.requests).toHaveLength(4);
  });

  test("follows MaxGroupPreparedCapacity but not below MinSize; -1 takes the bound away", async () => {
    const model = await pooled({ MaxGroupPreparedCapacity: 2 });
    expect(await warm(model)).toHaveLength(1);
    await put(model, { MinSize: 2, MaxGroupPreparedCapacity: 0 });
    await model.advance(10);
    expect(await warm(model)).toHaveLength(2);
    await put(model, { MinSize: 0, MaxGroupPreparedCapacity: -1 });
    await model.advance(10);
    expect(await warm(model)).toHaveLength(3);
    await put(model, { MaxGroupPreparedCapacity: 0 });
    await model.advance(10);
    expect(await warm(model)).toEqual([]);
    expect(await states(model)).toEqual(["i-1 InService"]);
  });

  test("is restored when an instance of it is lost or called unhealthy; a stopped one is neither", async () => {
    const model = await pooled();
    await model.advance(600);
    expect(await warm(model)).toEqual(["i-2 Warmed:Stopped"]);
    model.turn("i-2", "terminated");
    await model.advance(10);
    expect(await warm(model)).toEqual(["i-3 Warmed:Stopped"]);
    await model.client.send(
      new SetInstanceHealthCommand({
        InstanceId: "i-3",
        HealthStatus: "Unhealthy",
        ShouldRespectGracePeriod: false,
      }),
    );
    await model.advance(10);
    expect(await warm(model)).toEqual(["i-4 Warmed:Stopped"]);
  });

  test("of a group that has none is nothing: no instance is launched for it", async () => {
    const model = openModel();
    await createGroup(model);
    await model.advance(10);
    expect(await pool(model)).toMatchObject({ Instances: [] });
    expect((await group(model))?.WarmPoolConfiguration).toBeUndefined();
    expect(model.requests).toHaveLength(1);
  });
});

test("with a reuse policy, scale-in drains an instance, runs the terminate hook at Warmed:Pending:Wait and stops it", async () => {
  const model = await pooled({ MaxGroupPreparedCapacity: 2, InstanceReusePolicy: { ReuseOnScaleIn: true } });
  await hook(model, "tandem-terminate", "TERMINATING");
  await desired(model, 2);
  await model.advance(5);
  expect(await warm(model)).toEqual([]);

  await desired(model, 1);
  await model.advance(0);
  expect(await warm(model)).toEqual(["i-1 Warmed:Pending"]);
  expect(model.log).toContain("deregister i-1");
  model.health.set("i-1", "unused");
  await model.advance(5);
  expect(await warm(model)).toEqual(["i-1 Warmed:Pending:Wait"]);
  expect(journeys(model).at(-1)).toBe("terminateLifecycleAction: AutoScalingGroup to WarmPool");
  await complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" });
  await model.advance(2);

  expect(await warm(model)).toEqual(["i-1 Warmed:Stopped"]);
  expect(await states(model)).toEqual(["i-2 InService"]);
  expect(model.log).not.toContain("terminate i-1");
  expect(journeys(model).at(-1)).toBe("TerminateSuccessful: AutoScalingGroup to WarmPool");
});

describe("the end of a pool", () => {
  test("its instances pass the terminate hook, the group's own stay", async () => {
    const model = await pooled();
    await hook(model, "tandem-terminate", "TERMINATING");
    await drop(model);
    await model.advance(0);
    expect(await warm(model)).toEqual(["i-2 Warmed:Terminating:Wait"]);
    expect((await pool(model)).WarmPoolConfiguration?.Status).toBe("PendingDelete");
    await expect(put(model)).rejects.toMatchObject({ name: expect.stringMatching(/^ResourceContention/) });

    await complete(model, "tandem-terminate", "CONTINUE", { id: "i-2" });
    await model.advance(10);

    expect((await pool(model)).WarmPoolConfiguration).toBeUndefined();
    expect(await warm(model)).toEqual([]);
    expect(await states(model)).toEqual(["i-1 InService"]);
  });

  test("a forced one waits for no hook", async () => {
    const model = await pooled();
    await hook(model, "tandem-terminate", "TERMINATING");
    await drop(model, true);
    await model.advance(2);
    expect((await group(model))?.WarmPoolConfiguration).toBeUndefined();
    expect(model.instance("i-2")?.state).toBe("terminated");
    await expect(drop(model)).rejects.toMatchObject({ name: "ValidationError" });
  });
});

test.each([
  [{ PoolState: "Hibernated" } as const, "does not support PoolState Hibernated"],
  [{ MinSize: -1 }, "MinSize must be 0 or more"],
  [{ MaxGroupPreparedCapacity: -2 }, "MaxGroupPreparedCapacity must be -1 or more"],
])("a pool with %j is refused: %s", async (settings, words) => {
  const model = openModel();
  await createGroup(model);
  await expect(put(model, settings)).rejects.toThrow(words);
});
