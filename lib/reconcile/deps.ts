import type { Clock } from "../clock.ts";
import type { Ids } from "../ids.ts";
import type { Freezes } from "./freeze.ts";
import type { Journal, JournalLine } from "./journal.ts";
import type { Leases } from "./lease.ts";
import type { Problems } from "./problems.ts";
import type { Proposals } from "./proposals.ts";
import type { Requests } from "./requests.ts";

/** What every look at a scope is given. */
export interface LoopDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly leases: Leases;
  readonly journal: Journal;
  readonly freezes: Freezes;
  readonly problems: Problems;
  readonly proposals: Proposals;
  readonly requests: Requests;
  /** Deployed so that every plan is a dry run. */
  readonly observeOnly: boolean;
  /** What is left of this invocation, in milliseconds. */
  remainingMs(): number;
  /** Writes a journal line to the structured log. */
  log(line: JournalLine): void;
  /** Puts a journal line on the event bus. A failure is counted as `UnpublishedLines` and holds nothing up. */
  publish(line: JournalLine): Promise<void>;
  /** Adds one to a metric. */
  count(metric: "UnpublishedLines" | "Pages"): void;
}
