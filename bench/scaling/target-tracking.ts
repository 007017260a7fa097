import type { Policy } from "./tier.ts";
import { MINUTE_MS, SLICE_MS, SLICES } from "./trace.ts";

/** Datapoints of a minute that the two alarms of a policy want in a row. */
const HIGH_DATAPOINTS = 3;
const LOW_DATAPOINTS = 15;
/** The low alarm stands a tenth below the target. */
const LOW_SHARE = 0.9;
/** Of the nodes that one scale-in takes: the documentation says "more gradually", and no figure. */
const IN_SHARE_MAX = 0.1;

/**
 * AWS target tracking on the mean utilisation of the nodes, as its documentation describes it:
 * - datapoints of one minute; the high alarm wants three in a row over the target, the low one fifteen in a row below
 *   nine tenths of it;
 * - while the high alarm stands, each minute the capacity becomes what would bring the utilisation to the target;
 *   utilisation ends at 100 %, so that an overload is answered in steps;
 * - nodes that warm up count as capacity that is already there when more is asked for, but not in the mean, and while
 *   there are some nothing is removed;
 * - it removes capacity "more gradually" than it adds it.
 *
 * Assumed where the documentation gives no figure, each time in favour of target tracking: alarms act the moment that
 * the minute ends (in practice one to two minutes pass), the warm-up is the boot and no longer, and a scale-in goes on
 * every minute by a tenth of the nodes towards the target.
 */
export const targetTracking =
  (targetPercent: number): Policy =>
  (tier, terms) => {
    const target = targetPercent / 100;
    const room = (terms.nodeCapacity * SLICE_MS) / MINUTE_MS;
    let utilisation = 0;
    let high = 0;
    let low = 0;
    return (slice, arrived, inService, now) => {
      utilisation += Math.min(1, inService === 0 ? 1 : arrived / (inService * room)) / SLICES;
      if (slice % SLICES !== SLICES - 1) return;
      const mean = utilisation;
      utilisation = 0;
      high = mean > target ? high + 1 : 0;
      low = mean < target * LOW_SHARE ? low + 1 : 0;
      const warmed = tier.inService(now);
      const wanted = Math.ceil((warmed * mean) / target - 1e-9);
      const desired = tier.desired();
      if (high >= HIGH_DATAPOINTS && wanted > desired) tier.setDesired(wanted, now);
      if (low >= LOW_DATAPOINTS && warmed === desired && wanted < desired)
        tier.setDesired(Math.max(wanted, desired - Math.max(1, Math.floor(desired * IN_SHARE_MAX))), now);
    };
  };
