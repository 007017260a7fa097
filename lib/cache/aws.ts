import { DescribeCacheClustersCommand, type ElastiCacheClient } from "@aws-sdk/client-elasticache";
import { awsErrorName, callAws } from "../aws/errors.ts";

export interface CacheClients {
  readonly elastiCache: ElastiCacheClient;
}

/** One node of the cluster, as ElastiCache tells it. */
export interface CacheNode {
  /** `0001`, `0002`... */
  readonly id: string;
  /** ElastiCache's word: `available`, `creating`, `rebooting`, `deleting`. */
  readonly state: string;
  readonly address: string;
  readonly port: number;
}

/** Adapter: one function per AWS call, without SDK types. All throw TandemError (lib/aws/errors.ts). */
export const cacheAws = ({ elastiCache }: CacheClients) => ({
  /** Undefined: no such cluster. A node that has no address yet is left out. */
  async nodes(cluster: string): Promise<readonly CacheNode[] | undefined> {
    const input = { CacheClusterId: cluster, ShowCacheNodeInfo: true };
    try {
      const answer = await elastiCache.send(new DescribeCacheClustersCommand(input));
      return (answer.CacheClusters?.[0]?.CacheNodes ?? []).flatMap(
        ({ CacheNodeId: id, CacheNodeStatus: state, Endpoint: { Address: address, Port: port } = {} }) =>
          id === undefined || address === undefined || port === undefined
            ? []
            : [{ id, state: state ?? "", address, port }],
      );
    } catch (error) {
      if (awsErrorName(error)?.startsWith("CacheClusterNotFound") === true) return undefined;
      return callAws(`describe cache cluster ${cluster}`, () => Promise.reject(error));
    }
  },
});
