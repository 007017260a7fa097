import { describe, expect, test } from "@jest/globals";
import {
  AttachLoadBalancerTargetGroupsCommand,
  ResumeProcessesCommand,
  SetInstanceProtectionCommand,
  SuspendProcessesCommand,
  UpdateAutoScalingGroupCommand,
  type RefreshPreferences,
} from "@aws-sdk/client-auto-scaling";
import { complete, group, hook, NAME, states, TARGETS } from "./farm.ts";
import type { Model } from "./model-world.ts";
import {
  cancel,
  eventsOf,
  latest,
  QUICK,
  refreshes,
  rollBack,
  serving,
  start,
  template,
  versions,
  watched,
} from "./refreshing.ts";

describe("a launch that fails", () => {
  async function abandoned(preferences: RefreshPreferences): Promise<Model> {
    const model = await serving(2);
    await hook(model, "tandem-launch", "LAUNCHING");
    await start(model, { ...QUICK, MinHealthyPercentage: 100, MaxHealthyPercentage: 110, ...preferences });
    await model.advance(2);
    await complete(model, "tandem-launch", "ABANDON", { id: "i-3" });
    await model.advance(1);
    return model;
  }

  test("fails the refresh, and what was replaced stays; the group keeps its own version", async () => {
    const model = await abandoned({});
    expect(await latest(model)).toMatchObject({
      Status: "Failed",
      StatusReason: expect.stringContaining("was abandoned"),
    });
    expect(await group(model)).toMatchObject({ LaunchTemplate: template("1"), DesiredCapacity: 2 });
    await model.advance(20);
    expect(await versions(model)).toEqual(["i-1 InService 1", "i-2 InService 1"]);
    expect(eventsOf(model)).toEqual(["Started", "Failed"]);
  });

  test("is rolled back if asked to, and why is told", async () => {
    const model = await abandoned({ AutoRollback: true });
    await model.advance(20);
    expect(await latest(model)).toMatchObject({
      Status: "RollbackSuccessful",
      PercentageComplete: 0,
      RollbackDetails: {
        RollbackReason: expect.stringContaining("was abandoned"),
        PercentageCompleteOnRollback: 0,
        InstancesToUpdateOnRollback: 2,
      },
    });
    expect(await versions(model)).toEqual(["i-1 InService 1", "i-2 InService 1"]);
    expect(eventsOf(model)).toEqual(["Started", "Rollback Started", "Rollback Succeeded"]);
  });

  test("after the first replacements brings the old version back for those", async () => {
    const model = await serving(2);
    await start(model, { ...QUICK, MinHealthyPercentage: 100, MaxHealthyPercentage: 110, AutoRollback: true });
    await model.advance(0);
    model.failures.push("InsufficientInstanceCapacity");
    await watched(model);
    await model.advance(10);
    expect(await latest(model)).toMatchObject({
      Status: "RollbackSuccessful",
      RollbackDetails: { RollbackReason: expect.stringContaining("InsufficientInstanceCapacity") },
    });
    expect((await versions(model)).map((one) => one.slice(4))).toEqual(["InService 1", "InService 1"]);
    expect(await group(model)).toMatchObject({ LaunchTemplate: template("1"), DesiredCapacity: 2 });
  });

  test("in a rollback is tried again; after an hour without an instance it is given up", async () => {
    const model = await serving(1);
    await hook(model, "tandem-launch", "LAUNCHING", { HeartbeatTimeout: 30 });
    await start(model, { ...QUICK, AutoRollback: true });
    await model.advance(40);
    expect(await latest(model)).toMatchObject({ Status: "RollbackInProgress" });
    await model.advance(3_650);
    expect(await latest(model)).toMatchObject({
      Status: "RollbackFailed",
      StatusReason: "The rollback made no progress for one hour.",
    });
  });
});

describe("an operator", () => {
  test("cancels it: what is under way ends, what was replaced stays", async () => {
    const model = await serving(2);
    await start(model, { ...QUICK, MinHealthyPercentage: 100, MaxHealthyPercentage: 110 });
    await model.advance(0);
    await cancel(model);
    expect(await latest(model)).toMatchObject({ Status: "Cancelling" });
    await model.advance(10);
    expect(await latest(model)).toMatchObject({ Status: "Cancelled", StatusReason: "Cancelled due to user request." });
    expect(await states(model)).toHaveLength(2);
    expect(await group(model)).toMatchObject({ LaunchTemplate: template("1") });
    expect(eventsOf(model)).toEqual(["Started", "Cancelled"]);
  });

  test("cancels it at once, if nothing is to be waited for", async () => {
    const model = await serving(2);
    await start(model, QUICK);
    await model.advance(0);
    await cancel(model, false);
    await model.advance(0);
    expect(await latest(model)).toMatchObject({ Status: "Cancelled" });
  });

  test("rolls it back", async () => {
    const model = await serving(2);
    await start(model, { ...QUICK, CheckpointPercentages: [50, 100], CheckpointDelay: 600 });
    await model.advance(10);
    expect(await latest(model)).toMatchObject({ PercentageComplete: 50 });
    await rollBack(model);
    expect(await latest(model)).toMatchObject({ Status: "RollbackInProgress", InstancesToUpdate: 1 });
    await model.advance(10);
    expect(await latest(model)).toMatchObject({
      Status: "RollbackSuccessful",
      PercentageComplete: 0,
      InstancesToUpdate: 1,
      RollbackDetails: { PercentageCompleteOnRollback: 50, RollbackReason: expect.stringContaining("user request") },
    });
    expect((await versions(model)).map((one) => one.slice(4))).toEqual(["InService 1", "InService 1"]);
  });

  test("suspends the process, and nothing is replaced meanwhile", async () => {
    const model = await serving(2);
    const process = { AutoScalingGroupName: NAME, ScalingProcesses: ["InstanceRefresh"] };
    await model.client.send(new SuspendProcessesCommand(process));
    await start(model, QUICK);
    await model.advance(60);
    expect(await latest(model)).toMatchObject({
      Status: "InProgress",
      StatusReason: expect.stringContaining("suspended"),
    });
    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService"]);
    await model.client.send(new ResumeProcessesCommand(process));
    await watched(model);
    expect(await latest(model)).toMatchObject({ Status: "Successful" });
  });
});

describe("instances that are protected from scale in", () => {
  const protect = (model: Model, InstanceIds: string[]) =>
    model.client.send(
      new SetInstanceProtectionCommand({ AutoScalingGroupName: NAME, InstanceIds, ProtectedFromScaleIn: true }),
    );

  test.each([
    ["Ignore", "Successful", 1],
    ["Refresh", "Successful", 2],
    ["Wait", "Failed", 1],
  ] as const)("with %s the refresh is %s", async (ScaleInProtectedInstances, status, replaced) => {
    const model = await serving(2);
    await protect(model, ["i-2"]);
    await start(model, { ...QUICK, ScaleInProtectedInstances });
    await model.advance(3_700);
    expect(await latest(model)).toMatchObject({ Status: status });
    expect((await versions(model)).filter((one) => one.endsWith("2"))).toHaveLength(replaced);
  });
});

describe("what AWS refuses", () => {
  test.each<[RefreshPreferences, string]>([
    [{ MinHealthyPercentage: 101 }, "MinHealthyPercentage must be between 0 and 100"],
    [{ MaxHealthyPercentage: 110 }, "You must specify MinHealthyPercentage"],
    [{ MinHealthyPercentage: 90, MaxHealthyPercentage: 99 }, "MaxHealthyPercentage must be between 100 and 200"],
    [{ MinHealthyPercentage: 0, MaxHealthyPercentage: 101 }, "cannot be greater than 100"],
    [{ CheckpointDelay: 10 }, "You must specify CheckpointPercentages"],
    [{ CheckpointPercentages: [50, 20] }, "unique and in ascending order"],
    [{ CheckpointPercentages: [50, 50] }, "unique and in ascending order"],
    [{ CheckpointPercentages: [0, 50] }, "CheckpointPercentages must be between 1 and 100"],
    [{ CheckpointPercentages: [50], CheckpointDelay: 172_801 }, "CheckpointDelay must be between 0 and 172800"],
    [{ InstanceWarmup: -1 }, "InstanceWarmup must be between 0"],
    [{ BakeTime: 60 }, "the embedded cloud does not support BakeTime"],
  ])("%j", async (preferences, message) => {
    const model = await serving(1);
    await expect(start(model, preferences)).rejects.toMatchObject({
      name: "ValidationError",
      message: expect.stringContaining(message),
    });
    expect(await refreshes(model)).toEqual([]);
  });

  test("a second refresh, and a target group, while one goes on", async () => {
    const model = await serving(2);
    await start(model, QUICK);
    const attach = new AttachLoadBalancerTargetGroupsCommand({
      AutoScalingGroupName: NAME,
      TargetGroupARNs: [TARGETS],
    });
    for (const refused of [start(model, QUICK), model.client.send(attach)])
      await expect(refused).rejects.toMatchObject({ name: "InstanceRefreshInProgressFault" });
    expect(await refreshes(model)).toHaveLength(1);
  });

  test("another template of the group's own meanwhile; its other settings may change", async () => {
    const model = await serving(2);
    await start(model, QUICK);
    const update = (more: object) =>
      model.client.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: NAME, ...more }));
    await expect(update({ LaunchTemplate: template("3") })).rejects.toThrow("An active instance refresh");
    await update({ LaunchTemplate: template("1"), MaxSize: 9 });
    expect(await group(model)).toMatchObject({ MaxSize: 9, LaunchTemplate: template("1") });
  });

  test("to cancel or roll back what is not there", async () => {
    const model = await serving(1);
    for (const refused of [cancel(model), rollBack(model)])
      await expect(refused).rejects.toMatchObject({ name: "ActiveInstanceRefreshNotFoundFault" });
  });

  test("a rollback without a desired configuration, or to a version that is no number", async () => {
    const model = await serving(2);
    await start(model, { InstanceWarmup: 600 }, null);
    await model.advance(1);
    await expect(rollBack(model)).rejects.toMatchObject({ name: "IrreversibleInstanceRefreshFault" });
    await cancel(model, false);
    await model.advance(1);
    await expect(start(model, { AutoRollback: true }, null)).rejects.toThrow("no desired configuration");
    const moving = await serving(2, { LaunchTemplate: template("$Latest") });
    await expect(start(moving, { AutoRollback: true })).rejects.toThrow("$Latest version");
    await start(moving, { SkipMatching: true, InstanceWarmup: 600 });
    await moving.advance(1);
    await expect(rollBack(moving)).rejects.toMatchObject({ name: "IrreversibleInstanceRefreshFault" });
  });

  test("a version of the template that does not exist", async () => {
    const model = await serving(1);
    await expect(start(model, QUICK, "9")).rejects.toThrow("You must use a valid fully-formed launch template");
  });
});
