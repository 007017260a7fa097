import { documentText, gone, isTrue, objects, optionalText, pick, requiredText, retag, textAt } from "./read.ts";
import type { Json, JsonObject } from "../engine/json.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

const kms = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("kms", operation, input);

/** KMS has its own names for the two parts of a tag. */
const tagsOf = (tags: Json | undefined): Record<string, unknown>[] =>
  objects(tags).map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value }));

async function setState(
  ctx: ResourceContext,
  KeyId: string,
  next: JsonObject,
  changed: readonly string[],
): Promise<void> {
  if (changed.includes("EnableKeyRotation") || changed.includes("RotationPeriodInDays")) {
    const on = isTrue(next["EnableKeyRotation"]);
    await kms(ctx, on ? "EnableKeyRotation" : "DisableKeyRotation", {
      KeyId,
      ...(on ? pick(next, ["RotationPeriodInDays"]) : {}),
    });
  }
  if (changed.includes("Enabled"))
    await kms(ctx, (next["Enabled"] ?? true) === true || isTrue(next["Enabled"]) ? "EnableKey" : "DisableKey", {
      KeyId,
    });
}

const key: ResourceType = {
  type: "AWS::KMS::Key",
  replacing: ["KeySpec", "KeyUsage", "Origin", "MultiRegion"],
  updatable: [
    "Description",
    "EnableKeyRotation",
    "RotationPeriodInDays",
    "Enabled",
    "KeyPolicy",
    "PendingWindowInDays",
    "Tags",
  ],
  tags: "list",
  attributes: ["Arn", "KeyId"],
  async create(ctx, properties) {
    const answer = await kms(ctx, "CreateKey", {
      ...pick(properties, ["Description", "KeySpec", "KeyUsage", "Origin", "MultiRegion"]),
      Policy: documentText(properties["KeyPolicy"]),
      Tags: tagsOf(properties["Tags"]),
    });
    const KeyId = textAt(answer, "KeyMetadata", "KeyId");
    ctx.identify(KeyId);
    await setState(ctx, KeyId, properties, Object.keys(properties));
    return { physicalId: KeyId, attributes: { KeyId, Arn: textAt(answer, "KeyMetadata", "Arn") } };
  },
  async update(ctx, { physicalId: KeyId, properties, attributes }, next, changed) {
    if (changed.includes("Description"))
      await kms(ctx, "UpdateKeyDescription", { KeyId, Description: optionalText(next["Description"]) ?? "" });
    if (changed.includes("KeyPolicy")) {
      if (next["KeyPolicy"] === undefined)
        throw new Error("taking KeyPolicy away from a key is not known to this cloud");
      await kms(ctx, "PutKeyPolicy", { KeyId, PolicyName: "default", Policy: documentText(next["KeyPolicy"]) });
    }
    await setState(ctx, KeyId, next, changed);
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) =>
        kms(ctx, "TagResource", {
          KeyId,
          Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
        }),
      (TagKeys) => kms(ctx, "UntagResource", { KeyId, TagKeys }),
    );
    return attributes;
  },
  remove: (ctx, { physicalId: KeyId, properties }) =>
    gone(kms(ctx, "ScheduleKeyDeletion", { KeyId, ...pick(properties, ["PendingWindowInDays"]) })),
};

const alias: ResourceType = {
  type: "AWS::KMS::Alias",
  replacing: ["AliasName"],
  updatable: ["TargetKeyId"],
  required: ["AliasName", "TargetKeyId"],
  named: "AliasName",
  attributes: [],
  async create(ctx, properties) {
    await kms(ctx, "CreateAlias", pick(properties, ["AliasName", "TargetKeyId"]));
    return { physicalId: requiredText(properties, "AliasName"), attributes: {} };
  },
  async update(ctx, { physicalId: AliasName }, next) {
    await kms(ctx, "UpdateAlias", { AliasName, ...pick(next, ["TargetKeyId"]) });
    return {};
  },
  remove: (ctx, { physicalId: AliasName }) => gone(kms(ctx, "DeleteAlias", { AliasName })),
};

export const kmsTypes: readonly ResourceType[] = [key, alias];
