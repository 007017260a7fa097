import type * as Sdk from "@aws-sdk/client-lambda";
import { CloudError } from "../errors.ts";
import type { Operation, World } from "../service.ts";
import { described, unpack } from "./code.ts";
import type { EnvironmentPool } from "./environments.ts";
import {
  configurationOf,
  functionArn,
  invalid,
  LATEST,
  parseFunctionName,
  required,
  type CodePackage,
  type FunctionVersion,
  type LambdaFunction,
  type Settings,
} from "./function.ts";
import type { Registry } from "./registry.ts";
import type { FunctionRuntime } from "./runtime.ts";
import { settingsFrom } from "./settings.ts";

export interface FunctionSources {
  readonly registry: Registry;
  readonly pool: EnvironmentPool;
  /** Where packages are unpacked. */
  readonly folder: string;
  readonly runtime: Pick<FunctionRuntime, "place">;
  readObject(bucket: string, key: string): Promise<Uint8Array>;
  endpoint(): string;
}

/** CreateFunction, Update*, Get*, DeleteFunction, ListFunctions, PublishVersion, ListVersionsByFunction, concurrency. */
export function functionOperations(world: World, sources: FunctionSources): Record<string, Operation> {
  return {
    ...changes(world, sources),
    ...descriptions(world, sources.registry),
    ...versions(world, sources.registry),
    ...concurrency(sources.registry),
  };
}

function changes(world: World, sources: FunctionSources): Record<string, Operation> {
  const { registry, pool } = sources;

  return {
    async CreateFunction(input: Sdk.CreateFunctionCommandInput) {
      const { name } = parseFunctionName(required(input.FunctionName, "FunctionName"));
      const { Code, Tags, Publish } = input;
      const refuseTaken = (): void => {
        if (registry.has(name))
          throw new CloudError("ResourceConflictException", `Function already exist: ${name}`, 409, { Type: "User" });
      };
      refuseTaken();
      const settings = settingsFrom(without(input, ["Code", "Tags", "Publish"]), name);
      const code = await loadCode(world, sources, name, required(Code, "Code"));
      refuseTaken(); // another call may have created it while the package was read
      const fn: LambdaFunction = {
        name,
        latest: versionFrom(world, name, LATEST, code, settings),
        published: [],
        nextVersion: 1,
        aliases: new Map(),
        policies: new Map(),
        invokeConfigs: new Map(),
        tags: { ...Tags },
        reservedConcurrency: undefined,
      };
      registry.add(fn);
      return configurationOf(Publish === true ? publish(world, fn, undefined) : fn.latest);
    },

    async UpdateFunctionCode(input: Sdk.UpdateFunctionCodeCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      checkRevision(fn.latest, input.RevisionId);
      const code = await loadCode(world, sources, fn.name, input);
      const architectures = input.Architectures ?? fn.latest.settings.architectures;
      const next = versionFrom(world, fn.name, LATEST, code, { ...fn.latest.settings, architectures });
      if (input.DryRun === true) return configurationOf(next);
      fn.latest = next;
      pool.retire(fn.name);
      return configurationOf(input.Publish === true ? publish(world, fn, undefined) : fn.latest);
    },

    UpdateFunctionConfiguration(input: Sdk.UpdateFunctionConfigurationCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      checkRevision(fn.latest, input.RevisionId);
      const settings = settingsFrom(input, fn.name, fn.latest.settings);
      fn.latest = versionFrom(world, fn.name, LATEST, fn.latest.code, settings);
      pool.retire(fn.name);
      return configurationOf(fn.latest);
    },

    DeleteFunction(input: Sdk.DeleteFunctionCommandInput) {
      const { fn, version, qualifier } = registry.resolve(
        required(input.FunctionName, "FunctionName"),
        input.Qualifier,
      );
      if (qualifier === undefined) registry.remove(fn.name);
      else if (qualifier === LATEST || fn.aliases.has(qualifier))
        throw invalid(`${qualifier} cannot be deleted by DeleteFunction`);
      else fn.published.splice(fn.published.indexOf(version), 1);
      pool.retire(fn.name);
      return { StatusCode: 204 };
    },
  };
}

function descriptions(world: World, registry: Registry): Record<string, Operation> {
  return {
    GetFunction(input: Sdk.GetFunctionCommandInput) {
      const { fn, version, arn, qualifier } = registry.resolve(
        required(input.FunctionName, "FunctionName"),
        input.Qualifier,
      );
      return {
        Configuration: configurationOf(version, qualifier === undefined ? version.arn : arn),
        Code: { RepositoryType: "S3", Location: version.code.location },
        ...(Object.keys(fn.tags).length === 0 ? {} : { Tags: fn.tags }),
        ...(fn.reservedConcurrency === undefined
          ? {}
          : { Concurrency: { ReservedConcurrentExecutions: fn.reservedConcurrency } }),
      };
    },

    GetFunctionConfiguration(input: Sdk.GetFunctionConfigurationCommandInput) {
      const { version, arn, qualifier } = registry.resolve(
        required(input.FunctionName, "FunctionName"),
        input.Qualifier,
      );
      return configurationOf(version, qualifier === undefined ? version.arn : arn);
    },

    ListFunctions: (input: Sdk.ListFunctionsCommandInput) => ({
      Functions: registry.all().flatMap((fn) => {
        const latest = configurationOf(
          fn.latest,
          functionArn(world, fn.name, input.FunctionVersion === "ALL" ? LATEST : undefined),
        );
        return input.FunctionVersion === "ALL"
          ? [latest, ...fn.published.map((version) => configurationOf(version))]
          : [latest];
      }),
    }),
  };
}

function versions(world: World, registry: Registry): Record<string, Operation> {
  return {
    PublishVersion(input: Sdk.PublishVersionCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      checkRevision(fn.latest, input.RevisionId);
      if (input.CodeSha256 !== undefined && input.CodeSha256 !== fn.latest.code.sha256) {
        throw invalid(
          `CodeSHA256 (${input.CodeSha256}) is different from current CodeSHA256 in $LATEST (${fn.latest.code.sha256}).`,
        );
      }
      return configurationOf(publish(world, fn, input.Description));
    },

    ListVersionsByFunction(input: Sdk.ListVersionsByFunctionCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      const latest = configurationOf(fn.latest, functionArn(world, fn.name, LATEST));
      return { Versions: [latest, ...fn.published.map((version) => configurationOf(version))] };
    },
  };
}

function concurrency(registry: Registry): Record<string, Operation> {
  return {
    PutFunctionConcurrency(input: Sdk.PutFunctionConcurrencyCommandInput) {
      const fn = registry.get(required(input.FunctionName, "FunctionName"));
      fn.reservedConcurrency = required(input.ReservedConcurrentExecutions, "ReservedConcurrentExecutions");
      return { ReservedConcurrentExecutions: fn.reservedConcurrency };
    },

    GetFunctionConcurrency(input: Sdk.GetFunctionConcurrencyCommandInput) {
      const { reservedConcurrency } = registry.get(required(input.FunctionName, "FunctionName"));
      return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
    },

    DeleteFunctionConcurrency(input: Sdk.DeleteFunctionConcurrencyCommandInput) {
      registry.get(required(input.FunctionName, "FunctionName")).reservedConcurrency = undefined;
      return {};
    },
  };
}

function without<T extends object, K extends keyof T>(given: T, members: readonly K[]): Omit<T, K> {
  const rest = { ...given };
  for (const member of members) delete rest[member];
  return rest;
}

async function loadCode(
  world: World,
  sources: FunctionSources,
  name: string,
  given: Sdk.FunctionCode,
): Promise<CodePackage> {
  if (given.ImageUri !== undefined) throw invalid("Code.ImageUri: the embedded cloud knows zip packages");
  const scratch = world.ids.hex(8);
  if (given.ZipFile !== undefined) {
    const location = `${sources.endpoint()}/awslambda-${world.region}-tasks/snapshots/${world.account}/${name}-${world.ids.uuid()}`;
    return unpack(given.ZipFile, sources.folder, name, scratch, location);
  }
  const { S3Bucket: bucket, S3Key: key } = given;
  if (bucket === undefined || key === undefined) throw invalid("Code: give either ZipFile or S3Bucket and S3Key");
  const zip = await sources.readObject(bucket, key).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`Error occurred while GetObject ${bucket}/${key}. ${why}`);
  });
  const location = `${sources.endpoint()}/${bucket}/${key}`;
  const place = sources.runtime.place?.(name);
  return place === undefined ? unpack(zip, sources.folder, name, scratch, location) : described(zip, place, location);
}

function versionFrom(
  world: World,
  name: string,
  version: string,
  code: CodePackage,
  settings: Settings,
): FunctionVersion {
  return {
    functionName: name,
    version,
    arn: functionArn(world, name, version === LATEST ? undefined : version),
    revisionId: world.ids.uuid(),
    lastModified: world.clock.now(),
    code,
    settings,
  };
}

/** AWS publishes nothing new when neither code nor configuration has changed since the last version. */
function publish(world: World, fn: LambdaFunction, description: string | undefined): FunctionVersion {
  const settings = description === undefined ? fn.latest.settings : { ...fn.latest.settings, description };
  const last = fn.published.at(-1);
  if (
    last !== undefined &&
    last.code.sha256 === fn.latest.code.sha256 &&
    JSON.stringify(last.settings) === JSON.stringify(settings)
  )
    return last;
  const version = {
    ...versionFrom(world, fn.name, String(fn.nextVersion), fn.latest.code, settings),
    lastModified: fn.latest.lastModified,
  };
  fn.nextVersion += 1;
  fn.published.push(version);
  return version;
}

export function checkRevision(version: { readonly revisionId: string }, given: string | undefined): void {
  if (given === undefined || given === version.revisionId) return;
  const message = `The Revision Id provided does not match the latest Revision Id ${version.revisionId}. Call the GetFunction/GetAlias API to retrieve the latest Revision Id`;
  throw new CloudError("PreconditionFailedException", message, 412, { Type: "User" });
}
