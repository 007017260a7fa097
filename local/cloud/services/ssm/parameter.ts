import { createHash } from "node:crypto";
import type {
  DeleteParameterRequest,
  DeleteParametersRequest,
  DescribeParametersRequest,
  GetParameterHistoryRequest,
  GetParameterRequest,
  GetParametersByPathRequest,
  GetParametersRequest,
  Parameter,
  ParameterMetadata,
  ParameterStringFilter,
  ParameterType,
  PutParameterRequest,
  Tag,
} from "@aws-sdk/client-ssm";
import { CloudError } from "../../errors.ts";
import type { Call, Operation, World } from "../../service.ts";
import { publicImageParameter } from "../ec2/image.ts";
import { page } from "./page.ts";

/** Value sizes of the two tiers, in bytes (Systems Manager quotas). */
const STANDARD_BYTES_MAX = 4096;
const ADVANCED_BYTES_MAX = 8192;
/** Older versions are dropped beyond this many. */
const VERSIONS_MAX = 100;
const BY_PATH_MAX = 10;
const NAMES_MAX = 10;
const DESCRIBE_MAX = 50;

interface Version {
  readonly version: number;
  readonly value: string;
  readonly type: ParameterType;
  readonly at: number;
  readonly by: string;
  readonly description: string | undefined;
  readonly keyId: string | undefined;
  readonly dataType: string;
}

interface Row {
  readonly name: string;
  allowedPattern: string | undefined;
  tier: "Standard" | "Advanced";
  versions: Version[];
  tags: Tag[];
}

interface Store {
  readonly world: World;
  readonly rows: Map<string, Row>;
}

export interface ParameterStore {
  readonly operations: Record<string, Operation>;
  tagsOf(name: string): { get: () => Tag[]; set: (tags: Tag[]) => void };
}

export const parameterArn = (world: World, name: string): string =>
  `arn:aws:ssm:${world.region}:${world.account}:parameter/${name.replace(/^\//, "")}`;

const notFound = (name: string): CloudError => new CloudError("ParameterNotFound", `Parameter ${name} not found.`);

function refuseBadName(name: string): void {
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(name) || (name.includes("/") && !name.startsWith("/")) || /\/\/|\/$/.test(name)) {
    throw new CloudError(
      "ValidationException",
      `Parameter name "${name}" must be a fully qualified name of letters, digits, and the symbols . - _ and /`,
    );
  }
  if (/^\/?(aws|ssm)/i.test(name)) {
    throw new CloudError("AccessDeniedException", "No access to reserved parameter name: it begins with aws or ssm");
  }
}

/** `name`, `name:3` or an ARN of either. Labels are not known here and are never found. */
function split(
  world: World,
  reference: string,
): { name: string; version: number | undefined; selector: string | undefined } {
  const prefix = `arn:aws:ssm:${world.region}:${world.account}:parameter`;
  const plain = reference.startsWith(prefix) ? reference.slice(prefix.length) : reference;
  const colon = plain.indexOf(":");
  if (colon === -1) return { name: plain, version: undefined, selector: undefined };
  const selector = plain.slice(colon);
  return { name: plain.slice(0, colon), version: Number(selector.slice(1)), selector };
}

const tierMax = (tier: string): number => (tier === "Advanced" ? ADVANCED_BYTES_MAX : STANDARD_BYTES_MAX);

/** What a caller without decryption sees of a SecureString: opaque, stable, and not the value. */
const ciphertext = (value: string): string => createHash("sha256").update(value).digest("base64");

const view = (store: Store, row: Row, version: Version, decrypt: boolean, selector?: string): Parameter => ({
  Name: row.name,
  ARN: parameterArn(store.world, row.name),
  Type: version.type,
  Value: version.type === "SecureString" && !decrypt ? ciphertext(version.value) : version.value,
  Version: version.version,
  LastModifiedDate: new Date(version.at),
  DataType: version.dataType,
  ...(selector !== undefined && { Selector: selector }),
});

function publicView(store: Store, name: string): Parameter | undefined {
  const value = publicImageParameter(name);
  if (value === undefined) return undefined;
  return {
    Name: name,
    ARN: `arn:aws:ssm:${store.world.region}::parameter${name}`,
    Type: "String",
    Value: value,
    Version: 1,
    LastModifiedDate: new Date(Date.UTC(2026, 0, 1)),
    DataType: "aws:ec2:image",
  };
}

function latest(row: Row): Version {
  const last = row.versions.at(-1);
  if (last === undefined) throw notFound(row.name);
  return last;
}

function find(store: Store, reference: string, decrypt: boolean): Parameter | undefined {
  const { name, version, selector } = split(store.world, reference);
  const row = store.rows.get(name) ?? store.rows.get(name.replace(/^\//, ""));
  if (row === undefined) return publicView(store, name);
  const found = version === undefined ? latest(row) : row.versions.find((one) => one.version === version);
  return found && view(store, row, found, decrypt, selector);
}

function rowOf(store: Store, name: string | undefined): Row {
  const row = store.rows.get(name ?? "");
  if (row === undefined) throw notFound(name ?? "");
  return row;
}

function put(store: Store, input: PutParameterRequest, call: Call): object {
  const name = input.Name ?? "";
  const value = input.Value ?? "";
  const old = store.rows.get(name);
  refuseBadName(name);
  if (old !== undefined && input.Overwrite !== true) {
    throw new CloudError(
      "ParameterAlreadyExists",
      "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    );
  }
  const type = input.Type ?? old?.versions.at(-1)?.type;
  if (type === undefined) {
    throw new CloudError("ValidationException", "A parameter type is required when you create a parameter.");
  }
  const allowedPattern = input.AllowedPattern ?? old?.allowedPattern;
  if (allowedPattern !== undefined && !new RegExp(allowedPattern).test(value)) {
    throw new CloudError("ParameterPatternMismatchException", `Parameter value does not match ${allowedPattern}`);
  }
  const tier = input.Tier === "Advanced" || old?.tier === "Advanced" ? "Advanced" : "Standard";
  if (value === "" || Buffer.byteLength(value) > tierMax(tier)) {
    throw new CloudError("ValidationException", `A ${tier} parameter value has 1 to ${tierMax(tier)} bytes.`);
  }
  const version: Version = {
    version: (old?.versions.at(-1)?.version ?? 0) + 1,
    value,
    type,
    at: store.world.clock.now(),
    by: call.principal.arn,
    description: input.Description ?? old?.versions.at(-1)?.description,
    keyId: type === "SecureString" ? (input.KeyId ?? "alias/aws/ssm") : undefined,
    dataType: input.DataType ?? "text",
  };
  store.rows.set(name, {
    name,
    allowedPattern,
    tier,
    versions: [...(old?.versions ?? []), version].slice(-VERSIONS_MAX),
    tags: input.Tags ?? old?.tags ?? [],
  });
  return { Version: version.version, Tier: tier };
}

function getMany(store: Store, input: GetParametersRequest): object {
  const names = [...new Set(input.Names ?? [])];
  if (names.length > NAMES_MAX) throw new CloudError("ValidationException", `At most ${NAMES_MAX} names are allowed.`);
  const found = names.map((name) => find(store, name, input.WithDecryption ?? false));
  return {
    Parameters: found.flatMap((one) => one ?? []),
    InvalidParameters: names.filter((_, index) => found[index] === undefined),
  };
}

function byPath(store: Store, input: GetParametersByPathRequest): object {
  const path = (input.Path ?? "").replace(/\/$/, "");
  if (!input.Path?.startsWith("/")) {
    throw new CloudError("ValidationException", "The parameter path must begin with a slash.");
  }
  const found = sorted(store).filter(
    (row) => matchesPath(row.name, path, input.Recursive ?? false) && matchesAll(row, input.ParameterFilters),
  );
  const { rows: some, ...rest } = page(found, input, BY_PATH_MAX);
  return { Parameters: some.map((row) => view(store, row, latest(row), input.WithDecryption ?? false)), ...rest };
}

const sorted = (store: Store): Row[] => [...store.rows.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));

const matchesAll = (row: Row, filters: readonly ParameterStringFilter[] | undefined): boolean =>
  (filters ?? []).every((filter) => matches(row, latest(row), filter));

const metadata = (store: Store, row: Row, version = latest(row)): ParameterMetadata => ({
  Name: row.name,
  ARN: parameterArn(store.world, row.name),
  Type: version.type,
  KeyId: version.keyId,
  LastModifiedDate: new Date(version.at),
  LastModifiedUser: version.by,
  Description: version.description,
  AllowedPattern: row.allowedPattern,
  Version: version.version,
  Tier: row.tier,
  Policies: [],
  DataType: version.dataType,
});

function describe(store: Store, input: DescribeParametersRequest): object {
  const filters = input.ParameterFilters ?? input.Filters?.map(({ Key, Values }) => ({ Key, Values }));
  const { rows: some, ...rest } = page(
    sorted(store).filter((row) => matchesAll(row, filters)),
    input,
    DESCRIBE_MAX,
  );
  return { Parameters: some.map((row) => metadata(store, row)), ...rest };
}

function history(store: Store, input: GetParameterHistoryRequest): object {
  const row = rowOf(store, input.Name);
  const { rows: some, ...rest } = page(row.versions, input, DESCRIBE_MAX);
  return {
    Parameters: some.map((version) => ({
      ...metadata(store, row, version),
      Value: view(store, row, version, input.WithDecryption ?? false).Value,
      Labels: [],
    })),
    ...rest,
  };
}

export function openParameterStore(world: World): ParameterStore {
  const store: Store = { world, rows: new Map() };
  const { rows } = store;
  return {
    tagsOf(name) {
      const row = rowOf(store, name);
      return { get: () => row.tags, set: (tags) => (row.tags = tags) };
    },
    operations: {
      PutParameter: (input: PutParameterRequest, call: Call) => put(store, input, call),
      GetParameter(input: GetParameterRequest) {
        const found = find(store, input.Name ?? "", input.WithDecryption ?? false);
        if (found !== undefined) return { Parameter: found };
        const { name, version } = split(world, input.Name ?? "");
        if (version === undefined || !rows.has(name)) throw notFound(input.Name ?? "");
        throw new CloudError(
          "ParameterVersionNotFound",
          `Systems Manager could not find version ${version} of ${name}.`,
        );
      },
      GetParameters: (input: GetParametersRequest) => getMany(store, input),
      GetParametersByPath: (input: GetParametersByPathRequest) => byPath(store, input),
      GetParameterHistory: (input: GetParameterHistoryRequest) => history(store, input),
      DescribeParameters: (input: DescribeParametersRequest) => describe(store, input),
      DeleteParameter(input: DeleteParameterRequest) {
        rows.delete(rowOf(store, input.Name).name);
        return {};
      },
      DeleteParameters(input: DeleteParametersRequest) {
        const names = input.Names ?? [];
        const InvalidParameters = names.filter((name) => !rows.has(name));
        return { DeletedParameters: names.filter((name) => rows.delete(name)), InvalidParameters };
      },
    },
  };
}

function matchesPath(name: string, path: string, recursive: boolean): boolean {
  if (!name.startsWith(`${path}/`)) return false;
  return recursive || !name.slice(path.length + 1).includes("/");
}

function matches(row: Row, version: Version, { Key = "", Option, Values = [] }: ParameterStringFilter): boolean {
  if (Key === "Path")
    return Values.some((path) => matchesPath(row.name, path.replace(/\/$/, ""), Option === "Recursive"));
  const fields: Readonly<Record<string, string | undefined>> = {
    Name: row.name,
    Type: version.type,
    KeyId: version.keyId,
    Tier: row.tier,
    DataType: version.dataType,
  };
  const tag = Key.startsWith("tag:") ? row.tags.find((one) => one.Key === Key.slice(4)) : undefined;
  if (!Key.startsWith("tag:") && !(Key in fields)) {
    throw new CloudError("InvalidFilterKey", `The filter key ${Key} isn't valid.`);
  }
  const have = Key.startsWith("tag:") ? tag?.Value : fields[Key];
  if (have === undefined) return false;
  if (Key.startsWith("tag:") && Values.length === 0) return true;
  return Values.some((value) => {
    if (Option === "BeginsWith") return have.startsWith(value);
    return Option === "Contains" ? have.includes(value) : have === value;
  });
}
