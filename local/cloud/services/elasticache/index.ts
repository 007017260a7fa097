import type { Service, World } from "../../service.ts";
import type { ServiceInterfaces } from "../ec2/service-interface.ts";
import { clusterChangeOperations, clusterOperations } from "./clusters.ts";
import { openLifecycle } from "./lifecycle.ts";
import { arnOf, type Store } from "./model.ts";
import type { CacheServers } from "./servers.ts";
import { subnetGroupOperations } from "./subnet-groups.ts";
import { tagOperations } from "./tags.ts";
import { readOperations } from "./view.ts";

export interface ElastiCache {
  readonly service: Service;
}

/**
 * ElastiCache for Memcached of one region: clusters whose nodes are servers of `servers` at addresses of the VPC, and a
 * configuration endpoint for auto discovery. Valkey, Redis OSS and serverless caches are refused by name.
 */
export function openElastiCache(
  world: World,
  { interfaces, servers }: { readonly interfaces: ServiceInterfaces; readonly servers: CacheServers },
): ElastiCache {
  const store: Store = { clusters: new Map(), subnetGroups: new Map(), tags: new Map() };
  const parts = { world, store, interfaces, servers };
  const lifecycle = openLifecycle(parts);
  interfaces.onRulesChange(lifecycle.refreshPorts);
  return {
    service: {
      id: "elasticache",
      operations: {
        ...clusterOperations(parts, lifecycle),
        ...clusterChangeOperations(parts, lifecycle),
        ...readOperations(store, world),
        ...subnetGroupOperations(world, store, interfaces),
        ...tagOperations(store),
      },
      resourceOf: (operation, input) => resourceOf(world, operation, input),
      async close() {
        store.clusters.clear();
        await servers.close();
      },
    },
  };
}

/** Service Authorization Reference, ElastiCache: a read of everything asks for every cluster. */
function resourceOf(world: World, operation: string, input: Readonly<Record<string, unknown>>): string {
  const { ResourceName: arn, CacheClusterId: cluster, CacheSubnetGroupName: group } = input;
  if (typeof arn === "string") return arn;
  if (typeof cluster === "string") return arnOf(world, "cluster", cluster.toLowerCase());
  if (typeof group === "string") return arnOf(world, "subnetgroup", group.toLowerCase());
  if (operation === "DescribeCacheClusters") return arnOf(world, "cluster", "*");
  return operation === "DescribeCacheSubnetGroups" ? arnOf(world, "subnetgroup", "*") : "*";
}
