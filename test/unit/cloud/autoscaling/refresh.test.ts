import { describe, expect, test } from "@jest/globals";
import {
  AttachLoadBalancerTargetGroupsCommand,
  CancelInstanceRefreshCommand,
  DescribeInstanceRefreshesCommand,
  PutWarmPoolCommand,
  ResumeProcessesCommand,
  RollbackInstanceRefreshCommand,
  SetDesiredCapacityCommand,
  SetInstanceProtectionCommand,
  StartInstanceRefreshCommand,
  SuspendProcessesCommand,
  UpdateAutoScalingGroupCommand,
  type CreateAutoScalingGroupCommandInput,
  type InstanceRefresh,
  type RefreshPreferences,
} from "@aws-sdk/client-auto-scaling";
import { activities, complete, createGroup, group, hook, NAME, states, TARGETS } from "./farm.ts";
import { openModel, type Model } from "./model-world.ts";

const template = (Version: string) => ({ LaunchTemplateId: "lt-1", Version });

/** Instances of version 1 in service, the odd ones in zone a. */
async function serving(count: number, settings: Partial<CreateAutoScalingGroupCommandInput> = {}): Promise<Model> {
  const model = openModel();
  const sizes = { MaxSize: 20, DesiredCapacity: count, TargetGroupARNs: [] };
  await createGroup(model, { LaunchTemplate: template("1"), ...sizes, ...settings });
  await model.advance(2);
  return model;
}

const start = async (model: Model, preferences: RefreshPreferences = {}, version: string | null = "2") =>
  (
    await model.client.send(
      new StartInstanceRefreshCommand({
        AutoScalingGroupName: NAME,
        Preferences: preferences,
        ...(version === null ? {} : { DesiredConfiguration: { LaunchTemplate: template(version) } }),
      }),
    )
  ).InstanceRefreshId;
const cancel = (model: Model, WaitForTransitioningInstances?: boolean) =>
  model.client.send(
    new CancelInstanceRefreshCommand({
      AutoScalingGroupName: NAME,
      ...(WaitForTransitioningInstances === undefined ? {} : { WaitForTransitioningInstances }),
    }),
  );
const rollBack = (model: Model) =>
  model.client.send(new RollbackInstanceRefreshCommand({ AutoScalingGroupName: NAME }));
async function refreshes(model: Model): Promise<InstanceRefresh[]> {
  const answer = await model.client.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: NAME }));
  return answer.InstanceRefreshes ?? [];
}
const latest = async (model: Model): Promise<InstanceRefresh> => (await refreshes(model))[0] ?? {};
/** e.g. `["i-1 InService 1", "i-3 Pending 2"]`: state and template version. */
const versions = async (model: Model): Promise<string[]> =>
  ((await group(model))?.Instances ?? []).map(
    (one) => `${one.InstanceId} ${one.LifecycleState} ${one.LaunchTemplate?.Version}`,
  );
const zones = async (model: Model): Promise<string[]> =>
  ((await group(model))?.Instances ?? []).map(({ AvailabilityZone: zone = "" }) => zone.at(-1) ?? "").toSorted();
const eventsOf = (model: Model): string[] =>
  model.events
    .map(({ detailType }) => detailType)
    .filter((type) => type.includes("Refresh"))
    .map((type) => type.replace("EC2 Auto Scaling Instance Refresh ", ""));
const QUICK = { InstanceWarmup: 0, SkipMatching: true } as const;

/** The least in service, and the most in the group, of all half seconds until the refresh has ended; boots take a whole one. */
async function watched(model: Model, seconds = 300): Promise<{ least: number; most: number }> {
  const seen = { least: Infinity, most: 0 };
  for (let half = 0; half < seconds * 2; half++) {
    await model.advance(0.5);
    const all = await states(model);
    seen.least = Math.min(seen.least, all.filter((one) => one.endsWith("InService")).length);
    seen.most = Math.max(seen.most, all.filter((one) => /InService|Pending/.test(one)).length);
    if ((await latest(model)).EndTime !== undefined) break;
  }
  return seen;
}

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

test("refreshes are told newest first, by their ids, and by pages", async () => {
  const model = await serving(1);
  const first = await start(model, QUICK, "1");
  await model.advance(1);
  const second = await start(model, QUICK, "1");
  await model.advance(1);
  expect((await refreshes(model)).map(({ InstanceRefreshId: id }) => id)).toEqual([second, first]);
  const describe = (more: object) =>
    model.client.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: NAME, ...more }));
  expect((await describe({ InstanceRefreshIds: [first] })).InstanceRefreshes).toHaveLength(1);
  const page = await describe({ MaxRecords: 1 });
  expect(page).toMatchObject({ InstanceRefreshes: [{ InstanceRefreshId: second }], NextToken: expect.any(String) });
  expect(await describe({ MaxRecords: 1, NextToken: page.NextToken })).toMatchObject({
    InstanceRefreshes: [{ InstanceRefreshId: first }],
  });
});
