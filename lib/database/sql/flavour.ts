import type { ServerSession } from "../driver.ts";
import type { ServerState } from "../server.ts";
import type { Query } from "./connection.ts";

/** Asks again until it is true; false: not within the time, in milliseconds. */
export type Until = (what: () => Promise<boolean>, ms: number) => Promise<boolean>;

/** What is particular to one kind of server. */
export interface Flavoured {
  readState(query: Query): Promise<ServerState>;
  openSession(query: Query, until: Until): ServerSession;
}
