import * as z from "zod";
import { assertNever } from "../../../lib/assert.ts";
import type { CloudClock } from "../../cloud/clock.ts";
import type { FarmMachines } from "../machines.ts";
import type { Relays } from "../relay.ts";
import { duplicateRow } from "./collision.ts";
import { isFault, openLasting, type Healed } from "./lasting.ts";
import { partition, slowDown } from "./links.ts";
import { continueServer, killServer, restartServer, stopServer } from "./server-process.ts";
import { Refusal } from "./refusal.ts";
import { fillConnections, holdTransaction } from "./sessions.ts";
import { openServers, type ReadAccount } from "./sql.ts";
import { errant, lag, setBoth, stopApplier } from "./state.ts";

export { Refusal } from "./refusal.ts";

/** What should be broken for longer than a day is no fault but a different farm. */
const forSeconds = z.number().gt(0).max(86_400, "a fault lasts a day at most");
/** A slower link is a cut one for every timeout of a database client. */
const DELAY_MS_MAX = 60_000;
const ends = { from: z.string(), to: z.string(), forSeconds: z.optional(forSeconds) };
const node = z.string();

/** What `tandem fault` sends for the links and the database servers. */
export const pairFaultSchemas = [
  z.object({ kind: z.literal("partition"), ...ends }),
  z.object({ kind: z.literal("delay"), ...ends, ms: z.int().min(1).max(DELAY_MS_MAX) }),
  z.object({ kind: z.enum(["read-only-both", "writable-both"]) }),
  z.object({ kind: z.enum(["mysql-restart", "mysql-continue", "errant"]), node }),
  z.object({
    kind: z.enum(["mysql-kill", "mysql-stop", "applier-stop", "connections"]),
    node,
    forSeconds: z.optional(forSeconds),
  }),
  z.object({ kind: z.literal("lag"), node, seconds: z.int().min(1).max(86_400), forSeconds: z.optional(forSeconds) }),
  z.object({ kind: z.literal("duplicate-row"), node, identical: z.boolean() }),
  z.object({ kind: z.literal("hold-transaction"), node, forSeconds }),
] as const;
export type PairFaultWish = z.infer<(typeof pairFaultSchemas)[number]>;

export interface PairFaults {
  /** Resolves when the fault is in force and was seen. Throws Refusal for one that makes no sense now. */
  inject(wish: PairFaultWish): Promise<Record<string, unknown>>;
  /** Ends every fault that lasts, or the one of this kind and these targets. Throws Refusal when that is not in force. */
  heal(fault?: readonly string[]): Promise<Healed>;
  /** The farm ends, and what is broken in it goes with it. */
  close(): void;
}

export function openPairFaults(around: {
  readonly machines: FarmMachines;
  readonly relays: Relays;
  readonly clock: CloudClock;
  readonly account: ReadAccount;
  note(line: string): void;
}): PairFaults {
  const lasting = openLasting(around.clock, around.note);
  const servers = openServers(around.machines, around.account);
  const links = { ...around, lasting };

  return {
    async heal(fault) {
      if (fault === undefined) return lasting.heal();
      const healed = await lasting.heal(isFault(fault));
      if (healed.undone.length + healed.failed.length === 0) throw new Refusal(`${fault.join(" ")} is not in force`);
      return healed;
    },
    close: lasting.close,
    async inject(wish) {
      switch (wish.kind) {
        case "partition":
          return partition(links, wish);
        case "delay":
          return slowDown(links, wish);
        case "read-only-both":
        case "writable-both":
          return setBoth(servers, wish.kind === "read-only-both");
        case "mysql-kill":
          return killServer(lasting, await servers.node(wish.node), wish.forSeconds);
        case "mysql-restart":
          return restartServer(lasting, await servers.node(wish.node));
        case "mysql-stop":
          return stopServer(lasting, await servers.node(wish.node), wish.forSeconds);
        case "mysql-continue":
          return continueServer(lasting, await servers.node(wish.node));
        case "connections":
          return fillConnections(servers, lasting, await servers.node(wish.node), wish.forSeconds);
        case "applier-stop":
          return stopApplier(servers, lasting, await servers.node(wish.node), wish.forSeconds);
        case "lag":
          return lag(servers, lasting, await servers.node(wish.node), wish.seconds, wish.forSeconds);
        case "errant":
          return errant(servers, await servers.node(wish.node));
        case "duplicate-row":
          return duplicateRow(servers, await servers.node(wish.node), wish.identical);
        case "hold-transaction":
          return holdTransaction(servers, lasting, await servers.node(wish.node), wish.forSeconds);
        default:
          return assertNever(wish);
      }
    },
  };
}
