import * as z from "zod/mini";
import type { Table } from "../aws/table.ts";
import { TandemError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import { notFencedOff } from "./lease.ts";
import type { Proposal } from "./plan.ts";

/** What waits for a human's word, as the last look at the scope found it. */
export interface Proposals {
  of(scope: Scope): Promise<readonly Proposal[]>;
  /** Replaces the scope's list; a holder that was overtaken changes nothing. */
  set(scope: Scope, proposals: readonly Proposal[], fence: number): Promise<void>;
}

const PARTITION = "proposals";

const stored = z.array(
  z.object({ id: z.string(), action: z.string(), reason: z.string(), evidence: z.record(z.string(), z.string()) }),
);

export function openProposals(table: Table): Proposals {
  return {
    async of(scope) {
      const item = await table.get({ pk: PARTITION, sk: scope });
      const read = stored.safeParse(item?.["list"] ?? []);
      if (read.success) return read.data;
      // Never taken for none: an operator would believe that nothing waits for a decision.
      throw new TandemError("state-corrupt", `the proposals of ${scope} are not what Tandem wrote`, {
        next: `delete the item (${PARTITION}, ${scope}) from the state table: the next look writes it anew`,
      });
    },
    async set(scope, proposals, fence) {
      const list = proposals.map((proposal) => ({ ...proposal, evidence: { ...proposal.evidence } }));
      await table.update({ pk: PARTITION, sk: scope }, { set: { list, fence } }, notFencedOff(fence));
    },
  };
}
