import type { DatabaseDriver } from "../../../lib/database/driver.ts";
import type { Flavour } from "../../../lib/database/server.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import type { CloudClock } from "../../../local/cloud/clock.ts";
import type { Chance } from "../chance.ts";
import type { ModelMachine } from "../machines.ts";
import { modelDriver, type Driving } from "./driver.ts";
import { isDatabaseNode, openPair, type Pair } from "./pair.ts";
import { bothNodes, isCut, isLinked, isUp, peerOf, type Link, type PairState } from "./state.ts";

/** The two servers on the machines of a world. */
export interface Databases {
  readonly pair: Pair;
  driverFor(driving: Driving): DatabaseDriver;
  /** The server that takes writes, as HAProxy on a web node finds out by `GET /writer`. */
  writer(): DatabaseNode | undefined;
  /** A machine of the database class has booted and starts its server. */
  boot(machine: ModelMachine): void;
  /** It has no power any more. */
  lost(machine: ModelMachine): void;
  /** Whatever writes there is gone or closed, as `tandem-node fence` proves it on the machine itself. */
  fence(machine: ModelMachine): string;
  /** No packet reaches its host: its agent gets no command either. */
  isCutOff(machine: ModelMachine): boolean;
  close(): void;
}

export interface DatabasesParts {
  readonly clock: CloudClock;
  readonly chance: Chance;
  readonly flavour?: Flavour;
}

/** `RestartSec` of its supervisor (infra/nodes/lib.sh). */
const RESTART_MS = 200;
/** InnoDB's recovery and the start of mysqld. */
const RECOVERY_MS = [700, 2_500] as const;

export function openDatabases({ clock, chance, flavour = "mysql" }: DatabasesParts): Databases {
  const pair = openPair(clock, flavour);
  const machines = new Map<DatabaseNode, ModelMachine>();
  let names = 0;
  let disks = 0;

  const isCurrent = (machine: ModelMachine): machine is ModelMachine & { readonly node: DatabaseNode } =>
    isDatabaseNode(machine.node) && machines.get(machine.node)?.id === machine.id;
  const newIdentity = (): string => {
    disks += 1;
    return flavour === "mysql" ? chance.ids.uuid() : String(disks);
  };
  const parts = {
    pair,
    chance,
    addressOf: (node: DatabaseNode) => machines.get(node)?.address ?? "",
    nodeAt: (host: string) => bothNodes.find((node) => machines.get(node)?.address === host),
    fresh(prefix: string) {
      names += 1;
      return `${prefix}-${names}`;
    },
  };

  return {
    pair,
    driverFor: (driving) => modelDriver(parts, driving),
    writer: () => writerOf(pair.state()),
    boot(machine) {
      if (!isDatabaseNode(machine.node)) return;
      const { node } = machine;
      if (isCurrent(machine)) pair.act({ kind: "power", node, on: true });
      else pair.act({ kind: "install", node, identity: newIdentity() });
      machines.set(node, machine);
      pair.act({ kind: "start", node, recoveryMs: chance.whole(...RECOVERY_MS) });
    },
    lost(machine) {
      if (isCurrent(machine)) pair.act({ kind: "power", node: machine.node, on: false });
    },
    fence(machine) {
      if (!isCurrent(machine)) return "no mysqld was ever started";
      const { node } = machine;
      if (isUp(pair.state().servers[node])) {
        pair.act({ kind: "offline", node, on: true });
        pair.act({ kind: "semi-sync", node, role: "source", on: false });
        pair.act({ kind: "read-only", node, on: true });
        pair.act({ kind: "offline", node, on: false });
        return "super_read_only=ON";
      }
      // What does not answer its own machine is killed. Its supervisor starts it again, read-only as always.
      const isStarted = pair.state().servers[node].process.is !== "down";
      pair.act({ kind: "kill", node });
      if (isStarted)
        clock.after(RESTART_MS, () => void pair.act({ kind: "start", node, recoveryMs: chance.whole(...RECOVERY_MS) }));
      return "mysqld does not run";
    },
    isCutOff: (machine) => isCurrent(machine) && linksTo(machine.node).every((link) => isCut(pair.state(), link)),
    close: pair.close,
  };
}

const linksTo = (to: DatabaseNode): readonly Link[] => [
  { from: "app", to },
  { from: "controller", to },
  { from: peerOf(to), to },
];

/** HAProxy takes the first of them (infra/nodes/haproxy.cfg). A server that is being closed is not read-only yet. */
export const writerOf = (state: PairState): DatabaseNode | undefined =>
  bothNodes.find((node) => {
    const server = state.servers[node];
    return isUp(server) && !server.readOnly && !server.offline && isLinked(state, "app", node);
  });
