import { isAll } from "../extent.ts";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { calls, eventually, inService, journal, startFarm, status, stopFarm, tandem } from "./farm.ts";

const LOAD_FOR = "40s";

/** It holds a farm of its own for minutes: `npm run test:all` has the time for that. */
const scenario = isAll ? describe : describe.skip;

scenario("a farm whose cloud goes wrong", () => {
  beforeAll(async () => {
    await stopFarm();
    await startFarm("--web", "2", "--fresh");
  }, 180_000);

  afterAll(async () => {
    await stopFarm();
  }, 60_000);

  test("loses no page under load with throttled calls and doubled events, and settles", async () => {
    const since = new Date().toISOString();
    const faults = [
      ["api", "throttle", "--rate", "0.1"],
      ["events", "duplicate", "--rate", "0.3"],
    ];
    for (const fault of faults)
      expect(await tandem("fault", ...fault, "--for", "10m", "--seed", "1")).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("seen to strike"),
      });

    const load = await tandem("fault", "load", "--factor", "1.5", "--for", LOAD_FOR, "--json");
    expect(JSON.parse(load.stdout)).toMatchObject({ non2xx: 0, failed: 0 });
    const back = await eventually(
      "two nodes in service",
      330,
      status,
      (seen) => seen.web.desired === 2 && inService(seen).length === 2 && seen.web.nodes.length === 2,
    );
    expect(back.database.writer).toBe("db-a");
    expect((await journal(since)).some((line) => line.phase === "applied" && line.action === "set-desired")).toBe(true);
    const throttled = calls().filter(
      (call) => call.at >= since && /Throttl|TooMany|Exceeded|SlowDown/.test(String(call["error"])),
    );
    console.log(
      `${throttled.length} calls were throttled: ${[...new Set(throttled.map((call) => call.service))].join(", ")}`,
    );
    expect(throttled.length).toBeGreaterThan(10);

    const healed = await tandem("fault", "heal");
    expect(JSON.parse(healed.stdout)).toEqual({ cloudFaults: faults.length, undone: [], failed: [] });
  }, 480_000);
});
