import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { SCENARIO_MS, servingFarm, SETUP_MS, type ScenarioFarm } from "./farm.ts";

let farm: ScenarioFarm;
beforeAll(async () => {
  farm = await servingFarm("cron", "none");
}, SETUP_MS);
afterEach(() => farm.rest(), SCENARIO_MS);
afterAll(() => farm.world.close());

const MINUTE = 60_000;
const watchFarm = "tandem-local-watch-farm";
const runs = (since: number) =>
  farm.world.witness.cronRuns
    .filter(({ at }) => at >= since)
    .map(({ at, parameters }) => ({ minute: Math.floor(at / MINUTE), command: JSON.stringify(parameters) }));
const nodeOf = (run: { command: string } | undefined): string => /i-[0-9a-f]+/.exec(run?.command ?? "")?.[0] ?? "none";

test(
  "due events run once a minute however many nodes there are, in turn, and the journal stays quiet",
  async () => {
    await farm.launching();
    await farm.world.until("three nodes serve", async () => (await farm.serving()).length === 3, 10 * MINUTE);
    const [since, lines] = [farm.world.now(), (await farm.world.journal()).filter(({ scope }) => scope === "cron")];
    await farm.world.advance(3 * MINUTE);
    const seen = runs(since);
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map(({ minute }) => minute)).size).toBe(3);
    expect(new Set(seen.map(nodeOf)).size).toBe(3);
    expect((await farm.world.journal()).filter(({ scope }) => scope === "cron")).toEqual(lines);
    expect(await farm.world.status()).toMatchObject({
      cron: { last: { node: nodeOf(seen.at(-1)) }, problems: [] },
    });
  },
  SCENARIO_MS,
);

test(
  "a clock that ticks twice, late and out of order leads to one run a minute, and one that is lost to none in its minute",
  async () => {
    const since = farm.world.now();
    for (let tick = 0; tick < 12; tick++) {
      await farm.world.deliver({}, watchFarm);
      if (tick % 2 === 0) await farm.world.deliver({}, watchFarm);
      await farm.world.advance(15_000);
    }
    const minutes = runs(since).map(({ minute }) => minute);
    expect(new Set(minutes).size).toBe(minutes.length);
    expect(minutes.length).toBeGreaterThanOrEqual(3);
  },
  SCENARIO_MS,
);

test(
  "while a run goes on no other begins; when its node is lost, the next minute's goes to another",
  async () => {
    farm.world.fault({ kind: "script", script: "cron", how: "hang", times: 1 });
    const since = farm.world.now();
    await farm.world.until("a run begins", () => runs(since).length > 0, 2 * MINUTE);
    await farm.world.advance(3 * MINUTE);
    expect(runs(since)).toHaveLength(1);
    const instanceId = nodeOf(runs(since)[0]);
    farm.world.fault({ kind: "kill", instanceId });
    await farm.world.advance(2 * MINUTE);
    const next = runs(since).slice(1);
    expect(next.length).toBeGreaterThanOrEqual(1);
    expect(next.map(nodeOf)).not.toContain(instanceId);
  },
  SCENARIO_MS,
);

test(
  "a run that fails is told once as a problem and once as over, and the next node runs the next",
  async () => {
    farm.world.fault({ kind: "script", script: "cron", how: "shared-missing", times: 2 });
    const since = farm.world.now();
    await farm.world.advance(5 * MINUTE);
    const lines = (await farm.world.journal()).filter(({ at, scope }) => scope === "cron" && Date.parse(at) >= since);
    expect(lines.map(({ phase, problem }) => `${phase} ${problem}`)).toEqual([
      "detected cron-failed",
      "verified cron-failed",
    ]);
    expect(runs(since).length).toBeGreaterThanOrEqual(4);
  },
  SCENARIO_MS,
);

test(
  "a frozen farm runs none, says so without a line a minute, and goes on when it is thawed",
  async () => {
    await farm.world.invoke("tandem-local-maintain", { action: "freeze", scope: "cron", forSeconds: 240 });
    const [since, lines] = [farm.world.now(), (await farm.world.journal()).length];
    await farm.world.advance(3 * MINUTE);
    expect(runs(since)).toEqual([]);
    expect((await farm.world.journal()).slice(lines).filter(({ scope }) => scope === "cron")).toEqual([]);
    expect(await farm.world.invoke("tandem-local-maintain", { action: "plan", scope: "cron" })).toMatchObject({
      text: expect.stringContaining("run-cron"),
    });
    await farm.world.invoke("tandem-local-maintain", { action: "thaw", scope: "cron" });
    await farm.world.advance(2 * MINUTE);
    expect(runs(since).length).toBeGreaterThanOrEqual(1);
  },
  SCENARIO_MS,
);
