/** One direction of replication, as the server that receives it tells. */
export interface Channel {
  readonly name: string;
  readonly source: string;
  /** `Yes`, `No` or `Connecting`, as the server gives it. */
  readonly io: string;
  readonly sql: string;
  /** Undefined where the server says NULL: the lag is then not known, and not 0. */
  readonly lagSeconds?: number;
  readonly lastError: string;
}

/** What a database server says of itself. */
export interface ServerState {
  readonly flavour: "mysql" | "mariadb";
  readonly version: string;
  readonly readOnly: boolean;
  /** MySQL only; MariaDB has no such variable. */
  readonly superReadOnly?: boolean;
  /** `gtid_executed` of MySQL, `gtid_current_pos` of MariaDB. */
  readonly gtid: string;
  readonly channels: readonly Channel[];
}

/**
 * Why a server could not be read. None of them means that it is dead: `too-many-connections` (error 1040) is a busy
 * server, `unreachable` may be the controller's own link, `no-credentials` and `denied` say nothing of the server.
 */
export type UnreadCause = "unreachable" | "too-many-connections" | "denied" | "no-credentials" | "failed";

/** As Fact<ServerState>, never absent, with a cause that the problem table can match. */
export type ServerFact = { readonly known: ServerState } | { readonly unknown: string; readonly cause: UnreadCause };

export const isWritable = (server: ServerState): boolean => !server.readOnly && server.superReadOnly !== true;
