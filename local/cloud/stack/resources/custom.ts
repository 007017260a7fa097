import { isList, isObject, parseJson, textOf, type Json, type JsonObject } from "../engine/json.ts";
import { requiredText } from "./read.ts";
import type { Attributes, Existing, ResourceContext, ResourceType } from "./resource.ts";

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html */
type RequestType = "Create" | "Update" | "Delete";

/** Documented bounds of ServiceTimeout, and what is waited without it. */
const TIMEOUT_SECONDS = { min: 1, max: 3_600, default: 3_600 } as const;
/** A name that CloudFormation gives where the function has told none. */
const NAME_MAX = 128;
const PHYSICAL_ID_BYTES_MAX = 1_024;

const NAME = /^(AWS::CloudFormation::CustomResource|Custom::[\w@-]{1,60})$/;

/** What the function has answered. */
interface Answer {
  readonly physicalId: string;
  readonly attributes: Attributes;
}

/** A function's refusal; the id is what a Delete has to name. */
class Refused extends Error {
  readonly physicalId: string | undefined;
  constructor(message: string, physicalId: string | undefined) {
    super(message);
    this.physicalId = physicalId;
  }
}

function timeoutMs(properties: JsonObject): number {
  const given = properties["ServiceTimeout"];
  if (given === undefined) return TIMEOUT_SECONDS.default * 1_000;
  const seconds = Number(textOf(given));
  if (!Number.isInteger(seconds) || seconds < TIMEOUT_SECONDS.min || seconds > TIMEOUT_SECONDS.max)
    throw new Error(
      `ServiceTimeout ${textOf(given)}: must be a whole number from ${TIMEOUT_SECONDS.min} to ${TIMEOUT_SECONDS.max}`,
    );
  return seconds * 1_000;
}

function functionOf(properties: JsonObject): string {
  const token = requiredText(properties, "ServiceToken");
  if (/^arn:aws[a-z-]*:lambda:/.test(token)) return token;
  if (/^arn:aws[a-z-]*:sns:/.test(token))
    throw new Error(`ServiceToken ${token}: SNS topics are not known to this cloud, give a Lambda function`);
  throw new Error(`Invalid service token ${token}`);
}

/** CloudFormation hands every scalar to the function as text. */
function texts(value: Json): Json {
  if (isList(value)) return value.map(texts);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, texts(item)]));
  return value === null ? "" : textOf(value);
}

/** Sends one request and waits for its answer; a function that fails or keeps silent uses up the whole time. */
async function ask(
  ctx: ResourceContext,
  type: string,
  what: RequestType,
  properties: JsonObject,
  existing?: Existing,
): Promise<Answer> {
  const FunctionName = functionOf(properties);
  const expected = ctx.expectResponse(timeoutMs(properties));
  const RequestId = ctx.uuid();
  const request = {
    RequestType: what,
    ServiceToken: FunctionName,
    ResponseURL: expected.url,
    StackId: ctx.stackId,
    RequestId,
    LogicalResourceId: ctx.logicalId,
    ...(existing === undefined ? {} : { PhysicalResourceId: existing.physicalId }),
    ResourceType: type,
    ResourceProperties: texts(properties),
    ...(what === "Update" && existing !== undefined ? { OldResourceProperties: texts(existing.properties) } : {}),
  };
  try {
    await ctx.call("lambda", "Invoke", {
      FunctionName,
      InvocationType: "Event",
      Payload: Buffer.from(JSON.stringify(request)),
    });
  } catch (error) {
    expected.cancel();
    throw error;
  }
  return answerOf(await expected.body, RequestId, ctx, existing?.physicalId);
}

function answerOf(body: string | undefined, requestId: string, ctx: ResourceContext, before?: string): Answer {
  if (body === undefined)
    throw new Refused(
      `CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [${requestId}].`,
      before,
    );
  const answer = jsonOf(body);
  const text = (name: string): string | undefined => {
    const value = answer?.[name];
    return value === undefined || value === null ? undefined : textOf(value);
  };
  const physicalId = text("PhysicalResourceId") ?? before;
  if (answer === undefined) throw new Refused("Invalid response: the body is not a JSON object", physicalId);
  for (const [name, value] of [
    ["StackId", ctx.stackId],
    ["LogicalResourceId", ctx.logicalId],
    ["RequestId", requestId],
  ] as const)
    if (text(name) !== value) throw new Refused(`Invalid response: ${name} is not that of the request`, physicalId);
  const status = text("Status");
  if (status === "FAILED")
    throw new Refused(
      `Received response status [FAILED] from custom resource. Message returned: ${text("Reason") ?? "(none)"} (RequestId: ${requestId})`,
      physicalId,
    );
  if (status !== "SUCCESS") throw new Refused(`Invalid response status ${status ?? "(none)"}`, physicalId);
  if (physicalId === undefined || physicalId === "" || Buffer.byteLength(physicalId) > PHYSICAL_ID_BYTES_MAX)
    throw new Refused("Invalid PhysicalResourceId", before);
  // NoEcho hides the values wherever the properties of others are shown; nothing of this cloud shows those.
  return { physicalId, attributes: isObject(answer["Data"]) ? answer["Data"] : {} };
}

function jsonOf(body: string): JsonObject | undefined {
  try {
    const value = parseJson(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const MADE = new Map<string, ResourceType>();

/** The type of a custom resource, whose properties and attributes only its function knows; undefined for another name. */
export function customType(name: string): ResourceType | undefined {
  if (!NAME.test(name)) return undefined;
  const known = MADE.get(name) ?? custom(name);
  MADE.set(name, known);
  return known;
}

const custom = (type: string): ResourceType => ({
  type,
  isOpen: true,
  replacing: [],
  updatable: ["ServiceToken", "ServiceTimeout"],
  required: ["ServiceToken"],
  attributes: [],
  refuses: (before, next) =>
    before["ServiceToken"] === next["ServiceToken"] ? undefined : "Modifying service token is not allowed.",
  async create(ctx, properties) {
    try {
      return await ask(ctx, type, "Create", properties);
    } catch (error) {
      // Whatever the function has begun is deleted with the roll-back, under the name that it has told or else got.
      if (error instanceof Refused) ctx.identify(error.physicalId ?? ctx.physicalName(NAME_MAX));
      throw error;
    }
  },
  /** Another physical id in the answer means that the function has made another resource: the old one is deleted later. */
  async update(ctx, existing, next) {
    const { physicalId, attributes } = await ask(ctx, type, "Update", next, existing);
    ctx.identify(physicalId);
    return attributes;
  },
  async remove(ctx, existing) {
    await ask(ctx, type, "Delete", existing.properties, existing);
  },
});
