import {
  CancelInstanceRefreshCommand,
  DescribeInstanceRefreshesCommand,
  RollbackInstanceRefreshCommand,
  StartInstanceRefreshCommand,
  type CreateAutoScalingGroupCommandInput,
  type InstanceRefresh,
  type RefreshPreferences,
} from "@aws-sdk/client-auto-scaling";
import { createGroup, group, NAME, states } from "./farm.ts";
import { openModel, type Model } from "./model-world.ts";

export const template = (Version: string) => ({ LaunchTemplateId: "lt-1", Version });

/** Instances of version 1 in service, the odd ones in zone a. */
export async function serving(
  count: number,
  settings: Partial<CreateAutoScalingGroupCommandInput> = {},
): Promise<Model> {
  const model = openModel();
  const sizes = { MaxSize: 20, DesiredCapacity: count, TargetGroupARNs: [] };
  await createGroup(model, { LaunchTemplate: template("1"), ...sizes, ...settings });
  await model.advance(2);
  return model;
}

export const start = async (model: Model, preferences: RefreshPreferences = {}, version: string | null = "2") =>
  (
    await model.client.send(
      new StartInstanceRefreshCommand({
        AutoScalingGroupName: NAME,
        Preferences: preferences,
        ...(version === null ? {} : { DesiredConfiguration: { LaunchTemplate: template(version) } }),
      }),
    )
  ).InstanceRefreshId;
export const cancel = (model: Model, WaitForTransitioningInstances?: boolean) =>
  model.client.send(
    new CancelInstanceRefreshCommand({
      AutoScalingGroupName: NAME,
      ...(WaitForTransitioningInstances === undefined ? {} : { WaitForTransitioningInstances }),
    }),
  );
export const rollBack = (model: Model) =>
  model.client.send(new RollbackInstanceRefreshCommand({ AutoScalingGroupName: NAME }));
export async function refreshes(model: Model): Promise<InstanceRefresh[]> {
  const answer = await model.client.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: NAME }));
  return answer.InstanceRefreshes ?? [];
}
export const latest = async (model: Model): Promise<InstanceRefresh> => (await refreshes(model))[0] ?? {};
/** e.g. `["i-1 InService 1", "i-3 Pending 2"]`: state and template version. */
export const versions = async (model: Model): Promise<string[]> =>
  ((await group(model))?.Instances ?? []).map(
    (one) => `${one.InstanceId} ${one.LifecycleState} ${one.LaunchTemplate?.Version}`,
  );
export const zones = async (model: Model): Promise<string[]> =>
  ((await group(model))?.Instances ?? []).map(({ AvailabilityZone: zone = "" }) => zone.at(-1) ?? "").toSorted();
export const eventsOf = (model: Model): string[] =>
  model.events
    .map(({ detailType }) => detailType)
    .filter((type) => type.includes("Refresh"))
    .map((type) => type.replace("EC2 Auto Scaling Instance Refresh ", ""));
export const QUICK = { InstanceWarmup: 0, SkipMatching: true } as const;

/** The least in service, and the most in the group, of all half seconds until the refresh has ended; boots take a whole one. */
export async function watched(model: Model, seconds = 300): Promise<{ least: number; most: number }> {
  const seen = { least: Infinity, most: 0 };
  for (let half = 0; half < seconds * 2; half++) {
    await model.advance(0.5);
    const all = await states(model);
    seen.least = Math.min(seen.least, all.filter((one) => one.endsWith("InService")).length);
    seen.most = Math.max(seen.most, all.filter((one) => /InService|Pending/.test(one)).length);
    if ((await latest(model)).EndTime !== undefined) break;
  }
  return seen;
}
