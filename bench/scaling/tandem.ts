import { WINDOW_MS, type LoadSample } from "../../lib/fleet/capacity.ts";
import type { BootTimes } from "../../lib/fleet/demand.ts";
import { HISTORY_MS, HISTORY_PERIOD_MS, VOLATILITY_MS } from "../../lib/fleet/forecast.ts";
import { planCapacity, type CapacityChange, type CapacityObservation } from "../../lib/fleet/plan.ts";
import { PERIOD_MS, type Period } from "../../lib/fleet/work.ts";
import type { Group } from "../../lib/lifecycle/observation.ts";
import { absent, isKnown, known, type Fact } from "../../lib/reconcile/fact.ts";
import type { Policy, Terms, Tier } from "./tier.ts";
import { MINUTE_MS, SLICES } from "./trace.ts";

/** The product's defaults (serverless.yml), which decide here as they decide there. */
export interface Product {
  readonly phpWorkers: number;
  readonly targetBusyPercent: number;
  readonly scaleInCooldownSeconds: number;
}

/** infra/alarms.yml: two of three periods with more than this share of the workers busy or waited for. */
const BUSY_PERCENT = 80;
const BUSY_PERIODS = 3;
const BUSY_BREACHES = 2;

const GROUP = "web";

/**
 * Tandem itself: `planCapacity` on what `lib/fleet/web.ts` would observe, at the moments at which it would look: once a
 * minute by the clock, when the busy alarm goes off, and when a plan asks for another look. A slice is one period of the
 * nodes' metrics. What no worker takes waits until the slice ends and is then lost, so nothing is carried over.
 */
export const tandem =
  (product: Product): Policy =>
  (tier, terms) => {
    const site = openSite(product, terms);
    let lastChange: Fact<CapacityChange> = absent;
    let boot: Fact<Partial<BootTimes>> = absent;
    const awaited = { directMs: Infinity, poolMs: Infinity };
    let lookAt = Infinity;

    const look = (now: number): void => {
      lookAt = Infinity;
      const observation: CapacityObservation = {
        ...site.observed(now),
        now,
        groupName: GROUP,
        targetBusyPercent: product.targetBusyPercent,
        scaleInCooldownMs: product.scaleInCooldownSeconds * 1000,
        group: known(groupOf(tier, terms, now)),
        lastChange,
        boot,
        pool: terms.pool > 0 ? known(tier.ready(now)) : absent,
        database: absent,
        refresh: absent,
        notices: absent,
        answering: absent,
        floors: [],
        requests: [],
      };
      const plan = planCapacity(observation);
      const change = plan.actions.find((action) => action.kind === "set-desired");
      if (plan.lookAgainMs !== undefined) lookAt = now + plan.lookAgainMs;
      if (change === undefined) return;
      lastChange = known({ at: now, from: change.from, to: change.to });
      const before = tier.nodes().length;
      tier.setDesired(change.to, now);
      for (const { readyAt } of tier.nodes().slice(before)) {
        const kind = readyAt - now === terms.bootMs ? "directMs" : "poolMs";
        awaited[kind] = Math.min(awaited[kind], readyAt);
      }
      // The loop looks again after an act; right then the scale-out settles, and the plan says when to look.
      look(now);
    };

    return (slice, arrived, inService, now) => {
      const isAlarm = site.saw(slice, arrived, inService, now);
      if (now >= awaited.directMs) boot = learnt(boot, { directMs: terms.bootMs });
      if (now >= awaited.poolMs) boot = learnt(boot, { poolMs: terms.poolBootMs });
      if (slice % SLICES === SLICES - 1 || isAlarm || now >= lookAt) look(now);
    };
  };

const learnt = (before: Fact<Partial<BootTimes>>, seen: Partial<BootTimes>): Fact<Partial<BootTimes>> =>
  known({ ...(isKnown(before) ? before.known : {}), ...seen });

const groupOf = (tier: Tier, { min, max }: Terms, now: number): Group => ({
  min,
  max,
  desired: tier.desired(),
  suspended: [],
  targetGroups: [],
  hasWarmPool: false,
  instances: tier.nodes().map(({ readyAt }, index) => ({
    id: `i-${index}`,
    lifecycleState: readyAt <= now ? "InService" : "Pending:Wait",
    healthy: true,
  })),
});

/** What the nodes publish and CloudWatch keeps of it. */
function openSite({ phpWorkers }: Product, { nodeCapacity }: Terms) {
  const serviceSeconds = (phpWorkers * MINUTE_MS) / 1000 / nodeCapacity;
  const samples: LoadSample[] = [];
  const minutes: Period[] = [];
  const history: Period[] = [];
  const breaches: boolean[] = [];
  let isBusy = false;

  /** Adds ten seconds to the period of `periodMs` that they are a part of. */
  const add = (periods: Period[], periodMs: number, part: Period): void => {
    const at = Math.floor(part.at / periodMs) * periodMs;
    const last = periods.at(-1);
    const so = last?.at === at ? last : { arrived: 0, completed: 0, queued: 0, busy: 0 };
    const next = {
      at,
      arrived: so.arrived + part.arrived,
      completed: so.completed + part.completed,
      queued: so.queued + part.queued,
      busy: so.busy + (part.busy * PERIOD_MS) / periodMs,
      processors: 0,
    };
    periods[last?.at === at ? periods.length - 1 : periods.length] = next;
  };
  const since = (periods: readonly Period[], from: number): readonly Period[] => {
    let first = periods.length;
    while (first > 0 && (periods[first - 1]?.at ?? 0) >= from) first--;
    return periods.slice(first);
  };

  return {
    /** True: the busy alarm goes off. */
    saw(_slice: number, arrived: number, inService: number, now: number): boolean {
      const at = now - PERIOD_MS;
      const served = Math.min(arrived, (inService * nodeCapacity * PERIOD_MS) / MINUTE_MS);
      const queued = arrived - served;
      const busy = (served * serviceSeconds * 1000) / PERIOD_MS;
      const mean = (total: number): number => total / inService;
      if (inService > 0)
        samples.push({
          at,
          reporters: inService,
          arrived: mean(arrived),
          completed: mean(served),
          busy: mean(busy),
          workers: phpWorkers,
          queued: mean(queued),
        });
      while ((samples[0]?.at ?? now) < now - WINDOW_MS - PERIOD_MS) samples.shift();
      const part = { at, arrived, completed: served, queued, busy, processors: 0 };
      add(minutes, MINUTE_MS, part);
      add(history, HISTORY_PERIOD_MS, part);
      breaches.push(inService === 0 || (100 * (busy + queued)) / (inService * phpWorkers) > BUSY_PERCENT);
      if (breaches.length > BUSY_PERIODS) breaches.shift();
      const wasBusy = isBusy;
      isBusy = breaches.filter(Boolean).length >= BUSY_BREACHES;
      return isBusy && !wasBusy;
    },
    observed: (now: number) => ({
      samples: known([...samples]),
      minutes: known(since(minutes, now - VOLATILITY_MS - MINUTE_MS)),
      history: known(since(history, now - HISTORY_MS)),
    }),
  };
}
