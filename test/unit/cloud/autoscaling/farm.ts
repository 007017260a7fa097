import {
  CompleteLifecycleActionCommand,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
  PutLifecycleHookCommand,
  type Activity,
  type AutoScalingGroup,
  type CreateAutoScalingGroupCommandInput,
} from "@aws-sdk/client-auto-scaling";
import type { Model } from "./model-world.ts";

export const NAME = "tandem-local-web";
export const TARGETS = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/web/0123456789abcdef";

export async function createGroup(
  model: Model,
  changes: Partial<CreateAutoScalingGroupCommandInput> = {},
): Promise<void> {
  await model.client.send(
    new CreateAutoScalingGroupCommand({
      AutoScalingGroupName: NAME,
      LaunchTemplate: { LaunchTemplateId: "lt-1", Version: "$Latest" },
      MinSize: 0,
      MaxSize: 4,
      DesiredCapacity: 1,
      VPCZoneIdentifier: "subnet-a,subnet-b",
      TargetGroupARNs: [TARGETS],
      ...changes,
    }),
  );
}

export const hook = (
  model: Model,
  name: string,
  transition: "LAUNCHING" | "TERMINATING",
  more: object = {},
): Promise<unknown> =>
  model.client.send(
    new PutLifecycleHookCommand({
      AutoScalingGroupName: NAME,
      LifecycleHookName: name,
      LifecycleTransition: `autoscaling:EC2_INSTANCE_${transition}`,
      HeartbeatTimeout: 60,
      ...more,
    }),
  );

export const complete = (
  model: Model,
  name: string,
  result: string,
  who: { token: string } | { id: string },
): Promise<unknown> =>
  model.client.send(
    new CompleteLifecycleActionCommand({
      AutoScalingGroupName: NAME,
      LifecycleHookName: name,
      LifecycleActionResult: result,
      ...("token" in who ? { LifecycleActionToken: who.token } : { InstanceId: who.id }),
    }),
  );

export async function group(model: Model): Promise<AutoScalingGroup | undefined> {
  const answer = await model.client.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [NAME] }));
  return answer.AutoScalingGroups?.[0];
}

/** e.g. `["i-1 InService", "i-2 Pending:Wait"]`. */
export const states = async (model: Model): Promise<string[]> =>
  ((await group(model))?.Instances ?? []).map((each) => `${each.InstanceId} ${each.LifecycleState}`);

export async function activities(model: Model): Promise<Activity[]> {
  const answer = await model.client.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName: NAME }));
  return answer.Activities ?? [];
}
