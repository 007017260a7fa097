import { absent, known } from "../../../lib/reconcile/fact.ts";
import type { OperatorRequest } from "../../../lib/reconcile/requests.ts";
import type { LoadSample } from "../../../lib/fleet/capacity.ts";
import type { CapacityObservation } from "../../../lib/fleet/plan.ts";
import { PERIOD_MS, type Period } from "../../../lib/fleet/work.ts";
import type { Group } from "../../../lib/lifecycle/observation.ts";
import { GROUP, NOW } from "../lifecycle/observations.ts";

export const WORKERS = 2;
export const SERVICE_SECONDS = 0.25;
export const TARGET_BUSY_PERCENT = 70;

export const groupOf = (desired: number, parts: Partial<Group> = {}): Group => ({
  min: 2,
  max: 6,
  desired,
  suspended: [],
  targetGroups: [],
  hasWarmPool: false,
  instances: Array.from({ length: desired }, (_, index) => ({
    id: `i-${index}`,
    lifecycleState: "InService",
    healthy: true,
  })),
  ...parts,
});

/** One period of a farm of `nodes` nodes at that many requests per second; what the workers cannot serve waits, with what waited before. */
export function sample(at: number, nodes: number, perSecond: number, queued = 0): LoadSample {
  const offered = perSecond * SERVICE_SECONDS;
  const busy = Math.min(offered, nodes * WORKERS);
  const completed = ((busy / SERVICE_SECONDS) * PERIOD_MS) / 1000;
  const arrived = (perSecond * PERIOD_MS) / 1000;
  const mean = (total: number): number => total / nodes;
  return {
    at,
    reporters: nodes,
    arrived: mean(arrived),
    completed: mean(completed),
    busy: mean(busy),
    workers: WORKERS,
    queued: mean(queued + Math.max(0, arrived - completed)),
  };
}

/** The six whole periods before `now`. */
export const lastMinute = (nodes: number, perSecond: number, queued = 0, now = NOW): LoadSample[] =>
  [6, 5, 4, 3, 2, 1].map((periods) => sample(now - periods * PERIOD_MS, nodes, perSecond, periods === 1 ? queued : 0));

export const observed = (
  desired: number,
  perSecond: number,
  parts: Partial<CapacityObservation> = {},
): CapacityObservation => ({
  now: NOW,
  groupName: GROUP,
  targetBusyPercent: TARGET_BUSY_PERCENT,
  scaleInCooldownMs: 6e4,
  group: known(groupOf(desired)),
  samples: known(lastMinute(desired, perSecond)),
  requests: [],
  lastChange: absent,
  minutes: known([]),
  history: known([]),
  boot: absent,
  pool: absent,
  refresh: absent,
  database: known({ connections: 10, connectionsMax: 151, refuses: false }),
  floors: [],
  notices: absent,
  answering: absent,
  ...parts,
});

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

const servedPeriod = (at: number, seconds: number, perSecond: number): Period => ({
  at,
  arrived: perSecond * seconds,
  completed: perSecond * seconds,
  queued: 0,
  busy: perSecond * SERVICE_SECONDS,
  processors: 0,
});

/** Whole minutes up to `now`, the oldest first, at the rate that `perSecond` gives for how many minutes ago it was. */
export const minutesOf = (count: number, perSecond: (ago: number) => number, now = NOW): Period[] =>
  Array.from({ length: count }, (_, index) => {
    const ago = count - index;
    return servedPeriod(now - ago * MINUTE, 60, perSecond(ago));
  });

/** The hour before and after this time of so many earlier days, by five minutes; `perSecond` by the minutes from `now` on. */
export const daysOf = (days: number, perSecond: (minute: number) => number): Period[] =>
  Array.from({ length: days }, (_, index) => days - index).flatMap((day) =>
    Array.from({ length: 24 }, (_, index) => (index - 12) * 5).map((minute) =>
      servedPeriod(NOW - day * DAY + minute * MINUTE, 300, perSecond(minute)),
    ),
  );

export const scaleWish = (count: number, id = "r-1", state: OperatorRequest["state"] = "pending"): OperatorRequest => ({
  id,
  scope: "web",
  action: "scale",
  args: { count },
  state,
  createdAt: NOW - 1e3,
  expiresAt: NOW + 36e5,
});
