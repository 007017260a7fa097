/** Both are told by the server itself and never configured. */
export type Flavour = "mysql" | "mariadb";

/** What stopped a replication thread: the server's error number and words, and the transaction that it concerns. */
export interface ThreadError {
  readonly code: number;
  readonly text: string;
  /** GTID of the transaction that could not be applied, where the server tells it. */
  readonly gtid?: string;
}

/** One direction of replication, as the server that receives it tells. */
export interface Channel {
  readonly name: string;
  /** Address of the source. */
  readonly source: string;
  /** `Yes`, `No`, `Connecting` or `Preparing`, as the server gives it. */
  readonly io: string;
  /** `Yes` or `No`, as the server gives it. */
  readonly sql: string;
  /** What was received over this channel since it was configured: a GTID set (MySQL) or position (MariaDB). */
  readonly retrieved: string;
  /** Undefined where the server says NULL: the lag is then not known, and not 0. */
  readonly lagSeconds?: number;
  /**
   * Since the source was last heard (an event or a heartbeat), in milliseconds of this server's own clock.
   * Undefined: never, or the server does not tell.
   */
  readonly heardMsAgo?: number;
  /** Where the server gives no time (MariaDB): changes whenever the source is heard, so that two looks tell. */
  readonly heardMark?: string;
  readonly ioError?: ThreadError;
  readonly sqlError?: ThreadError;
}

/** Semi-synchronous replication, as the server tells of itself. Both switches are off after a start. */
export interface SemiSync {
  /** As a source it waits for an acknowledgement before it answers a commit. */
  readonly source: boolean;
  /** As a replica it acknowledges (from the next start of its IO thread on). */
  readonly replica: boolean;
  /** Replicas connected that acknowledge. */
  readonly clients: number;
  /** Sessions that wait for an acknowledgement now. */
  readonly waiting: number;
}

/** The row of `tandem.heartbeat`: the watcher's own time, so that the servers' clocks are never compared. */
export interface Heartbeat {
  readonly sequence: number;
  /** Milliseconds since the epoch, of the watcher that wrote it. */
  readonly writtenAt: number;
}

/** What a database server says of itself. */
export interface ServerState {
  readonly flavour: Flavour;
  readonly version: string;
  /** What its own transactions carry: `server_uuid` of MySQL, `gtid_domain_id` of MariaDB (each server has one of its own). */
  readonly identity: string;
  readonly uptimeSeconds: number;
  /** Absent: it was not read. */
  readonly connections?: { readonly used: number; readonly max: number };
  readonly readOnly: boolean;
  /** MySQL only; MariaDB has no such variable. */
  readonly superReadOnly?: boolean;
  /** Only administrators may connect, as a fence makes it: `offline_mode` of MySQL, an `init_connect` that fails of MariaDB. */
  readonly offline: boolean;
  /** All that it holds: `gtid_executed` of MySQL, `gtid_current_pos` and `gtid_binlog_pos` together of MariaDB. */
  readonly gtid: string;
  readonly channels: readonly Channel[];
  readonly semiSync: SemiSync;
  /** Addresses of the replicas whose dump threads are connected. */
  readonly replicas: readonly string[];
  /** Absent: the table or its row is not there. */
  readonly heartbeat?: Heartbeat;
}

/**
 * Why a server could not be read. None of them means that its data or its writer role is gone:
 * - `refused`: its host answers, and no server does (ECONNREFUSED, or cut off before the greeting);
 * - `silent`: nothing answers in time. It may be the controller's own link;
 * - `offline`: it runs and lets only administrators in (`offline_mode`, which a fence sets);
 * - `too-many-connections`: error 1040, a busy server;
 * - `denied`, `no-credentials`: the controller's own rights or secrets;
 * - `failed`: everything else.
 */
export type UnreadCause =
  | "refused"
  | "silent"
  | "offline"
  | "too-many-connections"
  | "denied"
  | "no-credentials"
  | "failed";

/** As Fact<ServerState>, never absent, with a cause that the problem table can match. */
export type ServerFact = { readonly known: ServerState } | { readonly unknown: string; readonly cause: UnreadCause };

export const isWritable = (server: ServerState): boolean =>
  !server.readOnly && server.superReadOnly !== true && !server.offline;

/** The channel by which it receives from its peer. */
export const channelFrom = (server: ServerState, source: string): Channel | undefined =>
  server.channels.find((channel) => channel.source === source);
