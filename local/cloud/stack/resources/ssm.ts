import { documentText, gone, optionalText, pick, retag, tagList, tagMap, textAt } from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

const PARAMETER_NAME_MAX = 255;
const DOCUMENT_NAME_MAX = 128;

const retagged = (
  ctx: ResourceContext,
  ResourceType: string,
  ResourceId: string,
  before: Parameters<typeof retag>[0],
  after: Parameters<typeof retag>[1],
) =>
  retag(
    before,
    after,
    (tags) => ctx.call("ssm", "AddTagsToResource", { ResourceType, ResourceId, Tags: tagList(tags) }),
    (TagKeys) => ctx.call("ssm", "RemoveTagsFromResource", { ResourceType, ResourceId, TagKeys }),
  );

const parameter: ResourceType = {
  type: "AWS::SSM::Parameter",
  replacing: ["Name"],
  updatable: ["Type", "Value", "Description", "AllowedPattern", "DataType", "Tier", "Tags"],
  required: ["Type", "Value"],
  named: "Name",
  tags: "map",
  attributes: ["Type", "Value"],
  volatile: ["Value"],
  async create(ctx, properties) {
    const Name = optionalText(properties["Name"]) ?? ctx.physicalName(PARAMETER_NAME_MAX);
    const { Tags: _tags, ...rest } = properties;
    await ctx.call("ssm", "PutParameter", { ...rest, Name, Tags: tagList(tagMap(properties["Tags"])) });
    return { physicalId: Name, attributes: pick(properties, ["Type", "Value"]) };
  },
  async update(ctx, { physicalId: Name, properties }, next) {
    const { Tags: _tags, ...rest } = next;
    await ctx.call("ssm", "PutParameter", { ...rest, Name, Overwrite: true });
    await retagged(ctx, "Parameter", Name, properties["Tags"], next["Tags"]);
    return pick(next, ["Type", "Value"]);
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ssm", "DeleteParameter", { Name: physicalId })),
};

/** With `UpdateMethod: NewVersion` changed content is a new (default) version, else a new document. */
const document: ResourceType = {
  type: "AWS::SSM::Document",
  replacing: ["Name", "DocumentType"],
  updatable: ["Content", "DocumentFormat", "TargetType", "VersionName", "UpdateMethod", "Tags"],
  required: ["Content"],
  named: "Name",
  tags: "list",
  attributes: [],
  replaces: (changed, next) =>
    changed.some((name) => name !== "Tags" && name !== "UpdateMethod") && next["UpdateMethod"] !== "NewVersion",
  async create(ctx, properties) {
    const Name = optionalText(properties["Name"]) ?? ctx.physicalName(DOCUMENT_NAME_MAX);
    await ctx.call("ssm", "CreateDocument", {
      ...pick(properties, ["DocumentType", "DocumentFormat", "TargetType", "VersionName", "Tags"]),
      Name,
      Content: documentText(properties["Content"]),
    });
    return { physicalId: Name, attributes: {} };
  },
  async update(ctx, { physicalId: Name, properties }, next, changed) {
    if (changed.some((name) => name !== "Tags" && name !== "UpdateMethod")) {
      const answer = await ctx.call("ssm", "UpdateDocument", {
        ...pick(next, ["DocumentFormat", "TargetType", "VersionName"]),
        Name,
        Content: documentText(next["Content"]),
        DocumentVersion: "$LATEST",
      });
      const DocumentVersion = textAt(answer, "DocumentDescription", "DocumentVersion");
      await ctx.call("ssm", "UpdateDocumentDefaultVersion", { Name, DocumentVersion });
    }
    await retagged(ctx, "Document", Name, properties["Tags"], next["Tags"]);
    return {};
  },
  remove: (ctx, { physicalId }) => gone(ctx.call("ssm", "DeleteDocument", { Name: physicalId })),
};

export const ssmTypes: readonly ResourceType[] = [parameter, document];
