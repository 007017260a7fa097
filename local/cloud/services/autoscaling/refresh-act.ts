import { emitRefresh, type RefreshEvent } from "./events.ts";
import type { Group, Member, Refresh, RefreshStatus } from "./model.ts";
import { activeRefresh, matches, viewOf } from "./refresh-view.ts";
import { reachedBy, type RefreshStep } from "./refresh-steps.ts";
import type { Surroundings } from "./source.ts";

/** AWS's delay after a checkpoint when none is given. */
const CHECKPOINT_DELAY_SECONDS = 3_600;

const ENDS: Readonly<Partial<Record<RefreshStatus, RefreshEvent>>> = {
  Successful: "Succeeded",
  Failed: "Failed",
  Cancelled: "Cancelled",
  RollbackSuccessful: "Rollback Succeeded",
  RollbackFailed: "Rollback Failed",
};

export function applyRefreshStep(around: Surroundings, group: Group, step: RefreshStep): void {
  const { refresh } = step;
  const now = around.world.clock.now();
  switch (step.kind) {
    case "begin-refresh":
      refresh.status = "InProgress";
      refresh.movedAt = now;
      // What matches from the start was not replaced by this refresh: nobody waits to look at it.
      refresh.checkpointsReached = reachedBy(refresh, viewOf(group, refresh, now).progress.percent);
      return emitRefresh(around.emit, group, refresh, "Started");
    case "reach-checkpoint": {
      const delay = refresh.preferences.checkpointDelaySeconds ?? CHECKPOINT_DELAY_SECONDS;
      refresh.checkpointsReached = step.reached;
      refresh.pausedUntil = now + delay * 1_000;
      refresh.movedAt = refresh.pausedUntil;
      return emitRefresh(around.emit, group, refresh, "Checkpoint Reached", {
        CheckpointPercentage: String(refresh.preferences.checkpoints[step.reached - 1]),
        CheckpointDelay: String(delay),
      });
    }
    case "fail-refresh":
      return failRefresh(around, group, refresh, step.reason);
    case "end-refresh":
      return endRefresh(around, group, refresh, step.status);
  }
}

/** What a rollback goes back from is told as it was when it began. */
export function beginRollback(around: Surroundings, group: Group, refresh: Refresh, reason: string): void {
  const at = around.world.clock.now();
  refresh.rollback = { at, reason, ...viewOf(group, refresh, at).progress };
  refresh.status = "RollbackInProgress";
  refresh.movedAt = at;
  // The pauses are those of the template that failed; what is launched from now on has worked before.
  group.failedLaunches = 0;
  group.launchNotBefore = 0;
  emitRefresh(around.emit, group, refresh, "Rollback Started");
}

function failRefresh(around: Surroundings, group: Group, refresh: Refresh, reason: string): void {
  if (refresh.status === "InProgress" && refresh.preferences.autoRollback)
    return beginRollback(around, group, refresh, reason);
  refresh.reason = reason;
  endRefresh(around, group, refresh, refresh.status === "RollbackInProgress" ? "RollbackFailed" : "Failed");
}

function endRefresh(around: Surroundings, group: Group, refresh: Refresh, status: RefreshStatus): void {
  const now = around.world.clock.now();
  refresh.end = viewOf(group, refresh, now).progress;
  refresh.status = status;
  refresh.endedAt = now;
  if (status === "Successful" && refresh.desired !== undefined) group.template = refresh.desired;
  const event = ENDS[status];
  if (event !== undefined) emitRefresh(around.emit, group, refresh, event);
}

/**
 * A launch from the desired configuration that failed, or was abandoned in its hook, fails the refresh; AWS does not say
 * how many it takes. A rollback goes on trying.
 */
export function launchFailedIn(around: Surroundings, group: Group, reason: string, member?: Member): void {
  const refresh = activeRefresh(group);
  if (refresh?.status !== "InProgress") return;
  if (member === undefined || matches(member, refresh.target)) failRefresh(around, group, refresh, reason);
}
