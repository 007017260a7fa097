import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { isAll } from "../extent.ts";
import { eventually, farmJson, inService, journal, serverless, startFarm, status, stopFarm, tandem } from "./farm.ts";
import { watchPages } from "./pages.ts";

/** What an operator, or AWS, does to the nodes of a farm that serves. In `npm run test:all` only: some minutes of a farm of its own. */
(isAll ? describe : describe.skip)("a farm that is maintained", () => {
  let pages: ReturnType<typeof watchPages> | undefined;

  beforeAll(async () => {
    await stopFarm();
    await startFarm("--web", "2", "--fresh");
    pages = watchPages(farmJson().site);
  }, 180_000);

  afterAll(async () => {
    await stopFarm();
  }, 60_000);

  test("runs WordPress's scheduled events once a minute", async () => {
    const last = async () => (await status()).cron.last?.at;
    const first = await eventually("a run", 120, last, (at) => at !== undefined);
    const second = await eventually("the next one", 90, last, (at) => at !== first);
    expect(Date.parse(second ?? "") - Date.parse(first ?? "")).toBeGreaterThan(30_000);
    expect((await status()).cron.problems).toEqual([]);
  }, 240_000);

  test("keeps a node out of service and puts it back", async () => {
    const [node = ""] = inService(await status());
    expect(await tandem("drain", node, "--keep")).toMatchObject({ code: 0 });
    await eventually("a node on standby and two beside it", 120, status, (seen) => {
      const kept = seen.web.nodes.find(({ id }) => id === node);
      return kept?.state === "Standby" && inService(seen).length === 2;
    });
    expect(await tandem("restore", node)).toMatchObject({ code: 0 });
    await eventually("it back in service", 120, status, (seen) => inService(seen).includes(node));
    await eventually("two nodes again", 180, status, (seen) => seen.web.nodes.length === 2);
  }, 480_000);

  test("lets go of a node that EC2 takes back, before it is taken", async () => {
    const [node = ""] = inService(await status());
    const since = new Date().toISOString();
    expect(await tandem("fault", "spot-warning", node)).toMatchObject({ code: 0 });
    await eventually(
      "another node in its place",
      110,
      status,
      (seen) => inService(seen).length === 2 && seen.web.nodes.every(({ id }) => id !== node),
    );
    const drained = (await journal(since)).filter(
      ({ scope, action, phase }) => scope === `web/${node}` && action === "complete-hook" && phase === "applied",
    );
    expect(drained).toMatchObject([{ result: expect.stringContaining("CONTINUE") }]);
  }, 150_000);

  test("rolls out a new launch template", async () => {
    const before = inService(await status());
    await serverless("deploy", "--param", "webInstanceType=t4g.medium");
    const rolled = tandem("refresh");
    await eventually(
      "two other nodes",
      300,
      status,
      (seen) => inService(seen).length === 2 && seen.web.nodes.every(({ id }) => !before.includes(id)),
    );
    await rolled;
    const { web } = await eventually("its end", 90, status, (seen) => Object(seen.web.refresh).state === "Successful");
    expect(web.refresh).toMatchObject({ percent: 100 });
  }, 420_000);

  test("answered every page meanwhile", async () => {
    const { sent, lost } = (await pages?.stop()) ?? { sent: 0, lost: 0 };
    console.log(`${sent} pages, ${lost} lost`);
    expect(sent).toBeGreaterThan(1_000);
    expect(lost).toBe(0);
  }, 30_000);
});
