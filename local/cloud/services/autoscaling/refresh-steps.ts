import { isPending, isSuspended, type Group, type Member, type Refresh, type RefreshStatus } from "./model.ts";
import { boundsOf, isReady, poolToRefresh, viewOf, warmupMs, type RefreshView } from "./refresh-view.ts";
import { chooseReplaced } from "./select.ts";

/** AWS waits an hour for somebody to release an instance; a rollback that does not get on is given up after it too. */
const PATIENCE_MS = 3_600_000;
const COMPLETE = 100;

export type RefreshStep =
  | { readonly kind: "begin-refresh"; readonly refresh: Refresh }
  | { readonly kind: "reach-checkpoint"; readonly refresh: Refresh; readonly reached: number }
  | { readonly kind: "fail-refresh"; readonly refresh: Refresh; readonly reason: string }
  | { readonly kind: "end-refresh"; readonly refresh: Refresh; readonly status: RefreshStatus };

/** What a group in a refresh does next for its size. `launch` and `shrink` are for the group's own rules to say. */
export type Turn =
  | RefreshStep
  | { readonly kind: "replace"; readonly member: Member }
  | { readonly kind: "launch" }
  | { readonly kind: "shrink" };

/**
 * Instances go and come so that at least the minimum stays ready and at most the maximum is there; an instance that is
 * surplus makes room for nobody, so an old one goes for it.
 */
export function refreshTurn(group: Group, refresh: Refresh, mayLaunch: boolean, nowMs: number): Turn | undefined {
  if (refresh.status === "Pending") return { kind: "begin-refresh", refresh };
  if (refresh.status === "RollbackInProgress" && nowMs >= refresh.movedAt + PATIENCE_MS)
    return { kind: "fail-refresh", refresh, reason: "The rollback made no progress for one hour." };
  const view = viewOf(group, refresh, nowMs);
  const { stale, surplus } = view;
  if (surplus < 0) return { kind: "launch" };
  if (isSuspended(group, "InstanceRefresh")) return surplus > 0 ? { kind: "shrink" } : undefined;
  return (
    replacement(group, refresh, view, mayLaunch, nowMs) ??
    (surplus > 0 && stale.length === 0 ? { kind: "shrink" } : milestone(group, refresh, view, nowMs))
  );
}

function replacement(
  group: Group,
  refresh: Refresh,
  view: RefreshView,
  mayLaunch: boolean,
  nowMs: number,
): Turn | undefined {
  const { stale, surplus, ready } = view;
  const { lowest, highest } = boundsOf(group, refresh);
  // What does not serve is missed by nobody: a rollback's failed launches, and whoever stands by.
  const idle = stale.find((member) =>
    isPending(member) ? refresh.status === "RollbackInProgress" : member.state === "Standby",
  );
  const victim = idle ?? chooseReplaced(group, stale);
  const mayReplace = mayLaunch && view.fresh.length + view.launches < freshAllowed(group, refresh, view, nowMs);
  if (victim !== undefined && !isSuspended(group, "Terminate")) {
    const left = ready - (isReady(group, refresh, victim, nowMs) ? 1 : 0);
    if (victim === idle || (left >= lowest && (surplus > 0 || mayReplace))) return { kind: "replace", member: victim };
  }
  return stale.length > 0 && mayReplace && group.desired + surplus < highest ? { kind: "launch" } : undefined;
}

/** Until the next checkpoint, and none beyond the last one while it pauses. */
function freshAllowed(group: Group, refresh: Refresh, { fresh, launches }: RefreshView, nowMs: number): number {
  if (refresh.status === "RollbackInProgress") return group.desired;
  if (nowMs < refresh.pausedUntil) return fresh.length + launches;
  const next = refresh.preferences.checkpoints[refresh.checkpointsReached] ?? COMPLETE;
  return Math.ceil((group.desired * next) / COMPLETE);
}

/** What follows once everything that was begun is ready. */
function milestone(group: Group, refresh: Refresh, view: RefreshView, nowMs: number): Turn | undefined {
  const { stale, held, fresh, launches, surplus, progress } = view;
  const isBack = refresh.status === "RollbackInProgress";
  const pool = poolToRefresh(group, refresh);
  const isQuiet =
    surplus === 0 && launches === 0 && !pool.isMoving && fresh.every((one) => isReady(group, refresh, one, nowMs));
  if (!isQuiet || pool.stale.length > 0) return undefined;
  if (stale.length + held.length === 0)
    return { kind: "end-refresh", refresh, status: isBack ? "RollbackSuccessful" : "Successful" };
  if (isBack) return undefined;
  const reached = reachedBy(refresh, progress.percent);
  const { checkpoints } = refresh.preferences;
  if (reached > refresh.checkpointsReached)
    return reached === checkpoints.length
      ? { kind: "end-refresh", refresh, status: "Successful" }
      : { kind: "reach-checkpoint", refresh, reached };
  const reason = "Instances that are in Standby or protected from scale in were not released within one hour.";
  return stale.length === 0 && nowMs >= refresh.movedAt + PATIENCE_MS
    ? { kind: "fail-refresh", refresh, reason }
    : undefined;
}

/** How many of its checkpoints the refresh has reached at this percentage. */
export const reachedBy = ({ preferences }: Refresh, percent: number): number =>
  preferences.checkpoints.filter((checkpoint) => checkpoint <= percent).length;

/** The end of a refresh that is being cancelled: at once, or when nothing is on its way any more. */
export function cancelledStep(group: Group, refresh: Refresh): RefreshStep | undefined {
  const isMoving =
    group.launches.size > 0 ||
    [...group.members.values()].some(({ state }) => state.startsWith("Pending") || state.startsWith("Terminating"));
  return refresh.waitsForTransitions && isMoving ? undefined : { kind: "end-refresh", refresh, status: "Cancelled" };
}

/** When the refresh may decide otherwise although nothing is seen to change. */
export const refreshDeadlines = (group: Group, refresh: Refresh): readonly number[] => [
  refresh.pausedUntil,
  refresh.movedAt + PATIENCE_MS,
  ...[...group.members.values()].map(({ inServiceAt }) => (inServiceAt ?? 0) + warmupMs(group, refresh)),
];
