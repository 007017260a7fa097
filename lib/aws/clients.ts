import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { CloudFrontClient } from "@aws-sdk/client-cloudfront";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient, type DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ElastiCacheClient } from "@aws-sdk/client-elasticache";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { Route53Client } from "@aws-sdk/client-route-53";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";

/** A regional endpoint answers within a second; a hung connection must not eat a lease's life. */
export const REQUEST_MS_MAX = 5_000;

/**
 * Limits of every AWS call. Endpoint, region and credentials come from the SDK's own environment, so the same bundle
 * speaks to AWS and to the local farm.
 */
const LIMITS = {
  /** Three attempts with the SDK's standard backoff ride over a throttled second; longer waits are the loop's business. */
  maxAttempts: 3,
  retryMode: "standard",
  requestHandler: { connectionTimeout: 1_000, requestTimeout: REQUEST_MS_MAX },
} as const;

/** Another way to AWS than the environment's: the simulation has no sockets, no key files and no wall clock. */
export interface Connection {
  readonly credentials?: NonNullable<DynamoDBClientConfig["credentials"]>;
  readonly endpoint?: string;
  readonly region?: string;
  readonly requestHandler?: NonNullable<DynamoDBClientConfig["requestHandler"]>;
  readonly retryStrategy?: NonNullable<DynamoDBClientConfig["retryStrategy"]>;
}

/** The connection that the environment names. */
const ENVIRONMENT: Connection = {};

/**
 * One client per process and connection, made at its first use. Marked pure below: a bundle carries only the clients
 * that it uses.
 */
function once<T>(
  make: (limits: Omit<typeof LIMITS, "requestHandler"> & Connection) => T,
): (connection?: Connection) => T {
  const clients = new WeakMap<Connection, T>();
  return (connection = ENVIRONMENT) => {
    const client = clients.get(connection) ?? make({ ...LIMITS, ...connection });
    clients.set(connection, client);
    return client;
  };
}

export const autoScalingClient = /* @__PURE__ */ once((limits) => new AutoScalingClient(limits));
export const cloudFrontClient = /* @__PURE__ */ once((limits) => new CloudFrontClient(limits));
export const cloudWatchClient = /* @__PURE__ */ once((limits) => new CloudWatchClient(limits));
export const dynamoDbClient = /* @__PURE__ */ once((limits) => new DynamoDBClient(limits));
export const ec2Client = /* @__PURE__ */ once((limits) => new EC2Client(limits));
export const elastiCacheClient = /* @__PURE__ */ once((limits) => new ElastiCacheClient(limits));
export const elbv2Client = /* @__PURE__ */ once((limits) => new ElasticLoadBalancingV2Client(limits));
export const eventBridgeClient = /* @__PURE__ */ once((limits) => new EventBridgeClient(limits));
export const route53Client = /* @__PURE__ */ once((limits) => new Route53Client(limits));
export const secretsManagerClient = /* @__PURE__ */ once((limits) => new SecretsManagerClient(limits));
export const ssmClient = /* @__PURE__ */ once((limits) => new SSMClient(limits));
/**
 * For SendCommand alone: SSM runs a command as often as it is sent, and an attempt whose answer was lost may have been
 * taken. Whoever sends looks for it before another attempt, which the SDK would not.
 */
export const ssmOnceClient = /* @__PURE__ */ once((given) => {
  const { retryStrategy: _, ...limits } = given;
  return new SSMClient({ ...limits, maxAttempts: 1 });
});
