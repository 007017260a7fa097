import { isObject, type Json, type JsonObject } from "../engine/json.ts";
import {
  gone,
  isNotThere,
  listAt,
  objects,
  optionalText,
  pick,
  requiredText,
  retag,
  strings,
  tagList,
  tagMap,
  textAt,
  valueAt,
} from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

/** Until a change is INSYNC; AWS says that it can take a minute. */
const INSYNC_WAIT_MS = 180_000;

const r53 = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("route53", operation, input);

/** The API gives `/hostedzone/Z...`; `Ref` gives the bare id. */
const bareId = (id: string): string => id.slice(id.lastIndexOf("/") + 1);

async function inSync(ctx: ResourceContext, change: unknown): Promise<void> {
  const Id = bareId(textAt(change, "ChangeInfo", "Id"));
  await ctx.until(
    `change ${Id}`,
    INSYNC_WAIT_MS,
    async () => valueAt(await r53(ctx, "GetChange", { Id }), "ChangeInfo", "Status") === "INSYNC",
  );
}

const vpcsOf = (properties: JsonObject): JsonObject[] =>
  objects(properties["VPCs"]).map((vpc) => ({ VPCId: vpc["VPCId"] ?? null, VPCRegion: vpc["VPCRegion"] ?? null }));

async function retagZone(
  ctx: ResourceContext,
  ResourceId: string,
  before: Json | undefined,
  after: Json | undefined,
): Promise<void> {
  const change = (input: Record<string, unknown>): Promise<unknown> =>
    r53(ctx, "ChangeTagsForResource", { ResourceType: "hostedzone", ResourceId, ...input });
  await retag(
    before,
    after,
    (tags) => change({ AddTags: tagList(tags) }),
    (keys) => change({ RemoveTagKeys: keys }),
  );
}

const hostedZone: ResourceType = {
  type: "AWS::Route53::HostedZone",
  replacing: ["Name"],
  updatable: ["HostedZoneConfig", "VPCs", "HostedZoneTags"],
  required: ["Name"],
  attributes: ["Id", "NameServers"],
  async create(ctx, properties) {
    const [first, ...others] = vpcsOf(properties);
    const config = isObject(properties["HostedZoneConfig"]) ? properties["HostedZoneConfig"] : {};
    const answer = await r53(ctx, "CreateHostedZone", {
      Name: requiredText(properties, "Name"),
      CallerReference: ctx.physicalName(128),
      HostedZoneConfig: { ...config, PrivateZone: first !== undefined },
      ...(first === undefined ? {} : { VPC: first }),
    });
    const Id = bareId(textAt(answer, "HostedZone", "Id"));
    ctx.identify(Id);
    for (const VPC of others) await r53(ctx, "AssociateVPCWithHostedZone", { HostedZoneId: Id, VPC });
    if (Object.keys(tagMap(properties["HostedZoneTags"])).length > 0)
      await retagZone(ctx, Id, undefined, properties["HostedZoneTags"]);
    const NameServers = listAt(answer, "DelegationSet", "NameServers").map(String);
    return { physicalId: Id, attributes: { Id, NameServers } };
  },
  async update(ctx, { physicalId: Id, properties, attributes }, next, changed) {
    if (changed.includes("VPCs")) throw new Error("changing VPCs of a hosted zone is not known to this cloud");
    const config = next["HostedZoneConfig"];
    if (changed.includes("HostedZoneConfig"))
      await r53(ctx, "UpdateHostedZoneComment", {
        Id,
        Comment: isObject(config) ? optionalText(config["Comment"]) : "",
      });
    await retagZone(ctx, Id, properties["HostedZoneTags"], next["HostedZoneTags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(r53(ctx, "DeleteHostedZone", { Id: physicalId })),
};

const SET = [
  "Type",
  "SetIdentifier",
  "Weight",
  "Region",
  "Failover",
  "GeoLocation",
  "MultiValueAnswer",
  "HealthCheckId",
  "AliasTarget",
];

/** Record names are absolute in the API. */
const absolute = (name: string): string => (name.endsWith(".") ? name : `${name}.`);

function recordSet(properties: JsonObject): Record<string, unknown> {
  const records = strings(properties["ResourceRecords"]);
  return {
    ...pick(properties, [...SET, "TTL"]),
    Name: absolute(requiredText(properties, "Name")),
    ...(records.length === 0 ? {} : { ResourceRecords: records.map((Value) => ({ Value })) }),
  };
}

async function zoneOf(ctx: ResourceContext, properties: JsonObject): Promise<string> {
  const id = optionalText(properties["HostedZoneId"]);
  if (id !== undefined) return bareId(id);
  const name = absolute(requiredText(properties, "HostedZoneName"));
  const answer = await r53(ctx, "ListHostedZonesByName", { DNSName: name });
  const found = listAt(answer, "HostedZones").find((zone) => valueAt(zone, "Name") === name);
  if (found === undefined) throw new Error(`No hosted zone named ${name} was found.`);
  return bareId(textAt(found, "Id"));
}

async function changeRecord(
  ctx: ResourceContext,
  Action: "CREATE" | "UPSERT" | "DELETE",
  properties: JsonObject,
): Promise<void> {
  const HostedZoneId = await zoneOf(ctx, properties);
  const Changes = [{ Action, ResourceRecordSet: recordSet(properties) }];
  await inSync(ctx, await r53(ctx, "ChangeResourceRecordSets", { HostedZoneId, ChangeBatch: { Changes } }));
}

const record: ResourceType = {
  type: "AWS::Route53::RecordSet",
  replacing: ["Name", "HostedZoneId", "HostedZoneName"],
  updatable: [...SET, "TTL", "ResourceRecords", "Comment"],
  required: ["Name", "Type"],
  attributes: [],
  async create(ctx, properties) {
    await changeRecord(ctx, "CREATE", properties);
    return { physicalId: requiredText(properties, "Name"), attributes: {} };
  },
  async update(ctx, { properties }, next, changed) {
    const isOther = changed.includes("Type") || changed.includes("SetIdentifier");
    if (isOther) await changeRecord(ctx, "DELETE", properties);
    await changeRecord(ctx, "UPSERT", next);
    return {};
  },
  async remove(ctx, { properties }) {
    try {
      await changeRecord(ctx, "DELETE", properties);
    } catch (error) {
      if (!isNotThere(error) && !/but it was not found/.test(error instanceof Error ? error.message : "")) throw error;
    }
  },
};

export const route53Types: readonly ResourceType[] = [hostedZone, record];
