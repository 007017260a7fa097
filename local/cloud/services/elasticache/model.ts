import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import type { CacheFront, CacheServer } from "./servers.ts";

/** AWS's default quotas. */
export const NODES_PER_CLUSTER_MAX = 40;
export const CLUSTERS_MAX = 100;
export const DEFAULT_PORT = 11_211;
export const ENGINE_VERSION = "1.6.22";
export const PARAMETER_GROUP = "default.memcached1.6";

/** Memory for items by node type, in MB: `max_cache_memory` of the default parameter group. */
const MEMORY: Readonly<Record<string, number>> = {
  "cache.t3.micro": 512,
  "cache.t3.small": 1402,
  "cache.t3.medium": 3164,
  "cache.t4g.micro": 512,
  "cache.t4g.small": 1402,
  "cache.t4g.medium": 3164,
  "cache.m6g.large": 6537,
  "cache.m7g.large": 6537,
  "cache.r6g.large": 13_387,
  "cache.r7g.large": 13_387,
};

export interface CacheNode {
  /** `0001`, `0002`... */
  readonly id: string;
  status: "creating" | "available" | "rebooting" | "deleting";
  readonly interfaceId: string;
  readonly address: string;
  readonly zone: string;
  readonly createdAt: number;
  /** Undefined while it is started and after it was lost. */
  server: CacheServer | undefined;
}

export interface Cluster {
  readonly id: string;
  readonly arn: string;
  status: "creating" | "available" | "modifying" | "rebooting cluster nodes" | "deleting" | "incompatible-network";
  readonly nodeType: string;
  readonly port: number;
  readonly subnetGroup: string;
  readonly crossZone: boolean;
  readonly createdAt: number;
  /** Where the next node is placed, by turns. */
  readonly subnetIds: readonly string[];
  groupIds: string[];
  nodes: CacheNode[];
  readonly endpoint: { readonly interfaceId: string; readonly address: string };
  front: CacheFront | undefined;
  /** Grows with every change of the list of nodes, as clients of auto discovery expect. */
  configVersion: number;
  maintenanceWindow: string;
  autoMinorVersionUpgrade: boolean;
}

export interface SubnetGroup {
  readonly name: string;
  readonly arn: string;
  description: string;
  readonly vpcId: string;
  subnetIds: string[];
}

export interface Store {
  readonly clusters: Map<string, Cluster>;
  readonly subnetGroups: Map<string, SubnetGroup>;
  /** By ARN. */
  readonly tags: Map<string, Map<string, string>>;
}

export const arnOf = (world: World, kind: "cluster" | "subnetgroup", name: string): string =>
  `arn:aws:elasticache:${world.region}:${world.account}:${kind}:${name}`;

export const invalidValue = (message: string): CloudError => new CloudError("InvalidParameterValue", message);
export const invalidCombination = (message: string): CloudError =>
  new CloudError("InvalidParameterCombination", message);

export function memoryOf(nodeType: string): number {
  const memory = MEMORY[nodeType];
  if (memory === undefined)
    throw invalidValue(`The embedded cloud has no node type ${nodeType}: ${Object.keys(MEMORY).join(", ")}`);
  return memory;
}

/** Names of clusters and subnet groups are case-insensitive on AWS: they are stored in lower case. */
export function clusterOf(store: Store, id: string | undefined): Cluster {
  const cluster = store.clusters.get((id ?? "").toLowerCase());
  if (cluster === undefined) throw new CloudError("CacheClusterNotFound", `CacheCluster not found: ${id ?? ""}`, 404);
  return cluster;
}

export function subnetGroupOf(store: Store, name: string | undefined): SubnetGroup {
  const group = store.subnetGroups.get((name ?? "").toLowerCase());
  if (group === undefined)
    throw new CloudError("CacheSubnetGroupNotFoundFault", `Cache Subnet Group ${name ?? ""} does not exist.`);
  return group;
}

/** What a caller gave but this cloud does not act on would be ignored in silence: it is refused by name. */
export function refuseUnknown(operation: string, input: object, known: readonly string[]): void {
  const unknown = Object.entries(input).find(([name, value]) => value !== undefined && !known.includes(name));
  if (unknown !== undefined)
    throw invalidCombination(`${operation}: the embedded cloud does not support ${unknown[0]}`);
}

/** One page; the marker is the position of the next item. */
export function page<T>(
  items: readonly T[],
  { Marker, MaxRecords }: { Marker?: string | undefined; MaxRecords?: number | undefined },
): { items: T[]; Marker?: string } {
  const size = MaxRecords ?? 100;
  if (size < 20 || size > 100) throw invalidValue(`MaxRecords must be from 20 to 100, not ${size}`);
  const from = Number(Marker ?? 0);
  if (!Number.isInteger(from) || from < 0) throw invalidValue(`The marker '${Marker}' is not valid`);
  const next = from + size;
  return { items: items.slice(from, next), ...(next < items.length ? { Marker: String(next) } : {}) };
}
