import type { Fact } from "../reconcile/fact.ts";

/**
 * The transitions that an Auto Scaling group lets us take part in. A node that is warmed waits in its launch hook twice:
 * on the way into the warm pool (`warming`) and, perhaps days later, on the way from there into service (`launching`).
 */
export type Transition = "launching" | "warming" | "terminating";

/** What a group says of an instance. */
export interface Membership {
  readonly group: string;
  /** As Auto Scaling gives it: `Pending:Wait`, `InService`, `Terminating:Wait`... */
  readonly lifecycleState: string;
  readonly healthy: boolean;
}

/** A version of a launch template: a number, or `$Latest` and `$Default` where a group follows them. */
export interface LaunchTemplate {
  readonly id: string;
  readonly version: string;
}

export interface GroupInstance {
  readonly id: string;
  readonly lifecycleState: string;
  readonly healthy: boolean;
  /** What it was launched from. */
  readonly template?: LaunchTemplate;
}

/** An Auto Scaling group as it is. */
export interface Group {
  readonly min: number;
  readonly max: number;
  readonly desired: number;
  readonly instances: readonly GroupInstance[];
  /** Processes that are suspended, by Auto Scaling's names. */
  readonly suspended: readonly string[];
  /** It has a warm pool; the pool's instances are not among `instances`. */
  readonly hasWarmPool: boolean;
  /** What its next nodes are launched from. */
  readonly template?: LaunchTemplate;
  /** ARNs. */
  readonly targetGroups: readonly string[];
}

export type MachineState = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

/** What EC2 says of it. */
export interface Machine {
  readonly state: MachineState;
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  readonly address?: string;
  /** First process of the machine, where the world tells it (the local farm). */
  readonly pid?: number;
}

/** One run of an SSM document on one instance. */
export interface CommandRun {
  readonly commandId: string;
  readonly state: "running" | "success" | "failed" | "timed-out" | "undelivered";
  /** Of the script on the node; absent while it runs and when it never ran. */
  readonly exitCode?: number;
  /** Milliseconds since the epoch; absent while it runs. */
  readonly finishedAt?: number;
  /** The end of what the script printed, errors last. */
  readonly output: string;
}

/** What has been done for one transition of one instance; one item of the state table. */
export interface HookRecord {
  /** First seen in the wait, ms since the epoch. */
  readonly waitingSince: number;
  /** 0 before the first command. */
  readonly attempt: number;
  /** When that attempt was decided, ms since the epoch. */
  readonly requestedAt?: number;
  readonly heartbeats: number;
  readonly heartbeatAt?: number;
  /** Auto Scaling said that there is nothing to extend. */
  readonly heartbeatsRefused: boolean;
}

/** Everything that decides the next step of an instance in a hook; `now` included. */
export interface HookObservation {
  readonly instanceId: string;
  readonly now: number;
  /** The groups that are this farm's; an instance of any other is never written to. */
  readonly groups: readonly string[];
  readonly membership: Fact<Membership>;
  readonly machine: Fact<Machine>;
  /** The SSM agent: absent means that it has never registered. */
  readonly agent: Fact<"online" | "offline">;
  /** Of the transition that the instance is in; absent before the first write. */
  readonly record: Fact<HookRecord>;
  /** The command of the record's attempt. */
  readonly command: Fact<CommandRun>;
}

const WAITS: Readonly<Record<string, Transition>> = {
  "Pending:Wait": "launching",
  "Warmed:Pending:Wait": "warming",
  "Terminating:Wait": "terminating",
  "Warmed:Terminating:Wait": "terminating",
};

/** The transition that waits for us in this lifecycle state, if any. */
export const waitingTransition = (lifecycleState: string): Transition | undefined =>
  Object.hasOwn(WAITS, lifecycleState) ? WAITS[lifecycleState] : undefined;

/** The node is in the warm pool, or on its way into it or out of it to its end: it serves nobody. */
export const isWarm = (lifecycleState: string): boolean => lifecycleState.startsWith("Warmed:");

/** An operator took the node out of service and keeps its machine: the group neither counts nor checks it. */
export const isStandby = (lifecycleState: string): boolean =>
  lifecycleState === "EnteringStandby" || lifecycleState === "Standby";

/** What a group has of the nodes that it wants. One that an operator keeps on standby is none of them, and may stay for days. */
export const counted = ({ instances }: Group): readonly GroupInstance[] =>
  instances.filter(({ lifecycleState }) => lifecycleState !== "Standby");

/** The node leaves for good. */
export const isLeaving = (lifecycleState: string): boolean =>
  lifecycleState.startsWith("Terminating") || lifecycleState.startsWith("Warmed:Terminating");

/** EC2 says that the machine runs no more, or not for long: nothing can be asked of it. */
export const DEAD_STATES: readonly MachineState[] = ["shutting-down", "terminated", "stopping", "stopped"];
export const isDead = (state: MachineState): boolean => DEAD_STATES.includes(state);
