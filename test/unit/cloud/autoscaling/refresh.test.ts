import { describe, expect, test } from "@jest/globals";
import {
  DescribeInstanceRefreshesCommand,
  PutWarmPoolCommand,
  SetDesiredCapacityCommand,
} from "@aws-sdk/client-auto-scaling";
import { activities, complete, group, hook, NAME, states } from "./farm.ts";
import {
  eventsOf,
  latest,
  QUICK,
  refreshes,
  serving,
  start,
  template,
  versions,
  watched,
  zones,
} from "./refreshing.ts";

describe("an instance refresh", () => {
  test("replaces every instance by one of the desired version, which the group then takes over", async () => {
    const model = await serving(4);
    const id = await start(model, QUICK);
    expect(await latest(model)).toMatchObject({ InstanceRefreshId: id, Status: "InProgress", PercentageComplete: 0 });

    await watched(model);

    expect(await latest(model)).toMatchObject({
      Status: "Successful",
      PercentageComplete: 100,
      InstancesToUpdate: 0,
      EndTime: expect.any(Date),
      DesiredConfiguration: { LaunchTemplate: template("2") },
      Preferences: { MinHealthyPercentage: 90, SkipMatching: true, AutoRollback: false, InstanceWarmup: 0 },
    });
    await model.advance(10);
    expect(await group(model)).toMatchObject({ LaunchTemplate: template("2"), DesiredCapacity: 4 });
    const all = await versions(model);
    expect(all).toHaveLength(4);
    expect(all.every((one) => one.endsWith("InService 2"))).toBe(true);
    expect(await zones(model)).toEqual(["a", "a", "b", "b"]);
    expect(eventsOf(model)).toEqual(["Started", "Succeeded"]);
    const [activity] = (await activities(model)).filter(({ Description }) => Description?.startsWith("Terminating"));
    expect(activity?.Cause).toContain("in response to an instance refresh");
  });

  test.each([
    // Without a maximum AWS takes an instance out first, one at a time at the least.
    [4, {}, { least: 3, most: 4 }],
    [4, { MinHealthyPercentage: 50 }, { least: 2, most: 4 }],
    [4, { MinHealthyPercentage: 0 }, { least: 0, most: 4 }],
    // With one, and no room for either, it launches first.
    [2, { MinHealthyPercentage: 90, MaxHealthyPercentage: 110 }, { least: 2, most: 3 }],
    [2, { MinHealthyPercentage: 100, MaxHealthyPercentage: 100 }, { least: 2, most: 3 }],
    [4, { MinHealthyPercentage: 100, MaxHealthyPercentage: 200 }, { least: 4, most: 8 }],
    [10, { MinHealthyPercentage: 90, MaxHealthyPercentage: 110 }, { least: 9, most: 11 }],
    [1, { MinHealthyPercentage: 100, MaxHealthyPercentage: 110 }, { least: 1, most: 2 }],
  ])("of %i instances with %j keeps its bounds", async (count, preferences, bounds) => {
    const model = await serving(count);
    await start(model, { ...QUICK, ...preferences });
    expect(await watched(model)).toEqual(bounds);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
  });

  test("skips what matches if asked to, and replaces it otherwise", async () => {
    const model = await serving(2);
    await start(model, { ...QUICK, SkipMatching: true }, "1");
    await model.advance(0);
    expect(await latest(model)).toMatchObject({ Status: "Successful", PercentageComplete: 100 });
    expect(await versions(model)).toEqual(["i-1 InService 1", "i-2 InService 1"]);

    await start(model, { ...QUICK, SkipMatching: false }, null);
    await watched(model);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
    expect((await states(model)).filter((one) => /i-[12] InService/.test(one))).toEqual([]);
  });

  test("waits for the warm-up of each instance, and says for which", async () => {
    const model = await serving(2);
    await start(model, { ...QUICK, InstanceWarmup: 60, MinHealthyPercentage: 100, MaxHealthyPercentage: 110 });
    await model.advance(2);
    expect(await latest(model)).toMatchObject({
      Status: "InProgress",
      PercentageComplete: 0,
      InstancesToUpdate: 2,
      StatusReason: expect.stringContaining("i-3 is warming up"),
    });
    await model.advance(58);
    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService", "i-3 InService"]);
    await model.advance(2);
    expect(await latest(model)).toMatchObject({ PercentageComplete: 50, InstancesToUpdate: 1 });
  });

  test("passes the hooks of launch and termination, for as long as they take", async () => {
    const model = await serving(1);
    await hook(model, "tandem-launch", "LAUNCHING", { HeartbeatTimeout: 7_200 });
    await hook(model, "tandem-terminate", "TERMINATING");
    await start(model, { ...QUICK, MinHealthyPercentage: 100, MaxHealthyPercentage: 110 });
    await model.advance(3_000);
    expect(await states(model)).toEqual(["i-1 InService", "i-2 Pending:Wait"]);
    expect(await latest(model)).toMatchObject({ Status: "InProgress" });

    await complete(model, "tandem-launch", "CONTINUE", { id: "i-2" });
    await model.advance(1);
    expect(await states(model)).toEqual(["i-1 Terminating:Wait", "i-2 InService"]);
    await complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" });
    await model.advance(2);
    expect(await versions(model)).toEqual(["i-2 InService 2"]);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
  });

  test("launches a scale-out from the desired version, and takes a scale-in from the old ones", async () => {
    const model = await serving(2);
    const paused = { CheckpointPercentages: [50, 100], CheckpointDelay: 600 };
    await start(model, { ...QUICK, ...paused, MinHealthyPercentage: 100, MaxHealthyPercentage: 110 });
    await model.advance(10);
    await model.client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: NAME, DesiredCapacity: 3 }));
    await model.advance(3);
    expect(await versions(model)).toEqual(["i-2 InService 1", "i-3 InService 2", "i-4 InService 2"]);
    await model.client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: NAME, DesiredCapacity: 2 }));
    await watched(model);
    await model.advance(3);
    expect(await versions(model)).toEqual(["i-3 InService 2", "i-4 InService 2"]);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
  });

  test("replaces the instances of the warm pool too, and takes none of them that is old", async () => {
    const model = await serving(1, { MinSize: 1 });
    await model.client.send(
      new PutWarmPoolCommand({ AutoScalingGroupName: NAME, MinSize: 1, MaxGroupPreparedCapacity: 0 }),
    );
    await model.advance(10);
    await start(model, { ...QUICK, MinHealthyPercentage: 100, MaxHealthyPercentage: 110 });
    await model.advance(1);
    expect((await latest(model)).ProgressDetails?.WarmPoolProgress).toMatchObject({ InstancesToUpdate: 0 });
    await watched(model);
    await model.advance(20);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
    expect(model.requests.slice(2).map(({ version }) => version)).not.toContain("1");
    expect(model.log).toContain("terminate i-2");
    expect(await versions(model)).toEqual([expect.stringMatching(/InService 2$/)]);
  });
});

describe("checkpoints", () => {
  test("pause the refresh and are told; the one that is skipped is not", async () => {
    const model = await serving(4);
    await start(model, { ...QUICK, CheckpointPercentages: [10, 20, 50, 100], CheckpointDelay: 600 });
    await model.advance(10);
    expect(await latest(model)).toMatchObject({ Status: "InProgress", PercentageComplete: 25, InstancesToUpdate: 3 });
    expect((await latest(model)).StatusReason).toContain("Waiting at the checkpoint until");
    await model.advance(580);
    expect((await versions(model)).filter((one) => one.endsWith("2"))).toHaveLength(1);
    await model.advance(30);
    expect(await latest(model)).toMatchObject({ PercentageComplete: 50 });
    await model.advance(620);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
    expect(model.events.filter(({ detailType }) => detailType.includes("Checkpoint"))).toMatchObject([
      { detail: { CheckpointPercentage: "20", CheckpointDelay: "600" } },
      { detail: { CheckpointPercentage: "50", CheckpointDelay: "600" } },
    ]);
  });

  test("below 100 end the refresh there", async () => {
    const model = await serving(4);
    await start(model, { ...QUICK, CheckpointPercentages: [50] });
    await watched(model);
    expect(await latest(model)).toMatchObject({ Status: "Successful", PercentageComplete: 50, InstancesToUpdate: 2 });
  });
});

test("refreshes are told newest first, by their ids, and by pages", async () => {
  const model = await serving(1);
  const first = await start(model, QUICK, "1");
  await model.advance(1);
  const second = await start(model, QUICK, "1");
  await model.advance(1);
  expect((await refreshes(model)).map(({ InstanceRefreshId: id }) => id)).toEqual([second, first]);
  const page = (more: object) =>
    model.client.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: NAME, ...more }));
  expect((await page({ InstanceRefreshIds: [first] })).InstanceRefreshes).toHaveLength(1);
  const begun = await page({ MaxRecords: 1 });
  expect(begun).toMatchObject({ InstanceRefreshes: [{ InstanceRefreshId: second }], NextToken: expect.any(String) });
  expect(await page({ MaxRecords: 1, NextToken: begun.NextToken })).toMatchObject({
    InstanceRefreshes: [{ InstanceRefreshId: first }],
  });
});
