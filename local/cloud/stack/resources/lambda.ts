import type { JsonObject } from "../engine/json.ts";
import { isObject } from "../engine/json.ts";
import { gone, optionalText, pick, requiredText, retag, tagMap, textAt, valueAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** The longest function name. */
const NAME_MAX = 64;
/** Until a new or changed function can be invoked; the code is read from S3 and unpacked. */
const ACTIVE_WAIT_MS = 60_000;

const CONFIGURATION = [
  "Runtime",
  "Handler",
  "Role",
  "Description",
  "Timeout",
  "MemorySize",
  "Environment",
  "DeadLetterConfig",
  "VpcConfig",
  "TracingConfig",
  "Layers",
  "EphemeralStorage",
  "LoggingConfig",
  "KmsKeyArn",
  "SnapStart",
];

/** The code as it lies in S3. Code written into the template (`ZipFile`) would have to be packed first: not known here. */
function codeOf(properties: JsonObject): Record<string, unknown> {
  const code = isObject(properties["Code"]) ? properties["Code"] : {};
  const unknown = Object.keys(code).filter((name) => !["S3Bucket", "S3Key", "S3ObjectVersion"].includes(name));
  if (unknown.length > 0)
    throw new Error(`Code.${unknown.join(", Code.")} is not known to this cloud: give S3Bucket and S3Key`);
  return { ...code };
}

async function untilReady(ctx: ResourceContext, FunctionName: string): Promise<string> {
  let arn = "";
  await ctx.until(`function ${FunctionName}`, ACTIVE_WAIT_MS, async () => {
    const answer = await ctx.call("lambda", "GetFunction", { FunctionName });
    arn = textAt(answer, "Configuration", "FunctionArn");
    const [state, update] = [
      valueAt(answer, "Configuration", "State"),
      valueAt(answer, "Configuration", "LastUpdateStatus"),
    ];
    if (state === "Failed" || update === "Failed")
      throw new Error(`function ${FunctionName} failed: ${JSON.stringify(valueAt(answer, "Configuration"))}`);
    return (state === undefined || state === "Active") && update !== "InProgress";
  });
  return arn;
}

async function reserve(ctx: ResourceContext, FunctionName: string, properties: JsonObject): Promise<void> {
  const ReservedConcurrentExecutions = properties["ReservedConcurrentExecutions"];
  await (ReservedConcurrentExecutions === undefined
    ? ctx.call("lambda", "DeleteFunctionConcurrency", { FunctionName })
    : ctx.call("lambda", "PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions }));
}

const lambdaFunction: ResourceType = {
  type: "AWS::Lambda::Function",
  replacing: ["FunctionName", "PackageType"],
  updatable: [...CONFIGURATION, "Code", "Architectures", "ReservedConcurrentExecutions", "Tags"],
  required: ["Code", "Role"],
  named: "FunctionName",
  tags: "list",
  attributes: ["Arn"],
  async create(ctx, properties) {
    const FunctionName = optionalText(properties["FunctionName"]) ?? ctx.physicalName(NAME_MAX);
    await ctx.call("lambda", "CreateFunction", {
      ...pick(properties, [...CONFIGURATION, "Architectures", "PackageType"]),
      FunctionName,
      Code: codeOf(properties),
      Tags: tagMap(properties["Tags"]),
    });
    ctx.identify(FunctionName);
    const Arn = await untilReady(ctx, FunctionName);
    if (properties["ReservedConcurrentExecutions"] !== undefined) await reserve(ctx, FunctionName, properties);
    return { physicalId: FunctionName, attributes: { Arn } };
  },
  async update(ctx, { physicalId: FunctionName, properties }, next, changed) {
    if (changed.includes("Code") || changed.includes("Architectures")) {
      await ctx.call("lambda", "UpdateFunctionCode", {
        FunctionName,
        ...codeOf(next),
        ...pick(next, ["Architectures"]),
      });
      await untilReady(ctx, FunctionName);
    }
    if (changed.some((name) => CONFIGURATION.includes(name))) {
      await ctx.call("lambda", "UpdateFunctionConfiguration", {
        FunctionName,
        ...cleared(changed, next),
        ...pick(next, CONFIGURATION),
      });
    }
    const Arn = await untilReady(ctx, FunctionName);
    if (changed.includes("ReservedConcurrentExecutions")) await reserve(ctx, FunctionName, next);
    await retag(
      properties["Tags"],
      next["Tags"],
      (Tags) => ctx.call("lambda", "TagResource", { Resource: Arn, Tags }),
      (TagKeys) => ctx.call("lambda", "UntagResource", { Resource: Arn, TagKeys }),
    );
    return { Arn };
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("lambda", "DeleteFunction", { FunctionName: physicalId })),
};

/** The API leaves alone what is not given, so a property that the template no longer has is set to its default. */
function cleared(changed: readonly string[], next: JsonObject): Record<string, unknown> {
  const defaults: Record<string, unknown> = {
    Description: "",
    Timeout: 3,
    MemorySize: 128,
    Environment: { Variables: {} },
    DeadLetterConfig: { TargetArn: "" },
    Layers: [],
  };
  return Object.fromEntries(
    Object.entries(defaults).filter(([name]) => changed.includes(name) && next[name] === undefined),
  );
}

const version: ResourceType = {
  type: "AWS::Lambda::Version",
  replacing: ["FunctionName", "CodeSha256", "Description"],
  updatable: [],
  required: ["FunctionName"],
  attributes: ["Version", "FunctionArn"],
  async create(ctx, properties) {
    const answer = await ctx.call(
      "lambda",
      "PublishVersion",
      pick(properties, ["FunctionName", "CodeSha256", "Description"]),
    );
    const FunctionArn = textAt(answer, "FunctionArn");
    return { physicalId: FunctionArn, attributes: { FunctionArn, Version: textAt(answer, "Version") } };
  },
  async remove(ctx, { attributes, properties }) {
    await gone(
      ctx.call("lambda", "DeleteFunction", { ...pick(properties, ["FunctionName"]), Qualifier: attributes["Version"] }),
    );
  },
};

const alias: ResourceType = {
  type: "AWS::Lambda::Alias",
  replacing: ["FunctionName", "Name"],
  updatable: ["FunctionVersion", "Description", "RoutingConfig"],
  required: ["FunctionName", "FunctionVersion", "Name"],
  named: "Name",
  attributes: ["AliasArn"],
  async create(ctx, properties) {
    const answer = await ctx.call("lambda", "CreateAlias", properties);
    const AliasArn = textAt(answer, "AliasArn");
    return { physicalId: AliasArn, attributes: { AliasArn } };
  },
  async update(ctx, { attributes }, next) {
    await ctx.call("lambda", "UpdateAlias", next);
    return attributes;
  },
  remove: (ctx, { properties }) => gone(ctx.call("lambda", "DeleteAlias", pick(properties, ["FunctionName", "Name"]))),
};

const PERMISSION = [
  "FunctionName",
  "Action",
  "Principal",
  "SourceArn",
  "SourceAccount",
  "EventSourceToken",
  "PrincipalOrgID",
  "FunctionUrlAuthType",
];

const permission: ResourceType = {
  type: "AWS::Lambda::Permission",
  replacing: PERMISSION,
  updatable: [],
  required: ["FunctionName", "Action", "Principal"],
  attributes: ["Id"],
  async create(ctx, properties) {
    const StatementId = ctx.physicalName(NAME_MAX);
    await ctx.call("lambda", "AddPermission", { ...pick(properties, PERMISSION), StatementId });
    return { physicalId: StatementId, attributes: { Id: StatementId } };
  },
  remove: (ctx, { physicalId, properties }) =>
    gone(ctx.call("lambda", "RemovePermission", { ...pick(properties, ["FunctionName"]), StatementId: physicalId })),
};

async function putInvokeConfig(ctx: ResourceContext, properties: JsonObject): Promise<void> {
  const { DestinationConfig, ...rest } = properties;
  const hasDestination = isObject(DestinationConfig) && Object.keys(DestinationConfig).length > 0;
  await ctx.call("lambda", "PutFunctionEventInvokeConfig", {
    ...rest,
    ...(hasDestination ? { DestinationConfig } : {}),
  });
}

const eventInvokeConfig: ResourceType = {
  type: "AWS::Lambda::EventInvokeConfig",
  replacing: ["FunctionName", "Qualifier"],
  updatable: ["MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig"],
  required: ["FunctionName", "Qualifier"],
  attributes: [],
  async create(ctx, properties) {
    await putInvokeConfig(ctx, properties);
    return {
      physicalId: `${requiredText(properties, "FunctionName")}|${requiredText(properties, "Qualifier")}`,
      attributes: {},
    };
  },
  async update(ctx, _existing, next): Promise<Attributes> {
    await putInvokeConfig(ctx, next);
    return {};
  },
  remove: (ctx, { properties }) =>
    gone(ctx.call("lambda", "DeleteFunctionEventInvokeConfig", pick(properties, ["FunctionName", "Qualifier"]))),
};

export const lambdaTypes: readonly ResourceType[] = [lambdaFunction, version, alias, permission, eventInvokeConfig];
