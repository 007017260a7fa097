import type { Shares } from "../../local/cloud/services/efs/shares.ts";
import type { CacheServers } from "../../local/cloud/services/elasticache/servers.ts";

/** Memcached servers that are only there or not: no handler speaks to them yet. */
export const modelCacheServers = (): CacheServers => ({
  start: async () => ({ setOpen: async () => undefined, stop: async () => undefined, onExit: () => undefined }),
  front: async () => ({ setOpen: async () => undefined, close: async () => undefined }),
  close: async () => undefined,
});

/** File systems that are only there or not: no handler mounts one. */
export const modelShares = (): Shares => ({
  create: async () => undefined,
  serve: async () => undefined,
  remove: async () => undefined,
});
