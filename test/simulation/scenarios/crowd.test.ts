import { expect, test } from "@jest/globals";
import { SPOT_WARNING_MS } from "../../../local/cloud/services/ec2/interruption.ts";
import { sample, SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";
import { packagedTemplate, type Template } from "../template.ts";

const CROWD = 100;
/** Drained and gone: their target's delay, a drain, and a tick of the clock or two; half of them a minute when no event comes. */
const GONE_MS_MAX = 6 * 60_000;
/** The looks of one invocation at a time (lib/look.ts) with two calls each, and the tick's own reads beside them. */
const CALLS_AT_ONCE_MAX = 25 * 2 + 10;

/** The farm's own template for a tier of a hundred nodes. */
async function wideTemplate(): Promise<Template> {
  const template = await packagedTemplate();
  const { WebGroup } = template.Resources;
  if (WebGroup === undefined) throw new Error("the template has no WebGroup");
  const Properties = { ...WebGroup.Properties, MinSize: String(CROWD), MaxSize: String(CROWD) };
  return { ...template, Resources: { ...template.Resources, WebGroup: { ...WebGroup, Properties } } };
}

async function allLeave(farm: ScenarioFarm): Promise<readonly string[]> {
  const ids = await farm.serving();
  const AutoScalingGroupName = "tandem-local-web";
  await farm.world.ask("autoscaling", "UpdateAutoScalingGroup", { AutoScalingGroupName, MinSize: 0 });
  await farm.world.ask("autoscaling", "SetDesiredCapacity", { AutoScalingGroupName, DesiredCapacity: 0 });
  return ids;
}

test(
  "17 a hundred nodes that leave at once: each is drained once and completed once",
  async () => {
    const farm = await servingFarm("crowd", "none", await wideTemplate());
    const ids = await allLeave(farm);
    expect(ids).toHaveLength(CROWD);
    const areGone = async () => (await farm.webs()).every((id) => !ids.includes(id));
    await farm.world.until("all are gone", areGone, GONE_MS_MAX);
    for (const id of ids) {
      expect([id, farm.results(id, "terminate")]).toEqual([id, ["CONTINUE"]]);
      const drains = farm
        .deeds("SendCommand", id)
        .filter(({ parameters }) => parameters["DocumentName"] === "tandem-local-drain");
      expect([id, drains.length]).toEqual([id, 1]);
    }
    await farm.world.close();
  },
  SETUP_MS + SCENARIO_MS,
);

test(
  "17 a hundred nodes that leave at once, and not one event arrives: the clock sees to all, some at a time",
  async () => {
    const farm = await servingFarm("crowd", "none", await wideTemplate());
    farm.world.fault({ on: "events", kind: "drop", lateMs: 0 });
    farm.world.fault({ on: "api", kind: "timeout", answerAfterMs: 100 });
    const ids = await allLeave(farm);
    const areGone = async () => (await farm.webs()).every((id) => !ids.includes(id));
    await farm.world.until("all are gone", areGone, 2 * GONE_MS_MAX);
    for (const id of ids) expect([id, farm.results(id, "terminate")]).toEqual([id, ["CONTINUE"]]);
    expect(farm.world.witness.callsAtOnceMax()).toBeLessThanOrEqual(CALLS_AT_ONCE_MAX);
    await farm.world.close();
  },
  SETUP_MS + SCENARIO_MS,
);

test(
  "15 a hundred spot warnings at once: each node is drained once and gone before its machine, and a hundred serve again",
  async () => {
    const farm = await servingFarm("crowd", "none", await wideTemplate());
    const ids = await farm.serving();
    expect(ids).toHaveLength(CROWD);
    for (const instanceId of ids) farm.world.fault({ kind: "spot-warning", instanceId });
    const areGone = async () => (await farm.webs()).every((id) => !ids.includes(id));
    await farm.world.until("all are gone", areGone, SPOT_WARNING_MS);
    for (const id of ids) {
      expect([id, farm.results(id, "terminate")]).toEqual([id, ["CONTINUE"]]);
      expect([id, farm.deeds("TerminateInstanceInAutoScalingGroup", id).length]).toEqual([id, 1]);
    }
    await farm.world.until("others serve", async () => (await farm.serving()).length === CROWD, GONE_MS_MAX);
    expect(await farm.desired()).toBe(CROWD);
    await farm.world.close();
  },
  SETUP_MS + SCENARIO_MS,
);

test(
  "15 one event that names a hundred nodes: a few calls at a time, and one node after the other is replaced",
  async () => {
    const farm = await servingFarm("crowd", "none", await wideTemplate());
    const ids = await farm.serving();
    farm.world.fault({ on: "api", kind: "timeout", answerAfterMs: 100 });
    await farm.world.deliver(healthOf(ids));
    const gone = async () => ids.length - (await farm.webs()).filter((id) => ids.includes(id)).length;
    let fewest = Infinity;
    await farm.world.until(
      "five are replaced",
      async () => {
        fewest = Math.min(fewest, (await farm.serving()).length);
        return (await gone()) >= 5;
      },
      20 * 60_000,
    );
    expect(farm.world.witness.callsAtOnceMax()).toBeLessThanOrEqual(CALLS_AT_ONCE_MAX);
    // the group is at its maximum: there is no room for another one beside them
    expect(fewest).toBe(CROWD - 1);
    await farm.world.close();
  },
  SETUP_MS + SCENARIO_MS,
);

/** The sample of AWS Health, of so many instances. */
function healthOf(ids: readonly string[]): unknown {
  const event = Object(sample("health", ""));
  return { ...event, detail: { ...event.detail, affectedEntities: ids.map((entityValue) => ({ entityValue })) } };
}
