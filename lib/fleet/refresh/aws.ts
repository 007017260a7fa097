import {
  CancelInstanceRefreshCommand,
  DescribeInstanceRefreshesCommand,
  RollbackInstanceRefreshCommand,
  StartInstanceRefreshCommand,
  UpdateAutoScalingGroupCommand,
  type InstanceRefresh as AwsRefresh,
} from "@aws-sdk/client-auto-scaling";
import { DescribeLaunchTemplatesCommand, type EC2Client } from "@aws-sdk/client-ec2";
import { awsErrorName, callAws } from "../../aws/errors.ts";
import type { GroupClients } from "../../lifecycle/aws.ts";
import type { LaunchTemplate } from "../../lifecycle/observation.ts";
import type { InstanceRefresh, RefreshStatus, StartRefresh } from "./plan.ts";

/** Two are of interest: the one under way, and the one before it. */
const REFRESHES_MAX = 10;
/**
 * More nodes than wanted, in percent, while one goes and another comes. Auto Scaling launches the new node first where
 * there is room for no other order, so that a tier of two never has one.
 */
const MAX_HEALTHY_PERCENT = 110;
/** A node proves itself in its hook; two probes of the balancer, five seconds apart, and a period of metrics remain. */
const WARMUP_SECONDS = 30;

/** Adapter of the instance refresh: one function per AWS call, without SDK types. All throw TandemError (lib/aws/errors.ts). */
export function refreshAws({ autoScaling }: GroupClients) {
  return {
    /** Newest first. */
    async refreshes(group: string): Promise<readonly InstanceRefresh[]> {
      const input = { AutoScalingGroupName: group, MaxRecords: REFRESHES_MAX };
      const answer = await callAws(`describe the instance refreshes of ${group}`, () =>
        autoScaling.send(new DescribeInstanceRefreshesCommand(input)),
      );
      return (answer.InstanceRefreshes ?? []).flatMap(refreshOf);
    },
    /** What the group launches from now on; its nodes stay as they are. */
    async setTemplate(group: string, { id, version }: LaunchTemplate): Promise<void> {
      const input = { AutoScalingGroupName: group, LaunchTemplate: { LaunchTemplateId: id, Version: version } };
      await callAws(`set the launch template of ${group} to version ${version}`, () =>
        autoScaling.send(new UpdateAutoScalingGroupCommand(input)),
      );
    },
    /** Resolves to its id; undefined: one is in progress already, perhaps begun by a call whose answer was lost. */
    async start(action: StartRefresh): Promise<string | undefined> {
      const { group, templateId, to, minHealthyPercent, checkpoints, checkpointDelaySeconds } = action;
      const input = {
        AutoScalingGroupName: group,
        DesiredConfiguration: { LaunchTemplate: { LaunchTemplateId: templateId, Version: to } },
        Preferences: {
          MinHealthyPercentage: minHealthyPercent,
          // AWS: at most 100 more than the minimum.
          MaxHealthyPercentage: Math.min(MAX_HEALTHY_PERCENT, minHealthyPercent + 100),
          InstanceWarmup: WARMUP_SECONDS,
          SkipMatching: true,
          AutoRollback: true,
          // By default it waits for a node that an operator keeps, and fails after an hour.
          StandbyInstances: "Ignore" as const,
          ...(checkpoints.length === 0
            ? {}
            : { CheckpointPercentages: [...checkpoints], CheckpointDelay: checkpointDelaySeconds }),
        },
      };
      const answer = await unless("InstanceRefreshInProgress", `start an instance refresh of ${group}`, () =>
        autoScaling.send(new StartInstanceRefreshCommand(input)),
      );
      return answer?.InstanceRefreshId;
    },
    /** False: none is under way any more. */
    async cancel(group: string): Promise<boolean> {
      const answer = await unless("ActiveInstanceRefreshNotFound", `cancel the instance refresh of ${group}`, () =>
        autoScaling.send(new CancelInstanceRefreshCommand({ AutoScalingGroupName: group })),
      );
      return answer !== undefined;
    },
    /** False: none is under way any more. */
    async rollBack(group: string): Promise<boolean> {
      const answer = await unless("ActiveInstanceRefreshNotFound", `roll back the instance refresh of ${group}`, () =>
        autoScaling.send(new RollbackInstanceRefreshCommand({ AutoScalingGroupName: group })),
      );
      return answer !== undefined;
    },
  };
}

/** Number of the template's newest version; undefined: there is no such template. Throws TandemError. */
export async function newestVersion(
  { ec2 }: { readonly ec2: EC2Client },
  templateId: string,
): Promise<number | undefined> {
  const answer = await callAws(`describe launch template ${templateId}`, () =>
    ec2.send(new DescribeLaunchTemplatesCommand({ LaunchTemplateIds: [templateId] })),
  );
  return answer.LaunchTemplates?.find(({ LaunchTemplateId: id }) => id === templateId)?.LatestVersionNumber;
}

/** Undefined for the error of this name, which the SDK ends with `Fault`. */
async function unless<T>(name: string, doing: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (awsErrorName(error)?.replace(/Fault$/, "") === name) return undefined;
    return callAws(doing, () => Promise.reject(error));
  }
}

const STATUSES: readonly RefreshStatus[] = [
  "Pending",
  "InProgress",
  "Baking",
  "Successful",
  "Failed",
  "Cancelling",
  "Cancelled",
  "RollbackInProgress",
  "RollbackSuccessful",
  "RollbackFailed",
];

/** A status that is not known here counts as one of a refresh that goes on: nothing is begun beside it. */
function refreshOf(refresh: AwsRefresh): InstanceRefresh[] {
  const { InstanceRefreshId: id, StartTime: started, EndTime: ended, StatusReason: reason } = refresh;
  const to = refresh.DesiredConfiguration?.LaunchTemplate?.Version;
  const rollbackReason = refresh.RollbackDetails?.RollbackReason;
  if (id === undefined) return [];
  return [
    {
      id,
      status: STATUSES.find((one) => one === refresh.Status) ?? "InProgress",
      startedAt: started?.getTime() ?? 0,
      percent: refresh.PercentageComplete ?? 0,
      toUpdate: refresh.InstancesToUpdate ?? 0,
      ...(ended === undefined ? {} : { endedAt: ended.getTime() }),
      ...(to === undefined ? {} : { to }),
      ...(reason === undefined ? {} : { reason }),
      ...(rollbackReason === undefined ? {} : { rollbackReason }),
    },
  ];
}
