import type {
  CreateTableCommandInput,
  DeleteTableCommandInput,
  DescribeTableCommandInput,
  ListTagsOfResourceCommandInput,
  SSESpecification,
  TagResourceCommandInput,
  UntagResourceCommandInput,
  UpdateContinuousBackupsCommandInput,
  UpdateTableCommandInput,
  UpdateTimeToLiveCommandInput,
} from "@aws-sdk/client-dynamodb";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import type { Members } from "../../wire/index.ts";
import type { Engine } from "./engine.ts";

/** What is kept of a table beside its items: dynalite knows none of it. */
export interface Table {
  readonly name: string;
  readonly createdAt: Date;
  readonly tags: Map<string, string>;
  timeToLive: string | undefined;
  pointInTimeRecovery: boolean;
  deletionProtection: boolean;
  /** The key that the table names; undefined = DynamoDB's own. Nothing is encrypted here. */
  kmsKeyArn: string | undefined;
}

const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null;

export const nameOf = (nameOrArn: string | undefined): string =>
  (nameOrArn ?? "").replace(/^arn:aws:dynamodb:[^:]*:[^:]*:table\//, "").split("/")[0] ?? "";

/** The tables of one world; their items are the engine's. */
export class Tables {
  readonly world: World;
  readonly engine: Engine;
  readonly byName = new Map<string, Table>();

  constructor(world: World, engine: Engine) {
    this.world = world;
    this.engine = engine;
  }

  arn(name: string): string {
    return `arn:aws:dynamodb:${this.world.region}:${this.world.account}:table/${name}`;
  }

  get(nameOrArn: string | undefined): Table {
    const name = nameOf(nameOrArn);
    const table = this.byName.get(name);
    if (table) return table;
    throw new CloudError("ResourceNotFoundException", `Requested resource not found: Table: ${name} not found`);
  }

  /** A description with this world's account, region and time instead of dynalite's. */
  describe(description: unknown, table: Table): Members {
    const described = isMembers(description) ? description : {};
    const indexes = (member: string): Members => {
      const list = described[member];
      if (!Array.isArray(list)) return {};
      const named = list.filter(isMembers);
      return {
        [member]: named.map((index) => ({
          ...index,
          IndexArn: `${this.arn(table.name)}/index/${String(index["IndexName"])}`,
        })),
      };
    };
    return {
      ...described,
      ...indexes("GlobalSecondaryIndexes"),
      ...indexes("LocalSecondaryIndexes"),
      TableArn: this.arn(table.name),
      CreationDateTime: table.createdAt,
      DeletionProtectionEnabled: table.deletionProtection,
      ...(table.kmsKeyArn !== undefined && {
        SSEDescription: { Status: "ENABLED", SSEType: "KMS", KMSMasterKeyArn: table.kmsKeyArn },
      }),
    };
  }
}

/** KMS with a key that is named, or with the one that AWS holds for DynamoDB in every account. */
const keyOf = (encryption: SSESpecification | undefined): string | undefined =>
  encryption?.Enabled === true ? (encryption.KMSMasterKeyId ?? "alias/aws/dynamodb") : undefined;

async function create(tables: Tables, input: CreateTableCommandInput): Promise<object> {
  const { Tags = [], DeletionProtectionEnabled = false, SSESpecification, ...rest } = input;
  if (input.StreamSpecification?.StreamEnabled)
    throw new CloudError("ValidationException", "the embedded cloud has no DynamoDB streams");
  const output = await tables.engine("CreateTable", rest);
  const table: Table = {
    name: nameOf(input.TableName),
    createdAt: new Date(tables.world.clock.now()),
    tags: new Map(Tags.map(({ Key, Value }) => [Key ?? "", Value ?? ""])),
    timeToLive: undefined,
    pointInTimeRecovery: false,
    deletionProtection: DeletionProtectionEnabled,
    kmsKeyArn: keyOf(SSESpecification),
  };
  tables.byName.set(table.name, table);
  return { TableDescription: tables.describe(output["TableDescription"], table) };
}

async function describe(tables: Tables, input: DescribeTableCommandInput): Promise<object> {
  const name = nameOf(input.TableName);
  const output = await tables.engine("DescribeTable", { TableName: name });
  return { Table: tables.describe(output["Table"], tables.get(name)) };
}

async function update(tables: Tables, input: UpdateTableCommandInput): Promise<object> {
  const table = tables.get(input.TableName);
  const { DeletionProtectionEnabled, SSESpecification, TableName: _, ...changes } = input;
  if (SSESpecification !== undefined) table.kmsKeyArn = keyOf(SSESpecification);
  if (DeletionProtectionEnabled !== undefined) table.deletionProtection = DeletionProtectionEnabled;
  // dynalite refuses an update that changes nothing of its own
  if (Object.values(changes).every((change) => change === undefined)) {
    const { Table: description } = await tables.engine("DescribeTable", { TableName: table.name });
    return { TableDescription: tables.describe(description, table) };
  }
  const output = await tables.engine("UpdateTable", { ...changes, TableName: table.name });
  return { TableDescription: tables.describe(output["TableDescription"], table) };
}

async function remove(tables: Tables, input: DeleteTableCommandInput): Promise<object> {
  const table = tables.get(input.TableName);
  if (table.deletionProtection)
    throw new CloudError(
      "ValidationException",
      `Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.`,
    );
  const output = await tables.engine("DeleteTable", { TableName: table.name });
  tables.byName.delete(table.name);
  return { TableDescription: tables.describe(output["TableDescription"], table) };
}

function updateTimeToLive(tables: Tables, input: UpdateTimeToLiveCommandInput): object {
  const table = tables.get(input.TableName);
  const { Enabled = false, AttributeName = "" } = input.TimeToLiveSpecification ?? {};
  if (AttributeName === "")
    throw new CloudError("ValidationException", "TimeToLiveSpecification.AttributeName is empty");
  if (Enabled === (table.timeToLive !== undefined))
    throw new CloudError("ValidationException", `TimeToLive is already ${Enabled ? "enabled" : "disabled"}`);
  table.timeToLive = Enabled ? AttributeName : undefined;
  return { TimeToLiveSpecification: { Enabled, AttributeName } };
}

const timeToLive = ({ timeToLive: attribute }: Table): object => ({
  TimeToLiveDescription:
    attribute === undefined
      ? { TimeToLiveStatus: "DISABLED" }
      : { TimeToLiveStatus: "ENABLED", AttributeName: attribute },
});

const backups = (table: Table): object => ({
  ContinuousBackupsDescription: {
    ContinuousBackupsStatus: "ENABLED",
    PointInTimeRecoveryDescription: {
      PointInTimeRecoveryStatus: table.pointInTimeRecovery ? "ENABLED" : "DISABLED",
    },
  },
});

function updateBackups(tables: Tables, input: UpdateContinuousBackupsCommandInput): object {
  const table = tables.get(input.TableName);
  table.pointInTimeRecovery = input.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled ?? false;
  return backups(table);
}

export const tableOperations = (tables: Tables): Record<string, Operation> => ({
  CreateTable: (input: CreateTableCommandInput) => create(tables, input),
  DescribeTable: (input: DescribeTableCommandInput) => describe(tables, input),
  UpdateTable: (input: UpdateTableCommandInput) => update(tables, input),
  DeleteTable: (input: DeleteTableCommandInput) => remove(tables, input),
  ListTables: (input: Members) => tables.engine("ListTables", input),
  DescribeTimeToLive: (input: DescribeTableCommandInput) => timeToLive(tables.get(input.TableName)),
  UpdateTimeToLive: (input: UpdateTimeToLiveCommandInput) => updateTimeToLive(tables, input),
  DescribeContinuousBackups: (input: DescribeTableCommandInput) => backups(tables.get(input.TableName)),
  UpdateContinuousBackups: (input: UpdateContinuousBackupsCommandInput) => updateBackups(tables, input),
  ListTagsOfResource: (input: ListTagsOfResourceCommandInput) => ({
    Tags: [...tables.get(input.ResourceArn).tags].map(([Key, Value]) => ({ Key, Value })),
  }),
  TagResource: (input: TagResourceCommandInput) => {
    const { tags } = tables.get(input.ResourceArn);
    for (const { Key = "", Value = "" } of input.Tags ?? []) tags.set(Key, Value);
    return {};
  },
  UntagResource: (input: UntagResourceCommandInput) => {
    const { tags } = tables.get(input.ResourceArn);
    for (const key of input.TagKeys ?? []) tags.delete(key);
    return {};
  },
});
