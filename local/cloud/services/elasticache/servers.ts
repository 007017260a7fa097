/** One Memcached server that a cache node is. */
export interface CacheServerSpec {
  /** Unique in the world, e.g. `cache-tandem-local-0001`. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What the node type gives to items. */
  readonly memoryMegabytes: number;
  /** Whether its security groups let anybody reach the port. */
  readonly open: boolean;
}

export interface CacheServer {
  setOpen(open: boolean): Promise<void>;
  /** The server and everything in it are gone afterwards. */
  stop(): Promise<void>;
  /** It ended by itself, or was ended from outside; at most once. */
  onExit(listener: () => void): void;
}

/** The configuration endpoint of one cluster. */
export interface CacheFrontSpec {
  readonly address: string;
  readonly port: number;
  readonly open: boolean;
  /** Answers one line of a client, without its line end, with the whole reply; undefined closes the connection. */
  answer(line: string): string | undefined;
}

export interface CacheFront {
  setOpen(open: boolean): Promise<void>;
  close(): Promise<void>;
}

/** What Memcached servers really are in a world: processes in the local farm, models in tests. */
export interface CacheServers {
  /** Resolves when the server answers. Rejects with the reason why it does not. */
  start(spec: CacheServerSpec): Promise<CacheServer>;
  /** Rejects with the system's error when the address cannot be used. */
  front(spec: CacheFrontSpec): Promise<CacheFront>;
  /** Ends all that is left. */
  close(): Promise<void>;
}
