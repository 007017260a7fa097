import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { GROUP, openGrownFarm, type GrownFarm } from "../../../bench/growth/farm.ts";
import { faultsOf, type Row } from "../../../bench/growth.ts";
import { instanceScope } from "../../../lib/scope.ts";

const SMALL = 10;
const LARGE = 1_000;

/** A second or two of work for a machine that does nothing else. */
jest.setTimeout(120_000);

describe("a pass of the minute clock", () => {
  let small: GrownFarm;
  let large: GrownFarm;
  beforeAll(async () => {
    [small, large] = [await openGrownFarm(SMALL), await openGrownFarm(LARGE)];
  });
  afterAll(async () => {
    await small.close();
    await large.close();
  });

  test("asks no more of a thousand healthy nodes than of ten, and looks at every scope", async () => {
    const byOperation = async (farm: GrownFarm) => {
      const { calls, report } = await farm.pass();
      const refused = calls.filter(({ status }) => status !== 200);
      return { operations: calls.map(({ operation }) => operation).toSorted(), scopes: report.looks, refused };
    };

    const [few, many] = [await byOperation(small), await byOperation(large)];

    expect(many.operations).toEqual(few.operations);
    expect(many.scopes).toMatchObject([
      { scope: "web", ended: "rest" },
      { scope: "database" },
      { scope: "cron", ended: "rest" },
    ]);
    expect(many.refused).toEqual([]);
  });

  test("finds the one dead machine among them, although the group does not know of it", async () => {
    const { AutoScalingGroups: groups } = await large.ask("autoscaling", "DescribeAutoScalingGroups", {});
    const [{ Instances: instances }] = Array.isArray(groups) ? groups : [{}];
    const lost = String(instances[LARGE / 2].InstanceId);
    await large.ask("autoscaling", "SuspendProcesses", {
      AutoScalingGroupName: GROUP,
      ScalingProcesses: ["HealthCheck"],
    });
    expect((await large.observe())()).toEqual({ actions: 0, nodes: [] });

    await large.ask("ec2", "StopInstances", { InstanceIds: [lost] });

    const { nodes } = (await large.observe())();
    expect(nodes.map(instanceScope)).toEqual([`web/${lost}`]);
  });
});

describe("the bench", () => {
  const row = (nodes: number, calls: number, decideSeconds = 0.001): Row => ({
    nodes,
    calls,
    decideSeconds,
    seconds: 1,
    heapBytes: 1,
    callsByOperation: {},
  });

  test("allows a call for each page of a thousand nodes, and no more", () => {
    expect(faultsOf([row(10, 15), row(1_000, 15), row(10_000, 24)])).toEqual([]);
    expect(faultsOf([row(10, 15), row(1_000, 16), row(10_000, 25)])).toEqual([
      expect.stringContaining("1000 nodes: 16 calls"),
      expect.stringContaining("10000 nodes: 25 calls"),
    ]);
  });

  test("holds a slow decision against the farm, and a run that measured nothing against itself", () => {
    expect(faultsOf([row(10, 15, 1)])).toEqual([expect.stringContaining("decided in 1.000 s")]);
    expect(faultsOf([])).toEqual(["nothing was measured"]);
  });
});
