import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { packagedTemplate, type Template } from "../template.ts";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

/** The farm's template with `warmPoolMin=1`. */
async function withPool(): Promise<Template> {
  const template = await packagedTemplate();
  const parameters: object = Object(template["Parameters"]);
  return { ...template, Parameters: { ...parameters, WarmPoolMin: { Type: "String", Default: "1" } } };
}

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("warm-pool", "calls", await withPool());
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const GROUP = "tandem-local-web";
/** Lifecycle states by instance id. */
async function pool(): Promise<ReadonlyMap<string, string>> {
  const { Instances } = await farm.world.ask("autoscaling", "DescribeWarmPool", { AutoScalingGroupName: GROUP });
  const instances: unknown[] = Array.isArray(Instances) ? Instances : [];
  return new Map(instances.map((one) => [String(Object(one).InstanceId), String(Object(one).LifecycleState)]));
}
async function warmNode(): Promise<string> {
  let found: string | undefined;
  await farm.world.until(
    "a node is ready in the warm pool",
    async () => {
      found = [...(await pool())].find(([, state]) => state === "Warmed:Stopped")?.[0];
      return found !== undefined;
    },
    SCENARIO_MS * 10,
  );
  return found ?? "";
}
const completions = (id: string) =>
  farm.deeds("CompleteLifecycleAction", id).map(({ parameters }) => parameters["LifecycleActionResult"]);

test(
  "a node proves itself on the way into the pool, is stopped, shown, and neither counted nor taken for lost",
  async () => {
    const id = await warmNode();
    expect(completions(id)).toEqual(["CONTINUE"]);
    expect(farm.deeds("SendCommand", id)).toHaveLength(1);
    expect(farm.world.machines.get(id)?.hasPower()).toBe(false);
    const before = farm.deeds("SendCommand").length;

    await farm.world.advance(30 * 60_000);

    expect(await pool()).toEqual(new Map([[id, "Warmed:Stopped"]]));
    expect(farm.deeds("SetInstanceHealth")).toEqual([]);
    expect(farm.deeds("SendCommand")).toHaveLength(before);
    expect(await farm.desired()).toBe(2);
    const status = await farm.world.status();
    expect(status.web).toMatchObject({
      desired: 2,
      nodes: expect.arrayContaining([expect.objectContaining({ id, state: "Warmed:Stopped", health: "unused" })]),
    });
  },
  SCENARIO_MS,
);

test(
  "a scale-out takes the warm node, which proves itself again and serves; the pool is filled up",
  async () => {
    const id = await warmNode();
    const launched = farm.deeds("SendCommand", id).length;

    expect(await farm.launching()).toBe(id);
    await farm.until(id, "InService");

    expect(completions(id)).toEqual(["CONTINUE", "CONTINUE"]);
    expect(farm.deeds("SendCommand", id)).toHaveLength(launched + 1);
    expect(await farm.webs()).toHaveLength(3);
    expect(farm.world.machines.get(id)?.isUp()).toBe(true);
    const next = await warmNode();
    expect(next).not.toBe(id);
    expect((await pool()).size).toBe(1);
    const status = await farm.world.status();
    expect(status.web).toMatchObject({
      nodes: expect.arrayContaining([
        expect.objectContaining({ id, state: "InService", health: "healthy" }),
        expect.objectContaining({ id: next, state: "Warmed:Stopped" }),
      ]),
    });
  },
  SCENARIO_MS,
);

test(
  "a node that fails on the way into the pool is given up, and another takes its place there",
  async () => {
    const ready = await warmNode();
    farm.world.fault({ kind: "script", script: "launch", how: "own-fault", times: 1 });
    await farm.world.ask("ec2", "TerminateInstances", { InstanceIds: [ready] });
    await farm.world.until("the lost one is missed", async () => !(await pool()).has(ready), SCENARIO_MS * 10);
    const next = await warmNode();

    const abandoned = farm
      .deeds("CompleteLifecycleAction")
      .filter(({ parameters }) => parameters["LifecycleActionResult"] === "ABANDON");
    expect(abandoned).toHaveLength(1);
    expect(abandoned[0]?.parameters["InstanceId"]).not.toBe(next);
    expect(await pool()).toEqual(new Map([[next, "Warmed:Stopped"]]));
    expect(await farm.desired()).toBe(2);
  },
  SCENARIO_MS,
);
