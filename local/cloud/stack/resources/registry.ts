import { autoscalingTypes } from "./autoscaling.ts";
import { cloudfrontTypes } from "./cloudfront.ts";
import { cloudwatchTypes } from "./cloudwatch.ts";
import { customType } from "./custom.ts";
import { dynamodbTypes } from "./dynamodb.ts";
import { ec2ComputeTypes } from "./ec2-compute.ts";
import { ec2NetworkTypes } from "./ec2-network.ts";
import { ec2SecurityTypes } from "./ec2-security.ts";
import { efsTypes } from "./efs.ts";
import { elasticacheTypes } from "./elasticache.ts";
import { elbv2Types } from "./elbv2.ts";
import { eventSourceTypes } from "./event-source.ts";
import { eventsTypes } from "./events.ts";
import { iamTypes } from "./iam.ts";
import { kmsTypes } from "./kms.ts";
import { lambdaTypes } from "./lambda.ts";
import { logsTypes } from "./logs.ts";
import type { ResourceType } from "./resource.ts";
import { route53Types } from "./route53.ts";
import { s3Types } from "./s3.ts";
import { secretsTypes } from "./secretsmanager.ts";
import { snsTypes } from "./sns.ts";
import { sqsTypes } from "./sqs.ts";
import { ssmTypes } from "./ssm.ts";
import { warmPoolTypes } from "./warm-pool.ts";

const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  [
    autoscalingTypes,
    cloudfrontTypes,
    cloudwatchTypes,
    dynamodbTypes,
    ec2ComputeTypes,
    ec2NetworkTypes,
    ec2SecurityTypes,
    efsTypes,
    elasticacheTypes,
    elbv2Types,
    eventSourceTypes,
    eventsTypes,
    iamTypes,
    kmsTypes,
    lambdaTypes,
    logsTypes,
    route53Types,
    s3Types,
    secretsTypes,
    snsTypes,
    sqsTypes,
    ssmTypes,
    warmPoolTypes,
  ].flatMap((types) => types.map((type) => [type.type, type] as const)),
);

export const resourceType = (name: string): ResourceType | undefined => TYPES.get(name) ?? customType(name);
export const resourceTypes = (): readonly ResourceType[] => [...TYPES.values()];

/** A type that the template's check has let through. */
export function knownType(name: string): ResourceType {
  const type = resourceType(name);
  if (type === undefined) throw new Error(`Unrecognized resource type: ${name}`);
  return type;
}
