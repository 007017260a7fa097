import type { JournalLine } from "../../lib/reconcile/journal.ts";
import type { SimulatedWorld } from "./world.ts";
import { unexplainedDeeds, wrongWithPair } from "./pair/end.ts";
import type { Deed } from "./witness.ts";

interface GroupSeen {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly desired: number;
  readonly instances: readonly { readonly id: string; readonly state: string; readonly healthy: boolean }[];
}

export async function groupsOf(world: SimulatedWorld): Promise<readonly GroupSeen[]> {
  const { AutoScalingGroups } = await world.ask("autoscaling", "DescribeAutoScalingGroups", {});
  const groups: unknown[] = Array.isArray(AutoScalingGroups) ? AutoScalingGroups : [];
  return groups.map((group) => {
    const { AutoScalingGroupName, MinSize, MaxSize, DesiredCapacity, Instances } = Object(group);
    const instances: unknown[] = Array.isArray(Instances) ? Instances : [];
    return {
      name: String(AutoScalingGroupName),
      min: Number(MinSize),
      max: Number(MaxSize),
      desired: Number(DesiredCapacity),
      instances: instances.map((instance) => {
        const { InstanceId, LifecycleState, HealthStatus } = Object(instance);
        return {
          id: String(InstanceId),
          state: String(LifecycleState),
          healthy: String(HealthStatus).toLowerCase() === "healthy",
        };
      }),
    };
  });
}

/** Every group has what it wants, in service. */
export const isServing = async (world: SimulatedWorld): Promise<boolean> => (await groupsOf(world)).every(serves);

/** So it is, and each has the size that a quiet farm wants. */
export const isRestored = async (world: SimulatedWorld): Promise<boolean> =>
  (await groupsOf(world)).every((group) => serves(group) && group.desired === group.min);

const serves = (group: GroupSeen): boolean =>
  group.instances.length === group.desired &&
  group.instances.every(({ state, healthy }) => state === "InService" && healthy);

/** What must hold once the faults have ended and the farm had its time; each broken rule in words. */
export async function brokenInvariants(world: SimulatedWorld): Promise<readonly string[]> {
  const wrong = await wrongWithPair(world);
  const groups = await groupsOf(world);
  const journal = await world.journal();
  const { deeds, cronRuns, broken } = world.witness;
  const pair = world.databases.pair.witness;
  return [
    ...broken,
    ...pair.broken,
    ...wrong,
    ...unexplainedDeeds(pair.deeds, journal),
    ...groups.flatMap(restored),
    ...(await strayMachines(world, groups)),
    ...(await openActivities(world, groups)),
    ...completedTwice(deeds),
    ...ranTwiceAMinute(cronRuns),
    ...changedBlindly(world, journal),
    ...(await unanswered(world)),
    ...unexplained(deeds, journal),
    ...untyped(journal),
    ...world
      .calls()
      .filter(({ error }) => error === "InternalFailure")
      .map(({ service, operation }) => `the embedded cloud failed in ${service}:${operation}`),
  ];
}

/** A failure of operation has a code, and says what comes next; whatever has not is a defect. */
const untyped = (journal: readonly JournalLine[]): string[] =>
  journal
    .filter(({ result }) => result.startsWith("failed: ") && !/^failed: [a-z-]+: [^]+; (it is|next:)/.test(result))
    .map(({ at, scope, result }) => `${at}: ${scope} ${result}`);

function restored(group: GroupSeen): string[] {
  const { name, desired, min, max, instances } = group;
  const states = instances
    .map(({ id, state, healthy }) => `${id} in ${state}${healthy ? "" : ", unhealthy"}`)
    .join("; ");
  return [
    ...(desired < min || desired > max ? [`${name} wants ${desired}, allowed is ${min} to ${max}`] : []),
    ...(desired !== min ? [`${name} wants ${desired} in a quiet farm, not ${min}`] : []),
    ...(instances.length === desired ? [] : [`${name} has ${instances.length} of ${desired}: ${states}`]),
    ...instances
      .filter(({ state, healthy }) => state !== "InService" || !healthy)
      .map(({ id, state }) => `${id} of ${name} is left in ${state}`),
  ];
}

/** An instance that passed no hook and was not abandoned runs beside the groups, and is paid for. */
async function strayMachines(world: SimulatedWorld, groups: readonly GroupSeen[]): Promise<string[]> {
  const members = new Set(groups.flatMap(({ instances }) => instances.map(({ id }) => id)));
  const { Reservations } = await world.ask("ec2", "DescribeInstances", {});
  const instances: unknown[] = (Array.isArray(Reservations) ? Reservations : []).flatMap(
    (reservation) => Object(reservation).Instances,
  );
  return instances
    .map((instance) => ({
      id: String(Object(instance).InstanceId),
      state: String(Object(Object(instance).State).Name),
    }))
    .filter(({ id, state }) => state !== "terminated" && !members.has(id))
    .map(({ id, state }) => `${id} is ${state} and in no group`);
}

async function openActivities(world: SimulatedWorld, groups: readonly GroupSeen[]): Promise<string[]> {
  const open: string[] = [];
  for (const { name } of groups) {
    const { Activities } = await world.ask("autoscaling", "DescribeScalingActivities", { AutoScalingGroupName: name });
    for (const activity of Array.isArray(Activities) ? Activities : []) {
      const { StatusCode, Description } = Object(activity);
      if (!["Successful", "Failed", "Cancelled"].includes(String(StatusCode)))
        open.push(`${Description} is ${StatusCode}`);
    }
  }
  return open;
}

/** Every wish has its last word by now, or is in force for as long as it was asked for. */
async function unanswered(world: SimulatedWorld): Promise<string[]> {
  const { requests } = await world.status();
  if ("unknown" in requests) return [`the open requests are unknown: ${requests.unknown}`];
  return requests
    .filter(({ action, state }) => state === "pending" || action !== "scale")
    .map(({ id, action, state }) => `${action} ${id} is ${state}`);
}

function completedTwice(deeds: readonly Deed[]): string[] {
  const seen = new Map<string, number>();
  for (const { operation, parameters } of deeds) {
    if (operation !== "CompleteLifecycleAction") continue;
    const key = `${parameters["LifecycleHookName"]} of ${parameters["InstanceId"]}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return [...seen].filter(([, times]) => times > 1).map(([key, times]) => `${key} was completed ${times} times`);
}

/** WordPress's due events, by the minute that a run's comment names. */
function ranTwiceAMinute(runs: readonly Deed[]): string[] {
  const minutes = runs.map(({ parameters }) => parameters["Comment"]?.split(" ")[3]?.slice(0, 16));
  return minutes.filter((minute, index) => minutes.indexOf(minute) !== index).map((minute) => `two runs in ${minute}`);
}

/** A decision is made on metrics of the last 40 s; a slow call may come some seconds later. */
const METRICS_AGE_MS_MAX = 60_000;

/** Capacity that changed while nobody knew the load: never down, and up only because an operator asked. */
function changedBlindly({ witness, machines, stage }: SimulatedWorld, journal: readonly JournalLine[]): string[] {
  const wishedAt = journal
    .filter(({ action, result }) => action === "answer-request" && result.includes("standing"))
    .map(({ at }) => Date.parse(at));
  const broken: string[] = [];
  const sizes = new Map<string, number>();
  for (const deed of witness.deeds) {
    const { AutoScalingGroupName, InstanceId } = deed.parameters;
    const group = AutoScalingGroupName ?? `tandem-${stage}-${machines.get(InstanceId ?? "")?.node}`;
    const before = sizes.get(group);
    const to = sizeAfter(deed, before);
    // a repeated attempt of a call whose answer was lost changes nothing
    if (to === undefined || to === before) continue;
    sizes.set(group, to);
    const isRaised = before === undefined || to > before;
    const isWished = isRaised && wishedAt.some((wished) => Math.abs(wished - deed.at) <= WISH_MS_MAX);
    const change = `${new Date(deed.at).toISOString()}: ${group} changed from ${before ?? "the minimum"} to ${to}`;
    if (deed.metricsAgeMs > METRICS_AGE_MS_MAX && !isWished && !OPERATORS.includes(deed.operation))
      broken.push(`${change} on metrics ${deed.metricsAgeMs / 1000} s old`);
  }
  return broken;
}

/** Only an operator keeps a node out of service or puts it back, whatever the load is. */
const OPERATORS = ["EnterStandby", "ExitStandby"];

/** Undefined: the deed changes no capacity, or from one that is not known. */
function sizeAfter({ operation, parameters }: Deed, before: number | undefined): number | undefined {
  if (operation === "SetDesiredCapacity") return Number(parameters["DesiredCapacity"]);
  if (before === undefined) return undefined;
  if (operation === "ExitStandby") return before + 1;
  const mayShrink = operation === "TerminateInstanceInAutoScalingGroup" || operation === "EnterStandby";
  return mayShrink && parameters["ShouldDecrementDesiredCapacity"] === "true" ? before - 1 : undefined;
}

/** The longest wish of the simulator's operator. */
const WISH_MS_MAX = 600_000;

const ACTION_OF: Readonly<Record<string, (parameters: Deed["parameters"]) => string>> = {
  CompleteLifecycleAction: () => "complete-hook",
  RecordLifecycleActionHeartbeat: () => "heartbeat",
  SetDesiredCapacity: () => "set-desired",
  SetInstanceHealth: () => "mark-unhealthy",
  SuspendProcesses: () => "suspend-processes",
  UpdateAutoScalingGroup: () => "pin-template",
  StartInstanceRefresh: () => "start-refresh",
  CancelInstanceRefresh: () => "cancel-refresh",
  RollbackInstanceRefresh: () => "roll-back-refresh",
  TerminateInstanceInAutoScalingGroup: ({ ShouldDecrementDesiredCapacity: isLess }) =>
    isLess === "true" ? "retire-node" : "replace-node",
  DeregisterTargets: () => "deregister-target",
  EnterStandby: () => "enter-standby",
  ExitStandby: () => "exit-standby",
  SendCommand: ({ DocumentName }) => (DocumentName?.endsWith("-fence") === true ? "fence" : "send-command"),
  StopInstances: () => "fence",
  StartInstances: () => "start-machine",
  ChangeResourceRecordSets: () => "point-records",
};
/** From a journal line to its call, or from the call to its line, with all retries and slow calls between. */
const EXPLAINED_MS_MAX = 60_000;

/** Every change of the farm has a line of its action in the journal, near in time. */
function unexplained(deeds: readonly Deed[], journal: readonly JournalLine[]): string[] {
  const lines = journal.map((line) => ({ at: Date.parse(line.at), action: line.action }));
  return deeds
    .filter(
      (deed) =>
        !lines.some(
          ({ at, action }) =>
            action === ACTION_OF[deed.operation]?.(deed.parameters) && Math.abs(at - deed.at) <= EXPLAINED_MS_MAX,
        ),
    )
    .map(
      ({ at, operation, parameters }) =>
        `${new Date(at).toISOString()}: nothing explains ${operation} ${JSON.stringify(parameters)}`,
    );
}
