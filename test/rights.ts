import type { ServiceId } from "../local/cloud/service.ts";

/** One call that a role makes, with the resource as the service names it. */
export interface Need {
  readonly service: ServiceId;
  readonly operation: string;
  readonly resource: string;
  readonly input?: Readonly<Record<string, unknown>>;
}

export const regional = (service: string, rest: string): string => `arn:aws:${service}:eu-west-1:000000000000:${rest}`;
const group = (node: string): string =>
  regional("autoscaling", `autoScalingGroup:1b2c:autoScalingGroupName/tandem-local-${node}`);
const secret = (name: string): string => regional("secretsmanager", `secret:tandem/local/${name}-1b2c3d`);
const TABLE = regional("dynamodb", "table/tandem-local-state");

const calls = (service: ServiceId, resource: string, ...operations: string[]): Need[] =>
  operations.map((operation) => ({ service, operation, resource }));
const send = (document: string): Need => ({
  service: "ssm",
  operation: "SendCommand",
  resource: regional("ssm", `document/tandem-local-${document}`),
  input: { InstanceIds: ["i-0a1b2c3d"] },
});

const readState = calls("dynamodb", TABLE, "GetItem", "Query");
const state = [
  ...readState,
  ...calls("dynamodb", TABLE, "PutItem", "UpdateItem"),
  ...calls("events", regional("events", "event-bus/default"), "PutEvents"),
];
const warmPool = calls("autoscaling", "*", "DescribeWarmPool");
/** With the launch template that is named, its role is handed over, and instances are launched from it. */
const LaunchTemplate = { LaunchTemplateId: "WebLaunchTemplate", Version: "2" };
const refreshes = calls("autoscaling", "*", "DescribeInstanceRefreshes");
const refresh = [
  ...refreshes,
  ...calls("autoscaling", group("web"), "CancelInstanceRefresh", "RollbackInstanceRefresh"),
  ...[
    { operation: "StartInstanceRefresh", input: { DesiredConfiguration: { LaunchTemplate } } },
    { operation: "UpdateAutoScalingGroup", input: { LaunchTemplate } },
  ].map((need): Need => ({ service: "autoscaling", resource: group("web"), ...need })),
];
const scale = [
  ...refresh,
  ...warmPool,
  ...calls("autoscaling", "*", "DescribeAutoScalingGroups"),
  ...calls("monitoring", "*", "GetMetricData"),
  ...calls("autoscaling", group("web"), "SetDesiredCapacity"),
];
const nodes = [
  ...calls("autoscaling", "*", "DescribeAutoScalingInstances"),
  ...calls("ec2", "*", "DescribeInstances"),
  ...calls("elasticloadbalancing", "*", "DescribeTargetHealth"),
  ...calls("ssm", "*", "DescribeInstanceInformation", "GetCommandInvocation", "ListCommands"),
  ...calls(
    "autoscaling",
    group("web"),
    "CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat",
    "SetInstanceHealth",
  ),
  ...calls("autoscaling", group("web"), "EnterStandby", "ExitStandby", "TerminateInstanceInAutoScalingGroup"),
  ...calls(
    "elasticloadbalancing",
    regional("elasticloadbalancing", "targetgroup/tandem-local-web/1b2c"),
    "DeregisterTargets",
  ),
  send("launch"),
  send("drain"),
];
const servers = [
  ...calls("autoscaling", "*", "DescribeAutoScalingGroups", "DescribeAutoScalingInstances"),
  ...calls("ec2", "*", "DescribeInstances"),
  ...calls("ssm", "*", "DescribeInstanceInformation", "GetCommandInvocation", "ListCommands"),
  ...calls(
    "autoscaling",
    group("db-a"),
    "CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat",
    "SuspendProcesses",
  ),
  ...calls("ec2", regional("ec2", "instance/i-0a1b2c3d"), "StartInstances", "StopInstances"),
  ...calls("route53", "arn:aws:route53:::hostedzone/PrivateZone", "ChangeResourceRecordSets"),
  send("launch"),
  send("drain"),
  send("fence"),
];
const databases = calls("secretsmanager", secret("database/observer"), "GetSecretValue");
const status = [
  ...readState,
  ...databases,
  ...calls("autoscaling", "*", "DescribeAutoScalingGroups"),
  ...refreshes,
  ...warmPool,
  ...calls("ec2", "*", "DescribeInstances"),
  ...calls("elasticloadbalancing", "*", "DescribeTargetHealth"),
  ...calls("monitoring", "*", "DescribeAlarms", "GetMetricData"),
  ...calls("elasticache", regional("elasticache", "cluster:tandem-local"), "DescribeCacheClusters"),
  ...calls(
    "cloudfront",
    "arn:aws:cloudfront::000000000000:distribution/E1",
    "GetDistribution",
    "ListInvalidations",
    "GetInvalidation",
  ),
  ...calls("route53", "arn:aws:route53:::hostedzone/PrivateZone", "ListResourceRecordSets"),
];
const files = calls("s3", "arn:aws:s3:::bucket/node-files/sha.tar.gz", "GetObject");
const secrets = (...names: string[]): Need[] =>
  names.flatMap((name) => calls("secretsmanager", secret(name), "GetSecretValue"));
const account = (name: string): string => `database/${name}`;

/**
 * The calls that each role makes, by the role's key in infra/permissions.cjs: as seen on the local farm
 * (test/farm/skeleton.test.ts holds that nothing else is done), or for the reason in `SELDOM`.
 */
export const NEEDS = {
  onAlarm: [...state, ...scale],
  onLifecycle: [...state, ...scale, ...nodes],
  onInterruption: [...state, ...scale, ...nodes],
  watchDatabase: [...state, ...servers, ...secrets(...["observer", "healer", "replication"].map(account))],
  watchFarm: [...state, ...scale, ...nodes, send("cron")],
  maintain: [
    ...state,
    ...scale,
    ...nodes,
    ...status,
    ...calls("dynamodb", TABLE, "DeleteItem"),
    ...calls("ec2", "*", "DescribeLaunchTemplates"),
  ],
  panel: status,
  provision: calls(
    "route53",
    "arn:aws:route53:::hostedzone/PrivateZone",
    "ChangeResourceRecordSets",
    "ListResourceRecordSets",
  ),
  webNode: [
    ...files,
    ...secrets(account("app"), "wordpress/salts"),
    { service: "monitoring", operation: "PutMetricData", resource: "*", input: { Namespace: "Tandem" } },
  ],
  databaseNode: [...files, ...secrets(...["admin", "app", "observer", "healer", "replication"].map(account))],
} as const satisfies Readonly<Record<string, readonly Need[]>>;

export type RoleKey = keyof typeof NEEDS;

/** Name of the role in stage `local`. */
export const ROLE_NAMES: Readonly<Record<RoleKey, string>> = {
  onAlarm: "tandem-local-on-alarm-eu-west-1-lambdaRole",
  onLifecycle: "tandem-local-on-lifecycle-eu-west-1-lambdaRole",
  onInterruption: "tandem-local-on-interruption-eu-west-1-lambdaRole",
  watchDatabase: "tandem-local-watch-database-eu-west-1-lambdaRole",
  watchFarm: "tandem-local-watch-farm-eu-west-1-lambdaRole",
  maintain: "tandem-local-maintain-eu-west-1-lambdaRole",
  panel: "tandem-local-panel-eu-west-1-lambdaRole",
  provision: "tandem-local-provision-eu-west-1-lambdaRole",
  webNode: "tandem-local-web-node",
  databaseNode: "tandem-local-database-node",
};

const FIRST_COMES = "whoever holds the lease first does it; the others only when that one was lost or frozen";
const KEPT = {
  "autoscaling:EnterStandby": "only for an order to drain and keep a node",
  "autoscaling:ExitStandby": "only for an order to restore a node",
};
const POOL = "only in a farm with a warm pool";
const SLOW = "only while a node needs longer than half of its hook";

const REFRESH = Object.fromEntries(
  [
    "autoscaling:CancelInstanceRefresh",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:RollbackInstanceRefresh",
    "autoscaling:StartInstanceRefresh",
    "autoscaling:UpdateAutoScalingGroup",
    "ec2:RunInstances",
    "iam:PassRole",
  ].map((action) => [action, "only for an order to refresh"]),
);

/** What may stay unused in some minutes of a farm, and why it is allowed all the same. */
export const SELDOM: Readonly<Partial<Record<RoleKey, Readonly<Record<string, string>>>>> = {
  onAlarm: { ...REFRESH, "autoscaling:DescribeWarmPool": POOL, "autoscaling:SetDesiredCapacity": FIRST_COMES },
  onLifecycle: {
    ...REFRESH,
    ...KEPT,
    "autoscaling:DescribeWarmPool": POOL,
    "autoscaling:RecordLifecycleActionHeartbeat": SLOW,
    "autoscaling:SetDesiredCapacity": FIRST_COMES,
    "autoscaling:SetInstanceHealth": "only when a machine is dead and its group has not seen it yet",
    "autoscaling:TerminateInstanceInAutoScalingGroup":
      "an operator's drain that maintain could not begin itself, or AWS announced to take a node",
    "elasticloadbalancing:DeregisterTargets": "only when a lost node still gets requests",
    "ssm:ListCommands": "only when the answer to SendCommand was lost",
  },
  onInterruption: {
    ...REFRESH,
    ...KEPT,
    "autoscaling:CompleteLifecycleAction": FIRST_COMES,
    "autoscaling:DescribeWarmPool": POOL,
    "autoscaling:RecordLifecycleActionHeartbeat": SLOW,
    "autoscaling:SetDesiredCapacity": FIRST_COMES,
    "autoscaling:SetInstanceHealth": "only when a machine is dead and its group has not seen it yet",
    "autoscaling:TerminateInstanceInAutoScalingGroup": "only when AWS announced to take a node",
    "cloudwatch:GetMetricData": FIRST_COMES,
    "dynamodb:PutItem": "only when something is announced, or found to do",
    "elasticloadbalancing:DeregisterTargets": "only when a lost node still gets requests",
    "elasticloadbalancing:DescribeTargetHealth": "only for a node that is lost, leaves or will leave",
    "events:PutEvents": "only when something is found to do, which the journal then tells",
    "ssm:DescribeInstanceInformation": FIRST_COMES,
    "ssm:GetCommandInvocation": FIRST_COMES,
    "ssm:ListCommands": "only when the answer to SendCommand was lost",
    "ssm:SendCommand": FIRST_COMES,
  },
  watchDatabase: {
    "autoscaling:RecordLifecycleActionHeartbeat": SLOW,
    "ec2:StartInstances": "only after a fence that has stopped a machine",
    "ec2:StopInstances": "only for a writer whose machine does not answer",
    "ssm:ListCommands": "only when the answer to SendCommand was lost",
  },
  watchFarm: {
    ...REFRESH,
    ...KEPT,
    "autoscaling:CompleteLifecycleAction": FIRST_COMES,
    "autoscaling:DescribeAutoScalingInstances": FIRST_COMES,
    "autoscaling:DescribeWarmPool": POOL,
    "autoscaling:RecordLifecycleActionHeartbeat": SLOW,
    "autoscaling:SetDesiredCapacity": FIRST_COMES,
    "autoscaling:SetInstanceHealth": "only when a machine is dead and its group has not seen it yet",
    "autoscaling:TerminateInstanceInAutoScalingGroup":
      "an operator's drain that maintain could not begin itself, or AWS announced to take a node",
    "dynamodb:PutItem": "only when the clock finds something to do, which the journal then tells",
    "elasticloadbalancing:DeregisterTargets": "only when a lost node still gets requests",
    "elasticloadbalancing:DescribeTargetHealth": FIRST_COMES,
    "events:PutEvents": "only when the clock finds something to do, which the journal then tells",
    "ssm:DescribeInstanceInformation": FIRST_COMES,
    "ssm:GetCommandInvocation": FIRST_COMES,
    "ssm:ListCommands": "only when the answer to SendCommand was lost",
    "ssm:SendCommand": FIRST_COMES,
  },
  maintain: {
    ...REFRESH,
    ...KEPT,
    "ec2:DescribeLaunchTemplates": "only for an order to refresh",
    "autoscaling:DescribeWarmPool": POOL,
    "autoscaling:CompleteLifecycleAction": FIRST_COMES,
    "autoscaling:DescribeAutoScalingInstances": "only for an order to drain",
    "autoscaling:RecordLifecycleActionHeartbeat": SLOW,
    "autoscaling:SetDesiredCapacity": "only for an order to scale",
    "autoscaling:SetInstanceHealth": "only when a machine is dead and its group has not seen it yet",
    "autoscaling:TerminateInstanceInAutoScalingGroup": "only for an order to drain",
    "cloudfront:GetDistribution": "only where the farm has an edge",
    "cloudfront:GetInvalidation": "only while an invalidation is under way",
    "cloudfront:ListInvalidations": "only where the farm has an edge",
    "dynamodb:UpdateItem": "only for an order to scale or to drain",
    "elasticloadbalancing:DeregisterTargets": "only when a lost node still gets requests",
    "events:PutEvents": "only for an order to scale or to drain",
    "route53:ListResourceRecordSets": "only where the farm has an edge",
    "ssm:DescribeInstanceInformation": FIRST_COMES,
    "ssm:GetCommandInvocation": FIRST_COMES,
    "ssm:ListCommands": "only when the answer to SendCommand was lost",
    "ssm:SendCommand": FIRST_COMES,
  },
  provision: {
    "route53:ChangeResourceRecordSets": "only when the stack is deleted",
    "route53:ListResourceRecordSets": "only when the stack is deleted",
  },
  panel: {
    "autoscaling:DescribeWarmPool": POOL,
    "cloudfront:GetDistribution": "only where the farm has an edge",
    "cloudfront:GetInvalidation": "only while an invalidation is under way",
    "cloudfront:ListInvalidations": "only where the farm has an edge",
    "route53:ListResourceRecordSets": "only where the farm has an edge",
  },
};
