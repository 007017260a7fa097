import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { SPOT_WARNING_MS } from "../../../local/cloud/services/ec2/interruption.ts";
import { brokenInvariants } from "../invariants.ts";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("interruption", "none");
}, SETUP_MS);
afterEach(async () => {
  await farm.rest();
  expect(await brokenInvariants(farm.world)).toEqual([]);
}, SCENARIO_MS);
afterAll(() => farm.world.close());

const MINUTE_MS = 60_000;

async function firstServing(): Promise<string> {
  const [id] = await farm.serving();
  if (id === undefined) throw new Error("no node serves");
  return id;
}
const leaveCalls = (id: string) =>
  farm
    .deeds("TerminateInstanceInAutoScalingGroup", id)
    .map((deed) => deed.parameters["ShouldDecrementDesiredCapacity"]);
const drains = (id: string) =>
  farm.deeds("SendCommand", id).filter(({ parameters }) => parameters["DocumentName"]?.endsWith("-drain"));
/** How many nodes serve, at the fewest, until these are gone. */
async function fewestServing(ids: readonly string[], ms: number): Promise<number> {
  let fewest = Infinity;
  await farm.world.until(
    `${ids.join(" and ")} are gone`,
    async () => {
      fewest = Math.min(fewest, (await farm.serving()).length);
      return (await farm.webs()).every((id) => !ids.includes(id));
    },
    ms,
  );
  return fewest;
}

/** Nodes by zone, fewest first. */
async function zones(): Promise<readonly number[]> {
  const { AutoScalingGroups } = await farm.world.ask("autoscaling", "DescribeAutoScalingGroups", {
    AutoScalingGroupNames: ["tandem-local-web"],
  });
  const instances: unknown[] = Array.isArray(AutoScalingGroups) ? Object(AutoScalingGroups[0]).Instances : [];
  const counts = new Map([
    ["eu-west-1a", 0],
    ["eu-west-1b", 0],
  ]);
  for (const instance of instances) {
    const { AvailabilityZone: zone } = Object(instance);
    counts.set(String(zone), (counts.get(String(zone)) ?? 0) + 1);
  }
  return [...counts.values()].toSorted((a, b) => a - b);
}

test(
  "15 a node with a spot warning is drained at once, another one is on its way meanwhile, and it is gone before its machine",
  async () => {
    const [id, before] = [await firstServing(), await farm.webs()];
    farm.world.fault({ kind: "spot-warning", instanceId: id });
    await farm.world.advance(5_000);
    expect(await farm.stateOf(id)).toMatch(/^Terminating/);
    expect((await farm.webs()).filter((web) => !before.includes(web))).toHaveLength(1);
    await farm.until(id, "gone", SPOT_WARNING_MS - 5_000);
    expect(drains(id)).toHaveLength(1);
    expect(farm.results(id, "terminate")).toEqual(["CONTINUE"]);
    expect(leaveCalls(id)).toEqual(["false"]);
    await farm.rest();
    expect({ desired: await farm.desired(), zones: await zones() }).toEqual({ desired: 2, zones: [1, 1] });
    expect((await farm.lines(id)).map(({ phase, problem }) => `${phase} ${problem ?? ""}`)).toEqual(
      expect.arrayContaining(["detected interruption-announced", "verified interruption-announced"]),
    );
  },
  SCENARIO_MS,
);

test(
  "15 a node whose drain hangs when its machine is taken does not wait in its hook for longer",
  async () => {
    const id = await firstServing();
    farm.world.fault({ kind: "script", script: "drain", how: "hang", times: 1 });
    farm.world.fault({ on: "events", kind: "drop", lateMs: 0 });
    farm.world.fault({ kind: "spot-warning", instanceId: id });
    await farm.until(id, "gone", SPOT_WARNING_MS + 2 * MINUTE_MS);
    expect(farm.results(id, "terminate").filter((result) => result === "ABANDON")).toEqual([]);
  },
  SCENARIO_MS,
);

test.each(["rebalance", "health"] as const)(
  "15 a node with time left (%s) serves until another one does, and then leaves",
  async (kind) => {
    const id = await firstServing();
    const changes = farm.deeds("SetDesiredCapacity").length;
    farm.world.fault(kind === "health" ? { kind, instanceId: id, inMs: 14 * 86_400_000 } : { kind, instanceId: id });
    expect(await fewestServing([id], 10 * MINUTE_MS)).toBe(2);
    expect(
      farm
        .deeds("SetDesiredCapacity")
        .slice(changes)
        .map((deed) => deed.parameters["DesiredCapacity"]),
    ).toEqual(["3"]);
    expect(leaveCalls(id)).toEqual(["true"]);
    expect(drains(id)).toHaveLength(1);
    expect(farm.results(id, "terminate")).toEqual(["CONTINUE"]);
    await farm.world.advance(10 * MINUTE_MS);
    expect({ desired: await farm.desired(), zones: await zones() }).toEqual({ desired: 2, zones: [1, 1] });
  },
  SCENARIO_MS,
);

test(
  "15 both nodes are to be left: both are replaced, and two serve all the while",
  async () => {
    const ids = await farm.serving();
    for (const instanceId of ids) farm.world.fault({ kind: "rebalance", instanceId });
    expect(await fewestServing(ids, 15 * MINUTE_MS)).toBe(2);
    expect(ids.map(leaveCalls)).toEqual([["true"], ["true"]]);
  },
  SCENARIO_MS,
);

test(
  "15 a warning that comes while another node is launched for a recommendation is heeded at once",
  async () => {
    const id = await firstServing();
    farm.world.fault({ kind: "rebalance", instanceId: id });
    await farm.world.advance(3_000);
    farm.world.fault({ kind: "spot-warning", instanceId: id });
    await farm.world.advance(5_000);
    expect(await farm.stateOf(id)).toMatch(/^Terminating/);
    await farm.until(id, "gone", SPOT_WARNING_MS);
    expect(leaveCalls(id)).toEqual(["false"]);
  },
  SCENARIO_MS,
);

test(
  "15 a host that is retired within two minutes is left at once",
  async () => {
    const id = await firstServing();
    farm.world.fault({ kind: "health", instanceId: id, inMs: SPOT_WARNING_MS });
    await farm.world.advance(5_000);
    expect(await farm.stateOf(id)).toMatch(/^Terminating/);
    await farm.until(id, "gone", SPOT_WARNING_MS);
  },
  SCENARIO_MS,
);

test(
  "15 a node that cannot be stood in for stays until there is just time for its drain",
  async () => {
    const id = await firstServing();
    farm.world.fault({ kind: "script", script: "launch", how: "shared-missing" });
    const aheadMs = 20 * MINUTE_MS;
    farm.world.fault({ kind: "health", instanceId: id, inMs: aheadMs });
    await farm.world.advance(aheadMs - 4 * MINUTE_MS);
    expect(await farm.stateOf(id)).toBe("InService");
    await farm.until(id, "gone", 4 * MINUTE_MS);
    expect(drains(id)).toHaveLength(1);
  },
  SCENARIO_MS,
);

test.each(["StopInstances", "TerminateInstances"] as const)(
  "15 a node whose machine somebody ends by %s is replaced",
  async (operation) => {
    const id = await firstServing();
    await farm.world.ask("ec2", operation, { InstanceIds: [id] });
    await farm.until(id, "gone", 3 * MINUTE_MS);
    await farm.rest();
    expect({ desired: await farm.desired(), zones: await zones() }).toEqual({ desired: 2, zones: [1, 1] });
  },
  SCENARIO_MS,
);

test.each(["spot-warning", "rebalance", "health"] as const)(
  "14 an instance that is not the farm's: nothing is written when it is announced to be taken (%s)",
  async (kind) => {
    const before = farm.world.witness.deeds.length;
    const ignored = farm.world.witness.counted("IgnoredEvents");
    const journal = (await farm.world.journal()).length;
    const stranger = await launchBeside();
    await farm.world.advance(30_000);
    farm.world.fault({ kind, instanceId: stranger, inMs: 60_000 });
    await farm.world.advance(3 * MINUTE_MS);
    expect(farm.world.witness.deeds.slice(before)).toEqual([]);
    expect((await farm.world.journal()).length).toBe(journal);
    expect(farm.world.witness.counted("IgnoredEvents")).toBeGreaterThan(ignored);
    await farm.world.ask("ec2", "TerminateInstances", { InstanceIds: [stranger] });
    await farm.world.advance(5_000);
  },
  SCENARIO_MS,
);

async function launchBeside(): Promise<string> {
  const { Reservations } = await farm.world.ask("ec2", "DescribeInstances", {});
  const [first] = Array.isArray(Reservations) ? Reservations : [];
  const { Instances } = await farm.world.ask("ec2", "RunInstances", {
    MinCount: 1,
    MaxCount: 1,
    LaunchTemplate: { LaunchTemplateName: "tandem-local-web" },
    SubnetId: String(Object(Object(first).Instances[0]).SubnetId),
  });
  return String(Object(Array.isArray(Instances) ? Instances[0] : undefined).InstanceId);
}

test(
  "15 a database server whose machine is announced to be taken calls a person, and is not touched",
  async () => {
    const { world } = await servingFarm("interrupted-server", "none");
    const id = [...world.machines.values()].find(({ node }) => node === "db-a")?.id ?? "";
    const [before, pages] = [world.witness.deeds.length, world.witness.counted("Pages")];
    world.fault({ kind: "rebalance", instanceId: id });
    await world.advance(30_000);
    expect((await world.status()).database).toMatchObject({
      problems: [{ code: "interruption-announced", node: "db-a", detail: expect.stringContaining(id) }],
    });
    expect(world.witness.counted("Pages")).toBe(pages + 1);
    await world.advance(60 * MINUTE_MS);
    expect(world.machines.get(id)?.hasPower()).toBe(true);
    expect(world.witness.deeds.slice(before)).toEqual([]);
    await world.close();
  },
  SETUP_MS + SCENARIO_MS,
);
