import { TandemError } from "../errors.ts";
import { isKnown, known, unknown, type Fact } from "../reconcile/fact.ts";
import type { Spec } from "../spec.ts";
import { edgeAws, type Distribution, type EdgeClients, type EdgeRecord, type Invalidation } from "./aws.ts";

export type EdgeDeps = EdgeClients & { readonly spec: Spec };

/** What the edge of the farm is now. A part that cannot be read is unknown and hides no other. */
export interface EdgeObservation {
  /** Of the public zone, if the farm has one, and of the private one. */
  readonly records: Fact<readonly EdgeRecord[]>;
  /** Absent: the farm was deployed without one. */
  readonly distribution: Fact<Distribution>;
  /** Newest first. */
  readonly invalidations: Fact<readonly Invalidation[]>;
  /** How many paths are being invalidated at the edge and are not yet done. */
  readonly pendingPaths: Fact<number>;
}

/** Reads only. Never throws a TandemError: what could not be read says why. */
export async function observeEdge(deps: EdgeDeps): Promise<EdgeObservation> {
  const { distribution: id } = deps.spec;
  const [records, rest] = await Promise.all([
    fact(() => recordsOf(deps)),
    id === undefined ? WITHOUT_DISTRIBUTION : observeDistribution(deps, id),
  ]);
  return { records, ...rest };
}

/** Where nothing is cached, nothing waits to be forgotten. */
const WITHOUT_DISTRIBUTION: Omit<EdgeObservation, "records"> = {
  distribution: { absent: true },
  invalidations: known([]),
  pendingPaths: known(0),
};

async function observeDistribution(deps: EdgeDeps, id: string): Promise<Omit<EdgeObservation, "records">> {
  const aws = edgeAws(deps);
  const [distribution, invalidations] = await Promise.all([
    fact(() => aws.distribution(id)),
    fact(() => aws.invalidations(id)),
  ]);
  if (!isKnown(invalidations)) return { distribution, invalidations, pendingPaths: invalidations };
  const open = invalidations.known.filter(({ state }) => state === "InProgress");
  const pendingPaths = await fact(async () => {
    const counts = await Promise.all(open.map(async (one) => (await aws.paths(id, one.id)).length));
    return counts.reduce((sum, count) => sum + count, 0);
  });
  return { distribution, invalidations, pendingPaths };
}

async function recordsOf(deps: EdgeDeps): Promise<readonly EdgeRecord[]> {
  const { publicZone, privateZone } = deps.spec;
  const zones = [publicZone, privateZone].filter((zone) => zone !== undefined);
  if (zones.length === 0)
    throw new TandemError("no-zone", "the deployment names no DNS zone", { next: "deploy the farm again" });
  return (await Promise.all(zones.map((zone) => edgeAws(deps).records(zone)))).flat();
}

async function fact<T>(read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return known(await read());
  } catch (error) {
    if (error instanceof TandemError) return unknown(error.message);
    throw error;
  }
}
