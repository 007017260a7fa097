import type * as Sdk from "@aws-sdk/client-lambda";
import { CloudError } from "../errors.ts";
import type { Operation, World } from "../service.ts";
import { checkRevision } from "./function-operations.ts";
import {
  functionArn,
  invalid,
  LATEST,
  required,
  type Alias,
  type InvokeConfig,
  type LambdaFunction,
  type PolicyStatement,
} from "./function.ts";
import type { Registry, Resolved } from "./registry.ts";

/** Permissions, aliases, tags, and settings for asynchronous events. */
export function resourceOperations(
  world: World,
  registry: Registry,
  mappingOf: (arn: string) => Tagged | undefined = () => undefined,
): Record<string, Operation> {
  return {
    ...permissions(world, registry),
    ...aliases(world, registry),
    ...tags((arn) => mappingOf(arn) ?? registry.get(arn)),
    ...invokeConfigs(world, registry),
  };
}

export const policyDocument = (statements: ReadonlyMap<string, PolicyStatement>): string =>
  JSON.stringify({ Version: "2012-10-17", Id: "default", Statement: [...statements.values()] });

const missing = (message: string): CloudError =>
  new CloudError("ResourceNotFoundException", message, 404, { Type: "User" });

function permissions(world: World, registry: Registry): Record<string, Operation> {
  const statementsOf = (input: {
    FunctionName?: string | undefined;
    Qualifier?: string | undefined;
  }): [Resolved, Map<string, PolicyStatement>] => {
    const resolved = registry.resolve(required(input.FunctionName, "FunctionName"), input.Qualifier);
    const qualifier = resolved.qualifier ?? LATEST;
    const statements = resolved.fn.policies.get(qualifier) ?? new Map<string, PolicyStatement>();
    resolved.fn.policies.set(qualifier, statements);
    return [resolved, statements];
  };
  return {
    AddPermission(input: Sdk.AddPermissionCommandInput) {
      const [resolved, statements] = statementsOf(input);
      const statement = statementFrom(input, resolved.arn);
      if (statements.has(statement.Sid)) {
        const message = `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`;
        throw new CloudError("ResourceConflictException", message, 409, { Type: "User" });
      }
      statements.set(statement.Sid, statement);
      return { Statement: JSON.stringify(statement) };
    },
    RemovePermission(input: Sdk.RemovePermissionCommandInput) {
      const [, statements] = statementsOf(input);
      const id = required(input.StatementId, "StatementId");
      if (!statements.delete(id)) throw missing(`Statement ${id} is not found in resource policy.`);
      return {};
    },
    GetPolicy(input: Sdk.GetPolicyCommandInput) {
      const [resolved, statements] = statementsOf(input);
      if (statements.size === 0) throw missing("The resource you requested does not exist.");
      return { Policy: policyDocument(statements), RevisionId: resolved.version.revisionId };
    },
  };

  function statementFrom(input: Sdk.AddPermissionCommandInput, arn: string): PolicyStatement {
    const principal = required(input.Principal, "Principal");
    const { SourceArn, SourceAccount } = input;
    const condition = {
      ...(SourceAccount === undefined ? {} : { StringEquals: { "AWS:SourceAccount": SourceAccount } }),
      ...(SourceArn === undefined ? {} : { ArnLike: { "AWS:SourceArn": SourceArn } }),
    };
    return {
      Sid: required(input.StatementId, "StatementId"),
      Effect: "Allow",
      Principal: principalOf(principal),
      Action: required(input.Action, "Action"),
      Resource: arn,
      ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
    };
  }

  function principalOf(given: string): unknown {
    if (given === "*") return "*";
    if (/^\d{12}$/.test(given)) return { AWS: `arn:aws:iam::${given}:root` };
    if (given.startsWith("arn:")) return { AWS: given };
    if (/^[\w.-]+\.amazonaws\.com$/.test(given)) return { Service: given };
    throw invalid(`Principal ${given}: neither an account, an ARN nor a service of ${world.region}`);
  }
}

const refuseWeights = (routing: Sdk.AliasRoutingConfiguration | undefined): void => {
  if (Object.keys(routing?.AdditionalVersionWeights ?? {}).length > 0)
    throw invalid("RoutingConfig is not known to the embedded cloud's Lambda");
};

function aliases(world: World, registry: Registry): Record<string, Operation> {
  const aliasOf = (input: {
    FunctionName?: string | undefined;
    Name?: string | undefined;
  }): [LambdaFunction, Alias] => {
    const fn = registry.get(required(input.FunctionName, "FunctionName"));
    const name = required(input.Name, "Name");
    const alias = fn.aliases.get(name);
    if (alias === undefined) throw missing(`Cannot find alias arn: ${functionArn(world, fn.name, name)}`);
    return [fn, alias];
  };
  const shown = (fn: LambdaFunction, alias: Alias): Record<string, unknown> => ({
    AliasArn: functionArn(world, fn.name, alias.name),
    Name: alias.name,
    FunctionVersion: alias.version,
    Description: alias.description,
    RevisionId: alias.revisionId,
  });
  return {
    CreateAlias(input: Sdk.CreateAliasCommandInput) {
      refuseWeights(input.RoutingConfig);
      const name = required(input.Name, "Name");
      const version = required(input.FunctionVersion, "FunctionVersion");
      const { fn } = registry.resolve(required(input.FunctionName, "FunctionName"), version);
      if (fn.aliases.has(name))
        throw new CloudError(
          "ResourceConflictException",
          `Alias already exists: ${functionArn(world, fn.name, name)}`,
          409,
        );
      const alias = { name, version, description: input.Description ?? "", revisionId: world.ids.uuid() };
      fn.aliases.set(name, alias);
      return shown(fn, alias);
    },
    GetAlias(input: Sdk.GetAliasCommandInput) {
      return shown(...aliasOf(input));
    },
    UpdateAlias(input: Sdk.UpdateAliasCommandInput) {
      refuseWeights(input.RoutingConfig);
      const [fn, before] = aliasOf(input);
      checkRevision(before, input.RevisionId);
      const version = registry.resolve(fn.name, input.FunctionVersion ?? before.version).version.version;
      const alias = {
        ...before,
        version,
        description: input.Description ?? before.description,
        revisionId: world.ids.uuid(),
      };
      fn.aliases.set(alias.name, alias);
      return shown(fn, alias);
    },
    DeleteAlias(input: Sdk.DeleteAliasCommandInput) {
      // AWS answers 204 also when there is no such alias.
      registry.get(required(input.FunctionName, "FunctionName")).aliases.delete(required(input.Name, "Name"));
      return {};
    },
    ListAliases(input: Sdk.ListAliasesCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      const all = [...fn.aliases.values()].filter(
        (alias) => input.FunctionVersion === undefined || alias.version === input.FunctionVersion,
      );
      return { Aliases: all.map((alias) => shown(fn, alias)) };
    },
  };
}

interface Tagged {
  tags: Record<string, string>;
}

function tags(taggedBy: (arn: string) => Tagged): Record<string, Operation> {
  return {
    ListTags: (input: Sdk.ListTagsCommandInput) => ({ Tags: taggedBy(required(input.Resource, "Resource")).tags }),
    TagResource(input: Sdk.TagResourceCommandInput) {
      const one = taggedBy(required(input.Resource, "Resource"));
      one.tags = { ...one.tags, ...input.Tags };
      return {};
    },
    UntagResource(input: Sdk.UntagResourceCommandInput) {
      const one = taggedBy(required(input.Resource, "Resource"));
      const gone = new Set(input.TagKeys);
      one.tags = Object.fromEntries(Object.entries(one.tags).filter(([key]) => !gone.has(key)));
      return {};
    },
  };
}

/** Documented: 0 to 2 retries, 60 to 21,600 seconds. */
const RETRIES_MAX = 2;
const EVENT_AGE_SECONDS_MIN = 60;
const EVENT_AGE_SECONDS_MAX = 21_600;

function invokeConfigs(world: World, registry: Registry): Record<string, Operation> {
  const put = (input: Sdk.PutFunctionEventInvokeConfigCommandInput, keep: boolean): Record<string, unknown> => {
    const resolved = registry.resolve(required(input.FunctionName, "FunctionName"), input.Qualifier);
    const key = resolved.qualifier ?? LATEST;
    const before = keep ? resolved.fn.invokeConfigs.get(key) : undefined;
    const config: InvokeConfig = {
      retriesMax: input.MaximumRetryAttempts ?? before?.retriesMax ?? RETRIES_MAX,
      eventAgeSecondsMax: input.MaximumEventAgeInSeconds ?? before?.eventAgeSecondsMax ?? EVENT_AGE_SECONDS_MAX,
      onFailure: destination(input.DestinationConfig?.OnFailure) ?? before?.onFailure,
      onSuccess: destination(input.DestinationConfig?.OnSuccess) ?? before?.onSuccess,
      lastModified: world.clock.now(),
    };
    if (config.retriesMax > RETRIES_MAX || config.retriesMax < 0)
      throw invalid(`MaximumRetryAttempts ${config.retriesMax}: must be between 0 and ${RETRIES_MAX}`);
    if (config.eventAgeSecondsMax < EVENT_AGE_SECONDS_MIN || config.eventAgeSecondsMax > EVENT_AGE_SECONDS_MAX) {
      throw invalid(
        `MaximumEventAgeInSeconds ${config.eventAgeSecondsMax}: must be between ${EVENT_AGE_SECONDS_MIN} and ${EVENT_AGE_SECONDS_MAX}`,
      );
    }
    resolved.fn.invokeConfigs.set(key, config);
    return shown(resolved.fn.name, key, config);
  };
  const shown = (name: string, key: string, config: InvokeConfig): Record<string, unknown> => ({
    FunctionArn: functionArn(world, name, key),
    LastModified: new Date(config.lastModified),
    MaximumRetryAttempts: config.retriesMax,
    MaximumEventAgeInSeconds: config.eventAgeSecondsMax,
    DestinationConfig: {
      OnSuccess: config.onSuccess === undefined ? {} : { Destination: config.onSuccess },
      OnFailure: config.onFailure === undefined ? {} : { Destination: config.onFailure },
    },
  });
  const find = (input: {
    FunctionName?: string | undefined;
    Qualifier?: string | undefined;
  }): [LambdaFunction, string, InvokeConfig] => {
    const { fn, qualifier } = registry.resolve(required(input.FunctionName, "FunctionName"), input.Qualifier);
    const key = qualifier ?? LATEST;
    const config = fn.invokeConfigs.get(key);
    if (config === undefined)
      throw missing(`The function ${functionArn(world, fn.name, key)} doesn't have an EventInvokeConfig`);
    return [fn, key, config];
  };
  return {
    PutFunctionEventInvokeConfig: (input: Sdk.PutFunctionEventInvokeConfigCommandInput) => put(input, false),
    UpdateFunctionEventInvokeConfig: (input: Sdk.UpdateFunctionEventInvokeConfigCommandInput) => put(input, true),
    GetFunctionEventInvokeConfig(input: Sdk.GetFunctionEventInvokeConfigCommandInput) {
      const [fn, key, config] = find(input);
      return shown(fn.name, key, config);
    },
    DeleteFunctionEventInvokeConfig(input: Sdk.DeleteFunctionEventInvokeConfigCommandInput) {
      const [fn, key] = find(input);
      fn.invokeConfigs.delete(key);
      return {};
    },
    ListFunctionEventInvokeConfigs(input: Sdk.ListFunctionEventInvokeConfigsCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      return { FunctionEventInvokeConfigs: [...fn.invokeConfigs].map(([key, config]) => shown(fn.name, key, config)) };
    },
  };
}

function destination(given: { Destination?: string | undefined } | undefined): string | undefined {
  const arn = given?.Destination;
  if (arn === undefined) return undefined;
  if (/^arn:aws:(sqs|lambda):/.test(arn)) return arn;
  throw invalid(`Destination ${arn}: the embedded cloud knows SQS queues and Lambda functions`);
}
