import type * as sdk from "@aws-sdk/client-elasticache";
import type { World } from "../../service.ts";
import { clusterOf, ENGINE_VERSION, page, PARAMETER_GROUP, type CacheNode, type Cluster, type Store } from "./model.ts";

const nodeView = (cluster: Cluster, node: CacheNode): sdk.CacheNode => ({
  CacheNodeId: node.id,
  CacheNodeStatus: node.status,
  CacheNodeCreateTime: new Date(node.createdAt),
  Endpoint: { Address: node.address, Port: cluster.port },
  ParameterGroupStatus: "in-sync",
  CustomerAvailabilityZone: node.zone,
});

/** AWS shows endpoints as DNS names; a local cluster is reached by its addresses, as balancers are. */
export function clusterView(cluster: Cluster, withNodes: boolean): sdk.CacheCluster {
  const zones = new Set(cluster.nodes.map((node) => node.zone));
  const [zone = ""] = zones;
  return {
    CacheClusterId: cluster.id,
    ARN: cluster.arn,
    CacheClusterStatus: cluster.status,
    CacheClusterCreateTime: new Date(cluster.createdAt),
    CacheNodeType: cluster.nodeType,
    Engine: "memcached",
    EngineVersion: ENGINE_VERSION,
    NumCacheNodes: cluster.nodes.filter((node) => node.status !== "deleting").length,
    PreferredAvailabilityZone: zones.size > 1 ? "Multiple" : zone,
    PreferredMaintenanceWindow: cluster.maintenanceWindow,
    PendingModifiedValues: {},
    CacheParameterGroup: {
      CacheParameterGroupName: PARAMETER_GROUP,
      ParameterApplyStatus: "in-sync",
      CacheNodeIdsToReboot: [],
    },
    CacheSecurityGroups: [],
    CacheSubnetGroupName: cluster.subnetGroup,
    SecurityGroups: cluster.groupIds.map((SecurityGroupId) => ({ SecurityGroupId, Status: "active" })),
    ConfigurationEndpoint: { Address: cluster.endpoint.address, Port: cluster.port },
    AutoMinorVersionUpgrade: cluster.autoMinorVersionUpgrade,
    TransitEncryptionEnabled: false,
    AtRestEncryptionEnabled: false,
    AuthTokenEnabled: false,
    NetworkType: "ipv4",
    IpDiscovery: "ipv4",
    ...(withNodes ? { CacheNodes: cluster.nodes.map((node) => nodeView(cluster, node)) } : {}),
  };
}

export function readOperations(store: Store, world: World) {
  return {
    DescribeCacheClusters(input: sdk.DescribeCacheClustersMessage): sdk.CacheClusterMessage {
      const one = input.CacheClusterId;
      const chosen = one === undefined ? [...store.clusters.values()] : [clusterOf(store, one)];
      const { items, ...more } = page(chosen, input);
      return { CacheClusters: items.map((each) => clusterView(each, input.ShowCacheNodeInfo === true)), ...more };
    },
    /** The default group of the one engine; groups of one's own are not part of this cloud. */
    DescribeCacheParameterGroups(): sdk.CacheParameterGroupsMessage {
      return {
        CacheParameterGroups: [
          {
            CacheParameterGroupName: PARAMETER_GROUP,
            CacheParameterGroupFamily: "memcached1.6",
            Description: "Default parameter group for memcached1.6",
            IsGlobal: false,
            ARN: `arn:aws:elasticache:${world.region}:${world.account}:parametergroup:${PARAMETER_GROUP}`,
          },
        ],
      };
    },
  };
}
