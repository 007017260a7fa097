import type * as Sdk from "@aws-sdk/client-lambda";
import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";

/** Runtimes whose handlers this cloud can run: both run on the Node.js that runs the cloud. */
export const RUNTIMES: readonly string[] = ["nodejs24.x", "nodejs22.x"];

/** One version of a function: its code and configuration as they were. `$LATEST` is replaced at every update. */
export interface FunctionVersion {
  readonly functionName: string;
  /** `$LATEST` or a number. */
  readonly version: string;
  /** ARN with the version, but for `$LATEST` without. */
  readonly arn: string;
  readonly revisionId: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
  readonly code: CodePackage;
  readonly settings: Settings;
}

export interface CodePackage {
  /** Where the package is unpacked. */
  readonly folder: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Where a caller of GetFunction may load it from. */
  readonly location: string;
}

export interface Settings {
  readonly runtime: string;
  readonly handler: string;
  readonly role: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly architectures: Sdk.Architecture[];
  readonly logGroup: string;
  readonly deadLetterArn: string | undefined;
  readonly ephemeralStorageMb: number;
  readonly tracing: Sdk.TracingMode;
  readonly vpc: Sdk.VpcConfig | undefined;
}

export interface Alias {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly revisionId: string;
}

export interface InvokeConfig {
  readonly retriesMax: number;
  readonly eventAgeSecondsMax: number;
  readonly onFailure: string | undefined;
  readonly onSuccess: string | undefined;
  readonly lastModified: number;
}

export interface LambdaFunction {
  readonly name: string;
  latest: FunctionVersion;
  readonly published: FunctionVersion[];
  /** Never reused, also when versions are deleted. */
  nextVersion: number;
  readonly aliases: Map<string, Alias>;
  /** Statements of the resource policy by qualifier (`$LATEST` for none), then by statement id. */
  readonly policies: Map<string, Map<string, PolicyStatement>>;
  readonly invokeConfigs: Map<string, InvokeConfig>;
  tags: Record<string, string>;
  reservedConcurrency: number | undefined;
}

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Principal: unknown;
  readonly Action: string;
  readonly Resource: string;
  readonly Condition?: unknown;
}

export const LATEST = "$LATEST";

export function notFound(arn: string): CloudError {
  return new CloudError("ResourceNotFoundException", `Function not found: ${arn}`, 404, { Type: "User" });
}

export const invalid = (message: string): CloudError =>
  new CloudError("InvalidParameterValueException", message, 400, { Type: "User" });

/** A member that the operation's schema requires. */
export function required<T>(value: T | undefined | null, member: string): T {
  if (value === undefined || value === null) throw invalid(`${member} is required`);
  return value;
}

/** Function name from a name, a partial ARN or an ARN, with the qualifier that these may carry. */
export function parseFunctionName(given: string): { readonly name: string; readonly qualifier: string | undefined } {
  const match =
    /^(?:(?:arn:aws[\w-]*:lambda:[\w-]+:)?\d{12}:function:)?([A-Za-z0-9_-]{1,64})(?::(\$LATEST|[A-Za-z0-9_-]+))?$/.exec(
      given,
    );
  if (match?.[1] === undefined) throw invalid(`FunctionName ${given}: neither a function's name nor its ARN`);
  return { name: match[1], qualifier: match[2] };
}

export const functionArn = (world: World, name: string, qualifier?: string): string =>
  `arn:aws:lambda:${world.region}:${world.account}:function:${name}${qualifier === undefined ? "" : `:${qualifier}`}`;

/** Lambda writes its times with `+0000`, not `Z`. */
export const lambdaTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "+0000");

/** The version as the API shows it. */
export function configurationOf(
  version: FunctionVersion,
  qualifiedArn = version.arn,
): Omit<Sdk.FunctionConfiguration, never> {
  const { settings, code } = version;
  return {
    FunctionName: version.functionName,
    FunctionArn: qualifiedArn,
    Runtime: settings.runtime === "nodejs22.x" ? "nodejs22.x" : "nodejs24.x",
    Role: settings.role,
    Handler: settings.handler,
    CodeSize: code.bytes,
    CodeSha256: code.sha256,
    Description: settings.description,
    Timeout: settings.timeoutSeconds,
    MemorySize: settings.memoryMb,
    LastModified: lambdaTime(version.lastModified),
    Version: version.version,
    ...(settings.vpc === undefined ? {} : { VpcConfig: settings.vpc }),
    ...(settings.deadLetterArn === undefined ? {} : { DeadLetterConfig: { TargetArn: settings.deadLetterArn } }),
    ...(Object.keys(settings.variables).length === 0 ? {} : { Environment: { Variables: { ...settings.variables } } }),
    TracingConfig: { Mode: settings.tracing },
    RevisionId: version.revisionId,
    State: "Active",
    LastUpdateStatus: "Successful",
    PackageType: "Zip",
    Architectures: settings.architectures,
    EphemeralStorage: { Size: settings.ephemeralStorageMb },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: { LogFormat: "Text", LogGroup: settings.logGroup },
  };
}
