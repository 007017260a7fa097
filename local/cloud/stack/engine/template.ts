import { CloudError } from "../../errors.ts";
import { isList, isObject, type Json, type JsonObject, parseJson } from "./json.ts";

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const RESOURCES_MAX = 500;
/** The documented limit of a template that is read from S3. */
const TEMPLATE_BYTES_MAX = 1_048_576;

const SECTIONS = new Set([
  "AWSTemplateFormatVersion",
  "Description",
  "Metadata",
  "Parameters",
  "Mappings",
  "Conditions",
  "Resources",
  "Outputs",
]);
/** `CreationPolicy` is missing on purpose: nothing here sends signals, so waiting for one must fail by name. */
const RESOURCE_ATTRIBUTES = new Set([
  "Type",
  "Properties",
  "DependsOn",
  "Condition",
  "DeletionPolicy",
  "UpdateReplacePolicy",
  "UpdatePolicy",
  "Metadata",
]);

export type RetentionPolicy = "Delete" | "Retain" | "RetainExceptOnCreate";

export interface Declaration {
  readonly logicalId: string;
  readonly type: string;
  readonly properties: JsonObject;
  readonly dependsOn: readonly string[];
  readonly condition?: string;
  readonly deletionPolicy: RetentionPolicy;
  readonly updateReplacePolicy: RetentionPolicy;
  readonly updatePolicy: JsonObject;
  readonly metadata: JsonObject;
}

export interface Template {
  readonly body: string;
  readonly description?: string;
  readonly parameters: Readonly<Record<string, JsonObject>>;
  readonly mappings: JsonObject;
  readonly conditions: Readonly<Record<string, Json>>;
  readonly resources: ReadonlyMap<string, Declaration>;
  readonly outputs: Readonly<Record<string, JsonObject>>;
}

/** A template that cannot be accepted; `ValidationError` is the code that AWS uses for all of them. */
export const templateError = (message: string): CloudError => new CloudError("ValidationError", message);

/** Reads the template (JSON, as the Serverless Framework sends it). Throws `ValidationError` that names what is wrong. */
export function parseTemplate(body: string): Template {
  if (Buffer.byteLength(body) > TEMPLATE_BYTES_MAX)
    throw templateError(`Template may not exceed ${TEMPLATE_BYTES_MAX} bytes in size.`);
  const root = parseRoot(body);
  for (const section of Object.keys(root))
    if (!SECTIONS.has(section))
      throw templateError(`Invalid template property or properties [${section}]: not known to this cloud`);
  const resources = objectsOf(root, "Resources");
  const count = Object.keys(resources).length;
  if (count === 0) throw templateError("Template format error: At least one Resources member must be defined.");
  if (count > RESOURCES_MAX)
    throw templateError(
      `Template format error: Number of resources, ${count}, is greater than the maximum allowed, ${RESOURCES_MAX}`,
    );
  return {
    body,
    ...(typeof root["Description"] === "string" ? { description: root["Description"] } : {}),
    parameters: objectsOf(root, "Parameters"),
    mappings: isObject(root["Mappings"]) ? root["Mappings"] : {},
    conditions: isObject(root["Conditions"]) ? root["Conditions"] : {},
    resources: new Map(Object.entries(resources).map(([id, value]) => [id, declaration(id, value)])),
    outputs: objectsOf(root, "Outputs"),
  };
}

function parseRoot(body: string): JsonObject {
  let root: Json;
  try {
    root = parseJson(body);
  } catch (cause) {
    throw templateError(`Template format error: JSON not well-formed (this cloud reads JSON only). ${String(cause)}`);
  }
  if (!isObject(root)) throw templateError("Template format error: the template is not an object");
  return root;
}

function objectsOf(root: JsonObject, section: string): Record<string, JsonObject> {
  const given = root[section] ?? {};
  if (!isObject(given)) throw templateError(`Template format error: [/${section}] is not an object`);
  const out: Record<string, JsonObject> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!/^[A-Za-z0-9]{1,255}$/.test(name))
      throw templateError(`Template format error: [/${section}] '${name}' is non alphanumeric.`);
    if (!isObject(value)) throw templateError(`Template format error: [/${section}/${name}] is not an object`);
    out[name] = value;
  }
  return out;
}

function declaration(logicalId: string, value: JsonObject): Declaration {
  for (const attribute of Object.keys(value))
    if (!RESOURCE_ATTRIBUTES.has(attribute))
      throw templateError(`Invalid template resource property '${attribute}' of ${logicalId}: not known to this cloud`);
  const { Type: type, Properties: properties = {}, DependsOn: dependsOn = [], Condition: condition } = value;
  if (typeof type !== "string")
    throw templateError(
      `Template format error: [/Resources/${logicalId}] Every Resources object must contain a Type member.`,
    );
  if (!isObject(properties))
    throw templateError(`Template format error: [/Resources/${logicalId}/Properties] is not an object`);
  const { UpdatePolicy: updatePolicy = {}, Metadata: metadata = {} } = value;
  return {
    logicalId,
    type,
    properties,
    dependsOn: (isList(dependsOn) ? dependsOn : [dependsOn]).map(String),
    ...(typeof condition === "string" ? { condition } : {}),
    deletionPolicy: retention(logicalId, value["DeletionPolicy"]),
    updateReplacePolicy: retention(logicalId, value["UpdateReplacePolicy"]),
    updatePolicy: isObject(updatePolicy) ? updatePolicy : {},
    metadata: isObject(metadata) ? metadata : {},
  };
}

function retention(logicalId: string, value: Json | undefined): RetentionPolicy {
  if (value === undefined || value === "Delete") return "Delete";
  if (value === "Retain" || value === "RetainExceptOnCreate") return value;
  throw templateError(
    `${logicalId}: deletion policy ${JSON.stringify(value)} is not known to this cloud (Delete, Retain, RetainExceptOnCreate)`,
  );
}
