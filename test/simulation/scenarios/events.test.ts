import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { onAlarm, onLifecycle, sample, SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("events", "none");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

/** Longer than Lambda waits before it tries an event again. */
const RETRIES_MS = 300_000;
const seen = () => ({
  deeds: farm.world.witness.deeds.length,
  ignored: farm.world.witness.counted("IgnoredEvents"),
  rejected: farm.world.witness.counted("RejectedEvents"),
  invocations: farm.world.witness.invocations(onLifecycle),
});

/** Gives the event to the function as its source would, and tells what came of it. */
async function effectOf(event: unknown) {
  const before = seen();
  await farm.world.deliver(event, onLifecycle);
  await farm.world.advance(RETRIES_MS);
  const after = seen();
  return {
    deeds: after.deeds - before.deeds,
    ignored: after.ignored - before.ignored,
    rejected: after.rejected - before.rejected,
    invocations: after.invocations - before.invocations,
  };
}

test(
  "9 a test notification is acknowledged, counted and not tried again",
  async () => {
    expect(await effectOf(sample("test-notification", ""))).toEqual({
      deeds: 0,
      ignored: 1,
      rejected: 0,
      invocations: 1,
    });
  },
  SCENARIO_MS,
);

test.each([
  ["a source of another service", { source: "aws.health", "detail-type": "AWS Health Event", detail: {} }],
  ["a kind that a later version knows", { source: "aws.autoscaling", "detail-type": "EC2 Instance Dance", detail: {} }],
  ["a source that nobody knows", { source: "com.example.shop", "detail-type": "Order", detail: { total: 7 } }],
])(
  "12 %s is acknowledged, counted and not tried again",
  async (_what, event) => {
    const effect = await effectOf({ ...event, version: "0", id: "1", resources: [] });
    expect(effect).toEqual({ deeds: 0, ignored: 1, rejected: 0, invocations: 1 });
  },
  SCENARIO_MS,
);

const broken = readdirSync(join(import.meta.dirname, "../../../events/invalid"))
  .filter((file) => file !== "not-json.json" && file.endsWith(".json"))
  .map((file) => file.replace(".json", ""));

test.each(broken)(
  "11 %s has no effect and is not tried again",
  async (name) => {
    const { deeds, invocations } = await effectOf(sample(`invalid/${name}`, "i-0a1b2c3d4e5f60718"));
    expect({ deeds, invocations }).toEqual({ deeds: 0, invocations: 1 });
  },
  SCENARIO_MS,
);

async function alarmActions(operation: "DisableAlarmActions" | "EnableAlarmActions"): Promise<void> {
  const { MetricAlarms } = await farm.world.ask("monitoring", "DescribeAlarms", {});
  const AlarmNames = (Array.isArray(MetricAlarms) ? MetricAlarms : []).map((alarm) => String(Object(alarm).AlarmName));
  await farm.world.ask("monitoring", operation, { AlarmNames });
}

test.each([
  ["10 an alarm by SNS", "alarm-sns"],
  ["10 an alarm by SNS and a queue", "alarm-sns-in-sqs"],
  ["an alarm that calls the function", "alarm-direct"],
  ["an alarm in the envelope of the bus", "alarm-state"],
])(
  "%s: the tier grows by it, when no other alarm comes",
  async (_how, name) => {
    const [before, ticks] = [await farm.desired(), () => farm.world.witness.invocations("tandem-local-watch-farm")];
    farm.world.fault({ on: "events", kind: "drop", lateMs: 0 });
    await alarmActions("DisableAlarmActions");
    const ticked = ticks();
    await farm.world.until("a tick of the clock has just passed", () => ticks() > ticked, 61_000);
    farm.world.fault({ kind: "load", perSecond: 60, serviceSeconds: 0.1 });
    await farm.world.advance(45_000);
    expect(await farm.desired()).toBe(before);
    await farm.world.deliver(sample(name, ""), onAlarm);
    await farm.world.advance(3_000);
    expect(await farm.desired()).toBeGreaterThan(before);
    expect(ticks()).toBe(ticked + 1);
    await alarmActions("EnableAlarmActions");
  },
  SCENARIO_MS,
);
