import { describe, expect, test } from "@jest/globals";
import { carryOut } from "../../../lib/operator/carry-out.ts";
import { fakeAws, quietGroup, unitFarm, WEB_NODE } from "./farm-fixture.ts";

describe("a wrong order", () => {
  test.each([
    [{ action: "scale", count: "3" }, 'count is "3", allowed is a whole number from 0 to 1000'],
    [{ action: "scale", count: 1.5 }, "count is 1.5, allowed is a whole number from 0 to 1000"],
    [{ action: "scale" }, "count is missing, allowed is a whole number from 0 to 1000"],
    [{ action: "scale", count: 2, forSeconds: -1 }, "forSeconds is -1, allowed is a whole number from 1 to 604800"],
    [{ action: "drain", instanceId: "web-1" }, 'instanceId is "web-1", allowed is an instance id such as'],
    [{ action: "drain", instanceId: WEB_NODE, keep: "yes" }, 'keep is "yes", allowed is true or false'],
    [{ action: "restore" }, "instanceId is missing, allowed is an instance id such as"],
    [{ action: "freeze", scope: "moon" }, 'scope is "moon", allowed is farm, or a scope: web, web/<instance-id>'],
    [{ action: "journal", since: "yesterday" }, 'since is "yesterday", allowed is an ISO-8601 time'],
    [{ action: "journal", limit: 5_000 }, "limit is 5000, allowed is a whole number from 1 to 1000"],
    [{ action: "plan", scope: "edge" }, "nothing to look after in scope edge"],
    [
      { action: "refresh", minHealthyPercent: 101 },
      "minHealthyPercent is 101, allowed is a whole number from 0 to 100",
    ],
    [
      { action: "refresh", checkpoints: [50, 20, 100] },
      "checkpoints is [50,20,100], allowed is at most 10 whole numbers",
    ],
    [{ action: "refresh", checkpoints: [20, 50] }, "each more than the one before, the last 100"],
    [{ action: "refresh", checkpoints: "20,100" }, 'checkpoints is "20,100", allowed is at most 10 whole numbers'],
    [{ action: "refresh", checkpointDelaySeconds: 172_801 }, "allowed is a whole number from 0 to 172800"],
    [{ action: "refresh", cancel: true }, "cancel is not a parameter of this action"],
    [{ action: "cancel-refresh", minHealthyPercent: 90 }, "minHealthyPercent is not a parameter of this action"],
    [{ action: "refresh" }, "group tandem-local-web has no launch template"],
    [{ action: "status", verbose: true }, "verbose is not a parameter of this action"],
    [
      { action: "explode" },
      'action is "explode", allowed is one of status, plan, journal, scale, drain, restore, switchover',
    ],
    [{}, "action is missing, allowed is one of status"],
    [null, "the order is null, allowed is an object with an action"],
    [[], "allowed is an object with an action"],
  ])("%j is answered with the parameter, what was given and what is allowed", async (order, says) => {
    const { farm, table } = unitFarm();
    fakeAws({ DescribeAutoScalingGroups: () => ({ AutoScalingGroups: [] }) });
    expect(await carryOut(farm, order)).toMatchObject({
      error: { message: expect.stringContaining(says), next: expect.any(String) },
    });
    expect(table.items.size).toBe(0);
  });
});

describe("an operator", () => {
  test("scales the web tier and is told what happened", async () => {
    const { farm, clock } = unitFarm();
    let desired = 1;
    const calls = fakeAws({
      ...quietGroup(),
      DescribeAutoScalingGroups: (input) => quietGroup({ desired })["DescribeAutoScalingGroups"]?.(input) ?? {},
      SetDesiredCapacity: () => ((desired = 3), {}),
    });
    const running = carryOut(farm, { action: "scale", count: 3, forSeconds: 600 });
    await clock.advance(120_000);
    const answer = await running;
    expect(answer).toMatchObject({
      text: expect.stringMatching(/^scale is standing: /),
      request: { state: "standing" },
    });
    expect(calls.filter(({ operation }) => operation === "SetDesiredCapacity")).toMatchObject([
      { input: { DesiredCapacity: 3 } },
    ]);
    expect("lines" in answer && answer.lines).toEqual(await farm.journal.read(0, 100));
  });

  test("rolls out the newest version of the launch template, and is told what began", async () => {
    const { farm, clock } = unitFarm();
    const LaunchTemplate = { LaunchTemplateId: "lt-1", Version: "2" };
    let version = "2";
    let refreshes: readonly object[] = [];
    const group = {
      ...{ AutoScalingGroupName: "tandem-local-web", MinSize: 1, MaxSize: 4, DesiredCapacity: 1 },
      Instances: [
        { InstanceId: WEB_NODE, LifecycleState: "InService", LaunchTemplate: { ...LaunchTemplate, Version: "1" } },
      ],
    };
    const calls = fakeAws({
      ...quietGroup(),
      DescribeAutoScalingGroups: () => ({
        AutoScalingGroups: [{ ...group, LaunchTemplate: { ...LaunchTemplate, Version: version } }],
      }),
      DescribeLaunchTemplates: () => ({ LaunchTemplates: [{ LaunchTemplateId: "lt-1", LatestVersionNumber: 2 }] }),
      DescribeInstanceRefreshes: () => ({ InstanceRefreshes: refreshes }),
      UpdateAutoScalingGroup: () => ((version = "1"), {}),
      StartInstanceRefresh() {
        const DesiredConfiguration = { LaunchTemplate };
        const InstanceRefreshId = "8f1c";
        refreshes = [
          { InstanceRefreshId, Status: "InProgress", StartTime: new Date(clock.now()), DesiredConfiguration },
        ];
        return { InstanceRefreshId };
      },
    });

    const running = carryOut(farm, { action: "refresh", checkpoints: [50, 100] });
    await clock.advance(120_000);

    expect(await running).toMatchObject({
      text: "refresh is standing: refresh 8f1c replaces the nodes by ones of version 2",
      request: { state: "standing" },
    });
    const changes = calls.filter(({ operation }) => !/^(Describe|Get)/.test(operation));
    expect(changes).toEqual([
      {
        operation: "UpdateAutoScalingGroup",
        input: { AutoScalingGroupName: "tandem-local-web", LaunchTemplate: { ...LaunchTemplate, Version: "1" } },
      },
      {
        operation: "StartInstanceRefresh",
        input: {
          AutoScalingGroupName: "tandem-local-web",
          DesiredConfiguration: { LaunchTemplate },
          Preferences: {
            ...{ MinHealthyPercentage: 90, MaxHealthyPercentage: 110, InstanceWarmup: 30 },
            ...{
              SkipMatching: true,
              AutoRollback: true,
              StandbyInstances: "Ignore",
              CheckpointPercentages: [50, 100],
              CheckpointDelay: 600,
            },
          },
        },
      },
    ]);
  });

  test("is heard although somebody else holds the scope", async () => {
    const { farm, clock } = unitFarm();
    fakeAws(quietGroup({ desired: 3 }));
    const other = await farm.leases.request("web");
    const running = carryOut(farm, { action: "scale", count: 3, forSeconds: 600 });
    await clock.advance(1_200);
    const [request] = await farm.requests.pending("web");
    await farm.requests.settle(request?.id ?? "", { state: "standing", answer: "3 nodes are held" });
    await clock.advance(1_000);
    expect(await running).toMatchObject({ text: "scale is standing: 3 nodes are held" });
    expect(await other?.release(1)).toBe("wanted");
  });

  test("who drains a machine that is not the farm's is refused", async () => {
    const { farm } = unitFarm();
    fakeAws(quietGroup());
    const answer = await carryOut(farm, { action: "drain", instanceId: "i-0ffffffffffffffff" });
    expect(answer).toMatchObject({ request: { state: "refused" } });
  });

  test("is one wish, however often Lambda delivers the order", async () => {
    const { farm, clock } = unitFarm();
    fakeAws(quietGroup());
    const order = { action: "drain", instanceId: "i-0ffffffffffffffff" };
    const first = await carryOut(farm, order);
    await clock.advance(60_000);
    expect("request" in first && first.request).toMatchObject({ id: farm.requestId, state: "refused" });
    expect(await carryOut(farm, order)).toMatchObject({ request: "request" in first && first.request });

    const other = { ...farm, requestId: "d6af9ac6-7b61-11e6-9a41-93e8deadbeef" };
    expect(await carryOut(other, order)).toMatchObject({ request: { id: other.requestId } });
  });

  test("freezes and thaws, and sees the dry run of a wish that waits", async () => {
    const { farm } = unitFarm();
    const calls = fakeAws(quietGroup());
    expect(await carryOut(farm, { action: "freeze", forSeconds: 60 })).toMatchObject({
      text: "farm is frozen until 2026-01-01T00:01:00.000Z: every plan is a dry run",
    });
    expect(await carryOut(farm, { action: "scale", count: 3 })).toMatchObject({
      text: expect.stringContaining("scale is not answered yet"),
      request: { state: "pending" },
      lines: expect.arrayContaining([
        expect.objectContaining({
          action: "set-desired",
          phase: "planned",
          result: expect.stringContaining("dry run: farm is frozen"),
        }),
      ]),
    });
    expect(calls.filter(({ operation }) => operation === "SetDesiredCapacity")).toEqual([]);
    await carryOut(farm, { action: "thaw" });
    expect(await farm.freezes.all()).toEqual([]);
  });

  test("reads the plan of every scope without any write", async () => {
    const { farm, table } = unitFarm();
    fakeAws(quietGroup());
    const answer = await carryOut(farm, { action: "plan" });
    expect(answer).toMatchObject({ text: expect.stringMatching(/^web: .*\ndatabase: /s) });
    expect(table.items.size).toBe(0);
  });

  test("reads in the status how far a roll-out is, why it was rolled back, or that it cannot be read", async () => {
    const { farm } = unitFarm();
    const refresh = {
      ...{ InstanceRefreshId: "8f1c", PercentageComplete: 33, InstancesToUpdate: 2, StartTime: new Date(60_000) },
      DesiredConfiguration: { LaunchTemplate: { LaunchTemplateId: "lt-1", Version: "5" } },
    };
    const told = async (DescribeInstanceRefreshes: () => object) => {
      fakeAws({ ...quietGroup(), DescribeInstanceRefreshes });
      const status = await carryOut(farm, { action: "status" });
      return "web" in status && "refresh" in status.web ? status.web.refresh : undefined;
    };

    expect(await told(() => ({ InstanceRefreshes: [] }))).toBeNull();
    expect(
      await told(() => ({ InstanceRefreshes: [{ ...refresh, Status: "InProgress", StatusReason: "i-7 warms up" }] })),
    ).toEqual({
      ...{ id: "8f1c", state: "InProgress", version: "5", startedAt: "1970-01-01T00:01:00.000Z" },
      ...{ percent: 33, toReplace: 2, reason: "i-7 warms up" },
    });
    expect(
      await told(() => ({
        InstanceRefreshes: [
          {
            ...{ ...refresh, Status: "RollbackSuccessful", EndTime: new Date(120_000) },
            RollbackDetails: { RollbackReason: "i-7 was abandoned" },
          },
        ],
      })),
    ).toMatchObject({ endedAt: "1970-01-01T00:02:00.000Z", reason: "i-7 was abandoned" });
    const down = () => {
      throw new Error("throttled");
    };
    expect(await told(down)).toEqual({ unknown: expect.stringContaining("describe the instance refreshes") });
  });

  test("reads the status", async () => {
    const { farm } = unitFarm();
    fakeAws(quietGroup());
    expect(await carryOut(farm, { action: "status" })).toMatchObject({
      farm: "tandem-local",
      web: { desired: 1, nodes: [{ id: WEB_NODE }] },
    });
  });
});
