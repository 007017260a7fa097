import { TandemError } from "../errors.ts";
import type { Tenure } from "../reconcile/lease.ts";
import type { Requests } from "../reconcile/requests.ts";
import type { DatabaseNode } from "../spec.ts";
import { databaseAws, type RecordClients } from "./aws.ts";
import type { Credentials, ServerSession } from "./driver.ts";
import { committedBy, parseGtid, renderGtid } from "./gtid.ts";
import { addressOf, type DatabaseDeps } from "./observe.ts";
import { claimPair, readPair, writePair, type PairRecord } from "./pair.ts";
import type { ServerState } from "./server.ts";

export type ApplyDeps = DatabaseDeps & RecordClients & { readonly requests: Requests };

/** The hands of the database capability: one session at a time, each under the lease's word. */
export interface Hands {
  readonly deps: ApplyDeps;
  readonly tenure: Tenure;
  /**
   * A session on the server, as the healer, after the lease was read again.
   * Throws TandemError `lease-lost`, retriable, and as ServerSession.
   */
  on<T>(node: DatabaseNode, use: (session: ServerSession) => Promise<T>): Promise<T>;
  /** Prolongs the lease; throws `lease-lost` where that fails. */
  goOn(): Promise<void>;
  /**
   * Bars whoever held the lease before from the record of the pair, and reads it.
   * Throws TandemError `fenced-off` and, where the writer is another than this was decided for, `not-as-planned`.
   */
  claim(writer: DatabaseNode | undefined): Promise<void>;
  pair(): Promise<PairRecord>;
  write(change: Partial<PairRecord>): Promise<PairRecord>;
}

export function handsOf(deps: ApplyDeps, tenure: Tenure): Hands {
  const { table, spec, clock } = deps;
  const goOn = async (): Promise<void> => {
    if (!(await tenure.renew())) throw leaseLost();
  };
  const pair = async (): Promise<PairRecord> => {
    const found = await readPair(table);
    if (found !== undefined) return found;
    throw new TandemError("pair-not-recorded", "no writer is recorded", { next: "tandem status", retriable: true });
  };
  return {
    deps,
    tenure,
    goOn,
    async claim(writer) {
      const claimed = await claimPair(table, tenure.fence);
      if (claimed?.writer !== writer) throw unexpected(`${claimed?.writer ?? "nobody"} is the writer on record now`);
    },
    pair,
    async on(node, use) {
      const as = await secret(deps, "healer");
      return deps.databases.session(clock, addressOf(spec, node), as, async (session) => {
        await goOn();
        return use(session);
      });
    },
    async write(change) {
      const next = { ...(await pair()), ...change };
      await writePair(table, next, tenure.fence);
      return next;
    },
  };
}

const leaseLost = (): TandemError =>
  new TandemError("lease-lost", "somebody else holds the database scope", {
    next: "nothing: whoever holds it goes on",
    retriable: true,
  });

export const secret = (deps: ApplyDeps, user: "healer" | "replication"): Promise<Credentials> =>
  databaseAws(deps).credentials(`${deps.spec.secretsPrefix}/database/${user}`);

/** What a server has committed itself. */
export const ownOf = (server: ServerState, identity = server.identity): string =>
  renderGtid(committedBy(parseGtid(server.flavour, server.gtid), identity));

/** The world is not as it was when this was decided: nothing was done, and the next look decides anew. */
export const unexpected = (what: string): TandemError =>
  new TandemError("not-as-planned", what, { next: "nothing: the next look decides anew", retriable: true });
