import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";

/**
 * Limits of every AWS call. Endpoint, region and credentials come from the SDK's own environment, so the same bundle
 * speaks to AWS and to the local farm.
 */
const LIMITS = {
  /** Three attempts with the SDK's standard backoff ride over a throttled second; longer waits are the loop's business. */
  maxAttempts: 3,
  retryMode: "standard",
  /** A regional endpoint answers within a second; a hung connection must not eat a lease's life. */
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000 },
} as const;

/** One client per process, made at its first use. Marked pure below: a bundle carries only the clients that it uses. */
function once<T>(make: () => T): () => T {
  let client: T | undefined;
  return () => (client ??= make());
}

export const autoScalingClient = /* @__PURE__ */ once(() => new AutoScalingClient(LIMITS));
export const cloudWatchClient = /* @__PURE__ */ once(() => new CloudWatchClient(LIMITS));
export const dynamoDbClient = /* @__PURE__ */ once(() => new DynamoDBClient(LIMITS));
export const ec2Client = /* @__PURE__ */ once(() => new EC2Client(LIMITS));
export const elbv2Client = /* @__PURE__ */ once(() => new ElasticLoadBalancingV2Client(LIMITS));
export const eventBridgeClient = /* @__PURE__ */ once(() => new EventBridgeClient(LIMITS));
export const secretsManagerClient = /* @__PURE__ */ once(() => new SecretsManagerClient(LIMITS));
export const ssmClient = /* @__PURE__ */ once(() => new SSMClient(LIMITS));
