import type { Clock } from "../clock.ts";
import type { Heartbeat, ServerFact, ServerState } from "./server.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * One connection as the healer, which holds `GET_LOCK('tandem', 0)` on its server: no second controller changes the
 * server meanwhile. Every statement is bounded. All methods throw TandemError: `server-refused`, `server-silent`,
 * `server-denied`, `server-failed` as the read causes (also `server-offline`, `server-too-many-connections`), or the code
 * named at the method. After `server-silent` the session is of no use any more: a late answer would be taken for another's.
 * The server ends a session that says nothing for five seconds, so that a controller that vanished does not keep the lock.
 */
export interface ServerSession {
  state(): Promise<ServerState>;
  /**
   * Fences the server and proves it: sessions cut, waiters for an acknowledgement freed, writes refused, read back.
   * `offline_mode=ON` (MariaDB: an `init_connect` that fails), kill the rest, semi-sync source off, `super_read_only=ON`
   * (MariaDB: `read_only`) under `lock_wait_timeout`, and `offline_mode=OFF`, so that it can be observed.
   * Throws `fence-failed` if after `timeoutMs` the server is not read-only; still only administrators get in then.
   */
  fence(timeoutMs: number): Promise<void>;
  /**
   * Planned: makes the server read-only within `timeoutMs`, waiting for running transactions, and then cuts the
   * applications' sessions. Semi-sync stays on, so that all that was acknowledged is on the peer.
   * Throws `close-timeout`, with the sessions that held it up in its words; the server is then as it was before.
   */
  close(timeoutMs: number): Promise<void>;
  /** Lets applications write. */
  open(): Promise<void>;
  /**
   * Creates what Tandem and WordPress need and what is not there: databases `wordpress` and `tandem`, heartbeat,
   * `tandem_outbox`. On a writer. The lock is let go meanwhile, because a commit may wait for an acknowledgement for ever;
   * throws `server-locked` if another controller came.
   */
  prepareSchema(): Promise<void>;
  /**
   * Receives from `source` from now on, by GTID and over TLS; both threads are started. Keeps what is applied.
   * Throws `relay-unapplied` if something received is not applied yet, which the change would throw away.
   */
  replicateFrom(source: ServerAddress, as: Credentials): Promise<void>;
  /**
   * MariaDB throws away what was received and not applied when a thread starts while neither runs. It is applied first then,
   * for which the applier runs also with `receiver`; throws `relay-unapplied` if that fails.
   */
  startReplication(threads: "both" | "receiver"): Promise<void>;
  /** Stops both threads, or only the one that receives (what was received goes on being applied). */
  stopReplication(threads: "both" | "receiver"): Promise<void>;
  /** Waits until all that was received is applied. False: not within `timeoutMs`, or the applier is stopped or failed. */
  drained(timeoutMs: number): Promise<boolean>;
  /** Waits until it holds all of `gtid` (a set as `ServerState.gtid` has it). */
  reached(gtid: string, timeoutMs: number): Promise<boolean>;
  /**
   * Switches semi-sync. As a source: on is infinite timeout, waiting also without a replica; off frees the waiters.
   * As a replica: the receiver is restarted if it runs, because only then it acknowledges. Throws
   * `relay-unapplied` where that would throw away what is not applied (MariaDB with a stopped applier).
   */
  semiSync(role: "source" | "replica", on: boolean): Promise<void>;
}

/** How the controller reaches database servers. The simulation gives a model of the pair. */
export interface DatabaseDriver {
  /** Reads one server as the observer. Never throws for what the server or the network does. */
  read(clock: Clock, at: ServerAddress, as: Credentials): Promise<ServerFact>;
  /**
   * Writes the heartbeat row as the healer, on a writer, without the lock of a session: a beat that waits for an
   * acknowledgement must not keep a session out. Throws `server-silent` if it is not done within `timeoutMs`.
   */
  beat(clock: Clock, at: ServerAddress, as: Credentials, heartbeat: Heartbeat, timeoutMs: number): Promise<void>;
  /**
   * Opens a session as the healer, gives it to `use`, and closes it whatever happens.
   * Throws TandemError `server-locked` if another controller works on the server, and as `ServerSession`.
   */
  session<T>(clock: Clock, at: ServerAddress, as: Credentials, use: (session: ServerSession) => Promise<T>): Promise<T>;
}
