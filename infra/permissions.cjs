"use strict";

/**
 * What each function and each class of machine may call, and nothing more. A list per concern; a function's role is the
 * union of the concerns that it has. `test/rights.ts` names the call that needs each action.
 */
const arn = (text) => ({ "Fn::Sub": `arn:\${AWS::Partition}:${text}` });
const regional = (service, resource) => arn(`${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`);
const allow = (Action, Resource, Condition) => ({ Effect: "Allow", Action, Resource, ...(Condition && { Condition }) });

/** One statement for all the actions on the same resources, each action once. */
function merged(statements) {
  const byResource = new Map();
  for (const { Action, Resource, Condition } of statements) {
    const key = JSON.stringify([Resource, Condition]);
    const { Action: known = [] } = byResource.get(key) ?? {};
    byResource.set(
      key,
      allow(
        [...new Set([...known, ...Action])].toSorted((a, b) => a.localeCompare(b)),
        Resource,
        Condition,
      ),
    );
  }
  return [...byResource.values()];
}

/* oxlint-disable max-lines-per-function -- a list of what each role may do: reading it in one place is its purpose */
module.exports = ({ resolveVariable }) =>
  Promise.all([resolveVariable("sls:stage"), resolveVariable("nodeFiles:key")]).then(([stage, filesKey]) => {
    const farm = `tandem-${stage}`;
    const group = regional("autoscaling", `autoScalingGroup:*:autoScalingGroupName/${farm}-*`);

    const webGroup = regional("autoscaling", `autoScalingGroup:*:autoScalingGroupName/${farm}-web`);

    const none = (Condition, Resource) => ({ "Fn::If": [Condition, Resource, { Ref: "AWS::NoValue" }] });
    const zone = (id) => ({ "Fn::Sub": [`arn:\${AWS::Partition}:route53:::hostedzone/\${Id}`, { Id: id }] });

    const table = [regional("dynamodb", `table/${farm}-state`)];
    const readState = [allow(["dynamodb:GetItem", "dynamodb:Query"], table)];
    const state = [
      ...readState,
      allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], table),
      allow(["events:PutEvents"], [regional("events", "event-bus/default")]),
    ];
    // AWS knows no resource level for these reads.
    const groups = [allow(["autoscaling:DescribeAutoScalingGroups"], ["*"])];
    const warmPool = [allow(["autoscaling:DescribeWarmPool"], ["*"])];
    const metrics = [allow(["cloudwatch:GetMetricData"], ["*"])];
    const machines = [allow(["ec2:DescribeInstances", "elasticloadbalancing:DescribeTargetHealth"], ["*"])];
    const hooks = [
      allow(
        [
          "autoscaling:DescribeAutoScalingInstances",
          "ssm:DescribeInstanceInformation",
          "ssm:GetCommandInvocation",
          "ssm:ListCommands",
        ],
        ["*"],
      ),
    ];
    const refreshes = [allow(["autoscaling:DescribeInstanceRefreshes"], ["*"])];
    // Who names a launch template to Auto Scaling must be allowed to launch from it, and to hand over its role.
    const refresh = [
      ...refreshes,
      allow(
        [
          "autoscaling:CancelInstanceRefresh",
          "autoscaling:RollbackInstanceRefresh",
          "autoscaling:StartInstanceRefresh",
        ],
        [webGroup],
      ),
      allow(["autoscaling:UpdateAutoScalingGroup"], [webGroup], {
        Null: { "autoscaling:MinSize": "true", "autoscaling:MaxSize": "true" },
      }),
      allow(["ec2:RunInstances"], ["*"], {
        ArnEquals: { "ec2:LaunchTemplate": regional("ec2", "launch-template/${WebLaunchTemplate}") },
      }),
      allow(["iam:PassRole"], [arn(`iam::\${AWS::AccountId}:role/${farm}-web-node`)], {
        StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" },
      }),
    ];
    // Whoever holds the lease of the web tier carries out what is wanted there, a refresh included.
    const scale = [...groups, ...warmPool, ...metrics, allow(["autoscaling:SetDesiredCapacity"], [group]), ...refresh];
    // Machines in their hooks, of whichever class.
    const machinery = [
      ...groups,
      ...hooks,
      allow(["ec2:DescribeInstances"], ["*"]),
      allow(["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"], [group]),
      allow(
        ["ssm:SendCommand"],
        [regional("ssm", `document/${farm}-launch`), regional("ssm", `document/${farm}-drain`)],
      ),
      allow(["ssm:SendCommand"], [regional("ec2", "instance/*")], {
        StringEquals: { "aws:ResourceTag/tandem:stage": stage },
      }),
    ];
    // Whoever holds the lease of a node carries out what is wanted there, an operator's wishes included.
    const nodes = [
      ...machinery,
      ...machines,
      allow(
        [
          "autoscaling:EnterStandby",
          "autoscaling:ExitStandby",
          "autoscaling:SetInstanceHealth",
          "autoscaling:TerminateInstanceInAutoScalingGroup",
        ],
        [group],
      ),
      allow(
        ["elasticloadbalancing:DeregisterTargets"],
        [
          regional("elasticloadbalancing", `targetgroup/${farm}-web/*`),
          none("HasSpecial", regional("elasticloadbalancing", `targetgroup/${farm}-special/*`)),
        ],
      ),
    ];
    // WordPress's scheduled events: the minute clock's alone.
    const cron = [allow(["ssm:SendCommand"], [regional("ssm", `document/${farm}-cron`)])];
    // Secrets Manager puts a hyphen and six characters behind the name.
    const secretOf = (name) => regional("secretsmanager", `secret:tandem/${stage}/database/${name}-??????`);
    const databases = [allow(["secretsmanager:GetSecretValue"], [secretOf("observer")])];
    // Fences, replication, and who of the two is the writer: one function's alone.
    const pair = [
      ...machinery,
      allow(["autoscaling:SuspendProcesses"], [group]),
      allow(["secretsmanager:GetSecretValue"], [secretOf("observer"), secretOf("healer"), secretOf("replication")]),
      allow(["ec2:StartInstances", "ec2:StopInstances"], [regional("ec2", "instance/*")], {
        StringEquals: { "aws:ResourceTag/tandem:stage": stage },
      }),
      allow(["ssm:SendCommand"], [regional("ssm", `document/${farm}-fence`)]),
      allow(["route53:ChangeResourceRecordSets"], [zone({ Ref: "PrivateZone" })]),
    ];
    const edge = [
      allow(
        ["cloudfront:GetDistribution", "cloudfront:GetInvalidation", "cloudfront:ListInvalidations"],
        [arn(`cloudfront::\${AWS::AccountId}:distribution/*`)],
      ),
      allow(
        ["route53:ListResourceRecordSets"],
        [
          zone({ Ref: "PrivateZone" }),
          none(
            "HasPublicZone",
            zone({ "Fn::If": ["MakesPublicZone", { Ref: "PublicZone" }, { Ref: "PublicZoneId" }] }),
          ),
        ],
      ),
    ];
    const status = [
      ...readState,
      ...edge,
      ...groups,
      ...refreshes,
      ...warmPool,
      ...machines,
      ...metrics,
      ...databases,
      allow(["cloudwatch:DescribeAlarms"], ["*"]),
      allow(["elasticache:DescribeCacheClusters"], [regional("elasticache", `cluster:${farm}`)]),
    ];

    const files = allow(["s3:GetObject"], [{ "Fn::Sub": `\${ServerlessDeploymentBucket.Arn}/${filesKey}` }]);
    // The reference to a secret is its ARN.
    const secrets = (...names) =>
      allow(
        ["secretsmanager:GetSecretValue"],
        names.map((name) => ({ Ref: `${name}Secret` })),
      );

    return {
      webNode: [
        files,
        secrets("App", "Salts"),
        allow(["cloudwatch:PutMetricData"], ["*"], { StringEquals: { "cloudwatch:namespace": "Tandem" } }),
      ],
      databaseNode: [files, secrets("Admin", "App", "Observer", "Healer", "Replication")],
      onLifecycle: merged([...state, ...scale, ...nodes]),
      onInterruption: merged([...state, ...scale, ...nodes]),
      onAlarm: merged([...state, ...scale]),
      watchDatabase: merged([...state, ...pair]),
      watchFarm: merged([...state, ...scale, ...nodes, ...cron]),
      maintain: merged([
        ...state,
        ...scale,
        ...nodes,
        ...status,
        allow(["dynamodb:DeleteItem"], table),
        allow(["ec2:DescribeLaunchTemplates"], ["*"]),
      ]),
      panel: merged(status),
      provision: [
        allow(["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"], [zone({ Ref: "PrivateZone" })]),
      ],
    };
  });
