import type { World } from "../../service.ts";
import type { ServiceInterfaces } from "../ec2/service-interface.ts";
import { answerDiscovery } from "./discovery.ts";
import { memoryOf, type CacheNode, type Cluster, type Store } from "./model.ts";
import type { CacheServers } from "./servers.ts";

/** What takes AWS minutes is a moment here; the states on the way are the same. */
const CREATING_MS = 300;
const MODIFYING_MS = 200;
const REBOOTING_MS = 200;
const DELETING_MS = 200;
/** AWS finds a failed node and replaces it under the same endpoint within minutes; here after half a minute. */
const REPLACED_MS = 30_000;

export interface Parts {
  readonly world: World;
  readonly store: Store;
  readonly interfaces: ServiceInterfaces;
  readonly servers: CacheServers;
}

/** Starts and stops the servers of nodes. Every step runs by the clock and reports its failure to the operator. */
function openNodes({ world, store, interfaces, servers }: Parts) {
  const exists = (cluster: Cluster): boolean => store.clusters.get(cluster.id) === cluster;
  const isOpen = (cluster: Cluster, interfaceId: string): boolean =>
    interfaces.openPorts(interfaceId).includes(cluster.port);

  const later = (cluster: Cluster, ms: number, act: () => Promise<void>): void => {
    world.clock.after(ms, () => {
      if (!exists(cluster)) return;
      void act().catch((error: unknown) =>
        world.note(`cache ${cluster.id}: ${error instanceof Error ? error.message : String(error)}`),
      );
    });
  };

  /** Throws what the server says when it does not start; a node that was deleted meanwhile is stopped again. */
  const start = async (cluster: Cluster, node: CacheNode): Promise<void> => {
    const server = await servers.start({
      name: `cache-${cluster.id}-${node.id}`,
      address: node.address,
      port: cluster.port,
      memoryMegabytes: memoryOf(cluster.nodeType),
      open: isOpen(cluster, node.interfaceId),
    });
    if (!exists(cluster) || !cluster.nodes.includes(node) || node.status === "deleting") return server.stop();
    node.server = server;
    node.status = "available";
    server.onExit(() => lost(cluster, node));
  };

  /** Its items are gone for good; the replacement starts empty. */
  const lost = (cluster: Cluster, node: CacheNode): void => {
    node.server = undefined;
    if (node.status !== "available") return;
    node.status = "rebooting";
    world.note(`cache node ${cluster.id} ${node.id} is lost; it is replaced in ${REPLACED_MS / 1000} s`);
    replace(cluster, node);
  };

  /** Until it succeeds or the node is not wanted any more. */
  const replace = (cluster: Cluster, node: CacheNode): void =>
    later(cluster, REPLACED_MS, async () => {
      if (node.status === "rebooting" && node.server === undefined) await startOrReplace(cluster, node);
    });

  const startOrReplace = async (cluster: Cluster, node: CacheNode): Promise<void> => {
    try {
      await start(cluster, node);
    } catch (error) {
      replace(cluster, node);
      throw error;
    }
  };

  const restart = async (cluster: Cluster, node: CacheNode): Promise<void> => {
    const { server } = node;
    node.server = undefined;
    await server?.stop();
    await startOrReplace(cluster, node);
  };

  const stop = async (node: CacheNode): Promise<void> => {
    const { server } = node;
    node.server = undefined;
    await server?.stop();
    interfaces.remove(node.interfaceId);
  };

  return { later, start, restart, stop, isOpen };
}

/** What happens to clusters in the course of time. */
export function openLifecycle(parts: Parts) {
  const { store, interfaces, servers } = parts;
  const { later, start, restart, stop, isOpen } = openNodes(parts);
  return {
    /** From `creating` to `available`, or to `incompatible-network` when an address cannot be used. */
    create(cluster: Cluster): void {
      later(cluster, CREATING_MS, async () => {
        try {
          cluster.front = await servers.front({
            ...cluster.endpoint,
            port: cluster.port,
            open: isOpen(cluster, cluster.endpoint.interfaceId),
            answer: (line) => answerDiscovery(cluster, line),
          });
          await Promise.all(cluster.nodes.map((node) => start(cluster, node)));
          cluster.status = "available";
        } catch (error) {
          cluster.status = "incompatible-network";
          throw error;
        }
      });
    },

    /** Nodes that joined as `creating` start, those that are `deleting` go; then the list of nodes changes once. */
    resize(cluster: Cluster): void {
      cluster.status = "modifying";
      later(cluster, MODIFYING_MS, async () => {
        const leaving = cluster.nodes.filter((node) => node.status === "deleting");
        const joining = cluster.nodes.filter((node) => node.status === "creating");
        cluster.nodes = cluster.nodes.filter((node) => !leaving.includes(node));
        const results = await Promise.allSettled([
          ...leaving.map(stop),
          ...joining.map((node) => start(cluster, node)),
        ]);
        cluster.configVersion += 1;
        cluster.status = "available";
        for (const one of results) if (one.status === "rejected") throw one.reason;
      });
    },

    reboot(cluster: Cluster, nodes: readonly CacheNode[]): void {
      cluster.status = "rebooting cluster nodes";
      for (const node of nodes) node.status = "rebooting";
      later(cluster, REBOOTING_MS, async () => {
        try {
          for (const node of nodes) await restart(cluster, node);
        } finally {
          cluster.status = "available";
        }
      });
    },

    remove(cluster: Cluster): void {
      cluster.status = "deleting";
      for (const node of cluster.nodes) node.status = "deleting";
      later(cluster, DELETING_MS, async () => {
        try {
          await cluster.front?.close();
          await Promise.all(cluster.nodes.map(stop));
        } finally {
          interfaces.remove(cluster.endpoint.interfaceId);
          store.clusters.delete(cluster.id);
          store.tags.delete(cluster.arn);
        }
      });
    },

    /** Security groups or their rules changed: ports open and close. */
    async refreshPorts(): Promise<void> {
      for (const cluster of store.clusters.values()) {
        await cluster.front?.setOpen(isOpen(cluster, cluster.endpoint.interfaceId));
        for (const node of cluster.nodes) await node.server?.setOpen(isOpen(cluster, node.interfaceId));
      }
    },
  };
}

export type Lifecycle = ReturnType<typeof openLifecycle>;
