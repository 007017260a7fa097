import type { Channel, Flavour } from "../server.ts";
import type { GtidSet } from "../gtid.ts";
import type { Credentials, ServerAddress } from "../driver.ts";
import type { Clock } from "../../clock.ts";
import type { Sql } from "./connection.ts";

/** Variables or status of a server by name. */
export type Named = ReadonlyMap<string, string>;

/** How far a server is with applying what it received. */
export interface Progress {
  readonly isAllApplied: boolean;
  readonly applierRuns: boolean;
  /** What stopped the applier, in words. */
  readonly failure?: string;
}

/** Everything in which the two flavours differ. Whatever is not here is the same statement on both. */
export interface Dialect {
  readonly flavour: Flavour;
  /** Variable that names its own transactions. */
  readonly identity: string;
  /** The variable that keeps every account but the server's own threads from writing, as far as the flavour can. */
  readonly readOnly: string;
  /** All that must be off for applications to write, in the order in which they are switched off. */
  readonly readOnlyVariables: readonly string[];
  /** Where the sessions are listed. */
  readonly processlist: string;
  /** Names of its semi-sync variables and counters before `_enabled`, `_status`, `_clients`, `_wait_sessions`. */
  readonly semiSync: { readonly source: string; readonly replica: string };
  /** Infinite timeout, waiting also without a replica, and on. */
  readonly semiSyncOn: string;
  /** Whether only administrators get in. */
  isLockedOut(variables: Named): boolean;
  /** Lets only administrators in and cuts or shuts out everybody else; or ends that. */
  lockOut(sql: Sql, on: boolean): Promise<void>;
  /** All that it holds, as ServerState.gtid has it. */
  gtid(sql: Sql): Promise<string>;
  held(sql: Sql): Promise<GtidSet>;
  channels(sql: Sql): Promise<readonly Channel[]>;
  progress(sql: Sql): Promise<Progress>;
  /** The receiver is stopped and nothing received waits to be applied. */
  changeSource(sql: Sql, source: ServerAddress, as: Credentials): Promise<void>;
  startReplication(sql: Sql, clock: Clock, threads: "both" | "receiver"): Promise<void>;
  /** Whether a receiver that is stopped and started again keeps what is not applied. */
  keepsRelay(progress: Progress): boolean;
}

/** What a session works on. */
export interface Site {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly dialect: Dialect;
  readonly at: ServerAddress;
  /** The healer's own name. */
  readonly healer: string;
}

/** A statement that needs nothing but the server's memory answers in milliseconds; more is a server in trouble. */
export const SHORT_MS = 1_000;
/** Starting waits for the threads to be up, stopping for the transaction that is being applied. */
export const REPLICATION_MS = 5_000;
