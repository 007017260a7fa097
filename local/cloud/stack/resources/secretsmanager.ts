import { isObject, parseJson, type JsonObject } from "../engine/json.ts";
import { gone, optionalText, pick, retag, tagList, textAt } from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

/** Long enough for any name that CloudFormation makes; the API allows 512. */
const NAME_MAX = 255;

/**
 * `GenerateSecretString`: a random password, alone or under `GenerateStringKey` in the JSON of `SecretStringTemplate`.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
 */
async function secretString(ctx: ResourceContext, properties: JsonObject): Promise<string | undefined> {
  const generate = properties["GenerateSecretString"];
  if (!isObject(generate)) return optionalText(properties["SecretString"]);
  const { SecretStringTemplate, GenerateStringKey, ...request } = generate;
  const password = textAt(await ctx.call("secretsmanager", "GetRandomPassword", { ...request }), "RandomPassword");
  if (SecretStringTemplate === undefined && GenerateStringKey === undefined) return password;
  if (typeof SecretStringTemplate !== "string" || typeof GenerateStringKey !== "string")
    throw new Error("SecretStringTemplate and GenerateStringKey are only valid together");
  const template = parseJson(SecretStringTemplate);
  if (!isObject(template)) throw new Error("SecretStringTemplate is not a JSON object");
  return JSON.stringify({ ...template, [GenerateStringKey]: password });
}

const secret: ResourceType = {
  type: "AWS::SecretsManager::Secret",
  replacing: ["Name"],
  updatable: ["Description", "KmsKeyId", "SecretString", "GenerateSecretString", "Tags"],
  named: "Name",
  tags: "list",
  attributes: ["Id"],
  async create(ctx, properties) {
    const Name = optionalText(properties["Name"]) ?? ctx.physicalName(NAME_MAX);
    const SecretString = await secretString(ctx, properties);
    const answer = await ctx.call("secretsmanager", "CreateSecret", {
      ...pick(properties, ["Description", "KmsKeyId", "Tags"]),
      Name,
      SecretString,
    });
    const Id = textAt(answer, "ARN");
    return { physicalId: Id, attributes: { Id } };
  },
  async update(ctx, { physicalId: SecretId, properties, attributes }, next, changed) {
    const isNew = changed.includes("SecretString") || changed.includes("GenerateSecretString");
    const SecretString = isNew ? await secretString(ctx, next) : undefined;
    if (isNew || changed.includes("Description") || changed.includes("KmsKeyId"))
      await ctx.call("secretsmanager", "UpdateSecret", {
        SecretId,
        ...pick(next, ["Description", "KmsKeyId"]),
        SecretString,
      });
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => ctx.call("secretsmanager", "TagResource", { SecretId, Tags: tagList(tags) }),
      (TagKeys) => ctx.call("secretsmanager", "UntagResource", { SecretId, TagKeys }),
    );
    return attributes;
  },
  remove: (ctx, { physicalId }) =>
    gone(ctx.call("secretsmanager", "DeleteSecret", { SecretId: physicalId, ForceDeleteWithoutRecovery: true })),
};

export const secretsTypes: readonly ResourceType[] = [secret];
