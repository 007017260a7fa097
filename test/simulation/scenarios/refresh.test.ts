import { afterEach, expect, test } from "@jest/globals";
import { groupsOf } from "../invariants.ts";
import { packagedTemplate, withWebType } from "../template.ts";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

const GROUP = "tandem-local-web";
const MAINTAIN = "tandem-local-maintain";
const ROLL_OUT_MS = 30 * 60_000;
/** What tells a node of the new version: both are what a deployment may change. */
const NEW_TYPE = "t4g.large";

let farm: ScenarioFarm;
afterEach(() => farm.world.close());

/** A farm in service of which another template version has been deployed. */
async function deployed(seed: string, nodes = 2): Promise<ScenarioFarm> {
  const template = await packagedTemplate();
  farm = await servingFarm(`refresh ${seed}`, "none", template);
  if (nodes > 2) {
    await farm.world.invoke(MAINTAIN, { action: "scale", count: nodes, forSeconds: 86_400 });
    await farm.world.until("the nodes serve", async () => (await farm.serving()).length === nodes, ROLL_OUT_MS);
  }
  await farm.world.redeploy(withWebType(template, NEW_TYPE));
  return farm;
}

interface Web {
  readonly version: string;
  readonly instances: readonly { readonly state: string; readonly version: string; readonly zone: string }[];
}

async function web(): Promise<Web> {
  const { AutoScalingGroups } = await farm.world.ask("autoscaling", "DescribeAutoScalingGroups", {
    AutoScalingGroupNames: [GROUP],
  });
  const group = Object(Array.isArray(AutoScalingGroups) ? AutoScalingGroups[0] : undefined);
  const instances: unknown[] = Array.isArray(group.Instances) ? group.Instances : [];
  return {
    version: String(Object(group.LaunchTemplate).Version),
    instances: instances.map((instance) => {
      const { LifecycleState, LaunchTemplate, AvailabilityZone } = Object(instance);
      return { state: String(LifecycleState), version: String(LaunchTemplate.Version), zone: String(AvailabilityZone) };
    }),
  };
}

/** Nodes to which the balancer sends visitors. */
async function healthy(): Promise<number> {
  const { TargetGroups } = await farm.world.ask("elasticloadbalancing", "DescribeTargetGroups", {
    Names: ["tandem-local-web"],
  });
  const { TargetGroupArn } = Object(Array.isArray(TargetGroups) ? TargetGroups[0] : undefined);
  const { TargetHealthDescriptions: targets } = await farm.world.ask("elasticloadbalancing", "DescribeTargetHealth", {
    TargetGroupArn,
  });
  return (Array.isArray(targets) ? targets : []).filter((target) => Object(target).TargetHealth?.State === "healthy")
    .length;
}

const order = (what: object): Promise<unknown> => farm.world.invoke(MAINTAIN, what);
const refresh = (how: object = {}): Promise<unknown> => order({ action: "refresh", ...how });

/** The latest word on the farm's orders to refresh, those aside that were refused beside another. */
const answer = (): string =>
  farm.world.witness.lines.findLast(
    ({ action, reason, phase }) =>
      action === "answer-request" && phase === "applied" && /^refresh (?!refused: refresh )/.test(reason),
  )?.reason ?? "";

/** Until Auto Scaling pauses at the first checkpoint. */
const untilPaused = (): Promise<void> =>
  farm.world.until(
    "the checkpoint",
    async () => {
      const { InstanceRefreshes } = await farm.world.ask("autoscaling", "DescribeInstanceRefreshes", {
        AutoScalingGroupName: GROUP,
        MaxRecords: 1,
      });
      return JSON.stringify(InstanceRefreshes).includes("Waiting at the checkpoint");
    },
    ROLL_OUT_MS,
  );

/** Until the order has its last word; resolves to the fewest nodes that served visitors meanwhile. */
async function untilAnswered(ms = ROLL_OUT_MS): Promise<number> {
  let fewest = Infinity;
  await farm.world.until(
    "the refresh is answered",
    async () => {
      fewest = Math.min(fewest, await healthy());
      return /^refresh (done|refused)/.test(answer());
    },
    ms,
  );
  return fewest;
}

/** Nothing is left on its way, and the tier has what it wants. */
async function expectWhole(version: string, nodes: number): Promise<void> {
  await farm.world.until(
    "every node serves",
    async () => (await web()).instances.every(({ state }) => state === "InService"),
    ROLL_OUT_MS,
  );
  const { instances, ...group } = await web();
  expect(group.version).toBe(version);
  expect(instances.map((one) => one.version)).toEqual(Array.from({ length: nodes }, () => version));
  expect(await farm.desired()).toBe(nodes);
  expect(await healthy()).toBe(nodes);
  const of = (zone: string): number => instances.filter((one) => one.zone === zone).length;
  const counts = [...new Set(instances.map(({ zone }) => zone))].map(of);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
}

test(
  "a deployed template comes to every node, and at no moment fewer serve than are wanted",
  async () => {
    await deployed("all");
    const before = await farm.webs();
    expect((await web()).instances.map(({ version }) => version)).toEqual(["1", "1"]);

    expect(await refresh()).toMatchObject({ request: { state: "standing" } });
    const fewest = await untilAnswered();

    expect(fewest).toBe(2);
    expect(answer()).toContain("refresh done: version 2 is rolled out; ");
    await expectWhole("2", 2);
    expect((await farm.webs()).filter((id) => before.includes(id))).toEqual([]);
    for (const id of await farm.webs()) expect(farm.results(id, "launch")).toEqual(["CONTINUE"]);
    for (const id of before) expect(farm.results(id, "terminate")).toEqual(["CONTINUE"]);
    expect(farm.deeds("SetDesiredCapacity")).toEqual([]);
    expect((await farm.world.status()).web).toMatchObject({
      refresh: { state: "Successful", version: "2", percent: 100, toReplace: 0 },
    });

    const deeds = farm.world.witness.deeds.length;
    expect(await refresh()).toMatchObject({
      text: "refresh is done: nothing to replace: 2 nodes run version 2, the newest of its template",
    });
    expect(farm.world.witness.deeds).toHaveLength(deeds);
  },
  SETUP_MS + SCENARIO_MS,
);

test(
  "nodes of a new template that fail in their hook: it is rolled back by itself, at the first and in the middle",
  async () => {
    await deployed("broken", 4);
    const before = await farm.webs();
    const broken = { kind: "script", script: "launch", how: "own-fault", instanceType: NEW_TYPE } as const;
    farm.world.fault(broken);

    await refresh();
    expect(await untilAnswered()).toBe(4);
    expect(answer()).toMatch(/^refresh refused: version 2 was rolled back: .*was abandoned/);
    await expectWhole("1", 4);
    expect(await farm.webs()).toEqual(before);

    farm.world.fault({ kind: "heal" });
    await refresh({ checkpoints: [50, 100], checkpointDelaySeconds: 300 });
    await untilPaused();
    farm.world.fault(broken);
    expect(await untilAnswered()).toBeGreaterThanOrEqual(4);
    expect(answer()).toMatch(/^refresh refused: version 2 was rolled back/);
    await expectWhole("1", 4);
    expect((await farm.world.status()).web).toMatchObject({ refresh: { state: "RollbackSuccessful" } });
  },
  SETUP_MS + 2 * SCENARIO_MS,
);

test.each(["drop", "duplicate", "reorder"] as const)(
  "every event meanwhile is subject to %s: the roll-out takes longer, and ends as it should",
  async (kind) => {
    await deployed(kind);
    farm.world.fault({ on: "events", kind, lateMs: 20_000 });

    await refresh();
    expect(await untilAnswered()).toBe(2);

    expect(answer()).toContain("refresh done: version 2 is rolled out");
    await expectWhole("2", 2);
    for (const id of await farm.webs()) expect(farm.results(id, "launch")).toEqual(["CONTINUE"]);
  },
  SETUP_MS + SCENARIO_MS,
);

test(
  "while the database is away new nodes wait in their hooks: none is abandoned, visitors are served, the tier grows",
  async () => {
    await deployed("shared");
    farm.world.fault({ kind: "script", script: "launch", how: "shared-missing" });
    await refresh();
    await farm.world.advance(5 * 60_000);
    expect((await web()).instances.map(({ state }) => state).toSorted()).toEqual([
      "InService",
      "InService",
      "Pending:Wait",
    ]);
    expect((await farm.world.status()).web).toMatchObject({ refresh: { state: "InProgress", percent: 0 } });

    // A scale-out is not held up by the refresh: its node is of the new version.
    await order({ action: "scale", count: 3, forSeconds: 3_600 });
    await farm.world.advance(60_000);
    expect((await web()).instances.filter(({ version }) => version === "2").length).toBeGreaterThanOrEqual(2);
    farm.world.fault({ kind: "heal" });
    expect(await untilAnswered()).toBeGreaterThanOrEqual(2);

    expect(answer()).toContain("refresh done");
    await expectWhole("2", 3);
    const results = farm.deeds("CompleteLifecycleAction").map(({ parameters }) => parameters["LifecycleActionResult"]);
    expect(results).not.toContain("ABANDON");
  },
  SETUP_MS + SCENARIO_MS,
);

test(
  "at a checkpoint load makes the tier grow by nodes of the new version, and a second order is refused with the reason",
  async () => {
    await deployed("checkpoint");
    await refresh({ checkpoints: [50, 100], checkpointDelaySeconds: 1_200 });
    await untilPaused();
    expect(await refresh()).toMatchObject({
      request: { state: "refused", answer: expect.stringContaining("to version 2 is InProgress at 50 %") },
    });

    farm.world.fault({ kind: "load", perSecond: 80, serviceSeconds: 0.1 });
    await farm.world.until("the tier has grown", async () => (await farm.desired()) > 2, ROLL_OUT_MS);
    await farm.world.until(
      "the new nodes serve",
      async () => (await farm.serving()).length === (await farm.desired()),
      ROLL_OUT_MS,
    );
    expect((await web()).instances.filter(({ version }) => version === "1")).toHaveLength(1);

    expect(await untilAnswered()).toBeGreaterThanOrEqual(2);
    expect((await web()).version).toBe("2");
    await farm.rest();
    await expectWhole("2", 2);
  },
  SETUP_MS + 2 * SCENARIO_MS,
);

test(
  "an operator ends a refresh: cancelled it leaves what was replaced, rolled back it brings the old version back",
  async () => {
    await deployed("operator", 4);
    const half = async (): Promise<void> => {
      await refresh({ checkpoints: [50, 100], checkpointDelaySeconds: 3_600 });
      await untilPaused();
    };
    expect(await order({ action: "cancel-refresh" })).toMatchObject({
      request: { state: "refused", answer: "no refresh is under way" },
    });
    await half();
    expect(await order({ action: "roll-back-refresh" })).toMatchObject({ request: { state: "done" } });
    await untilAnswered();
    expect(answer()).toContain("refresh refused: version 2 was rolled back");
    await expectWhole("1", 4);

    await half();
    expect(await order({ action: "cancel-refresh" })).toMatchObject({ request: { state: "done" } });
    await farm.world.until("it is told", () => answer().includes("Cancelled at 50 %"), ROLL_OUT_MS);
    expect((await web()).instances.map(({ version }) => version).toSorted()).toEqual(["1", "1", "2", "2"]);
    expect((await groupsOf(farm.world)).find(({ name }) => name === GROUP)?.desired).toBe(4);
  },
  SETUP_MS + 2 * SCENARIO_MS,
);

test(
  "a function that ends around its calls, and answers that are lost: one refresh is begun, and it is answered",
  async () => {
    await deployed("crash");
    for (const operation of ["UpdateAutoScalingGroup", "StartInstanceRefresh"])
      for (const when of ["before", "after"] as const) farm.world.fault({ kind: "crash", operation, when, times: 1 });
    await farm.world.deliver({ action: "refresh" }, MAINTAIN);

    await untilAnswered();

    expect(answer()).toContain("refresh done: version 2 is rolled out");
    const { InstanceRefreshes } = await farm.world.ask("autoscaling", "DescribeInstanceRefreshes", {
      AutoScalingGroupName: GROUP,
    });
    expect(InstanceRefreshes).toHaveLength(1);
    await expectWhole("2", 2);
  },
  SETUP_MS + SCENARIO_MS,
);
