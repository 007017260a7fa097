import { NormalizedSchema } from "@smithy/core/schema";
import type { StaticErrorSchema, StaticOperationSchema } from "@smithy/types";
import type { ServiceId } from "../service.ts";

export type Protocol = "query" | "ec2" | "json-1.0" | "json-1.1" | "rest-xml" | "rest-json";

/** One operation of a service, as its SDK client describes it. */
export interface OperationSchema {
  readonly name: string;
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
  /** Method, path template with query literals, and status of a success; only of REST services. */
  readonly http?: readonly [string, string, number];
}

export interface ServiceSchema {
  readonly id: ServiceId;
  readonly protocol: Protocol;
  /** Shape namespace, e.g. `com.amazonaws.sqs`. */
  readonly namespace: string;
  readonly xmlNamespace: string;
  readonly version: string;
  /** What stands before the dot of `x-amz-target`. */
  readonly target: string;
  /** JSON services that were awsQuery once: their errors carry the old code in `x-amzn-query-error`. */
  readonly queryCompatible: boolean;
  readonly operations: ReadonlyMap<string, OperationSchema>;
  /** By shape name and, where it differs, by the code that stands on the wire. */
  readonly errors: ReadonlyMap<string, NormalizedSchema>;
}

type ClientConstructor = new (configuration: {
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}) => { readonly config: object };

export interface ClientPackage {
  readonly client: ClientConstructor;
  readonly exported: object;
}

/** Loaded on first use: all of them together take half a second and 150 MB. */
const packages: Readonly<Record<ServiceId, () => Promise<ClientPackage>>> = {
  autoscaling: () =>
    import("@aws-sdk/client-auto-scaling").then((exported) => ({ client: exported.AutoScalingClient, exported })),
  cloudformation: () =>
    import("@aws-sdk/client-cloudformation").then((exported) => ({ client: exported.CloudFormationClient, exported })),
  cloudfront: () =>
    import("@aws-sdk/client-cloudfront").then((exported) => ({ client: exported.CloudFrontClient, exported })),
  dynamodb: () =>
    import("@aws-sdk/client-dynamodb").then((exported) => ({ client: exported.DynamoDBClient, exported })),
  ec2: () => import("@aws-sdk/client-ec2").then((exported) => ({ client: exported.EC2Client, exported })),
  ecr: () => import("@aws-sdk/client-ecr").then((exported) => ({ client: exported.ECRClient, exported })),
  elasticache: () =>
    import("@aws-sdk/client-elasticache").then((exported) => ({ client: exported.ElastiCacheClient, exported })),
  elasticfilesystem: () => import("@aws-sdk/client-efs").then((exported) => ({ client: exported.EFSClient, exported })),
  elasticloadbalancing: () =>
    import("@aws-sdk/client-elastic-load-balancing-v2").then((exported) => ({
      client: exported.ElasticLoadBalancingV2Client,
      exported,
    })),
  events: () =>
    import("@aws-sdk/client-eventbridge").then((exported) => ({ client: exported.EventBridgeClient, exported })),
  iam: () => import("@aws-sdk/client-iam").then((exported) => ({ client: exported.IAMClient, exported })),
  kms: () => import("@aws-sdk/client-kms").then((exported) => ({ client: exported.KMSClient, exported })),
  lambda: () => import("@aws-sdk/client-lambda").then((exported) => ({ client: exported.LambdaClient, exported })),
  logs: () =>
    import("@aws-sdk/client-cloudwatch-logs").then((exported) => ({ client: exported.CloudWatchLogsClient, exported })),
  monitoring: () =>
    import("@aws-sdk/client-cloudwatch").then((exported) => ({ client: exported.CloudWatchClient, exported })),
  route53: () => import("@aws-sdk/client-route-53").then((exported) => ({ client: exported.Route53Client, exported })),
  s3: () => import("@aws-sdk/client-s3").then((exported) => ({ client: exported.S3Client, exported })),
  secretsmanager: () =>
    import("@aws-sdk/client-secrets-manager").then((exported) => ({ client: exported.SecretsManagerClient, exported })),
  sns: () => import("@aws-sdk/client-sns").then((exported) => ({ client: exported.SNSClient, exported })),
  sqs: () => import("@aws-sdk/client-sqs").then((exported) => ({ client: exported.SQSClient, exported })),
  ssm: () => import("@aws-sdk/client-ssm").then((exported) => ({ client: exported.SSMClient, exported })),
  sts: () => import("@aws-sdk/client-sts").then((exported) => ({ client: exported.STSClient, exported })),
};

export const isServiceId = (name: string): name is ServiceId => Object.hasOwn(packages, name);
export const serviceIds: readonly ServiceId[] = Object.keys(packages).filter(isServiceId);

const protocols: Readonly<Record<string, Protocol>> = {
  "aws.protocols#awsQuery": "query",
  "aws.protocols#ec2Query": "ec2",
  "aws.protocols#awsJson1_0": "json-1.0",
  "aws.protocols#awsJson1_1": "json-1.1",
  "aws.protocols#restXml": "rest-xml",
  "aws.protocols#restJson1": "rest-json",
};

/** First element of the SDK's static schema tuples (`@smithy/types`, static-schemas). */
const OPERATION = 9;
const ERROR = -3;

const isOperation = (value: unknown): value is StaticOperationSchema => Array.isArray(value) && value[0] === OPERATION;
/** Not the base class of a client's exceptions, which no service sends. */
const isError = (value: unknown): value is StaticErrorSchema =>
  Array.isArray(value) && value[0] === ERROR && !text(value[1]).startsWith("smithy.ts.sdk.synthetic.");

const property = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Traits of an operation, which NormalizedSchema does not read: it knows shapes only. */
function httpTrait(operation: StaticOperationSchema): readonly [string, string, number] | undefined {
  const http = property(operation[3], "http");
  if (!Array.isArray(http)) return undefined;
  return [text(http[0]), text(http[1]), typeof http[2] === "number" ? http[2] : 200];
}

function operationsOf(exported: object): Map<string, OperationSchema> {
  const operations = new Map<string, OperationSchema>();
  for (const value of Object.values(exported)) {
    if (!isOperation(value)) continue;
    const http = httpTrait(value);
    operations.set(value[2], {
      name: value[2],
      input: NormalizedSchema.of(value[4]),
      output: NormalizedSchema.of(value[5]),
      ...(http && { http }),
    });
  }
  return operations;
}

/** Names of the members that the schema requires: its sixth element counts them, and they stand first. */
export function requiredMembers(schema: NormalizedSchema): readonly string[] {
  const raw = schema.getSchema();
  if (!Array.isArray(raw) || !Array.isArray(raw[4]) || typeof raw[6] !== "number") return [];
  return raw[4].slice(0, raw[6]).map(String);
}

/** The code that a query (or once-query) service puts on the wire for a modeled error, e.g. `AlreadyExists`. */
export function queryCode(error: NormalizedSchema): string | undefined {
  const trait = error.getMergedTraits()["awsQueryError"];
  return Array.isArray(trait) && typeof trait[0] === "string" ? trait[0] : undefined;
}

function errorsOf(exported: object): Map<string, NormalizedSchema> {
  const shapes = Object.values(exported).filter(isError);
  const byCode = shapes.map(
    (shape) => [queryCode(NormalizedSchema.of(shape)) ?? shape[2], NormalizedSchema.of(shape)] as const,
  );
  const byName = shapes.map((shape) => [shape[2], NormalizedSchema.of(shape)] as const);
  return new Map([...byCode, ...byName]);
}

/** The SDK client of a service and all that its package exports. */
export const clientPackage = (id: ServiceId): Promise<ClientPackage> => packages[id]();

async function load(id: ServiceId): Promise<ServiceSchema> {
  const { client, exported } = await clientPackage(id);
  const { config } = new client({
    region: "eu-west-1",
    credentials: { accessKeyId: "schema", secretAccessKey: "schema" },
  });
  const instance = property(config, "protocol");
  const shapeId = property(instance, "getShapeId");
  const protocol = protocols[typeof shapeId === "function" ? text(shapeId.call(instance)) : ""];
  if (protocol === undefined) throw new Error(`the SDK client of ${id} speaks a protocol that the wire layer lacks`);
  const settings = property(config, "protocolSettings");
  return {
    id,
    protocol,
    namespace: text(property(settings, "defaultNamespace")),
    xmlNamespace: text(property(settings, "xmlNamespace")),
    version: text(property(settings, "version")),
    target: text(property(settings, "serviceTarget")),
    queryCompatible: property(settings, "awsQueryCompatible") === true,
    operations: operationsOf(exported),
    errors: errorsOf(exported),
  };
}

const loaded = new Map<ServiceId, Promise<ServiceSchema>>();

/** The wire schema of a service, from the SDK client of the version that is installed. */
export function serviceSchema(id: ServiceId): Promise<ServiceSchema> {
  const known = loaded.get(id);
  if (known) return known;
  const loading = load(id);
  loaded.set(id, loading);
  return loading;
}
