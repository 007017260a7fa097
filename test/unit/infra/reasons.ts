/** Why a role may call an action on every resource. An action that is not here may not stand beside `"*"`. */
const NO_RESOURCE_LEVEL = "AWS knows no resource for this action: it lists or reads across the account";

export const EVERY_RESOURCE: Readonly<Record<string, string>> = {
  "autoscaling:DescribeAutoScalingGroups": NO_RESOURCE_LEVEL,
  "autoscaling:DescribeAutoScalingInstances": NO_RESOURCE_LEVEL,
  "autoscaling:DescribeInstanceRefreshes": NO_RESOURCE_LEVEL,
  "autoscaling:DescribeWarmPool": NO_RESOURCE_LEVEL,
  "cloudwatch:DescribeAlarms": NO_RESOURCE_LEVEL,
  "cloudwatch:GetMetricData": NO_RESOURCE_LEVEL,
  "cloudwatch:PutMetricData": "no resource either; the condition on the namespace narrows it",
  "ec2:DescribeInstances": NO_RESOURCE_LEVEL,
  "ec2:CreateNetworkInterface":
    "written by the roles plugin for functions in the VPC: Lambda's own interfaces, as AWS documents it",
  "ec2:DeleteNetworkInterface":
    "written by the roles plugin for functions in the VPC: Lambda's own interfaces, as AWS documents it",
  "ec2:DescribeLaunchTemplates": NO_RESOURCE_LEVEL,
  "ec2:DescribeNetworkInterfaces": NO_RESOURCE_LEVEL,
  "ec2:DescribeSecurityGroups": NO_RESOURCE_LEVEL,
  "ec2:DescribeSubnets": NO_RESOURCE_LEVEL,
  "ec2:DescribeVpcs": NO_RESOURCE_LEVEL,
  "ec2:RunInstances":
    "asked of the image, subnet, interface, volume and whatever else a launch takes; the condition on the launch template narrows it",
  "elasticloadbalancing:DescribeTargetHealth": NO_RESOURCE_LEVEL,
  "ssm:DescribeInstanceInformation": NO_RESOURCE_LEVEL,
  "ssm:GetCommandInvocation": NO_RESOURCE_LEVEL,
  "ssm:ListCommands": NO_RESOURCE_LEVEL,
};

/** Warnings of the validator that stay, with the reason. `logicalId` narrows to whose resources they are. */
export const WARNINGS: readonly { readonly rule: string; readonly logicalId: RegExp; readonly why: string }[] = [
  {
    rule: "W3005",
    logicalId: /LambdaFunction$/,
    why: "the framework names a function's role in DependsOn although the role's ARN says it already: harmless, and not ours",
  },
];
