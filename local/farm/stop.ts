import { setTimeout as sleep } from "node:timers/promises";
import { sweepLeftovers } from "./instance/registry.ts";
import { isAlive, lockHolder } from "./lock.ts";
import { farmPaths, projectRoot } from "./paths.ts";
import { removeState } from "./state.ts";

/** A farm ends its machines by SIGKILL, so it is quick; after this long it is stuck and is killed itself. */
const STOP_SECONDS_MAX = 20;

/** Stops the farm of this project folder. Returns the exit code: 0 also when nothing runs. */
export async function stopFarm(): Promise<number> {
  const paths = farmPaths(projectRoot);
  const pid = lockHolder(paths.lock);
  if (pid === undefined) {
    const swept = sweepLeftovers(paths.machineRegistry);
    removeState(paths);
    console.log(
      swept.length === 0
        ? "no local farm runs"
        : `no local farm runs; ended what a crashed one left: ${swept.join(", ")}`,
    );
    return 0;
  }
  process.kill(pid, "SIGTERM");
  for (let waitedMs = 0; isAlive(pid) && waitedMs < STOP_SECONDS_MAX * 1000; waitedMs += 100) await sleep(100);
  if (isAlive(pid)) {
    console.error(`the farm (pid ${pid}) did not stop within ${STOP_SECONDS_MAX} s and is killed`);
    process.kill(pid, "SIGKILL");
  }
  sweepLeftovers(paths.machineRegistry);
  removeState(paths);
  console.log("stopped");
  return 0;
}
