import type { Clock } from "../clock.ts";
import type { Scope } from "../scope.ts";
import { greaterThan } from "../aws/condition.ts";
import { TandemError } from "../errors.ts";
import type { Item, Table } from "../aws/table.ts";
import { frozenScopeSchema } from "./scope-schema.ts";

/** While a freeze is in force every plan of its scope (or of all, for `farm`) becomes a dry run. */
export interface Freeze {
  readonly scope: Scope | "farm";
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface Freezes {
  /** In force now. */
  all(): Promise<readonly Freeze[]>;
  /** The freeze that holds back this scope, if any. */
  of(scope: Scope): Promise<Freeze | undefined>;
  set(freeze: Freeze): Promise<void>;
  /** Thawing what is not frozen is a no-op. */
  thaw(scope: Scope | "farm"): Promise<void>;
}

const PARTITION = "freeze";
/** One for the farm, one for each scope of the farm, and as many nodes as anyone freezes one by one. */
const FREEZES_MAX = 100;

export function openFreezes(table: Table, clock: Clock): Freezes {
  const all = async (): Promise<readonly Freeze[]> => {
    const items = await table.query(PARTITION, { limit: FREEZES_MAX, where: greaterThan("until", clock.now()) });
    return items.map(freezeOf);
  };
  return {
    all,
    of: async (scope) => (await all()).find((freeze) => freeze.scope === "farm" || freeze.scope === scope),
    async set({ scope, until }) {
      await table.put({ pk: PARTITION, sk: scope, until, expires: Math.ceil(until / 1000) });
    },
    async thaw(scope) {
      await table.delete({ pk: PARTITION, sk: scope });
    },
  };
}

/** A freeze that cannot be read is never taken for none: it would let a plan run that an operator has held back. */
function freezeOf({ pk, sk, until }: Item): Freeze {
  const scope = frozenScopeSchema.safeParse(sk);
  if (scope.success && typeof until === "number") return { scope: scope.data, until };
  throw new TandemError("state-corrupt", `the freeze of ${sk} is not one that Tandem wrote`, {
    next: `delete the item (${pk}, ${sk}) from the state table and freeze again`,
  });
}
