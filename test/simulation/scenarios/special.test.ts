import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { groupsOf } from "../invariants.ts";
import { packagedTemplate, withSpecial } from "../template.ts";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("special", "none", withSpecial(await packagedTemplate()));
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const MINUTE = 60_000;
const special = async () => (await groupsOf(farm.world)).find(({ name }) => name === "tandem-local-special");
const ids = async () => (await special())?.instances.map(({ id }) => id) ?? [];
const order = (payload: object) => farm.world.invoke("tandem-local-maintain", payload);

test(
  "nodes of the second class launch by the same hooks, serve behind targets of their own, and are shown",
  async () => {
    const [id = ""] = await ids();
    expect(farm.results(id, "launch")).toEqual(["CONTINUE"]);
    expect(await farm.world.status()).toMatchObject({
      web: { desired: 2 },
      special: { desired: 1, min: 1, max: 3, nodes: [{ id, state: "InService", health: "healthy" }] },
    });
    const { TargetGroups } = await farm.world.ask("elasticloadbalancing", "DescribeTargetGroups", {
      Names: ["tandem-local-special"],
    });
    expect(TargetGroups).toMatchObject([{ LoadBalancerArns: [expect.stringContaining("tandem-local")] }]);
  },
  SCENARIO_MS,
);

test(
  "scheduled events run there, and on web nodes while that class has no healthy node",
  async () => {
    const runs = (since: number) =>
      farm.world.witness.cronRuns
        .filter(({ at }) => at >= since)
        .map(({ parameters }) => /i-[0-9a-f]+/.exec(JSON.stringify(parameters))?.[0] ?? "");
    const [id = ""] = await ids();
    const since = farm.world.now();
    await farm.world.advance(3 * MINUTE);
    expect(new Set(runs(since))).toEqual(new Set([id]));

    farm.world.fault({ kind: "script", script: "launch", how: "shared-missing", forMs: 4 * MINUTE });
    farm.world.fault({ kind: "kill", instanceId: id });
    const lost = farm.world.now();
    await farm.world.advance(3 * MINUTE);
    const webs = await farm.webs();
    expect(runs(lost).length).toBeGreaterThanOrEqual(2);
    for (const node of runs(lost)) expect(webs).toContain(node);
  },
  SCENARIO_MS,
);

test(
  "a lost node of the second class is replaced, one that is drained passes its hook, and the web tier is not touched",
  async () => {
    const webs = await farm.webs();
    const [lost = ""] = await ids();
    farm.world.fault({ kind: "kill", instanceId: lost });
    await farm.world.until("another serves", async () => !(await ids()).includes(lost), 5 * MINUTE);
    await farm.rest();

    const [id = ""] = await ids();
    expect(await order({ action: "drain", instanceId: id })).toMatchObject({ request: { state: "done" } });
    await farm.world.until("it is gone", async () => !(await ids()).includes(id), 10 * MINUTE);
    expect(farm.results(id, "terminate")).toEqual(["CONTINUE"]);
    expect((await farm.webs()).toSorted()).toEqual(webs.toSorted());
  },
  SCENARIO_MS,
);

test(
  "a node of the second class that AWS announces to take serves until another one of its class does",
  async () => {
    const webs = await farm.webs();
    const [id = ""] = await ids();
    farm.world.fault({ kind: "rebalance", instanceId: id });
    await farm.world.until("it has left", async () => !(await ids()).includes(id), 10 * MINUTE);
    const calls = (operation: string) =>
      farm.deeds(operation, "tandem-local-special").map(({ parameters }) => parameters);
    expect(calls("SetDesiredCapacity").at(-1)).toMatchObject({ DesiredCapacity: "2" });
    expect(farm.deeds("TerminateInstanceInAutoScalingGroup", id)).toMatchObject([
      { parameters: { ShouldDecrementDesiredCapacity: "true" } },
    ]);
    expect(await special()).toMatchObject({ desired: 1, instances: [{ state: "InService" }] });
    expect((await farm.webs()).toSorted()).toEqual(webs.toSorted());
  },
  SCENARIO_MS,
);

test(
  "its size is planned by itself: what was added goes again, after its own cooldown",
  async () => {
    await farm.world.ask("autoscaling", "SetDesiredCapacity", {
      AutoScalingGroupName: "tandem-local-special",
      DesiredCapacity: 2,
    });
    await farm.world.until("two serve", async () => (await ids()).length === 2, 5 * MINUTE);
    await farm.world.until("one is enough", async () => (await special())?.desired === 1, 15 * MINUTE);
    expect(await farm.desired()).toBe(2);
    const lines = (await farm.world.journal()).filter(
      ({ scope, action }) => scope === "special" && action !== undefined,
    );
    expect(lines).toContainEqual(expect.objectContaining({ action: "set-desired", phase: "applied" }));
    expect(await order({ action: "plan", scope: "special" })).toMatchObject({
      text: expect.stringContaining("special: "),
    });
  },
  SCENARIO_MS,
);

test(
  "a busy administration adds a node of its class as soon as an alarm tells of it, and when it is idle that node goes",
  async () => {
    // The load begins after a tick of the clock, so that the alarm is the first to tell of it.
    const ticks = () => farm.world.witness.invocations("tandem-local-watch-farm");
    const before = ticks();
    await farm.world.until("the clock ticks", () => ticks() > before, 2 * MINUTE);
    const since = farm.world.now();
    farm.world.fault({ kind: "load", adminPerSecond: 30, serviceSeconds: 0.1 });
    await farm.world.until("another is wanted", async () => Number((await special())?.desired) > 1, 2 * MINUTE);
    expect(await farm.desired()).toBe(2);
    const grown = (await farm.world.journal()).find(
      ({ scope, action, at }) => scope === "special" && action === "set-desired" && Date.parse(at) >= since,
    );
    expect(grown?.cause).toMatch(/^alarm tandem-local-special-(idle is OK|busy is ALARM)$/);

    farm.world.fault({ kind: "load", adminPerSecond: 0, serviceSeconds: 0.05 });
    await farm.world.until("one is enough", async () => (await special())?.desired === 1, 15 * MINUTE);
  },
  SCENARIO_MS,
);
