import type { HookAction } from "../lifecycle/action.ts";
import type { AnswerRequest } from "../reconcile/answer.ts";
import type { Action } from "../reconcile/plan.ts";
import type { DatabaseNode } from "../spec.ts";

/** Takes the replacing of a database server out of the group's hands: only Tandem replaces one. */
export interface SuspendProcesses extends Action {
  readonly kind: "suspend-processes";
  readonly group: string;
  readonly processes: readonly string[];
}

/** A step on one of the servers, decided while `writer` was the recorded writer (absent: nothing was recorded). */
interface ServerStep extends Action {
  readonly node: DatabaseNode;
  readonly writer?: DatabaseNode;
}

/** Writes down who is the writer of a pair of which nothing was recorded. */
export interface RecordPair extends ServerStep {
  readonly kind: "record-pair";
}

/** Proves that the server accepts no application's write any more, whatever it does and wherever it is. */
export interface Fence extends ServerStep {
  readonly kind: "fence";
  /** `sql`: it answers. `machine`: it does not; on its machine, and where that cannot be proven, by stopping the instance. */
  readonly way: "sql" | "machine";
  /** Where the way is `machine`. */
  readonly instanceId?: string;
}

/** Stops receiving, waits until all that was received is applied, records the server as writer, opens it. */
export interface Promote extends ServerStep {
  readonly kind: "promote";
  readonly how: "failover" | "approved";
  /** What it may cost, for the record. */
  readonly lost: string;
  readonly requestId?: string;
}

/** Opens the recorded writer. */
export interface OpenWriter extends ServerStep {
  readonly kind: "open-writer";
  /** Commits shall wait for the peer from the first one on. */
  readonly waits: boolean;
}

/** Moves the writer as planned; restores it where it was if that cannot be done in time. */
export interface Switchover extends ServerStep {
  readonly kind: "switchover";
  readonly requestId: string;
}

/** Creates what WordPress and Tandem need on the writer. */
export interface PrepareWriter extends ServerStep {
  readonly kind: "prepare-writer";
}

/** Makes the server receive from its peer. */
export interface Replicate extends ServerStep {
  readonly kind: "replicate";
}

/** Starts what a restart or a failover has stopped. */
export interface StartReplication extends ServerStep {
  readonly kind: "start-replication";
  readonly threads: "both" | "receiver";
}

/** Switches semi-synchronous replication of a server. */
export interface SetSemiSync extends ServerStep {
  readonly kind: "semi-sync";
  readonly role: "source" | "replica";
  readonly on: boolean;
}

/** Records whether the peer holds every acknowledged write; true only after it was proven. */
export interface MarkPeer extends ServerStep {
  readonly kind: "mark-peer";
  readonly eligible: boolean;
}

/** Keeps a server with transactions that the writer does not have out of replication, until a human has decided. */
export interface Quarantine extends ServerStep {
  readonly kind: "quarantine";
  /** A GTID set. */
  readonly extra: string;
}

/** The server holds nothing any more that the writer does not have. */
export interface EndQuarantine extends ServerStep {
  readonly kind: "end-quarantine";
}

/** Takes what the peer committed itself for good: it is on both servers, and a human has said so. */
export interface AcceptErrant extends ServerStep {
  readonly kind: "accept-errant";
  readonly requestId: string;
}

/** Starts a machine that a fence has stopped. */
export interface StartMachine extends ServerStep {
  readonly kind: "start-machine";
  readonly instanceId: string;
}

/** Points the writer and reader records of the private zone. */
export interface PointRecords extends ServerStep {
  readonly kind: "point-records";
}

export type ServerAction =
  | RecordPair
  | Fence
  | Promote
  | OpenWriter
  | Switchover
  | PrepareWriter
  | Replicate
  | StartReplication
  | SetSemiSync
  | MarkPeer
  | Quarantine
  | EndQuarantine
  | AcceptErrant
  | StartMachine
  | PointRecords;

/** Answers a wish about the pair; what it says rests on who was the recorded writer. */
export interface AnswerOfPair extends AnswerRequest {
  readonly writer?: DatabaseNode;
}

export type DatabaseAction = HookAction | SuspendProcesses | AnswerOfPair | ServerAction;
