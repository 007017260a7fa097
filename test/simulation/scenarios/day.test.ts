import { expect, test } from "@jest/globals";
import { isAll } from "../../extent.ts";
import { servingFarm, SETUP_MS } from "./farm.ts";

/** A whole day in `npm run test:all`. */
const HOURS = isAll ? 24 : 6;
const MINUTES = HOURS * 60;
/**
 * A tick reads the group, its machines, its load over three spans and the databases' secret: nine calls; and for the run of
 * due events six more: last run, group, targets, agents, the node, the command.
 */
const CALLS_PER_TICK_MAX = 16;
/** Beside the ticks: two nodes that publish every ten seconds, and what an agent says of the run. */
const CALLS_PER_MINUTE_MAX = 36;

test(
  `${HOURS} quiet hours of farm life: every tick reads a little, and nothing is written or done but the due events`,
  async () => {
    const { world } = await servingFarm("day", "none");
    await world.advance(15 * 60_000);
    const before = { journal: (await world.journal()).length, calls: world.calls().length };
    await world.advance(MINUTES * 60_000);
    expect((await world.journal()).length).toBe(before.journal);
    const calls = world.calls().slice(before.calls);
    expect(calls.length).toBeLessThan(MINUTES * CALLS_PER_MINUTE_MAX);
    const functions = calls.filter(
      ({ principal, service }) => principal.includes("/tandem-local-") && service !== "logs",
    );
    const ofTicks = functions.filter(({ principal }) => principal.endsWith("/tandem-local-watch-farm"));
    expect(ofTicks.length).toBeLessThan(MINUTES * CALLS_PER_TICK_MAX);
    expect(
      [...new Set(ofTicks.map(({ operation }) => operation))].filter((name) => !/^(Describe|Get|List)/.test(name)),
    ).toEqual(["SendCommand"]);
    expect(world.witness.cronRuns.length).toBeGreaterThanOrEqual(MINUTES);
    await world.close();
  },
  SETUP_MS,
);
