import type { Clock } from "../clock.ts";
import { TandemError } from "../errors.ts";
import type { Spec } from "../spec.ts";
import { cacheAws, type CacheClients, type CacheNode } from "./aws.ts";
import { readMemcached, type CacheFact, type ReadCache } from "./memcached.ts";

export type CacheDeps = CacheClients & {
  readonly spec: Spec;
  readonly clock: Clock;
  /** Absent: over the network. */
  readonly readCache?: ReadCache;
};

export interface ObservedCacheNode extends CacheNode {
  readonly server: CacheFact;
}

/** More than ElastiCache allows in a cluster: a longer list is not one. */
const NODES_MAX = 60;

/**
 * Every node of the cluster and what its server says. A server that does not answer is unknown and hides no other.
 * @throws TandemError if the list of nodes cannot be read or the cluster does not exist
 */
export async function observeCache(deps: CacheDeps): Promise<readonly ObservedCacheNode[]> {
  const { spec, clock, readCache = readMemcached } = deps;
  const nodes = await cacheAws(deps).nodes(spec.cacheCluster);
  if (nodes === undefined)
    throw new TandemError("aws-not-found", `cache cluster ${spec.cacheCluster} does not exist`, {
      next: "deploy the farm",
    });
  return Promise.all(
    nodes.slice(0, NODES_MAX).map(async (node) => ({
      ...node,
      server: await readCache(clock, { host: node.address, port: node.port }),
    })),
  );
}
