import type { Clock } from "../clock.ts";
import type { Ids } from "../ids.ts";
import type { Scope } from "../scope.ts";
import { allOf, anyOf, equals, isAbsent, lessThan, type Condition } from "../aws/condition.ts";
import type { Item, Table } from "../aws/table.ts";

/** How long a holder that was killed blocks its scope. The holder renews before every step, so it can be short. */
const LIFE_MS: Readonly<Record<"database" | "other", number>> = {
  /** A dead controller must not delay a failover by more than this (DESIGN section 3). */
  database: 5_000,
  /** One AWS call with all its retries fits in; a node waits in its hook for minutes anyway. */
  other: 20_000,
};

/** A holder stops this much before its lease runs out. Lambda hosts agree on time within milliseconds; this is ample. */
const CLOCK_SKEW_MS = 1_000;

/** A successor says this often that it still stands by, and counts as gone when it has been silent for twice as long. */
export const STAND_BY_MS = 2_000;

/** Lease items of instances that are long gone are forgotten, and their fences with them, after a week. */
const FORGOTTEN_AFTER_SECONDS = 604_800;

/** The right to act on one scope. `fence` is greater than that of every earlier holder. */
export interface Lease {
  readonly scope: Scope;
  readonly fence: number;
  /** The count of wake-ups that the holder knows of; an observation that starts now answers all of them. */
  wanted(): number;
  /** Whether the holder may still act, by its own clock. */
  isAlive(): boolean;
  /** Prolongs the lease and learns of new wake-ups. False: it is lost, and nothing may be done any more. */
  renew(): Promise<boolean>;
  /**
   * Gives the lease back if nobody has asked since `seen` was read. `wanted`: somebody has, so look again first.
   * `lost`: somebody else holds it.
   */
  release(seen: number): Promise<"released" | "wanted" | "lost">;
  /** Gives the lease back although there may be work left: the successor or the minute clock finds it. */
  abandon(): Promise<void>;
  /** Whether somebody stands by to take over, as of the last renewal. */
  hasSuccessor(): boolean;
}

/** The part of a lease that an act needs: its fence, and whether it may still go on. */
export type Tenure = Pick<Lease, "fence" | "isAlive" | "renew">;

export interface Leases {
  /**
   * Asks for a look at the scope: adds 1 to `wanted`, then tries to take the lease. Undefined: somebody alive holds it,
   * and looks again before it releases.
   */
  request(scope: Scope): Promise<Lease | undefined>;
  /** Adds 1 to `wanted`, for a scope that another function watches: its holder looks at once. */
  wake(scope: Scope): Promise<void>;
  /**
   * One try of a successor, which calls again every half second: takes the lease if nobody alive holds it, and otherwise
   * says that it stands by. `beside`: another successor does already.
   * @param successor an id of the caller, the same in every try
   */
  standBy(scope: Scope, successor: string): Promise<Lease | "stands-by" | "beside">;
}

/** A condition for any other item that a holder writes: a holder that was overtaken cannot undo its successor's word. */
export const notFencedOff = (fence: number): Condition => anyOf(isAbsent("fence"), lessThan("fence", fence + 1));

/**
 * Coalescing leases, one item per scope (`wanted`, `done`, `holder`, `fence`, `expiresAt`), single-item conditional
 * writes only. See DESIGN section 3; fencing after M. Kleppmann, "How to do distributed locking" (2016).
 */
export function openLeases(table: Table, clock: Clock, ids: Ids): Leases {
  const wake = async (scope: Scope): Promise<void> => {
    await table.update({ pk: "lease", sk: scope }, { add: { wanted: 1 } });
  };
  const take = async (scope: Scope, remove: readonly string[] = []): Promise<Lease | undefined> => {
    const key = { pk: "lease", sk: scope };
    const holder = ids.uuid();
    const expiresAt = clock.now() + lifeMs(scope);
    const free = anyOf(isAbsent("holder"), lessThan("expiresAt", clock.now()));
    const set = { holder, expiresAt, expires: Math.ceil(expiresAt / 1000) + FORGOTTEN_AFTER_SECONDS };
    const change = { set, add: { fence: 1 }, remove };
    const item = (await table.update(key, change, free)) ?? (await ownWrite(table, key, holder));
    return item === undefined ? undefined : held({ table, clock, scope, holder }, item);
  };
  return {
    async request(scope) {
      await wake(scope);
      return take(scope);
    },
    wake,
    async standBy(scope, successor) {
      const key = { pk: "lease", sk: scope };
      const item = await table.get(key);
      const now = clock.now();
      if (item?.["holder"] === undefined || numberOf(item, "expiresAt") < now)
        return (await take(scope, ["successor", "standsByUntil"])) ?? "beside";
      const isOwn = item["successor"] === successor;
      if (isOwn && numberOf(item, "standsByUntil") > now + STAND_BY_MS) return "stands-by";
      const set = { successor, standsByUntil: now + 2 * STAND_BY_MS };
      const vacant = anyOf(isAbsent("successor"), equals("successor", successor), lessThan("standsByUntil", now));
      return (await table.update(key, { set }, vacant)) === undefined ? "beside" : "stands-by";
    },
  };
}

const lifeMs = (scope: Scope): number => (scope === "database" ? LIFE_MS.database : LIFE_MS.other);

/** The SDK may have sent the taking write twice: then the first one won against the second, and the lease is ours. */
async function ownWrite(table: Table, key: { pk: string; sk: string }, holder: string): Promise<Item | undefined> {
  const item = await table.get(key);
  return item?.["holder"] === holder ? item : undefined;
}

function held(own: { table: Table; clock: Clock; scope: Scope; holder: string }, taken: Item): Lease {
  const { table, clock, scope, holder } = own;
  const key = { pk: "lease", sk: scope };
  const fence = numberOf(taken, "fence");
  const mine = allOf(equals("holder", holder), equals("fence", fence));
  const free = ["holder", "expiresAt"];
  let wanted = numberOf(taken, "wanted");
  let expiresAt = numberOf(taken, "expiresAt");
  let standsByUntil = numberOf(taken, "standsByUntil");
  const isAlive = (): boolean => clock.now() < expiresAt - CLOCK_SKEW_MS;
  return {
    scope,
    fence,
    wanted: () => wanted,
    isAlive,
    async renew() {
      const until = clock.now() + lifeMs(scope);
      const item = await table.update(key, { set: { expiresAt: until } }, mine);
      if (item === undefined) {
        expiresAt = 0;
        return false;
      }
      expiresAt = until;
      wanted = numberOf(item, "wanted");
      standsByUntil = numberOf(item, "standsByUntil");
      return isAlive();
    },
    async release(seen) {
      // From here on the write may have landed, whatever its answer: nothing is done before the next renewal.
      expiresAt = 0;
      const change = { set: { done: seen }, remove: free };
      const released = await table.update(key, change, allOf(mine, equals("wanted", seen)));
      if (released !== undefined) return "released";
      const item = await table.get(key);
      if (item === undefined || item["fence"] !== fence) return "lost";
      // No holder under our own fence: the release was sent twice, and the first one landed.
      return item["holder"] === holder ? "wanted" : "released";
    },
    async abandon() {
      expiresAt = 0;
      await table.update(key, { remove: free }, mine);
    },
    hasSuccessor: () => clock.now() < standsByUntil,
  };
}

const numberOf = (item: Item, attribute: string): number => {
  const value = item[attribute];
  return typeof value === "number" ? value : 0;
};
