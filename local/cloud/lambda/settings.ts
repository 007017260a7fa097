import type * as Sdk from "@aws-sdk/client-lambda";
import { invalid, RUNTIMES, type Settings } from "./function.ts";

/** Documented bounds: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const TIMEOUT_SECONDS_MAX = 900;
const MEMORY_MB_MIN = 128;
const MEMORY_MB_MAX = 10_240;
const VARIABLES_BYTES_MAX = 4096;

/** Variables that the runtime sets itself; AWS refuses them in a function's configuration. */
const RESERVED_VARIABLES =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.*|AWS_ACCESS_KEY(_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR)$/;

/** Members of the two inputs that this cloud carries out or that change nothing here; any other is refused by name. */
const KNOWN_MEMBERS = new Set([
  "FunctionName",
  "Runtime",
  "Role",
  "Handler",
  "Code",
  "Description",
  "Timeout",
  "MemorySize",
  "Publish",
  "VpcConfig",
  "PackageType",
  "DeadLetterConfig",
  "Environment",
  "TracingConfig",
  "Tags",
  "Architectures",
  "EphemeralStorage",
  "SnapStart",
  "LoggingConfig",
  "RevisionId",
  "Layers",
]);

type Given = Omit<Sdk.UpdateFunctionConfigurationRequest, "FunctionName"> &
  Pick<Sdk.CreateFunctionRequest, "Architectures" | "PackageType">;

/**
 * Settings of a function after an input's members were laid over what it had.
 * Throws InvalidParameterValueException that names the member, what was given and what is allowed.
 */
export function settingsFrom(given: Given, functionName: string, before?: Settings): Settings {
  refuseUnknown(given);
  const settings: Settings = {
    runtime: given.Runtime ?? before?.runtime ?? "",
    handler: given.Handler ?? before?.handler ?? "",
    role: given.Role ?? before?.role ?? "",
    description: given.Description ?? before?.description ?? "",
    timeoutSeconds: given.Timeout ?? before?.timeoutSeconds ?? 3,
    memoryMb: given.MemorySize ?? before?.memoryMb ?? MEMORY_MB_MIN,
    variables: given.Environment?.Variables ?? before?.variables ?? {},
    architectures: given.Architectures ?? before?.architectures ?? ["x86_64"],
    logGroup: given.LoggingConfig?.LogGroup ?? before?.logGroup ?? `/aws/lambda/${functionName}`,
    deadLetterArn:
      given.DeadLetterConfig === undefined ? before?.deadLetterArn : given.DeadLetterConfig.TargetArn || undefined,
    ephemeralStorageMb: given.EphemeralStorage?.Size ?? before?.ephemeralStorageMb ?? 512,
    tracing: given.TracingConfig?.Mode ?? before?.tracing ?? "PassThrough",
    vpc: given.VpcConfig ?? before?.vpc,
  };
  check(settings);
  return settings;
}

function refuseUnknown(given: Given): void {
  for (const [member, value] of Object.entries(given)) {
    const empty = value === undefined || (Array.isArray(value) && value.length === 0);
    if (!empty && !KNOWN_MEMBERS.has(member)) throw invalid(`${member} is not known to the embedded cloud's Lambda`);
  }
  if ((given.Layers ?? []).length > 0) throw invalid("Layers are not known to the embedded cloud's Lambda");
  if ((given.PackageType ?? "Zip") !== "Zip")
    throw invalid(`PackageType ${given.PackageType}: the embedded cloud knows Zip`);
  if ((given.LoggingConfig?.LogFormat ?? "Text") !== "Text") {
    throw invalid(`LoggingConfig.LogFormat ${given.LoggingConfig?.LogFormat}: the embedded cloud knows Text`);
  }
  if ((given.SnapStart?.ApplyOn ?? "None") !== "None") throw invalid("SnapStart is not offered for Node.js runtimes");
}

function check(settings: Settings): void {
  if (!RUNTIMES.includes(settings.runtime)) {
    throw invalid(`Runtime ${settings.runtime || "(none)"}: the embedded cloud runs ${RUNTIMES.join(" and ")}`);
  }
  if (!/^[^\s]{1,128}$/.test(settings.handler))
    throw invalid(`Handler ${JSON.stringify(settings.handler)}: must be <file>.<export>`);
  if (!/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(settings.role))
    throw invalid(`Role ${settings.role}: must be the ARN of a role`);
  within("Timeout", settings.timeoutSeconds, 1, TIMEOUT_SECONDS_MAX);
  within("MemorySize", settings.memoryMb, MEMORY_MB_MIN, MEMORY_MB_MAX);
  within("EphemeralStorage.Size", settings.ephemeralStorageMb, 512, 10_240);
  if (settings.deadLetterArn !== undefined && !settings.deadLetterArn.startsWith("arn:aws:sqs:")) {
    throw invalid(`DeadLetterConfig.TargetArn ${settings.deadLetterArn}: the embedded cloud knows SQS queues`);
  }
  const reserved = Object.keys(settings.variables).filter((name) => RESERVED_VARIABLES.test(name));
  if (reserved.length > 0) {
    throw invalid(
      "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys " +
        `that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(", ")}`,
    );
  }
  within(
    "Environment.Variables in bytes",
    Buffer.byteLength(JSON.stringify(settings.variables)),
    0,
    VARIABLES_BYTES_MAX,
  );
}

function within(member: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalid(`${member} ${value}: must be between ${min} and ${max}`);
}
