import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("standby", "none");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const MINUTE = 60_000;
const order = (payload: object) => farm.world.invoke("tandem-local-maintain", payload);
const statusOf = async (id: string) => {
  const { web } = await farm.world.status();
  return "unknown" in web ? web : web.nodes.find((node) => node.id === id);
};
const acts = async (id: string) =>
  (await farm.lines(id)).filter(({ phase }) => phase === "applied").map(({ action }) => action);

test(
  "a node is taken out and kept at the minimum: another joins, the kept one is left alone, also when it is stopped",
  async () => {
    const [id = ""] = await farm.serving();
    expect(await order({ action: "drain", instanceId: id, keep: true })).toMatchObject({ request: { state: "done" } });
    await farm.until(id, "Standby");
    await farm.world.until("another joins", async () => (await farm.serving()).length === 2, 5 * MINUTE);
    expect(await farm.desired()).toBe(2);
    expect(await statusOf(id)).toMatchObject({ state: "Standby", health: "unused" });

    await farm.world.ask("ec2", "StopInstances", { InstanceIds: [id] });
    await farm.world.advance(10 * MINUTE);
    expect(await farm.stateOf(id)).toBe("Standby");
    expect(await farm.serving()).toHaveLength(2);
    expect(farm.deeds("SetInstanceHealth", id)).toEqual([]);

    await farm.world.ask("ec2", "StartInstances", { InstanceIds: [id] });
    await farm.world.advance(MINUTE);
    expect(await order({ action: "restore", instanceId: id })).toMatchObject({ request: { state: "done" } });
    expect(await farm.stateOf(id)).toBe("InService");
    expect(await farm.desired()).toBe(3);
    expect(await acts(id)).toEqual(expect.arrayContaining(["enter-standby", "answer-request", "exit-standby"]));
    // the quiet tier needs two, and takes one of them away
    await farm.world.until("the tier has its size again", async () => (await farm.webs()).length === 2, 15 * MINUTE);
  },
  SCENARIO_MS,
);

test(
  "a tier that can spare the node gets smaller by it, and does not stop shrinking because of it",
  async () => {
    await order({ action: "scale", count: 4, forSeconds: 300 });
    await farm.world.until("four serve", async () => (await farm.serving()).length === 4, 10 * MINUTE);
    await farm.world.advance(5 * MINUTE);
    await farm.world.until("three are wanted", async () => (await farm.desired()) <= 3, 10 * MINUTE);
    const [id = ""] = await farm.serving();
    const before = await farm.desired();
    await order({ action: "drain", instanceId: id, keep: true });
    await farm.until(id, "Standby");
    expect(await farm.desired()).toBeLessThanOrEqual(Math.max(2, before - 1));
    await farm.world.until("two are wanted", async () => (await farm.desired()) === 2, 15 * MINUTE);
    expect(await farm.stateOf(id)).toBe("Standby");

    expect(await order({ action: "drain", instanceId: id })).toMatchObject({ text: expect.stringMatching(/^drain/) });
    await farm.until(id, "gone");
    expect(farm.results(id, "terminate")).toEqual(["CONTINUE"]);
    expect(await farm.serving()).toHaveLength(2);
  },
  SCENARIO_MS,
);

test(
  "a node that nobody took out is in service already, and one that there is not is refused",
  async () => {
    const [id = ""] = await farm.serving();
    expect(await order({ action: "restore", instanceId: id })).toMatchObject({
      text: expect.stringContaining("is in service"),
    });
    expect(await order({ action: "drain", instanceId: "i-0123456789abcdef0", keep: true })).toMatchObject({
      request: { state: "refused" },
    });
    expect(farm.deeds("EnterStandby", id)).toEqual([]);
  },
  SCENARIO_MS,
);
