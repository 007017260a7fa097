import { expect, test } from "@jest/globals";
import { HEARTBEATS_MAX } from "../../../lib/lifecycle/plan.ts";
import { SCENARIO_MS, servingFarm, SETUP_MS } from "./farm.ts";

test(
  "8 a hook is kept open for an hour at most; then its own timeout ends it, and another node is tried",
  async () => {
    const farm = await servingFarm("window", "none");
    farm.world.fault({ kind: "script", script: "launch", how: "shared-missing" });
    const id = await farm.launching();
    await farm.until(id, "gone", 100 * 60_000);
    const heartbeats = farm.deeds("RecordLifecycleActionHeartbeat", id);
    expect(heartbeats.length).toBeGreaterThan(HEARTBEATS_MAX / 2);
    expect(heartbeats.length).toBeLessThanOrEqual(HEARTBEATS_MAX);
    const hooks = farm.deeds("CompleteLifecycleAction", id).map(({ parameters }) => parameters["LifecycleHookName"]);
    expect(hooks).not.toContain("tandem-launch");
    expect(await farm.lines(id)).toContainEqual(
      expect.objectContaining({ phase: "detected", problem: "hook-window-spent" }),
    );
    await farm.rest();
    await farm.world.close();
  },
  SETUP_MS + SCENARIO_MS,
);
