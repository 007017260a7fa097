import { isObject, type Json, type JsonObject, textOf } from "../engine/json.ts";
import { gone, isNotThere, isTrue, optionalText, pick, retag, tagList, textAt, valueAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** The longest table name. */
const NAME_MAX = 255;
/** Until a table is ACTIVE or gone. */
const WAIT_MS = 120_000;

const SAME = [
  "AttributeDefinitions",
  "BillingMode",
  "GlobalSecondaryIndexes",
  "LocalSecondaryIndexes",
  "ProvisionedThroughput",
  "OnDemandThroughput",
  "TableClass",
  "DeletionProtectionEnabled",
];

/** What is written differently in the template and in the API. */
function translated(properties: JsonObject): Record<string, unknown> {
  const sse = properties["SSESpecification"];
  const stream = properties["StreamSpecification"];
  return {
    ...(isObject(sse)
      ? { SSESpecification: { ...pick(sse, ["SSEType", "KMSMasterKeyId"]), Enabled: sse["SSEEnabled"] } }
      : {}),
    ...(isObject(stream) ? { StreamSpecification: { ...pick(stream, ["StreamViewType"]), StreamEnabled: true } } : {}),
  };
}

async function untilActive(ctx: ResourceContext, TableName: string): Promise<Attributes> {
  let found: Attributes = {};
  await ctx.until(`table ${TableName}`, WAIT_MS, async () => {
    const answer = await ctx.call("dynamodb", "DescribeTable", { TableName });
    const stream = valueAt(answer, "Table", "LatestStreamArn");
    found = { Arn: textAt(answer, "Table", "TableArn"), ...(typeof stream === "string" ? { StreamArn: stream } : {}) };
    return valueAt(answer, "Table", "TableStatus") === "ACTIVE";
  });
  return found;
}

async function setTimeToLive(
  ctx: ResourceContext,
  TableName: string,
  before: Json | undefined,
  next: Json | undefined,
): Promise<void> {
  const wanted = isObject(next) ? next : isObject(before) ? { ...before, Enabled: false } : undefined;
  if (wanted === undefined) return;
  await ctx.call("dynamodb", "UpdateTimeToLive", { TableName, TimeToLiveSpecification: wanted });
}

async function setRecovery(ctx: ResourceContext, TableName: string, next: Json | undefined): Promise<void> {
  const PointInTimeRecoverySpecification = isObject(next) ? next : { PointInTimeRecoveryEnabled: false };
  await ctx.call("dynamodb", "UpdateContinuousBackups", { TableName, PointInTimeRecoverySpecification });
}

const table: ResourceType = {
  type: "AWS::DynamoDB::Table",
  replacing: ["TableName", "KeySchema", "LocalSecondaryIndexes"],
  updatable: [
    ...SAME.filter((name) => name !== "LocalSecondaryIndexes"),
    "SSESpecification",
    "StreamSpecification",
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
    "Tags",
  ],
  required: ["KeySchema", "AttributeDefinitions"],
  named: "TableName",
  tags: "list",
  attributes: ["Arn", "StreamArn"],
  async create(ctx, properties) {
    const TableName = optionalText(properties["TableName"]) ?? ctx.physicalName(NAME_MAX);
    await ctx.call("dynamodb", "CreateTable", {
      TableName,
      ...pick(properties, [...SAME, "KeySchema", "Tags"]),
      ...translated(properties),
    });
    ctx.identify(TableName);
    const attributes = await untilActive(ctx, TableName);
    await setTimeToLive(ctx, TableName, undefined, properties["TimeToLiveSpecification"]);
    if (properties["PointInTimeRecoverySpecification"] !== undefined)
      await setRecovery(ctx, TableName, properties["PointInTimeRecoverySpecification"]);
    return { physicalId: TableName, attributes };
  },
  async update(ctx, { physicalId: TableName, properties, attributes }, next, changed) {
    const direct = [
      "BillingMode",
      "ProvisionedThroughput",
      "OnDemandThroughput",
      "TableClass",
      "DeletionProtectionEnabled",
      "SSESpecification",
      "StreamSpecification",
    ];
    const refused = changed.filter((name) => name === "GlobalSecondaryIndexes" || name === "AttributeDefinitions");
    if (refused.length > 0)
      throw new Error(`updating ${refused.join(", ")} of a table in place is not known to this cloud`);
    if (changed.some((name) => direct.includes(name))) {
      const parts = { SSESpecification: { Enabled: false }, ...next, ...translated(next) };
      const wanted = Object.fromEntries(
        Object.entries(parts).filter(([name]) => direct.includes(name) && changed.includes(name)),
      );
      await ctx.call("dynamodb", "UpdateTable", { TableName, ...wanted });
      await untilActive(ctx, TableName);
    }
    if (changed.includes("TimeToLiveSpecification"))
      await setTimeToLive(ctx, TableName, properties["TimeToLiveSpecification"], next["TimeToLiveSpecification"]);
    if (changed.includes("PointInTimeRecoverySpecification"))
      await setRecovery(ctx, TableName, next["PointInTimeRecoverySpecification"]);
    const ResourceArn = textOf(attributes["Arn"]);
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => ctx.call("dynamodb", "TagResource", { ResourceArn, Tags: tagList(tags) }),
      (TagKeys) => ctx.call("dynamodb", "UntagResource", { ResourceArn, TagKeys }),
    );
    return untilActive(ctx, TableName);
  },
  async remove(ctx, { physicalId: TableName, properties }) {
    if (isTrue(properties["DeletionProtectionEnabled"])) throw new Error(`table ${TableName} has deletion protection`);
    await gone(ctx.call("dynamodb", "DeleteTable", { TableName }));
    await ctx.until(`deletion of table ${TableName}`, WAIT_MS, () => isGone(ctx, TableName));
  },
};

async function isGone(ctx: ResourceContext, TableName: string): Promise<boolean> {
  try {
    await ctx.call("dynamodb", "DescribeTable", { TableName });
    return false;
  } catch (error) {
    if (isNotThere(error)) return true;
    throw error;
  }
}

export const dynamodbTypes: readonly ResourceType[] = [table];
