import { textOf } from "../engine/json.ts";
import type { JsonObject } from "../engine/json.ts";
import { documentText, gone, listAt, objects, optionalText, pick, retag, tagList, textAt } from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

/** The longest rule name. */
const NAME_MAX = 64;
/** PutTargets takes so many at once. */
const TARGETS_MAX = 100;

const onBus = (properties: JsonObject): Record<string, unknown> => pick(properties, ["EventBusName"]);

async function put(ctx: ResourceContext, Name: string, properties: JsonObject, tagged: boolean): Promise<string> {
  const answer = await ctx.call("events", "PutRule", {
    ...pick(properties, [
      "Description",
      "EventBusName",
      "RoleArn",
      "ScheduleExpression",
      "State",
      ...(tagged ? ["Tags"] : []),
    ]),
    Name,
    EventPattern: documentText(properties["EventPattern"]),
  });
  return textAt(answer, "RuleArn");
}

async function target(ctx: ResourceContext, Rule: string, properties: JsonObject): Promise<void> {
  const Targets = objects(properties["Targets"]);
  if (Targets.length > TARGETS_MAX)
    throw new Error(`rule ${Rule} has ${Targets.length} targets; at most ${TARGETS_MAX} are known here`);
  if (Targets.length === 0) return;
  const answer = await ctx.call("events", "PutTargets", { Rule, ...onBus(properties), Targets });
  const failed = listAt(answer, "FailedEntries");
  if (failed.length > 0) throw new Error(`targets of rule ${Rule} were refused: ${JSON.stringify(failed)}`);
}

async function untarget(
  ctx: ResourceContext,
  Rule: string,
  properties: JsonObject,
  Ids: readonly string[],
): Promise<void> {
  if (Ids.length > 0) await gone(ctx.call("events", "RemoveTargets", { Rule, ...onBus(properties), Ids: [...Ids] }));
}

const targetIds = (properties: JsonObject): string[] => objects(properties["Targets"]).map((one) => textOf(one["Id"]));

const rule: ResourceType = {
  type: "AWS::Events::Rule",
  replacing: ["Name", "EventBusName"],
  updatable: ["Description", "EventPattern", "RoleArn", "ScheduleExpression", "State", "Targets", "Tags"],
  named: "Name",
  tags: "list",
  attributes: ["Arn"],
  async create(ctx, properties) {
    const name = optionalText(properties["Name"]) ?? ctx.physicalName(NAME_MAX);
    const Arn = await put(ctx, name, properties, true);
    const bus = optionalText(properties["EventBusName"]);
    const physicalId = bus === undefined || bus === "default" ? name : `${bus}|${name}`;
    ctx.identify(physicalId);
    await target(ctx, name, properties);
    return { physicalId, attributes: { Arn } };
  },
  async update(ctx, { physicalId, properties }, next) {
    const name = ruleName(physicalId);
    const Arn = await put(ctx, name, next, false);
    await target(ctx, name, next);
    const kept = targetIds(next);
    await untarget(
      ctx,
      name,
      next,
      targetIds(properties).filter((id) => !kept.includes(id)),
    );
    await retag(
      properties["Tags"],
      next["Tags"],
      (tags) => ctx.call("events", "TagResource", { ResourceARN: Arn, Tags: tagList(tags) }),
      (TagKeys) => ctx.call("events", "UntagResource", { ResourceARN: Arn, TagKeys }),
    );
    return { Arn };
  },
  async remove(ctx, { physicalId, properties }) {
    await untarget(ctx, ruleName(physicalId), properties, targetIds(properties));
    await gone(ctx.call("events", "DeleteRule", { Name: ruleName(physicalId), ...onBus(properties) }));
  },
};

const ruleName = (physicalId: string): string => physicalId.split("|").at(-1) ?? physicalId;

export const eventsTypes: readonly ResourceType[] = [rule];
