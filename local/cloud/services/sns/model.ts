import { CloudError } from "../../errors.ts";
import type { Match } from "../../bus/pattern.ts";

/** https://docs.aws.amazon.com/general/latest/gr/sns.html, the default quotas. */
export const QUOTAS = {
  /** AWS allows 100,000; a farm has a handful, and a loop that makes topics should end soon. */
  topics: 1_000,
  subscriptionsPerTopic: 1_000,
  pendingPerTopic: 200,
  filterPoliciesPerTopic: 200,
  tags: 50,
  /** Message with its attributes. */
  messageBytes: 256 * 1_024,
  batch: 10,
} as const;

export type Protocol = "lambda" | "sqs" | "http" | "https" | "email" | "email-json";

export interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: Protocol;
  readonly endpoint: string;
  readonly owner: string;
  /** While it is there, the endpoint has not confirmed. */
  token: string | undefined;
  /** As the caller set them. */
  readonly attributes: Map<string, string>;
  /** The filter policy, compiled. */
  matches: Match | undefined;
}

export interface Topic {
  readonly arn: string;
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly tags: Map<string, string>;
  readonly subscriptions: Map<string, Subscription>;
  deleted: number;
}

export const invalid = (message: string): CloudError =>
  new CloudError("InvalidParameter", `Invalid parameter: ${message}`);
export const notFound = (what: string): CloudError => new CloudError("NotFound", `${what} does not exist`, 404);
