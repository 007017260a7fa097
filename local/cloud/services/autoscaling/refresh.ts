import type * as sdk from "@aws-sdk/client-auto-scaling";
import { CloudError } from "../../errors.ts";
import { given, groupNamed, invalid, page, refuseUnknown } from "./checks.ts";
import { templateChoice } from "./groups.ts";
import type { Groups } from "./loop.ts";
import { REFRESHES_MAX, type Group, type Refresh, type RefreshPreferences, type TemplateChoice } from "./model.ts";
import { beginRollback } from "./refresh-act.ts";
import { activeRefresh, poolToRefresh, statusReason, viewOf, warmupMs } from "./refresh-view.ts";
import type { Surroundings } from "./source.ts";

const START_MEMBERS = ["AutoScalingGroupName", "Strategy", "DesiredConfiguration", "Preferences"];
const PREFERENCES = [
  "MinHealthyPercentage",
  "MaxHealthyPercentage",
  "InstanceWarmup",
  "CheckpointPercentages",
  "CheckpointDelay",
  "SkipMatching",
  "AutoRollback",
  "ScaleInProtectedInstances",
  "StandbyInstances",
];
const MIN_HEALTHY_DEFAULT = 90;
const DELAY_SECONDS_MAX = 172_800;

const within = (name: string, value: number | undefined, min: number, max: number): void => {
  if (value !== undefined && (value < min || value > max))
    throw invalid(`${name} must be between ${min} and ${max}, not ${value}`);
};

function oneOf<T extends string>(name: string, value: string | undefined, known: readonly T[], byDefault: T): T {
  if (value === undefined) return byDefault;
  const found = known.find((one) => one === value);
  if (found === undefined) throw invalid(`${name} '${value}' is not one of ${known.join(", ")}`);
  return found;
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html */
function preferencesOf(input: sdk.RefreshPreferences = {}): RefreshPreferences {
  refuseUnknown("StartInstanceRefresh", input, PREFERENCES);
  const { MinHealthyPercentage: min, MaxHealthyPercentage: max, InstanceWarmup: warmup } = input;
  const { CheckpointPercentages: checkpoints = [], CheckpointDelay: delay } = input;
  within("MinHealthyPercentage", min, 0, 100);
  within("MaxHealthyPercentage", max, 100, 200);
  within("InstanceWarmup", warmup, 0, Number.MAX_SAFE_INTEGER);
  within("CheckpointDelay", delay, 0, DELAY_SECONDS_MAX);
  if (max !== undefined && min === undefined)
    throw invalid("You must specify MinHealthyPercentage if you specify MaxHealthyPercentage.");
  if (max !== undefined && min !== undefined && max - min > 100)
    throw invalid("The difference between MaxHealthyPercentage and MinHealthyPercentage cannot be greater than 100.");
  if (delay !== undefined && checkpoints.length === 0)
    throw invalid("You must specify CheckpointPercentages if you specify CheckpointDelay.");
  checkpoints.forEach((percent, index) => {
    within("CheckpointPercentages", percent, 1, 100);
    if (index > 0 && percent <= (checkpoints[index - 1] ?? 0))
      throw invalid("CheckpointPercentages must be unique and in ascending order.");
  });
  return {
    minHealthyPercent: min ?? MIN_HEALTHY_DEFAULT,
    checkpoints,
    skipMatching: input.SkipMatching ?? false,
    autoRollback: input.AutoRollback ?? false,
    protectedInstances: oneOf(
      "ScaleInProtectedInstances",
      input.ScaleInProtectedInstances,
      ["Refresh", "Ignore", "Wait"],
      "Wait",
    ),
    standbyInstances: oneOf("StandbyInstances", input.StandbyInstances, ["Terminate", "Ignore", "Wait"], "Wait"),
    ...(max === undefined ? {} : { maxHealthyPercent: max }),
    ...(warmup === undefined ? {} : { warmupSeconds: warmup }),
    ...(delay === undefined ? {} : { checkpointDelaySeconds: delay }),
  };
}

function desiredOf(input: sdk.DesiredConfiguration | undefined): TemplateChoice | undefined {
  if (input === undefined) return undefined;
  refuseUnknown("StartInstanceRefresh", input, ["LaunchTemplate"]);
  if (input.LaunchTemplate === undefined)
    throw invalid(
      "If you specify a desired configuration, you must specify a LaunchTemplate or a MixedInstancesPolicy.",
    );
  return templateChoice(input.LaunchTemplate);
}

/** Why a refresh of the group cannot be rolled back; undefined: it can. */
function irreversible(group: Group, desired: TemplateChoice | undefined): string | undefined {
  if (desired === undefined) return "there is no desired configuration specified for the instance refresh";
  if (group.template.version.startsWith("$"))
    return `the Auto Scaling group uses the launch template's ${group.template.version} version`;
  return undefined;
}

function resolved({ ec2 }: Surroundings, choice: TemplateChoice) {
  try {
    return ec2.templateVersion(choice);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`You must use a valid fully-formed launch template. ${why}`);
  }
}

function active(group: Group): Refresh {
  const refresh = activeRefresh(group);
  if (refresh !== undefined) return refresh;
  throw new CloudError(
    "ActiveInstanceRefreshNotFound",
    `No in progress or pending Instance Refresh found for Auto Scaling group ${group.name}`,
  );
}

const preferencesOut = (group: Group, refresh: Refresh): sdk.RefreshPreferences => {
  const { preferences: p } = refresh;
  return {
    MinHealthyPercentage: p.minHealthyPercent,
    InstanceWarmup: warmupMs(group, refresh) / 1_000,
    SkipMatching: p.skipMatching,
    AutoRollback: p.autoRollback,
    ScaleInProtectedInstances: p.protectedInstances,
    StandbyInstances: p.standbyInstances,
    ...(p.maxHealthyPercent === undefined ? {} : { MaxHealthyPercentage: p.maxHealthyPercent }),
    ...(p.checkpoints.length === 0 ? {} : { CheckpointPercentages: [...p.checkpoints] }),
    ...(p.checkpointDelaySeconds === undefined ? {} : { CheckpointDelay: p.checkpointDelaySeconds }),
  };
};

const specification = ({ id, name, version }: TemplateChoice): sdk.LaunchTemplateSpecification => ({
  ...(id === undefined ? {} : { LaunchTemplateId: id }),
  ...(name === undefined ? {} : { LaunchTemplateName: name }),
  Version: version,
});

function refreshOut(group: Group, refresh: Refresh, nowMs: number): sdk.InstanceRefresh {
  const { percent, toUpdate } = refresh.end ?? viewOf(group, refresh, nowMs).progress;
  const reason = statusReason(group, refresh, nowMs);
  const live = { PercentageComplete: percent, InstancesToUpdate: toUpdate };
  return {
    InstanceRefreshId: refresh.id,
    AutoScalingGroupName: group.name,
    Status: refresh.status,
    StartTime: new Date(refresh.startedAt),
    ...live,
    Preferences: preferencesOut(group, refresh),
    Strategy: "Rolling",
    ...(reason === undefined ? {} : { StatusReason: reason }),
    ...(refresh.endedAt === undefined ? {} : { EndTime: new Date(refresh.endedAt) }),
    ...(refresh.desired === undefined
      ? {}
      : { DesiredConfiguration: { LaunchTemplate: specification(refresh.desired) } }),
    ...(group.pool === undefined
      ? {}
      : { ProgressDetails: { LivePoolProgress: live, WarmPoolProgress: poolProgress(group, refresh) } }),
    ...(refresh.rollback === undefined
      ? {}
      : {
          RollbackDetails: {
            RollbackReason: refresh.rollback.reason,
            RollbackStartTime: new Date(refresh.rollback.at),
            PercentageCompleteOnRollback: refresh.rollback.percent,
            InstancesToUpdateOnRollback: refresh.rollback.toUpdate,
          },
        }),
  };
}

function poolProgress(group: Group, refresh: Refresh): sdk.InstanceRefreshWarmPoolProgress {
  const toUpdate = refresh.endedAt === undefined ? poolToRefresh(group, refresh).stale.length : 0;
  const size = [...group.members.values()].filter(({ state }) => state.startsWith("Warmed:")).length;
  return {
    PercentageComplete: size === 0 ? 100 : Math.floor((100 * Math.max(0, size - toUpdate)) / size),
    InstancesToUpdate: toUpdate,
  };
}

export function refreshOperations(around: Surroundings, groups: Groups) {
  const { world } = around;
  return {
    StartInstanceRefresh(input: sdk.StartInstanceRefreshType): sdk.StartInstanceRefreshAnswer {
      refuseUnknown("StartInstanceRefresh", input, START_MEMBERS);
      const group = groupNamed(groups, input.AutoScalingGroupName);
      if (input.Strategy !== undefined && input.Strategy !== "Rolling")
        throw invalid(`StartInstanceRefresh: the embedded cloud does not support the strategy ${input.Strategy}`);
      const preferences = preferencesOf(input.Preferences);
      const desired = desiredOf(input.DesiredConfiguration);
      if (activeRefresh(group) !== undefined)
        throw new CloudError(
          "InstanceRefreshInProgress",
          "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        );
      const why = preferences.autoRollback ? irreversible(group, desired) : undefined;
      if (why !== undefined) throw invalid(`AutoRollback is not supported: ${why}.`);
      const now = world.clock.now();
      const refresh: Refresh = {
        id: world.ids.uuid(),
        startedAt: now,
        preferences,
        target: resolved(around, desired ?? group.template),
        before: resolved(around, group.template),
        status: "Pending",
        checkpointsReached: 0,
        pausedUntil: 0,
        movedAt: now,
        waitsForTransitions: true,
        ...(desired === undefined ? {} : { desired }),
      };
      group.refreshes.unshift(refresh);
      group.refreshes.length = Math.min(group.refreshes.length, REFRESHES_MAX);
      groups.wake(group);
      return { InstanceRefreshId: refresh.id };
    },

    DescribeInstanceRefreshes(input: sdk.DescribeInstanceRefreshesType): sdk.DescribeInstanceRefreshesAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const ids = input.InstanceRefreshIds ?? [];
      const chosen = group.refreshes.filter(({ id }) => ids.length === 0 || ids.includes(id));
      const { items, ...more } = page(chosen, input);
      return { InstanceRefreshes: items.map((one) => refreshOut(group, one, world.clock.now())), ...more };
    },

    /** What was replaced stays so. */
    CancelInstanceRefresh(input: sdk.CancelInstanceRefreshType): sdk.CancelInstanceRefreshAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const refresh = active(group);
      refresh.waitsForTransitions = input.WaitForTransitioningInstances ?? true;
      refresh.status = "Cancelling";
      refresh.reason = "Cancelled due to user request.";
      groups.wake(group);
      return { InstanceRefreshId: refresh.id };
    },

    RollbackInstanceRefresh(input: sdk.RollbackInstanceRefreshType): sdk.RollbackInstanceRefreshAnswer {
      const group = groupNamed(groups, given(input.AutoScalingGroupName, "AutoScalingGroupName"));
      const refresh = active(group);
      const why = irreversible(group, refresh.desired);
      if (why !== undefined)
        throw new CloudError("IrreversibleInstanceRefresh", `The instance refresh cannot be rolled back: ${why}.`);
      if (refresh.status === "Cancelling") throw invalid(`The instance refresh ${refresh.id} is being cancelled.`);
      if (refresh.status !== "RollbackInProgress")
        beginRollback(around, group, refresh, "A rollback was initiated by a user request.");
      groups.wake(group);
      return { InstanceRefreshId: refresh.id };
    },
  };
}
