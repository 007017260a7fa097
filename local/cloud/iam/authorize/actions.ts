/** The name before the colon where it is not the signing name. */
const PREFIXES: ReadonlyMap<string, string> = new Map([["monitoring", "cloudwatch"]]);

/**
 * Operations whose IAM action has another name, or that need several.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
const OTHER_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  lambda: { Invoke: "InvokeFunction", InvokeAsync: "InvokeFunction", InvokeWithResponseStream: "InvokeFunction" },
  cloudfront: { CreateDistributionWithTags: "CreateDistribution" },
  s3: {
    HeadObject: "GetObject",
    HeadBucket: "ListBucket",
    ListObjects: "ListBucket",
    ListObjectsV2: "ListBucket",
    ListObjectVersions: "ListBucketVersions",
    ListBuckets: "ListAllMyBuckets",
    DeleteObjects: "DeleteObject",
    CopyObject: "PutObject",
    UploadPartCopy: "PutObject",
    CreateMultipartUpload: "PutObject",
    UploadPart: "PutObject",
    CompleteMultipartUpload: "PutObject",
    ListParts: "ListMultipartUploadParts",
    ListMultipartUploads: "ListBucketMultipartUploads",
    GetBucketEncryption: "GetEncryptionConfiguration",
    PutBucketEncryption: "PutEncryptionConfiguration",
    DeleteBucketEncryption: "PutEncryptionConfiguration",
    GetPublicAccessBlock: "GetBucketPublicAccessBlock",
    PutPublicAccessBlock: "PutBucketPublicAccessBlock",
    DeletePublicAccessBlock: "PutBucketPublicAccessBlock",
    GetBucketLifecycleConfiguration: "GetLifecycleConfiguration",
    PutBucketLifecycleConfiguration: "PutLifecycleConfiguration",
    DeleteBucketLifecycle: "PutLifecycleConfiguration",
    GetBucketNotificationConfiguration: "GetBucketNotification",
    PutBucketNotificationConfiguration: "PutBucketNotification",
    DeleteBucketTagging: "PutBucketTagging",
    DeleteBucketCors: "PutBucketCORS",
  },
  sns: { PublishBatch: "Publish" },
  sqs: {
    SendMessageBatch: "SendMessage",
    DeleteMessageBatch: "DeleteMessage",
    ChangeMessageVisibilityBatch: "ChangeMessageVisibility",
  },
};

/** e.g. `cloudwatch:PutMetricData` for PutMetricData of the service that signs as `monitoring`. */
export const actionOf = (service: string, operation: string): string =>
  `${PREFIXES.get(service) ?? service}:${OTHER_NAMES[service]?.[operation] ?? operation}`;

/** Operations for which AWS knows no resource: a grant must name `*`, whatever the call names. */
const WITHOUT_RESOURCE: Readonly<Record<string, RegExp>> = {
  autoscaling: /^Describe/,
  cloudfront: /^List(Distributions|CachePolicies|OriginRequestPolicies)$/,
  ec2: /^Describe/,
  elasticloadbalancing: /^Describe/,
  events: /^(ListRules|TestEventPattern|ListEventBuses)$/,
  lambda: /^(ListFunctions|GetAccountSettings|CreateEventSourceMapping|ListEventSourceMappings)$/,
  monitoring: /^(GetMetricData|GetMetricStatistics|ListMetrics|PutMetricData)$/,
  route53:
    /^(CreateHostedZone|CreateHealthCheck|ListHostedZones(ByName)?|ListHealthChecks|TestDNSAnswer|GetHostedZoneCount|GetHealthCheckCount)$/,
  s3: /^ListBuckets$/,
  secretsmanager: /^(GetRandomPassword|ListSecrets)$/,
  sns: /^List(Topics|Subscriptions)$/,
  sqs: /^ListQueues$/,
  ssm: /^(DescribeInstanceInformation|DescribeParameters|GetCommandInvocation|ListCommands|ListCommandInvocations|CancelCommand|ListDocuments)$/,
};

export const hasResource = (service: string, operation: string): boolean =>
  WITHOUT_RESOURCE[service]?.test(operation) !== true;

/** Calls that anybody may make who has credentials at all. */
export const isFree = (service: string, operation: string): boolean =>
  service === "sts" && operation === "GetCallerIdentity";
