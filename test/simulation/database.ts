import type { DatabaseDriver } from "../../lib/database/driver.ts";
import { TandemError } from "../../lib/errors.ts";
import type { ModelMachine } from "./machines.ts";

/** The two MySQL servers as models: what of them is seen from outside. */
export interface Databases {
  readonly driver: DatabaseDriver;
  /** Whether some server takes writes, as HAProxy on a web node finds out. */
  writerAnswers(): boolean;
  /** A machine of the database class has booted: its server comes up read-only, whatever it was before. */
  boot(machine: ModelMachine): void;
  /** The launch step of the first writer: opens it, unless something was ever written on it. */
  open(machine: ModelMachine): void;
  /** Nobody reaches the server of this node until then. */
  cut(node: string, untilMs: number): void;
}

interface Server {
  readonly machine: ModelMachine;
  readOnly: boolean;
  gtid: string;
}

export function modelDatabases(now: () => number): Databases {
  const servers = new Map<string, Server>();
  const cuts = new Map<string, number>();
  const reachable = (server: Server): boolean => server.machine.isUp() && (cuts.get(server.machine.node) ?? 0) <= now();
  const driver: DatabaseDriver = {
    async read(_clock, { host, port }) {
      const server = [...servers.values()].find((each) => each.machine.address === host && each.machine.isUp());
      if (server === undefined || !reachable(server))
        return { unknown: `${host}:${port}: ETIMEDOUT: connect ETIMEDOUT`, cause: "silent" };
      return {
        known: {
          flavour: "mysql",
          version: "9.1.0",
          identity: server.machine.id,
          uptimeSeconds: 0,
          offline: false,
          semiSync: { source: false, replica: false, clients: 0, waiting: 0 },
          replicas: [],
          readOnly: server.readOnly,
          superReadOnly: server.readOnly,
          gtid: server.gtid,
          channels: [],
        },
      };
    },
    async session(_clock, { host, port }) {
      throw new TandemError("server-silent", `${host}:${port}: the model lets no session in`, {
        next: "look at what the model of the pair can do",
        retriable: true,
      });
    },
  };
  return {
    driver,
    writerAnswers: () => [...servers.values()].some((server) => !server.readOnly && reachable(server)),
    boot(machine) {
      const known = servers.get(machine.id);
      servers.set(machine.id, { machine, readOnly: true, gtid: known?.gtid ?? "" });
    },
    open(machine) {
      const server = servers.get(machine.id);
      if (server === undefined || machine.node !== "db-a" || server.gtid !== "") return;
      server.readOnly = false;
      server.gtid = `${machine.id}:1`;
    },
    cut: (node, untilMs) => void cuts.set(node, untilMs),
  };
}
