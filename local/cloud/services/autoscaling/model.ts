import type { SeenInstance } from "./source.ts";

/** AWS's default quota of groups a Region. */
export const GROUPS_MAX = 500;
/** AWS's quota of lifecycle hooks a group. */
export const HOOKS_MAX = 50;
/** AWS keeps activities for six weeks; this many of the latest a group are enough to explain a farm. */
export const ACTIVITIES_MAX = 1_000;
/** AWS's bounds of HeartbeatTimeout, and its default. */
export const HEARTBEAT_SECONDS = { min: 30, max: 7_200, default: 3_600 } as const;
/** A wait ends after 48 hours or 100 heartbeat timeouts, whichever is smaller (AWS, PutLifecycleHook). */
export const GLOBAL_TIMEOUT = { secondsMax: 172_800, heartbeats: 100 } as const;
export const DEFAULT_COOLDOWN_SECONDS = 300;
/** AWS tells the refreshes of six weeks; nobody starts more of them than this in that time. */
export const REFRESHES_MAX = 100;

/** The ways of an instance that hooks can hold up: in, into the warm pool, and out of either. */
export const WAYS = ["Pending", "Warmed:Pending", "Terminating", "Warmed:Terminating"] as const;
export type Way = (typeof WAYS)[number];

export type LifecycleState =
  | Way
  | `${Way}:Wait`
  | `${Way}:Proceed`
  | "InService"
  | "EnteringStandby"
  | "Standby"
  | "Detaching"
  | "Warmed:Stopped"
  | "Warmed:Running";

export const LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING";
export const TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING";
export type Transition = typeof LAUNCHING | typeof TERMINATING;
export type ActionResult = "CONTINUE" | "ABANDON";

export const PROCESSES = [
  "Launch",
  "Terminate",
  "AddToLoadBalancer",
  "AlarmNotification",
  "AZRebalance",
  "HealthCheck",
  "InstanceRefresh",
  "ReplaceUnhealthy",
  "ScheduledActions",
] as const;
export type ProcessName = (typeof PROCESSES)[number];

export interface Hook {
  readonly name: string;
  readonly transition: Transition;
  readonly heartbeatSeconds: number;
  readonly defaultResult: ActionResult;
  readonly notificationMetadata?: string;
}

export const globalTimeoutSeconds = (heartbeatSeconds: number): number =>
  Math.min(GLOBAL_TIMEOUT.secondsMax, GLOBAL_TIMEOUT.heartbeats * heartbeatSeconds);

/** One lifecycle action under way: the hook as it was when the wait began. All times in milliseconds of the epoch. */
export interface Wait {
  readonly hook: Hook;
  readonly token: string;
  readonly endsAt: number;
  heartbeatEndsAt: number;
}

/** Where an instance is launched: a subnet of the group, or a zone if its launch template brings the subnet. */
export interface Placement {
  readonly subnetId?: string;
  readonly zone?: string;
}
export const placementKey = (placement: Placement): string => placement.subnetId ?? placement.zone ?? "";

export type StatusCode =
  | "PreInService"
  | "InProgress"
  | "WaitingForELBConnectionDraining"
  | "MidLifecycleAction"
  | "Successful"
  | "Failed"
  | "Cancelled";

export interface Activity {
  readonly id: string;
  readonly kind: "launch" | "terminate" | "move";
  readonly cause: string;
  readonly startedAt: number;
  readonly details: Readonly<Record<string, string>>;
  description: string;
  status: StatusCode;
  message?: string;
  endedAt?: number;
}

export type UnhealthyCause = "ec2" | "elb" | "user";

export interface Member {
  readonly instance: SeenInstance;
  readonly placement: Placement;
  readonly joinedAt: number;
  state: LifecycleState;
  health: "Healthy" | "Unhealthy";
  unhealthyCause?: UnhealthyCause;
  protectedFromScaleIn: boolean;
  inServiceAt?: number;
  /** Set in `*:Wait` only. */
  wait?: Wait;
  /** The launch, termination or move that is under way. */
  activity?: Activity;
  /** Launched to even out the zones: not counted as capacity before it is in service. */
  rebalancing: boolean;
  /** A forced deletion of the group runs no hooks. */
  withoutHooks: boolean;
  /** Registered with the group's target groups by the group itself. */
  registered: boolean;
  drainEndsAt?: number;
  terminateCalledAt?: number;
  /** Where its present way began; AWS's words in events. */
  origin: "EC2" | "AutoScalingGroup" | "WarmPool";
  stopCalledAt?: number;
}

/** A launch that EC2 has not answered yet. */
export interface Launch {
  readonly placement: Placement;
  readonly activity: Activity;
  readonly rebalancing: boolean;
  /** Into the warm pool. */
  readonly warm: boolean;
}

export interface WarmPool {
  min: number;
  /** Undefined: the group's maximum. */
  maxPrepared?: number;
  state: "Stopped" | "Running";
  reuseOnScaleIn: boolean;
  deleting: boolean;
}

export interface TemplateChoice {
  readonly id?: string;
  readonly name?: string;
  readonly version: string;
}

/** One version of one launch template: what an instance was, or is to be, launched from. */
export interface TemplateVersion {
  readonly id: string;
  readonly version: number;
}

/** Of an instance refresh; AWS's `Baking` is not known here, for no bake time is taken. */
export type RefreshStatus =
  | "Pending"
  | "InProgress"
  | "Successful"
  | "Failed"
  | "Cancelling"
  | "Cancelled"
  | "RollbackInProgress"
  | "RollbackSuccessful"
  | "RollbackFailed";

/** Preferences with AWS's defaults filled in. */
export interface RefreshPreferences {
  readonly minHealthyPercent: number;
  /** Undefined is not 100: without it an instance may go before its replacement is there. */
  readonly maxHealthyPercent?: number;
  /** Undefined: the group's own warm-up, or else its grace period. */
  readonly warmupSeconds?: number;
  /** Ascending; empty without checkpoints. */
  readonly checkpoints: readonly number[];
  readonly checkpointDelaySeconds?: number;
  readonly skipMatching: boolean;
  readonly autoRollback: boolean;
  readonly protectedInstances: "Refresh" | "Ignore" | "Wait";
  readonly standbyInstances: "Terminate" | "Ignore" | "Wait";
}

/** How far a refresh has come; frozen when it ends. */
export interface RefreshProgress {
  readonly percent: number;
  readonly toUpdate: number;
}

export interface Refresh {
  readonly id: string;
  readonly startedAt: number;
  readonly preferences: RefreshPreferences;
  /** As given; the group takes it over when the refresh has succeeded. */
  readonly desired?: TemplateChoice;
  readonly target: TemplateVersion;
  /** What the group launched before it: a rollback goes back to this. */
  readonly before: TemplateVersion;
  status: RefreshStatus;
  reason?: string;
  endedAt?: number;
  /** Checkpoints that were reached, and when the pause after the last one ends. */
  checkpointsReached: number;
  pausedUntil: number;
  /** When an instance last came into service, or the refresh took another turn. */
  movedAt: number;
  rollback?: RefreshProgress & { readonly at: number; readonly reason: string };
  /** A cancelled refresh waits for the launches and terminations that are under way. */
  waitsForTransitions: boolean;
  /** Set when it has ended. */
  end?: RefreshProgress;
}

export interface GroupTag {
  readonly key: string;
  readonly value: string;
  readonly propagateAtLaunch: boolean;
}

export interface Group {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  template: TemplateChoice;
  min: number;
  max: number;
  desired: number;
  cooldownSeconds: number;
  cooldownEndsAt: number;
  placements: readonly Placement[];
  /** VPCZoneIdentifier and AvailabilityZones as they were given. */
  subnets?: string;
  zones: readonly string[];
  targetGroups: string[];
  healthChecks: readonly string[];
  graceSeconds: number;
  policies: readonly string[];
  newInstancesProtected: boolean;
  warmupSeconds?: number;
  readonly tags: Map<string, GroupTag>;
  readonly metrics: Set<string>;
  readonly hooks: Map<string, Hook>;
  readonly suspended: Map<ProcessName, string>;
  readonly members: Map<string, Member>;
  readonly launches: Set<Launch>;
  /** Newest first. */
  readonly activities: Activity[];
  /** Why desired capacity was last changed; the first sentence of the causes that follow from it. */
  capacityCause?: string;
  /** Unhealthy instances that were taken out and are not replaced yet. */
  replacements: number;
  failedLaunches: number;
  launchNotBefore: number;
  /** Placements whose last launch failed: tried last. */
  readonly failing: Set<string>;
  deleting: boolean;
  pool?: WarmPool;
  /** Newest first. */
  readonly refreshes: Refresh[];
}

export const isSuspended = (group: Group, process: ProcessName): boolean => group.suspended.has(process);

/** The way that the member is on, whether it waits there or not; undefined when it has arrived. */
export const wayOf = ({ state }: Member): Way | undefined =>
  WAYS.find((way) => state === way || state === `${way}:Wait` || state === `${way}:Proceed`);
export const isPending = (member: Member): boolean => wayOf(member) === "Pending";
export const isTerminating = (member: Member): boolean => wayOf(member)?.endsWith("Terminating") ?? false;
/** In the warm pool, on the way into it or out of it to its end. */
export const isWarm = (member: Member): boolean => member.state.startsWith("Warmed:");
/** Members that count against desired capacity. */
export const isCapacity = (member: Member): boolean =>
  member.state === "InService" || (isPending(member) && !member.rebalancing);

/** The next hook of `transition` in order of name, after the hook named `after`. */
export function nextHook(hooks: Iterable<Hook>, transition: Transition, after = ""): Hook | undefined {
  return [...hooks]
    .filter((hook) => hook.transition === transition && hook.name > after)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))[0];
}
