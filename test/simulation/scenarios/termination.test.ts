import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { noActive, onLifecycle, sample, SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("termination");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const completions = (id: string) =>
  farm
    .deeds("CompleteLifecycleAction", id)
    .filter(({ parameters }) => parameters["LifecycleHookName"] === "tandem-terminate");
const drains = (id: string) =>
  farm.deeds("SendCommand", id).filter(({ parameters }) => parameters["DocumentName"]?.endsWith("-drain"));

test(
  "3 a node that leaves gets no new request, answers what it has, and goes by one CONTINUE",
  async () => {
    const id = await farm.leaving();
    await farm.until(id, "Terminating:Wait");
    const { TargetGroups } = await farm.world.ask("elasticloadbalancing", "DescribeTargetGroups", {
      Names: ["tandem-local-web"],
    });
    const TargetGroupArn = Array.isArray(TargetGroups) ? Object(TargetGroups[0]).TargetGroupArn : undefined;
    await farm.world.until("the drain begins", () => drains(id).length > 0, SCENARIO_MS);
    const { TargetHealthDescriptions } = await farm.world.ask("elasticloadbalancing", "DescribeTargetHealth", {
      TargetGroupArn,
      Targets: [{ Id: id }],
    });
    expect(TargetHealthDescriptions).toMatchObject([{ TargetHealth: { State: "unused" } }]);
    await farm.until(id, "gone");
    expect(completions(id).map(({ parameters }) => parameters["LifecycleActionResult"])).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

test(
  "4 the same terminate event many times: one drain, one completion",
  async () => {
    farm.world.fault({ on: "events", kind: "duplicate", lateMs: 20_000 });
    const id = await farm.leaving();
    for (let time = 0; time < 3; time++) await farm.world.deliver(sample("terminate-web", id));
    await farm.until(id, "gone");
    await farm.world.deliver(sample("terminate-web", id));
    await farm.world.advance(120_000);
    expect(drains(id)).toHaveLength(1);
    expect(completions(id)).toHaveLength(1);
  },
  SCENARIO_MS,
);

test(
  '6 "no active lifecycle action" while the node still waits is tried again until it works',
  async () => {
    // The node that replaces it has a hook to complete as well: without it the refusals are this node's.
    const launches = { AutoScalingGroupName: "tandem-local-web", ScalingProcesses: ["Launch"] };
    await farm.world.ask("autoscaling", "SuspendProcesses", launches);
    const id = await farm.leaving();
    farm.world.fault({ ...noActive(id), operation: "CompleteLifecycleAction", times: 2 });
    await farm.until(id, "gone");
    await farm.world.ask("autoscaling", "ResumeProcesses", launches);
    expect(completions(id)).toHaveLength(1);
    const failures = (await farm.lines(id)).filter(({ result }) => result.includes("lifecycle-action-not-open"));
    expect(failures).toHaveLength(2);
  },
  SCENARIO_MS,
);

test(
  "5 a leaving node's completion whose answer is lost counts as done, because the node is past its wait",
  async () => {
    farm.world.fault({
      on: "api",
      kind: "timeout",
      isDone: true,
      service: "autoscaling",
      operation: "CompleteLifecycleAction",
      forMs: 90_000,
    });
    const id = await farm.leaving();
    await farm.until(id, "gone");
    await farm.world.advance(120_000);
    expect(completions(id)).toHaveLength(1);
    expect((await farm.lines(id)).filter(({ result }) => result.startsWith("failed"))).toEqual([]);
  },
  SCENARIO_MS,
);

test(
  "13 a service that fails now and then delays, and prevents nothing",
  async () => {
    farm.world.fault({ on: "api", kind: "error", rate: 0.3 });
    const id = await farm.leaving();
    await farm.until(id, "gone", 20 * 60_000);
    expect(completions(id)).toHaveLength(1);
  },
  SCENARIO_MS,
);

test(
  "16 a completion that fails for minutes is not lost",
  async () => {
    farm.world.fault({
      on: "api",
      kind: "error",
      isDone: false,
      service: "autoscaling",
      operation: "CompleteLifecycleAction",
      forMs: 200_000,
    });
    const id = await farm.leaving();
    await farm.world.advance(190_000);
    expect(await farm.stateOf(id)).toBe("Terminating:Wait");
    await farm.until(id, "gone", 180_000);
    expect(completions(id)).toHaveLength(1);
  },
  SCENARIO_MS,
);

test(
  "14 an instance that is not the farm's is never written to",
  async () => {
    const before = farm.world.witness.deeds.length;
    await farm.world.deliver(sample("terminate-other-group", ""), onLifecycle);
    await farm.world.deliver(sample("terminate-other-group", ""));
    const { Instances } = await farm.world.ask("ec2", "RunInstances", {
      MinCount: 1,
      MaxCount: 1,
      LaunchTemplate: { LaunchTemplateName: "tandem-local-web" },
      SubnetId: await subnet(),
    });
    const stranger = String(Object(Array.isArray(Instances) ? Instances[0] : undefined).InstanceId);
    await farm.world.advance(30_000);
    farm.world.fault({ kind: "kill", instanceId: stranger });
    await farm.world.advance(120_000);
    expect(farm.world.witness.deeds.slice(before)).toEqual([]);
    expect(await farm.lines(stranger)).toEqual([]);
  },
  SCENARIO_MS,
);

async function subnet(): Promise<string> {
  const { Reservations } = await farm.world.ask("ec2", "DescribeInstances", {});
  const [first] = Array.isArray(Reservations) ? Reservations : [];
  return String(Object(Object(first).Instances[0]).SubnetId);
}
