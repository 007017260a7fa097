import type { ServerSession } from "../driver.ts";
import type { ServerState } from "../server.ts";
import type { Query } from "./connection.ts";

/** What is particular to one kind of server. */
export interface Flavoured {
  readState(query: Query): Promise<ServerState>;
  /** @param until asks again until it is true; false: not within the time */
  openSession(query: Query, until: (what: () => Promise<boolean>, ms: number) => Promise<boolean>): ServerSession;
}
