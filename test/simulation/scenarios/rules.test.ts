import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { onLifecycle, SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";
import type { Deed } from "../witness.ts";

/**
 * Rules whose breach a seed does not see, because the minute clock or a hook's own timeout mends what it leads to: what
 * is told apart here is how it was mended, and how soon.
 */
let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("rules", "none");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const launches = (id: string) => farm.results(id, "launch");
const isLaunch = ({ parameters }: Deed): boolean => parameters["DocumentName"] === "tandem-local-launch";
const isDrain = ({ parameters }: Deed): boolean => parameters["DocumentName"] === "tandem-local-drain";
/** What the journal says of attempts to end the hook of this node, since a moment. */
const completions = async (id: string, since: number) =>
  (await farm.lines(id)).filter(
    ({ at, action, phase }) => action === "complete-hook" && phase === "applied" && Date.parse(at) >= since,
  );
/** Far less than the hook's own timeout, and than two ticks of the minute clock. */
const SOON_MS = 90_000;

test(
  "a node whose launch fails by its own fault is abandoned at the first proof, and nobody keeps its hook open",
  async () => {
    farm.world.fault({ kind: "script", script: "launch", how: "own-fault", times: 1 });
    const id = await farm.launching();
    await farm.until(id, "gone", SOON_MS);
    expect(launches(id)).toEqual(["ABANDON"]);
    expect(farm.deeds("SendCommand", id).filter(isLaunch)).toHaveLength(1);
  },
  SCENARIO_MS,
);

test(
  "a machine that is lost in its launch hook is given up at once, also while its group does not know it yet",
  async () => {
    const id = await farm.launching();
    // the group itself gives it up as soon as it hears of it: what Tandem does shows before that
    farm.world.fault({
      on: "api",
      kind: "stale",
      staleMs: 10_000,
      service: "autoscaling",
      operation: "DescribeAutoScalingInstances",
      forMs: 20_000,
    });
    await farm.world.advance(2_000);
    farm.world.fault({ kind: "kill", instanceId: id });
    await farm.world.advance(8_000);
    expect(await farm.lines(id)).toContainEqual(
      expect.objectContaining({ phase: "detected", problem: "machine-dead" }),
    );
    expect(await farm.lines(id)).toContainEqual(
      expect.objectContaining({ phase: "planned", action: "complete-hook", reason: expect.stringMatching(/^ABANDON/) }),
    );
    expect(launches(id)).toEqual([]);
    await farm.world.until("another serves", async () => (await farm.serving()).length === 3, SCENARIO_MS * 10);
    expect(await farm.serving()).not.toContain(id);
  },
  SCENARIO_MS,
);

test.each(["launching", "leaving"] as const)(
  "a %s node's completion that never reaches Auto Scaling is not taken for done: it is sent until it does",
  async (which) => {
    farm.world.fault({
      on: "api",
      kind: "timeout",
      isDone: false,
      service: "autoscaling",
      operation: "CompleteLifecycleAction",
      forMs: SOON_MS,
    });
    const [since, id] = [farm.world.now(), await farm[which]()];
    await farm.until(id, which === "launching" ? "InService" : "gone", SOON_MS * 2);
    const results = (await completions(id, since)).map(({ result }) => result.split(":")[0]);
    expect(results.slice(0, -1).length).toBeGreaterThan(0);
    expect(new Set(results.slice(0, -1))).toEqual(new Set(["failed"]));
    expect(results.at(-1)).toBe("done");
  },
  SCENARIO_MS,
);

test(
  "a function that ends just before its completion is followed by one that completes",
  async () => {
    farm.world.fault({ kind: "crash", operation: "CompleteLifecycleAction", when: "before", times: 1 });
    const id = await farm.launching();
    await farm.until(id, "InService", SOON_MS * 2);
    expect(launches(id)).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

test(
  "a function that ends between its command and the record of it: the command is found, and not sent again",
  async () => {
    farm.world.fault({ kind: "crash", operation: "SendCommand", when: "after", times: 1 });
    const id = await farm.launching();
    await farm.until(id, "InService");
    expect(farm.deeds("SendCommand", id)).toHaveLength(1);
    expect(launches(id)).toEqual(["CONTINUE"]);
  },
  SCENARIO_MS,
);

test.each(["launching", "leaving"] as const)(
  "a %s node's command whose answer is lost is found, and not sent again",
  async (which) => {
    farm.world.fault({
      on: "api",
      kind: "timeout",
      isDone: true,
      service: "ssm",
      operation: "SendCommand",
      times: 3,
    });
    const id = await farm[which]();
    await farm.until(id, which === "launching" ? "InService" : "gone");
    expect(farm.deeds("SendCommand", id).filter(which === "launching" ? isLaunch : isDrain)).toHaveLength(1);
  },
  SCENARIO_MS,
);

test("no function of this farm has failed with anything but an operating error", () => {
  expect(farm.world.witness.broken).toEqual([]);
  expect(farm.world.witness.invocations(onLifecycle)).toBeGreaterThan(0);
});
