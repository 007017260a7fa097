import type { PolicyResult, Terms } from "./tier.ts";
import { MINUTE_MS, SLICE_MS, SLICES } from "./trace.ts";

/**
 * Who knows the whole trace: serves every request with the fewest node-minutes. The n-th node is needed in the slices
 * whose load is beyond n - 1 nodes; it is launched one boot before, and kept over a gap that is shorter than another
 * boot. What one node does has no part in what another costs, so each is optimal for itself.
 */
export function optimum(slices: Float64Array, terms: Terms): PolicyResult {
  const room = (terms.nodeCapacity * SLICE_MS) / MINUTE_MS;
  const needed = Array.from(slices, (arrived) =>
    Math.min(terms.max, Math.max(terms.min, Math.ceil(arrived / room - 1e-9))),
  );
  const bootSlices = Math.ceil(terms.bootMs / SLICE_MS);
  const inService = new Int32Array(slices.length);
  const changes = new Int32Array(slices.length + 1);
  let paid = 0;
  const highest = needed.reduce((a, b) => Math.max(a, b), 0);
  for (let node = 1; node <= highest; node++) {
    let first = -1;
    let last = -1;
    const close = (): void => {
      if (first < 0) return;
      paid += last - first + 1 + (first === 0 ? 0 : Math.min(first, bootSlices));
      if (first > 0) changes[Math.max(0, first - bootSlices)] = 1;
      if (last + 1 < slices.length) changes[last + 1] = 1;
      for (let slice = first; slice <= last; slice++) inService[slice] = (inService[slice] ?? 0) + 1;
    };
    needed.forEach((count, slice) => {
      if (count < node) return;
      if (first >= 0 && slice - last - 1 > bootSlices) {
        close();
        first = slice;
      }
      if (first < 0) first = slice;
      last = slice;
    });
    close();
  }
  const total = slices.reduce((sum, arrived) => sum + arrived, 0);
  const lost = slices.reduce((sum, arrived) => sum + Math.max(0, arrived - terms.max * room), 0);
  return {
    violationMinutes: 0,
    unservedRatio: total === 0 ? 0 : lost / total,
    nodeMinutes: paid / SLICES,
    overOptimum: 0,
    actions: changes.reduce((sum, one) => sum + one, 0),
    capacity: Array.from(
      { length: Math.floor(slices.length / SLICES) },
      (_, minute) => inService[minute * SLICES] ?? 0,
    ),
    actionsByMinute: [],
  };
}
