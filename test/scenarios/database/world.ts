import type { DatabaseNode } from "../../../lib/spec.ts";

/** What became of a load of writes. Each is one row with an id of its own, inserted by the way to the writer of then. */
export interface Accounts {
  readonly sent: number;
  /** Ids whose client was told that the row is committed, in that order. */
  readonly acknowledged: readonly string[];
  /** Refused: such a row is never there. Unknown: the connection was cut, or nothing was heard. */
  readonly refused: number;
  readonly unknown: number;
  /** Clients that wait now. */
  readonly waiting: number;
}

export interface WriteLoad {
  accounts(): Accounts;
  /** No write is begun any more; resolves when the last clients have heard or given up. */
  stop(): Promise<Accounts>;
}

/** Connections that `from` opens to `to`. A cut link is silent in both directions, and resets nothing. */
export interface Link {
  readonly from: "app" | "controller" | DatabaseNode;
  readonly to: DatabaseNode;
}

/** What `tandem status` says of the pair; undefined where it says that it does not know. */
export interface PairStatus {
  readonly writer: DatabaseNode | undefined;
  readonly peerEligible: boolean | undefined;
  /** Codes of the open problems, by node: `peer-dead db-b`. */
  readonly problems: readonly string[];
  /** What waits for approval, in words: `rebuild db-a from db-b`. */
  readonly proposals: readonly string[];
  /** What the servers say: `Yes` twice where a server receives and applies. Undefined: it cannot be read. */
  readonly replicates: Readonly<Record<DatabaseNode, boolean | undefined>>;
}

/** A line of the journal, from the beginning of the scenario on. */
export interface Line {
  /** ISO-8601 UTC. */
  readonly at: string;
  readonly phase: string;
  readonly action?: string | undefined;
  readonly problem?: string | undefined;
  readonly result: string;
}

/** When a probe of an application found that this server accepts writes; `to` is absent while it still does. */
export interface Interval {
  readonly node: DatabaseNode;
  /** Milliseconds of the world's clock. */
  readonly from: number;
  readonly to?: number;
  // `to` equal to `from`: one write was accepted, and it is not known when exactly. It is no overlap with anything.
}

/**
 * A farm with its pair of servers, as the scenarios see it: the simulation or real servers. Every method resolves when
 * the fault is in force, not when the farm has dealt with it.
 */
export interface PairWorld {
  /** `simulation`, `mysql` or `mariadb`. */
  readonly name: string;
  /** Nothing is wrong: no fault is left, db-a writes, db-b replicates and is eligible, nothing is quarantined. */
  ready(): Promise<void>;

  /** Resolves when it runs. */
  writes(perSecond: number): Promise<WriteLoad>;
  /**
   * Ids of the rows that a session on this server sees, in any order, twice what is there twice. Also on a server that is
   * closed; one that is down may be started for it, so it is asked at the very end.
   */
  rows(node: DatabaseNode): Promise<readonly string[]>;
  /** Since `ready`, by probes beside the load. */
  writableIntervals(): Promise<readonly Interval[]>;

  /** `kill -9` of the server; it stays down until `restart`. The host stays. */
  kill(node: DatabaseNode): Promise<void>;
  restart(node: DatabaseNode): Promise<void>;
  /** `kill -9`, and it is started again after `ms`. */
  crashAndBack(node: DatabaseNode, ms: number): Promise<void>;
  /** SIGSTOP and SIGCONT: connections are accepted and nothing is answered. */
  hang(node: DatabaseNode): Promise<void>;
  continue(node: DatabaseNode): Promise<void>;
  cut(link: Link): Promise<void>;
  mend(link: Link): Promise<void>;
  /** Every link to this server and every link from it. */
  cutOff(node: DatabaseNode): Promise<void>;
  rejoin(node: DatabaseNode): Promise<void>;
  /** A session of an application begins a transaction with a row and leaves it open for so long. */
  holdTransaction(node: DatabaseNode, seconds: number): Promise<void>;
  /** Each transaction is applied so long after it was received; 0 ends it. */
  delayApplier(node: DatabaseNode, seconds: number): Promise<void>;
  stopApplier(node: DatabaseNode): Promise<void>;
  /** A person commits one row on this server, read-only or not; resolves to its id. */
  errant(node: DatabaseNode): Promise<string>;
  /** The same natural key on both servers with another row behind it: the reader cannot apply the writer's. */
  conflictingRow(): Promise<void>;
  /** Every connection of this server is taken, or free again. */
  connections(node: DatabaseNode, taken: boolean): Promise<void>;
  bothReadOnly(): Promise<void>;
  bothWritable(): Promise<void>;

  /** What `tandem switchover` answers. */
  switchover(to: DatabaseNode): Promise<{ readonly isDone: boolean; readonly answer: string }>;
  status(): Promise<PairStatus>;
  journal(): Promise<readonly Line[]>;
  /** Milliseconds of the world's clock. */
  now(): number;
  advance(seconds: number): Promise<void>;
  /** Looks about once a second; throws after `seconds`, naming the goal. */
  until(goal: string, predicate: () => boolean | Promise<boolean>, seconds: number): Promise<void>;
}
