import type {
  CacheFrontSpec,
  CacheServers,
  CacheServerSpec,
} from "../../../../local/cloud/services/elasticache/servers.ts";

/** Memcached servers that only exist on paper. */
export function modelServers() {
  const running = new Map<string, { spec: CacheServerSpec; open: boolean; exit: (() => void)[] }>();
  const fronts = new Map<string, CacheFrontSpec>();
  const starts = new Map<string, number>();
  let refusal: string | undefined;
  const servers: CacheServers = {
    async start(spec) {
      if (refusal !== undefined) throw new Error(refusal);
      const server = { spec, open: spec.open, exit: [] as (() => void)[] };
      running.set(spec.address, server);
      starts.set(spec.address, (starts.get(spec.address) ?? 0) + 1);
      return {
        setOpen: async (open) => void (server.open = open),
        stop: async () => void running.delete(spec.address),
        onExit: (listener) => void server.exit.push(listener),
      };
    },
    async front(spec) {
      fronts.set(spec.address, spec);
      return { setOpen: async () => undefined, close: async () => void fronts.delete(spec.address) };
    },
    close: async () => running.clear(),
  };
  return {
    ...servers,
    running: (): string[] =>
      [...running.values()].map(({ spec, open }) => `${spec.address}:${spec.port} ${open ? "open" : "closed"}`),
    starts: (address: string): number => starts.get(address) ?? 0,
    asked: (address: string, line: string): string | undefined => fronts.get(address)?.answer(line),
    refuse: (why: string | undefined): void => void (refusal = why),
    lose(address: string): void {
      const lost = running.get(address);
      running.delete(address);
      for (const tell of lost?.exit ?? []) tell();
    },
  };
}
