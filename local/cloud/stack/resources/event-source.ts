import type { JsonObject } from "../engine/json.ts";
import { gone, pick, retag, tagMap, textAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** Until a mapping polls, or has stopped to. */
const SETTLED_WAIT_MS = 60_000;

const UPDATABLE = [
  "FunctionName",
  "BatchSize",
  "MaximumBatchingWindowInSeconds",
  "Enabled",
  "FunctionResponseTypes",
  "ScalingConfig",
  // Refused by the API, by name.
  "FilterCriteria",
  "DestinationConfig",
  "MaximumRecordAgeInSeconds",
  "MaximumRetryAttempts",
];
/** The API leaves alone what is not given, so a property that the template no longer has is set to its default. */
const DEFAULTS = {
  BatchSize: 10,
  MaximumBatchingWindowInSeconds: 0,
  Enabled: true,
  FunctionResponseTypes: [],
  ScalingConfig: {},
};

const attributesOf = (answer: unknown): Attributes => ({
  Id: textAt(answer, "UUID"),
  EventSourceMappingArn: textAt(answer, "EventSourceMappingArn"),
});

const settled = (ctx: ResourceContext, UUID: string): Promise<void> =>
  ctx.until(`event source mapping ${UUID}`, SETTLED_WAIT_MS, async () =>
    /^(Enabled|Disabled)$/.test(textAt(await ctx.call("lambda", "GetEventSourceMapping", { UUID }), "State")),
  );

const mapping: ResourceType = {
  type: "AWS::Lambda::EventSourceMapping",
  replacing: ["EventSourceArn"],
  updatable: [...UPDATABLE, "Tags"],
  required: ["FunctionName", "EventSourceArn"],
  tags: "list",
  attributes: ["Id", "EventSourceMappingArn"],
  async create(ctx, properties) {
    const answer = await ctx.call("lambda", "CreateEventSourceMapping", {
      ...pick(properties, ["EventSourceArn", ...UPDATABLE]),
      Tags: tagMap(properties["Tags"]),
    });
    const attributes = attributesOf(answer);
    const physicalId = textAt(answer, "UUID");
    ctx.identify(physicalId);
    await settled(ctx, physicalId);
    return { physicalId, attributes };
  },
  async update(ctx, { physicalId: UUID, properties, attributes }, next, changed) {
    if (changed.some((name) => name !== "Tags")) {
      await ctx.call("lambda", "UpdateEventSourceMapping", { ...DEFAULTS, ...pick(next, UPDATABLE), UUID });
      await settled(ctx, UUID);
    }
    await retagged(ctx, attributes, properties, next);
    return attributes;
  },
  remove: (ctx, { physicalId: UUID }) => gone(ctx.call("lambda", "DeleteEventSourceMapping", { UUID })),
};

const retagged = (ctx: ResourceContext, attributes: Attributes, before: JsonObject, next: JsonObject): Promise<void> =>
  retag(
    before["Tags"],
    next["Tags"],
    (Tags) => ctx.call("lambda", "TagResource", { Resource: attributes["EventSourceMappingArn"], Tags }),
    (TagKeys) => ctx.call("lambda", "UntagResource", { Resource: attributes["EventSourceMappingArn"], TagKeys }),
  );

export const eventSourceTypes: readonly ResourceType[] = [mapping];
