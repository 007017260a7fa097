import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { onAlarm, sample, SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("capacity", "none");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const changes = () => farm.deeds("SetDesiredCapacity").map(({ parameters }) => Number(parameters["DesiredCapacity"]));

test(
  "19 more load than the farm may carry brings it to its maximum, and no further call is made there",
  async () => {
    farm.world.fault({ kind: "load", perSecond: 400, serviceSeconds: 0.2 });
    await farm.world.until("the maximum serves", async () => (await farm.webs()).length === 6, SCENARIO_MS * 10);
    expect(await farm.desired()).toBe(6);
    const before = changes().length;
    for (let time = 0; time < 5; time++) {
      await farm.world.deliver(sample("alarm-state", ""));
      await farm.world.deliver(sample("alarm-direct", ""), onAlarm);
      await farm.world.advance(30_000);
    }
    expect(changes().slice(before)).toEqual([]);
    expect(Math.max(...changes())).toBe(6);
  },
  SCENARIO_MS,
);

test(
  "19 a tier that has what it needs: alarms make no call, nor does a load below the minimum",
  async () => {
    const before = changes().length;
    farm.world.fault({ kind: "load", perSecond: 0.1, serviceSeconds: 0.01 });
    for (let time = 0; time < 6; time++) {
      await farm.world.deliver(sample("alarm-state", ""));
      await farm.world.deliver(sample("alarm-direct", ""), onAlarm);
      await farm.world.advance(20_000);
    }
    expect(await farm.desired()).toBe(2);
    expect(changes().slice(before)).toEqual([]);
  },
  SCENARIO_MS,
);

test(
  "19 a wish beyond the bounds is refused and changes nothing",
  async () => {
    const before = changes().length;
    const answer = await farm.world.invoke("tandem-local-maintain", { action: "scale", count: 50 });
    expect(answer).toMatchObject({ request: { state: "refused" } });
    expect(changes().slice(before)).toEqual([]);
  },
  SCENARIO_MS,
);

test(
  "18 an alarm inside the cooldown makes no call",
  async () => {
    farm.world.fault({ kind: "load", perSecond: 60, serviceSeconds: 0.1 });
    const before = changes().length;
    await farm.world.until("the farm grows", () => changes().length > before, SCENARIO_MS * 5);
    const grown = changes().length;
    farm.world.fault({ kind: "load", perSecond: 1, serviceSeconds: 0.02 });
    for (let time = 0; time < 8; time++) {
      await farm.world.deliver(sample("alarm-state", ""));
      await farm.world.advance(1_000);
    }
    expect(changes().slice(grown)).toEqual([]);
  },
  SCENARIO_MS,
);

test(
  "no node is taken away while nobody knows the load",
  async () => {
    farm.world.fault({ kind: "load", perSecond: 60, serviceSeconds: 0.1 });
    await farm.world.until("the farm has grown", async () => (await farm.webs()).length > 3, SCENARIO_MS * 10);
    await farm.world.advance(120_000);
    const [size, before] = [await farm.desired(), changes().length];
    farm.world.fault({ kind: "silence", forMs: 600_000 });
    farm.world.fault({ kind: "load", perSecond: 1, serviceSeconds: 0.02 });
    await farm.world.advance(590_000);
    expect(await farm.desired()).toBe(size);
    expect(changes().slice(before)).toEqual([]);
  },
  SCENARIO_MS,
);
