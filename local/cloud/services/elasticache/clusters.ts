import type * as sdk from "@aws-sdk/client-elasticache";
import { CloudError } from "../../errors.ts";
import type { Lifecycle, Parts } from "./lifecycle.ts";
import {
  arnOf,
  clusterOf,
  CLUSTERS_MAX,
  DEFAULT_PORT,
  ENGINE_VERSION,
  invalidCombination,
  invalidValue,
  memoryOf,
  NODES_PER_CLUSTER_MAX,
  PARAMETER_GROUP,
  refuseUnknown,
  subnetGroupOf,
  type CacheNode,
  type Cluster,
} from "./model.ts";
import { setTags } from "./tags.ts";
import { clusterView } from "./view.ts";

const CREATE_MEMBERS = [
  "CacheClusterId",
  "AZMode",
  "NumCacheNodes",
  "CacheNodeType",
  "Engine",
  "EngineVersion",
  "CacheParameterGroupName",
  "CacheSubnetGroupName",
  "SecurityGroupIds",
  "Tags",
  "PreferredMaintenanceWindow",
  "Port",
  "AutoMinorVersionUpgrade",
];
const MODIFY_MEMBERS = [
  "CacheClusterId",
  "NumCacheNodes",
  "CacheNodeIdsToRemove",
  "SecurityGroupIds",
  "PreferredMaintenanceWindow",
  "ApplyImmediately",
  "AutoMinorVersionUpgrade",
];
const REQUESTER = "amazon-elasticache";

function checkNew(input: sdk.CreateCacheClusterMessage, count: number): void {
  refuseUnknown("CreateCacheCluster", input, CREATE_MEMBERS);
  if (input.Engine !== "memcached") throw invalidValue(`The embedded cloud has no engine ${input.Engine}: memcached`);
  if (input.EngineVersion !== undefined && input.EngineVersion !== ENGINE_VERSION)
    throw invalidCombination(`Cannot find version ${input.EngineVersion} for memcached; there is ${ENGINE_VERSION}`);
  if (input.CacheParameterGroupName !== undefined && input.CacheParameterGroupName !== PARAMETER_GROUP)
    throw new CloudError(
      "CacheParameterGroupNotFound",
      `CacheParameterGroup ${input.CacheParameterGroupName} not found.`,
      404,
    );
  if (!/^[a-z](?!.*--)[a-z0-9-]{0,49}(?<!-)$/i.test(input.CacheClusterId ?? ""))
    throw invalidValue(`The parameter CacheClusterIdentifier is not a valid identifier: ${input.CacheClusterId ?? ""}`);
  if (input.AZMode === "cross-az" && count < 2)
    throw invalidCombination("Cross-zone clusters need at least two cache nodes");
  checkCount(count);
}

function checkCount(count: number): void {
  if (count < 1) throw invalidValue("NumCacheNodes must be at least 1");
  if (count > NODES_PER_CLUSTER_MAX)
    throw new CloudError("NodeQuotaForClusterExceeded", `At most ${NODES_PER_CLUSTER_MAX} nodes in a cluster`);
}

/** The nodes that the caller names; all of them must be there. */
function named(cluster: Cluster, ids: readonly string[]): CacheNode[] {
  return ids.map((id) => {
    const node = cluster.nodes.find((one) => one.id === id);
    if (node === undefined) throw invalidValue(`Cache node ${id} is not in cluster ${cluster.id}`);
    return node;
  });
}

function needAvailable(cluster: Cluster): void {
  if (cluster.status !== "available")
    throw new CloudError("InvalidCacheClusterState", `Cache cluster ${cluster.id} is not in available state.`);
}

/** Puts nodes of clusters into subnets. Throws what EC2 says; what was placed before a failure is taken back. */
function openPlaces({ world, interfaces }: Parts) {
  const place = (cluster: Pick<Cluster, "id" | "groupIds">, subnetId: string, description: string) =>
    interfaces.add({ requester: REQUESTER, subnetId, groupIds: cluster.groupIds, description });

  const nextNode = (cluster: Cluster, others: readonly CacheNode[]): CacheNode => {
    const number = Math.max(0, ...others.map((node) => Number(node.id))) + 1;
    const id = String(number).padStart(4, "0");
    const turn = cluster.crossZone ? (number - 1) % cluster.subnetIds.length : 0;
    const subnetId = cluster.subnetIds[turn] ?? "";
    const { id: interfaceId, address } = place(cluster, subnetId, `ElastiCache ${cluster.id} ${id}`);
    const zone = interfaces.subnet(subnetId)?.availabilityZone ?? "";
    return { id, status: "creating", interfaceId, address, zone, createdAt: world.clock.now(), server: undefined };
  };

  return {
    place,
    /** Adds nodes in `creating`, by turns over the zones. */
    addNodes(cluster: Cluster, count: number): void {
      const added: CacheNode[] = [];
      try {
        for (let index = 0; index < count; index++) added.push(nextNode(cluster, [...cluster.nodes, ...added]));
      } catch (error) {
        for (const node of added) interfaces.remove(node.interfaceId);
        throw error;
      }
      cluster.nodes = [...cluster.nodes, ...added];
    },
  };
}

/** Fewer nodes: the caller says which. More: they are placed by turns. */
function resize(parts: Parts, lifecycle: Lifecycle, cluster: Cluster, input: sdk.ModifyCacheClusterMessage): void {
  const wanted = input.NumCacheNodes ?? cluster.nodes.length;
  checkCount(wanted);
  if (input.ApplyImmediately !== true)
    throw invalidCombination("The embedded cloud has no maintenance windows: say ApplyImmediately");
  const leaving = named(cluster, input.CacheNodeIdsToRemove ?? []);
  const surplus = cluster.nodes.length - wanted;
  if (leaving.length !== Math.max(0, surplus))
    throw invalidCombination(`CacheNodeIdsToRemove must name ${Math.max(0, surplus)} nodes, not ${leaving.length}`);
  if (surplus === 0) return;
  if (surplus < 0) openPlaces(parts).addNodes(cluster, -surplus);
  for (const node of leaving) node.status = "deleting";
  lifecycle.resize(cluster);
}

export function clusterOperations(parts: Parts, lifecycle: Lifecycle) {
  const { world, store, interfaces } = parts;
  const { place, addNodes } = openPlaces(parts);
  return {
    CreateCacheCluster(input: sdk.CreateCacheClusterMessage): sdk.CreateCacheClusterResult {
      const count = input.NumCacheNodes ?? 1;
      checkNew(input, count);
      const id = (input.CacheClusterId ?? "").toLowerCase();
      if (store.clusters.has(id)) throw new CloudError("CacheClusterAlreadyExists", "Cache cluster already exists");
      if (store.clusters.size >= CLUSTERS_MAX)
        throw new CloudError("ClusterQuotaForCustomerExceeded", `At most ${CLUSTERS_MAX} clusters`);
      const group = subnetGroupOf(store, input.CacheSubnetGroupName);
      memoryOf(input.CacheNodeType ?? "");
      const groupIds = [...(input.SecurityGroupIds ?? [])];
      const subnetIds = [...group.subnetIds];
      const front = place({ id, groupIds }, subnetIds[0] ?? "", `ElastiCache ${id} configuration endpoint`);
      const cluster: Cluster = {
        id,
        arn: arnOf(world, "cluster", id),
        status: "creating",
        nodeType: input.CacheNodeType ?? "",
        port: input.Port ?? DEFAULT_PORT,
        subnetGroup: group.name,
        crossZone: input.AZMode === "cross-az",
        createdAt: world.clock.now(),
        subnetIds,
        groupIds,
        nodes: [],
        endpoint: { interfaceId: front.id, address: front.address },
        front: undefined,
        configVersion: 1,
        maintenanceWindow: input.PreferredMaintenanceWindow ?? "sun:03:00-sun:04:00",
        autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
      };
      try {
        addNodes(cluster, count);
        setTags(store, cluster.arn, input.Tags ?? []);
      } catch (error) {
        for (const node of cluster.nodes) interfaces.remove(node.interfaceId);
        interfaces.remove(front.id);
        throw error;
      }
      store.clusters.set(id, cluster);
      lifecycle.create(cluster);
      return { CacheCluster: clusterView(cluster, true) };
    },
  };
}

/** What is asked of clusters that are there. */
export function clusterChangeOperations(parts: Parts, lifecycle: Lifecycle) {
  const { store, interfaces } = parts;
  return {
    async ModifyCacheCluster(input: sdk.ModifyCacheClusterMessage): Promise<sdk.ModifyCacheClusterResult> {
      refuseUnknown("ModifyCacheCluster", input, MODIFY_MEMBERS);
      const cluster = clusterOf(store, input.CacheClusterId);
      needAvailable(cluster);
      if (input.SecurityGroupIds !== undefined) {
        for (const { interfaceId } of [cluster.endpoint, ...cluster.nodes])
          interfaces.setGroups(interfaceId, input.SecurityGroupIds);
        cluster.groupIds = [...input.SecurityGroupIds];
        await lifecycle.refreshPorts();
      }
      cluster.maintenanceWindow = input.PreferredMaintenanceWindow ?? cluster.maintenanceWindow;
      cluster.autoMinorVersionUpgrade = input.AutoMinorVersionUpgrade ?? cluster.autoMinorVersionUpgrade;
      if (input.NumCacheNodes !== undefined) resize(parts, lifecycle, cluster, input);
      return { CacheCluster: clusterView(cluster, true) };
    },

    RebootCacheCluster(input: sdk.RebootCacheClusterMessage): sdk.RebootCacheClusterResult {
      const cluster = clusterOf(store, input.CacheClusterId);
      needAvailable(cluster);
      const nodes = named(cluster, input.CacheNodeIdsToReboot ?? []);
      if (nodes.length === 0) throw invalidValue("CacheNodeIdsToReboot must name at least one node");
      lifecycle.reboot(cluster, nodes);
      return { CacheCluster: clusterView(cluster, true) };
    },

    DeleteCacheCluster(input: sdk.DeleteCacheClusterMessage): sdk.DeleteCacheClusterResult {
      refuseUnknown("DeleteCacheCluster", input, ["CacheClusterId"]);
      const cluster = clusterOf(store, input.CacheClusterId);
      if (cluster.status !== "available" && cluster.status !== "incompatible-network")
        throw new CloudError("InvalidCacheClusterState", `Cache cluster ${cluster.id} is ${cluster.status}`);
      lifecycle.remove(cluster);
      return { CacheCluster: clusterView(cluster, true) };
    },
  };
}
