import { TandemError } from "../../lib/errors.ts";
import type { DatabaseDriver, ServerSession } from "../../lib/database/driver.ts";
import { parseGtid, renderGtid, union } from "../../lib/database/gtid.ts";
import type { Heartbeat, ServerState } from "../../lib/database/server.ts";
import type { ModelMachine } from "./machines.ts";

/** The two MySQL servers as models: what of them is seen from outside. Replication takes no time and does not fail. */
export interface Databases {
  readonly driver: DatabaseDriver;
  /** Whether some server takes writes, as HAProxy on a web node finds out. */
  writerAnswers(): boolean;
  /** A machine of the database class has booted: its server comes up read-only, whatever it was before. */
  boot(machine: ModelMachine): void;
  /** Nobody reaches the server of this node until then. */
  cut(node: string, untilMs: number): void;
}

interface Server {
  readonly machine: ModelMachine;
  readonly identity: string;
  readonly startedAt: number;
  readOnly: boolean;
  /** Transactions that it committed itself. */
  written: number;
  gtid: string;
  heartbeat?: Heartbeat;
  semiSync: { source: boolean; replica: boolean };
  /** Address of the source; undefined: no channel. */
  source: string | undefined;
  receives: boolean;
  applies: boolean;
}

const uuidOf = (machine: ModelMachine): string =>
  machine.id
    .replace(/^i-/, "")
    .padEnd(32, "0")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");

export function modelDatabases(now: () => number): Databases {
  const servers = new Map<string, Server>();
  const cuts = new Map<string, number>();
  const reachable = (server: Server): boolean => server.machine.isUp() && (cuts.get(server.machine.node) ?? 0) <= now();
  const at = (host: string): Server | undefined =>
    [...servers.values()].find((each) => each.machine.address === host && each.machine.isUp());

  /** What flows by itself: everything that a receiver lacks of its source. */
  const settle = (): void => {
    for (const server of servers.values()) {
      const source = server.source === undefined ? undefined : at(server.source);
      if (source === undefined || !server.receives || !server.applies || !server.machine.isUp()) continue;
      const sets = union(parseGtid("mysql", server.gtid), parseGtid("mysql", source.gtid));
      server.gtid = renderGtid(sets);
      const seen = source.heartbeat?.sequence ?? 0;
      if (source.heartbeat !== undefined && seen > (server.heartbeat?.sequence ?? 0))
        server.heartbeat = source.heartbeat;
    }
  };
  const stateOf = (server: Server): ServerState => {
    const source = server.source === undefined ? undefined : at(server.source);
    const replicas = [...servers.values()].filter(
      (each) => each.source === server.machine.address && each.receives && each.machine.isUp(),
    );
    return {
      flavour: "mysql",
      version: "9.7.4",
      identity: server.identity,
      uptimeSeconds: Math.floor((now() - server.startedAt) / 1_000),
      readOnly: server.readOnly,
      superReadOnly: server.readOnly,
      offline: false,
      gtid: server.gtid,
      channels:
        server.source === undefined
          ? []
          : [
              {
                name: "",
                source: server.source,
                io: server.receives ? (source === undefined ? "Connecting" : "Yes") : "No",
                sql: server.applies ? "Yes" : "No",
                retrieved: "",
                heardMsAgo: 0,
              },
            ],
      semiSync: {
        ...server.semiSync,
        clients: replicas.filter((each) => each.semiSync.replica).length,
        waiting: 0,
      },
      replicas: replicas.map((each) => each.machine.address),
      ...(server.heartbeat === undefined ? {} : { heartbeat: server.heartbeat }),
    };
  };
  const asked = (host: string): Server => {
    const server = at(host);
    if (server !== undefined && reachable(server)) return server;
    throw new TandemError("server-silent", `${host} does not answer`, { next: "nothing", retriable: true });
  };
  const write = (server: Server): void => {
    server.written += 1;
    const own = parseGtid("mysql", `${server.identity}:1-${server.written}`);
    server.gtid = renderGtid(union(parseGtid("mysql", server.gtid), own));
  };

  return {
    driver: {
      async read(_clock, { host, port }) {
        settle();
        const server = at(host);
        return server !== undefined && reachable(server)
          ? { known: stateOf(server) }
          : { unknown: `${host}:${port}: ETIMEDOUT: connect ETIMEDOUT`, cause: "silent" };
      },
      async beat(_clock, { host }, _as, heartbeat) {
        const server = asked(host);
        server.heartbeat = heartbeat;
        write(server);
      },
      session: async (_clock, { host }, _as, use) => use(sessionOn(() => asked(host), stateOf, write)),
    },
    writerAnswers: () => [...servers.values()].some((server) => !server.readOnly && reachable(server)),
    boot(machine) {
      const known = servers.get(machine.id);
      const off = { readOnly: true, receives: false, applies: false, semiSync: { source: false, replica: false } };
      const fresh = { machine, identity: uuidOf(machine), written: 0, gtid: "", source: undefined };
      servers.set(machine.id, { ...fresh, ...known, ...off, startedAt: now() });
    },
    cut: (node, untilMs) => void cuts.set(node, untilMs),
  };
}

function sessionOn(
  server: () => Server,
  stateOf: (server: Server) => ServerState,
  write: (server: Server) => void,
): ServerSession {
  const threads = (which: "both" | "receiver", run: boolean): void => {
    const own = server();
    own.receives = run;
    if (which === "both") own.applies = run;
  };
  return {
    state: async () => stateOf(server()),
    async fence() {
      server().readOnly = true;
      server().semiSync.source = false;
    },
    async close() {
      server().readOnly = true;
    },
    async open() {
      server().readOnly = false;
    },
    prepareSchema: async () => write(server()),
    async replicateFrom({ host }) {
      server().source = host;
      threads("both", true);
    },
    startReplication: async (which) => threads(which, true),
    stopReplication: async (which) => threads(which, false),
    drained: async () => true,
    reached: async () => true,
    async semiSync(role, on) {
      server().semiSync[role] = on;
    },
  };
}
