import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { isAll } from "../extent.ts";
import { eventually, farmJson, inService, journal, serverless, startFarm, status, stopFarm, tandem } from "./farm.ts";
import { alarmOf } from "./launches.ts";
import { watchPages } from "./pages.ts";

const ROUNDS = 10;
const POOL = 2;
/** Promised (docs/TESTING.md). */
const ALARM_TO_PAGE_SECONDS_MAX = 8;
const KILLS_MS = 5 * 60_000;
/** A web node is gone and its replacement serves well within this time. */
const REPLACED_SECONDS_MAX = 90;
/** Between two pages that were served while nodes died. */
const SILENCE_MS_MAX = 2_000;
const WAITS = /:Wait$/;

/** In `npm run test:all` only: half an hour of a farm of its own. */
(isAll ? describe : describe.skip)("a farm with a warm pool", () => {
  beforeAll(async () => {
    await stopFarm();
    await startFarm("--web", "2", "--fresh");
    await serverless("deploy", "--param", `warmPoolMin=${POOL}`);
    await eventually("a full pool", 180, status, (seen) => stopped(seen).length === POOL && isAtRest(seen, 2));
  }, 400_000);

  afterAll(async () => {
    await stopFarm();
  }, 60_000);

  test("serves the first page of a pool's node within seconds of the alarm", async () => {
    const since = new Date().toISOString();
    const load = await tandem("fault", "load", "--factor", "1.5", "--for", "40s", "--json");
    const { non2xx, failed, firstAt } = JSON.parse(load.stdout);
    expect({ non2xx, failed }).toEqual({ non2xx: 0, failed: 0 });
    const alarmAt = await alarmOf(await journal(since));
    const seconds = Object.values<string>(firstAt)
      .map((at) => (Date.parse(at) - alarmAt) / 1000)
      .filter((each) => each > 0);
    console.log(
      `from the alarm to the first page of each new node: ${seconds.map((each) => each.toFixed(1)).join(", ")} s`,
    );
    expect(Math.min(...seconds)).toBeLessThan(ALARM_TO_PAGE_SECONDS_MAX);
    await back();
  }, 400_000);

  test(`loses no request in ${ROUNDS} rounds of load up and down`, async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      const load = await tandem("fault", "load", "--factor", "1.5", "--for", "30s", "--json");
      const report = JSON.parse(load.stdout);
      const grown = (await status()).web.desired;
      await back();
      console.log(`round ${round}: ${report.ok} of ${report.sent} pages, up to ${grown} nodes and back`);
      expect(report).toMatchObject({ non2xx: 0, failed: 0 });
      expect(grown).toBeGreaterThan(2);
    }
  }, 3_600_000);

  test("stays up while one node after the other is killed for five minutes", async () => {
    // The wish keeps the load's own ups and downs out of what is counted.
    expect(await tandem("scale", "3", "--for", "10m")).toMatchObject({ code: 0 });
    await eventually("three nodes", 120, status, (seen) => isAtRest(seen, 3));
    const pages = watchPages(farmJson().site);
    let kills = 0;
    for (const until = Date.now() + KILLS_MS; Date.now() < until; kills++) {
      const nodes = inService(await status());
      const victim = nodes[Math.floor(Math.random() * nodes.length)] ?? "";
      expect(await tandem("fault", "kill", victim, "--json")).toMatchObject({ code: 0 });
      await eventually(
        `a replacement of ${victim}`,
        REPLACED_SECONDS_MAX,
        status,
        (seen) => isAtRest(seen, 3) && !inService(seen).includes(victim),
      );
    }
    const { sent, lost, silenceMs } = await pages.stop();
    console.log(`${kills} nodes killed: ${lost} of ${sent} pages lost, at most ${silenceMs} ms without one`);
    expect(kills).toBeGreaterThan(3);
    expect(silenceMs).toBeLessThan(SILENCE_MS_MAX);
    const { web } = await status();
    expect(web.desired).toBe(3);
    expect(web.nodes.filter(({ state }) => WAITS.test(state))).toEqual([]);
  }, 600_000);
});

type Seen = Awaited<ReturnType<typeof status>>;

const stopped = ({ web }: Seen): string[] =>
  web.nodes.filter(({ state }) => state === "Warmed:Stopped").map(({ id }) => id);

/** As many as wanted serve, and nothing comes or goes but in the pool. */
const isAtRest = (seen: Seen, count: number): boolean =>
  seen.web.desired === count &&
  inService(seen).length === count &&
  seen.web.nodes.every(({ state }) => state === "InService" || state.startsWith("Warmed:"));

const back = (): Promise<Seen> =>
  eventually("two nodes and a full pool", 240, status, (seen) => isAtRest(seen, 2) && stopped(seen).length >= POOL);
