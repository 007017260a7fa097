import type { Problem } from "../reconcile/plan.ts";
import type { PairFacts } from "./facts.ts";

/** Each has an entry in docs/OPERATIONS.md. */
export type ProblemCode =
  | "pair-unreadable"
  | "two-writers"
  | "wrong-writer"
  | "writer-dead"
  | "writer-unreachable"
  | "no-writer"
  | "pair-not-provisioned"
  | "pair-not-recorded"
  | "semi-sync-stalled"
  | "errant-transactions"
  | "peer-dead"
  | "quarantined"
  | "server-unreachable"
  | "link-cut"
  | "receiver-denied"
  | "source-purged"
  | "receiver-stopped"
  | "duplicate-key"
  | "row-missing"
  | "relay-log-corrupt"
  | "applier-failed"
  | "applier-stopped"
  | "server-unreadable"
  | "replication-not-configured"
  | "semi-sync-off"
  | "replication-lag"
  | "lag-unknown"
  | "peer-not-eligible";

/** A row of the problem table. It says what is wrong, and nothing about what to do. */
export interface ProblemRule {
  readonly code: ProblemCode;
  /** A person is called. */
  readonly page?: true;
  /** Smaller is told first. */
  readonly priority: number;
  /** Problems that follow from this one, on whichever node: they are not told beside it. */
  readonly explains?: readonly ProblemCode[];
  /** Problems that follow from this one on the same node: the other server's are told. */
  readonly explainsHere?: readonly ProblemCode[];
  readonly find: (facts: PairFacts) => readonly Omit<Problem, "code">[];
}
