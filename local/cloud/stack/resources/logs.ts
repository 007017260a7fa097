import type { JsonObject } from "../engine/json.ts";
import { gone, optionalText, pick, retag, tagMap } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** The longest log group name. */
const NAME_MAX = 512;

const attributes = (ctx: ResourceContext, name: string): Attributes => ({
  Arn: `arn:aws:logs:${ctx.region}:${ctx.account}:log-group:${name}:*`,
});

async function retain(ctx: ResourceContext, logGroupName: string, properties: JsonObject): Promise<void> {
  const retentionInDays = properties["RetentionInDays"];
  await (retentionInDays === undefined
    ? ctx.call("logs", "DeleteRetentionPolicy", { logGroupName })
    : ctx.call("logs", "PutRetentionPolicy", { logGroupName, retentionInDays }));
}

async function encrypt(ctx: ResourceContext, logGroupName: string, properties: JsonObject): Promise<void> {
  const kmsKeyId = properties["KmsKeyId"];
  await (kmsKeyId === undefined
    ? ctx.call("logs", "DisassociateKmsKey", { logGroupName })
    : ctx.call("logs", "AssociateKmsKey", { logGroupName, kmsKeyId }));
}

const logGroup: ResourceType = {
  type: "AWS::Logs::LogGroup",
  replacing: ["LogGroupName", "LogGroupClass"],
  updatable: ["RetentionInDays", "KmsKeyId", "Tags"],
  named: "LogGroupName",
  tags: "list",
  attributes: ["Arn"],
  async create(ctx, properties) {
    const logGroupName = optionalText(properties["LogGroupName"]) ?? ctx.physicalName(NAME_MAX);
    const tags = tagMap(properties["Tags"]);
    const { LogGroupClass: logGroupClass, KmsKeyId: kmsKeyId } = pick(properties, ["LogGroupClass", "KmsKeyId"]);
    await ctx.call("logs", "CreateLogGroup", {
      logGroupName,
      logGroupClass,
      kmsKeyId,
      ...(Object.keys(tags).length > 0 ? { tags } : {}),
    });
    ctx.identify(logGroupName);
    if (properties["RetentionInDays"] !== undefined) await retain(ctx, logGroupName, properties);
    return { physicalId: logGroupName, attributes: attributes(ctx, logGroupName) };
  },
  async update(ctx, { physicalId, properties }, next, changed) {
    if (changed.includes("RetentionInDays")) await retain(ctx, physicalId, next);
    if (changed.includes("KmsKeyId")) await encrypt(ctx, physicalId, next);
    const resourceArn = `arn:aws:logs:${ctx.region}:${ctx.account}:log-group:${physicalId}`;
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => ctx.call("logs", "TagResource", { resourceArn, tags }),
      (tagKeys) => ctx.call("logs", "UntagResource", { resourceArn, tagKeys }),
    );
    return attributes(ctx, physicalId);
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("logs", "DeleteLogGroup", { logGroupName: physicalId })),
};

export const logsTypes: readonly ResourceType[] = [logGroup];
