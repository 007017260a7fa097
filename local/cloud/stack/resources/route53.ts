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

async function retagRoute53(
  ctx: ResourceContext,
  kind: "hostedzone" | "healthcheck",
  ResourceId: string,
  before: Json | undefined,
  after: Json | undefined,
): Promise<void> {
  const change = (input: Record<string, unknown>): Promise<unknown> =>
    r53(ctx, "ChangeTagsForResource", { ResourceType: kind, ResourceId, ...input });
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
      await retagRoute53(ctx, "hostedzone", Id, undefined, properties["HostedZoneTags"]);
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
    await retagRoute53(ctx, "hostedzone", Id, properties["HostedZoneTags"], next["HostedZoneTags"]);
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

type Action = "CREATE" | "UPSERT" | "DELETE";
interface Change {
  readonly Action: Action;
  readonly ResourceRecordSet: Record<string, unknown>;
}

async function changeRecords(
  ctx: ResourceContext,
  properties: JsonObject,
  Changes: readonly Change[],
  Comment?: string,
): Promise<void> {
  if (Changes.length === 0) return;
  const HostedZoneId = await zoneOf(ctx, properties);
  const ChangeBatch = { Changes, ...(Comment === undefined ? {} : { Comment }) };
  let change: unknown;
  // A zone takes one change after the other; CloudFormation tries again until it is this one's turn.
  await ctx.until(`zone ${HostedZoneId} taking a change`, INSYNC_WAIT_MS, async () => {
    try {
      change = await r53(ctx, "ChangeResourceRecordSets", { HostedZoneId, ChangeBatch });
      return true;
    } catch (error) {
      if (error instanceof Error && Reflect.get(error, "code") === "PriorRequestNotComplete") return false;
      throw error;
    }
  });
  await inSync(ctx, change);
}

const changeRecord = (ctx: ResourceContext, action: Action, properties: JsonObject): Promise<void> =>
  changeRecords(ctx, properties, [{ Action: action, ResourceRecordSet: recordSet(properties) }]);

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
  remove: (ctx, { properties }) => removeRecord(ctx, properties),
};

/** A record that is not there any more is removed. */
async function removeRecord(ctx: ResourceContext, properties: JsonObject): Promise<void> {
  try {
    await changeRecord(ctx, "DELETE", properties);
  } catch (error) {
    if (!isNotThere(error) && !/but it was not found/.test(error instanceof Error ? error.message : "")) throw error;
  }
}

const comparable = (properties: JsonObject): string => JSON.stringify(recordSet(properties));
const sameRecord = (a: JsonObject, b: JsonObject): boolean =>
  ["Name", "Type", "SetIdentifier"].every((name) => optionalText(a[name]) === optionalText(b[name]));

/** The group as one batch: what is no longer there goes, what is new or other is put. */
function groupChanges(before: readonly JsonObject[], next: readonly JsonObject[]): Change[] {
  const dropped = before.filter((one) => !next.some((other) => sameRecord(one, other)));
  const put = next.filter((one) => !before.some((other) => comparable(one) === comparable(other)));
  const isNew = (one: JsonObject): boolean => !before.some((other) => sameRecord(one, other));
  return [
    ...dropped.map((one): Change => ({ Action: "DELETE", ResourceRecordSet: recordSet(one) })),
    ...put.map((one): Change => ({ Action: isNew(one) ? "CREATE" : "UPSERT", ResourceRecordSet: recordSet(one) })),
  ];
}

const recordsOf = (properties: JsonObject): readonly JsonObject[] => objects(properties["RecordSets"]);

const recordGroup: ResourceType = {
  type: "AWS::Route53::RecordSetGroup",
  replacing: ["HostedZoneId", "HostedZoneName"],
  updatable: ["RecordSets", "Comment"],
  attributes: ["Id"],
  async create(ctx, properties) {
    const physicalId = ctx.physicalName(255);
    const comment = optionalText(properties["Comment"]);
    await changeRecords(ctx, properties, groupChanges([], recordsOf(properties)), comment);
    return { physicalId, attributes: { Id: physicalId } };
  },
  async update(ctx, { properties, attributes }, next) {
    await changeRecords(ctx, next, groupChanges(recordsOf(properties), recordsOf(next)), optionalText(next["Comment"]));
    return attributes;
  },
  async remove(ctx, { properties }) {
    for (const one of recordsOf(properties)) {
      const zone = pick(properties, ["HostedZoneId", "HostedZoneName"]);
      await removeRecord(ctx, { ...one, ...zone });
    }
  },
};

/** What changes in place; any other member of the configuration makes a new health check. */
const HEALTH_FIXED = ["Type", "RequestInterval", "MeasureLatency", "RoutingControlArn"];

const healthConfig = (properties: JsonObject): JsonObject => {
  const config = properties["HealthCheckConfig"];
  return isObject(config) ? config : {};
};

const healthCheck: ResourceType = {
  type: "AWS::Route53::HealthCheck",
  replacing: [],
  updatable: ["HealthCheckConfig", "HealthCheckTags"],
  required: ["HealthCheckConfig"],
  attributes: ["HealthCheckId"],
  async create(ctx, properties) {
    const CallerReference = ctx.physicalName(64);
    const answer = await r53(ctx, "CreateHealthCheck", {
      CallerReference,
      HealthCheckConfig: healthConfig(properties),
    });
    const id = textAt(answer, "HealthCheck", "Id");
    ctx.identify(id);
    await retagRoute53(ctx, "healthcheck", id, undefined, properties["HealthCheckTags"]);
    return { physicalId: id, attributes: { HealthCheckId: id } };
  },
  async update(ctx, { physicalId: HealthCheckId, properties, attributes }, next, changed) {
    const fixed = HEALTH_FIXED.find(
      (name) => optionalText(healthConfig(properties)[name]) !== optionalText(healthConfig(next)[name]),
    );
    if (fixed !== undefined) throw new Error(`changing ${fixed} of a health check is not known to this cloud`);
    if (changed.includes("HealthCheckConfig")) {
      const config = Object.entries(healthConfig(next)).filter(([name]) => !HEALTH_FIXED.includes(name));
      await r53(ctx, "UpdateHealthCheck", { HealthCheckId, ...Object.fromEntries(config) });
    }
    await retagRoute53(ctx, "healthcheck", HealthCheckId, properties["HealthCheckTags"], next["HealthCheckTags"]);
    return attributes;
  },
  remove: (ctx, { physicalId }) => gone(r53(ctx, "DeleteHealthCheck", { HealthCheckId: physicalId })),
};

export const route53Types: readonly ResourceType[] = [hostedZone, record, recordGroup, healthCheck];
