import type { Cloud } from "../cloud/cloud.ts";
import type { ServiceId } from "../cloud/service.ts";
import type { WireRequest } from "../cloud/wire/index.ts";

type Ask = Pick<WireRequest, "method" | "url" | "body"> & { readonly headers?: Readonly<Record<string, string>> };

const get = (url: string): Ask => ({ method: "GET", url, body: Buffer.alloc(0) });
const query = (action: string, version: string): Ask => ({
  method: "POST",
  url: "/",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: Buffer.from(`Action=${action}&Version=${version}`),
});
const json = (target: string): Ask => ({
  method: "POST",
  url: "/",
  headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": target },
  body: Buffer.from("{}"),
});

/** A harmless read of every service that can be asked for by name. */
const READS: Readonly<Record<ServiceId, Ask>> = {
  autoscaling: query("DescribeAutoScalingGroups", "2011-01-01"),
  cloudformation: query("DescribeStacks", "2010-05-15"),
  cloudfront: get("/2020-05-31/distribution"),
  dynamodb: json("DynamoDB_20120810.ListTables"),
  ec2: query("DescribeInstances", "2016-11-15"),
  ecr: json("AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"),
  elasticache: query("DescribeCacheClusters", "2015-02-02"),
  elasticfilesystem: get("/2015-02-01/file-systems"),
  elasticloadbalancing: query("DescribeLoadBalancers", "2015-12-01"),
  events: json("AWSEvents.ListRules"),
  iam: query("ListRoles", "2010-05-08"),
  kms: json("TrentService.ListKeys"),
  lambda: get("/2015-03-31/functions"),
  logs: json("Logs_20140328.DescribeLogGroups"),
  monitoring: json("GraniteServiceVersion20100801.DescribeAlarms"),
  route53: get("/2013-04-01/hostedzone"),
  s3: get("/"),
  secretsmanager: json("secretsmanager.ListSecrets"),
  sns: query("ListTopics", "2010-03-31"),
  sqs: json("AmazonSQS.ListQueues"),
  ssm: json("AmazonSSM.DescribeParameters"),
  sts: query("GetCallerIdentity", "2011-06-15"),
};

export const SERVICES = Object.keys(READS).filter((name): name is ServiceId => name in READS);

/** Sends the cloud a harmless read over its endpoint, as the holder of the access key. Resolves to the answer's status. */
export async function probe(cloud: Cloud, accessKeyId: string, service: ServiceId): Promise<number> {
  const { headers, ...ask } = READS[service];
  const credential = `${accessKeyId}/20260101/eu-west-1/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=unchecked`;
  return (await cloud.endpoint.handle({ ...ask, headers: { host: "127.0.0.1", ...headers, authorization } })).status;
}
