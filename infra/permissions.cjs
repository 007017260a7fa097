"use strict";

/** What each function may call. A list per concern; a role is the union of the concerns that its function has. */
const arn = (text) => ({ "Fn::Sub": `arn:\${AWS::Partition}:${text}` });
const regional = (service, resource) => arn(`${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`);
const allow = (Action, Resource, Condition) => ({ Effect: "Allow", Action, Resource, ...(Condition && { Condition }) });

module.exports = ({ resolveVariable }) =>
  resolveVariable("sls:stage").then((stage) => {
    const farm = `tandem-${stage}`;
    const group = regional("autoscaling", `autoScalingGroup:*:autoScalingGroupName/${farm}-*`);

    const state = [
      allow(
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"],
        [regional("dynamodb", `table/${farm}-state`)],
      ),
      allow(["events:PutEvents"], [regional("events", "event-bus/default")]),
    ];
    // AWS knows no resource level for these reads.
    const observe = [
      allow(
        [
          "autoscaling:DescribeAutoScalingGroups",
          "autoscaling:DescribeAutoScalingInstances",
          "cloudwatch:GetMetricData",
          "ec2:DescribeInstances",
          "elasticloadbalancing:DescribeTargetHealth",
          "ssm:DescribeInstanceInformation",
          "ssm:GetCommandInvocation",
          "ssm:ListCommands",
        ],
        ["*"],
      ),
    ];
    const scale = [allow(["autoscaling:SetDesiredCapacity"], [group])];
    const nodes = [
      allow(
        [
          "autoscaling:CompleteLifecycleAction",
          "autoscaling:RecordLifecycleActionHeartbeat",
          "autoscaling:SetInstanceHealth",
          "autoscaling:SuspendProcesses",
          "autoscaling:TerminateInstanceInAutoScalingGroup",
        ],
        [group],
      ),
      allow(["elasticloadbalancing:DeregisterTargets"], [regional("elasticloadbalancing", `targetgroup/${farm}-web/*`)]),
      allow(["ssm:SendCommand"], [regional("ssm", `document/${farm}-launch`), regional("ssm", `document/${farm}-drain`)]),
      allow(["ssm:SendCommand"], [regional("ec2", "instance/*")], {
        StringEquals: { "aws:ResourceTag/tandem:stage": stage },
      }),
    ];
    const databases = [
      allow(["secretsmanager:GetSecretValue"], [regional("secretsmanager", `secret:tandem/${stage}/database/observer-*`)]),
    ];
    const alarms = [allow(["cloudwatch:DescribeAlarms"], ["*"])];

    return {
      onLifecycle: [...state, ...observe, ...scale, ...nodes, ...databases],
      onAlarm: [...state, ...observe, ...scale],
      watchFarm: [...state, ...observe, ...scale, ...nodes, ...databases],
      maintain: [...state, ...observe, ...scale, ...nodes, ...databases, ...alarms],
      panel: [...state, ...observe, ...databases, ...alarms],
    };
  });
