import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Link, PairState, Write } from "./state.ts";

/** What befalls the pair; `at` in milliseconds of the world's clock, never before the state's own. */
export type PairEvent = { readonly at: number } & Deed;

/** `byHand`: a person did it, and not the controller. */
export type Deed = Happening & { readonly byHand?: true };

interface On {
  readonly node: DatabaseNode;
}

export type Happening =
  /** Only time has passed. */
  | { readonly kind: "time" }
  /** A machine with an empty disk stands in for this node from now on. */
  | (On & { readonly kind: "install"; readonly identity: string })
  | (On & { readonly kind: "power"; readonly on: boolean })
  /** Its server is started; it recovers for so long. */
  | (On & { readonly kind: "start"; readonly recoveryMs: number })
  | (On & { readonly kind: "kill" | "hang" | "continue" })
  | { readonly kind: "cut" | "mend"; readonly link: Link }
  | (On & { readonly kind: "write"; readonly write: Write })
  /** The client gives up waiting. Whether its commit happens is open. */
  | (On & { readonly kind: "abandon"; readonly write: string })
  /** A person makes it writable for one row of his own. */
  | (On & { readonly kind: "errant"; readonly id: string })
  /** A row that came without a transaction (`sql_log_bin=0`). */
  | (On & { readonly kind: "plant"; readonly key: string; readonly value: string })
  /** Such a row is deleted again, in the same way. */
  | (On & { readonly kind: "unplant"; readonly key: string; readonly value: string })
  /** A transaction of an application runs on for so long. */
  | (On & { readonly kind: "hold"; readonly ms: number })
  | (On & { readonly kind: "full"; readonly on: boolean })
  /** Each transaction is applied so long after it was received. */
  | (On & { readonly kind: "delay"; readonly ms: number })
  | (On & { readonly kind: "lock" | "unlock" | "closing"; readonly session: string })
  | (On & { readonly kind: "read-only" | "offline"; readonly on: boolean })
  | (On & { readonly kind: "semi-sync"; readonly role: "source" | "replica"; readonly on: boolean })
  /** CHANGE REPLICATION SOURCE TO its peer: what was received and not applied is fetched again. */
  | (On & { readonly kind: "replicate" })
  | (On & { readonly kind: "threads"; readonly threads: "both" | "receiver" | "applier"; readonly run: boolean })
  /** The applier fails with this error. */
  | (On & { readonly kind: "apply-error"; readonly code: number; readonly text: string });

/** What clients hear. Whoever hears nothing does not know. */
export type Output =
  | { readonly kind: "acknowledged"; readonly node: DatabaseNode; readonly write: Write }
  /** `isCertain`: it was not executed, and never will be. */
  | {
      readonly kind: "failed";
      readonly node: DatabaseNode;
      readonly write: Write;
      readonly code: number;
      readonly isCertain: boolean;
    };

export interface Step {
  readonly state: PairState;
  readonly out: readonly Output[];
}

export const still = (state: PairState): Step => ({ state, out: [] });

/** One step after the other. */
export function and(step: Step, next: (state: PairState) => Step): Step {
  const { state, out } = next(step.state);
  return { state, out: out.length === 0 ? step.out : [...step.out, ...out] };
}

/** MySQL's numbers: https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html */
export const CODE = {
  tooManyConnections: 1040,
  duplicate: 1062,
  noTable: 1146,
  readOnly: 1290,
  connect: 2003,
  lost: 2013,
  offline: 3032,
} as const;
