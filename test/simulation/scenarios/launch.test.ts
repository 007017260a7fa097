import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { noActive, onLifecycle, sample, SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("launch");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const results = (id: string) => farm.results(id, "launch");

test(
  "1 a node that launches, reaches the database and renders its page goes into service by one CONTINUE",
  async () => {
    const id = await farm.launching();
    await farm.until(id, "InService");
    expect(results(id)).toEqual(["CONTINUE"]);
    expect(farm.deeds("SendCommand", id)).toHaveLength(1);
    const status = await farm.world.status();
    expect(status.web).toMatchObject({
      nodes: expect.arrayContaining([expect.objectContaining({ id, state: "InService" })]),
    });
  },
  SCENARIO_MS,
);

test(
  "2 a node whose launch fails by its own fault is abandoned with an alert, and another takes its place",
  async () => {
    farm.world.fault({ kind: "script", script: "launch", how: "own-fault", times: 1 });
    const id = await farm.launching();
    await farm.until(id, "gone");
    expect(results(id)).toEqual(["ABANDON"]);
    expect(await farm.lines(id)).toContainEqual(
      expect.objectContaining({ phase: "detected", problem: "launch-failed" }),
    );
    await farm.world.until("another serves", async () => (await farm.webs()).length === 3, SCENARIO_MS * 10);
  },
  SCENARIO_MS,
);

test(
  "4 the same event twice: one command, one completion",
  async () => {
    farm.world.fault({ on: "events", kind: "duplicate", lateMs: 20_000 });
    const id = await farm.launching();
    for (let time = 0; time < 3; time++) await farm.world.deliver(sample("launch-web", id));
    await farm.until(id, "InService");
    await farm.world.advance(120_000);
    expect(farm.deeds("SendCommand", id)).toHaveLength(1);
    expect(results(id)).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

test(
  "5 a completion whose answer is lost counts as done, because the node is past its wait",
  async () => {
    const id = await farm.launching();
    farm.world.fault({
      on: "api",
      kind: "timeout",
      isDone: true,
      service: "autoscaling",
      operation: "CompleteLifecycleAction",
      times: 1,
    });
    await farm.until(id, "InService");
    await farm.world.advance(60_000);
    expect(results(id)).toEqual(["CONTINUE"]);
    expect((await farm.lines(id)).filter(({ result }) => result.startsWith("failed"))).toEqual([]);
    expect(await farm.lines(id)).toContainEqual(
      expect.objectContaining({ result: expect.stringContaining("already past its wait") }),
    );
  },
  SCENARIO_MS,
);

test(
  "7 a heartbeat that Auto Scaling refuses is the last one",
  async () => {
    farm.world.fault({ kind: "script", script: "launch", how: "shared-missing" });
    const id = await farm.launching();
    farm.world.fault({
      ...noActive(id),
      operation: "RecordLifecycleActionHeartbeat",
    });
    const asked = () => farm.world.witness.asked("RecordLifecycleActionHeartbeat");
    const before = asked();
    await farm.world.advance(180_000);
    expect(asked() - before).toBe(1);
    expect(await farm.stateOf(id)).toBe("Pending:Wait");
    farm.world.fault({ kind: "heal" });
    await farm.until(id, "InService");
  },
  SCENARIO_MS,
);

test(
  "10 a lifecycle event that comes by SNS, when the bus brings none, launches the node all the same",
  async () => {
    farm.world.fault({ on: "events", kind: "drop", lateMs: 0 });
    const id = await farm.launching();
    await farm.world.advance(30_000);
    expect(farm.deeds("SendCommand", id)).toEqual([]);
    await farm.world.deliver(sample("lifecycle-sns", id), onLifecycle);
    await farm.until(id, "InService");
    expect(results(id)).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

test(
  "11 a body that is not JSON is named, is not tried again, and does not hold up the rest of its batch",
  async () => {
    farm.world.fault({ on: "events", kind: "drop", lateMs: 0 });
    const id = await farm.launching();
    const [broken] = recordsOf(sample("invalid/sqs-body-not-json", id));
    const [good] = recordsOf(sample("lifecycle-sqs", id));
    const invocations = () => farm.world.witness.invocations(onLifecycle);
    const before = invocations();
    const report = await farm.world.invoke(onLifecycle, { Records: [broken, good] });
    expect(report).toMatchObject({ error: { code: "bad-event", message: expect.stringContaining("is not JSON") } });
    await farm.until(id, "InService");
    await farm.world.advance(300_000);
    expect(invocations() - before).toBe(1);
  },
  SCENARIO_MS,
);

test(
  "13 a service that fails now and then delays a launch, and prevents nothing",
  async () => {
    farm.world.fault({ on: "api", kind: "error", rate: 0.3 });
    const id = await farm.launching();
    await farm.until(id, "InService", 20 * 60_000);
    expect(results(id)).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

test(
  "20 a machine whose agent has not registered gets its command when it has, not before",
  async () => {
    farm.world.fault({
      on: "api",
      service: "ssm",
      operation: "SendCommand",
      kind: "refuse",
      code: "InvalidInstanceId",
      message: "Instances not in a valid state for account",
      status: 400,
      times: 2,
    });
    const id = await farm.launching();
    await farm.until(id, "InService");
    expect(farm.deeds("SendCommand", id)).toHaveLength(1);
    expect(results(id)).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

const recordsOf = (event: unknown): readonly unknown[] => {
  const { Records } = Object(event);
  return Array.isArray(Records) ? Records : [];
};
