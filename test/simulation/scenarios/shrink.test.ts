import { expect, test } from "@jest/globals";
import { SCENARIO_MS, servingFarm, SETUP_MS } from "./farm.ts";

const MINUTE_MS = 60_000;

/** Each on a farm of its own: what its last hours were like is a part of what a tier decides on. */
test.each([0.3, 1])(
  "a tier of six shrinks by a node a minute although a share of %s of all events is lost",
  async (rate) => {
    const farm = await servingFarm(`shrink ${rate}`, "none");
    farm.world.fault({ kind: "load", perSecond: 400, serviceSeconds: 0.2 });
    await farm.world.until("six serve", async () => (await farm.serving()).length === 6, SCENARIO_MS * 10);
    await farm.world.advance(120_000);
    farm.world.fault({ on: "events", kind: "drop", rate, lateMs: 0 });
    farm.world.fault({ kind: "load", perSecond: 4, serviceSeconds: 0.05 });
    const [nodes, noticedMs] = [4, 2 * MINUTE_MS];
    await farm.world.until("two are left", async () => (await farm.webs()).length === 2, nodes * MINUTE_MS + noticedMs);
    expect(await farm.desired()).toBe(2);
    expect((await farm.serving()).length).toBe(2);
    await farm.rest();
    await farm.world.close();
  },
  SETUP_MS + SCENARIO_MS,
);
