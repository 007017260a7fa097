import type { JsonObject } from "../engine/json.ts";
import { gone, isNotThere, listAt, objects, optionalText, pick, retag, tagList, textAt, valueAt } from "./read.ts";
import type { Attributes, ResourceContext, ResourceType } from "./resource.ts";

/** The longest names that ElastiCache takes. */
const CLUSTER_NAME_MAX = 50;
const SUBNET_GROUP_NAME_MAX = 255;
/** Until a cluster is available, or gone; AWS needs about five minutes. */
const WAIT_MS = 1_800_000;

const cache = (ctx: ResourceContext, operation: string, input: Record<string, unknown>) =>
  ctx.call("elasticache", operation, input);

const arnOf = (ctx: ResourceContext, kind: string, name: string): string =>
  `arn:aws:elasticache:${ctx.region}:${ctx.account}:${kind}:${name}`;

const retagCache = (ctx: ResourceContext, ResourceName: string, before: JsonObject, after: JsonObject): Promise<void> =>
  retag(
    before["Tags"],
    after["Tags"],
    (tags) => cache(ctx, "AddTagsToResource", { ResourceName, Tags: tagList(tags) }),
    (TagKeys) => cache(ctx, "RemoveTagsFromResource", { ResourceName, TagKeys }),
  );

const tagsOf = (properties: JsonObject): Record<string, unknown> =>
  objects(properties["Tags"]).length > 0 ? pick(properties, ["Tags"]) : {};

const subnetGroup: ResourceType = {
  type: "AWS::ElastiCache::SubnetGroup",
  replacing: ["CacheSubnetGroupName"],
  updatable: ["Description", "SubnetIds", "Tags"],
  required: ["Description", "SubnetIds"],
  named: "CacheSubnetGroupName",
  tags: "list",
  attributes: [],
  async create(ctx, properties) {
    const name = (
      optionalText(properties["CacheSubnetGroupName"]) ?? ctx.physicalName(SUBNET_GROUP_NAME_MAX)
    ).toLowerCase();
    await cache(ctx, "CreateCacheSubnetGroup", {
      CacheSubnetGroupName: name,
      CacheSubnetGroupDescription: properties["Description"],
      ...pick(properties, ["SubnetIds"]),
      ...tagsOf(properties),
    });
    return { physicalId: name, attributes: {} };
  },
  async update(ctx, { physicalId, properties }, next, changed) {
    if (changed.includes("Description") || changed.includes("SubnetIds"))
      await cache(ctx, "ModifyCacheSubnetGroup", {
        CacheSubnetGroupName: physicalId,
        CacheSubnetGroupDescription: next["Description"],
        ...pick(next, ["SubnetIds"]),
      });
    await retagCache(ctx, arnOf(ctx, "subnetgroup", physicalId), properties, next);
    return {};
  },
  remove: (ctx, { physicalId }) => gone(cache(ctx, "DeleteCacheSubnetGroup", { CacheSubnetGroupName: physicalId })),
};

const FIXED = [
  "CacheNodeType",
  "CacheSubnetGroupName",
  "ClusterName",
  "Engine",
  "Port",
  "AZMode",
  "EngineVersion",
  "CacheParameterGroupName",
];
const CHANGEABLE = ["PreferredMaintenanceWindow", "AutoMinorVersionUpgrade"];

const cacheCluster: ResourceType = {
  type: "AWS::ElastiCache::CacheCluster",
  replacing: FIXED,
  updatable: [...CHANGEABLE, "NumCacheNodes", "VpcSecurityGroupIds", "Tags"],
  required: ["CacheNodeType", "Engine", "NumCacheNodes"],
  named: "ClusterName",
  tags: "list",
  attributes: ["ConfigurationEndpoint.Address", "ConfigurationEndpoint.Port"],
  async create(ctx, properties) {
    const CacheClusterId = (
      optionalText(properties["ClusterName"]) ?? ctx.physicalName(CLUSTER_NAME_MAX)
    ).toLowerCase();
    const { VpcSecurityGroupIds: SecurityGroupIds } = properties;
    await cache(ctx, "CreateCacheCluster", {
      ...pick(properties, [...FIXED.filter((name) => name !== "ClusterName"), ...CHANGEABLE, "NumCacheNodes"]),
      ...tagsOf(properties),
      SecurityGroupIds,
      CacheClusterId,
    });
    ctx.identify(CacheClusterId);
    return { physicalId: CacheClusterId, attributes: await untilAvailable(ctx, CacheClusterId) };
  },
  async update(ctx, { physicalId: CacheClusterId, properties }, next, changed) {
    if (changed.some((name) => name !== "Tags")) {
      const { VpcSecurityGroupIds: SecurityGroupIds } = next;
      await cache(ctx, "ModifyCacheCluster", {
        CacheClusterId,
        ...pick(next, CHANGEABLE),
        ...(changed.includes("VpcSecurityGroupIds") ? { SecurityGroupIds } : {}),
        ...(changed.includes("NumCacheNodes") ? await resized(ctx, CacheClusterId, Number(next["NumCacheNodes"])) : {}),
        ApplyImmediately: true,
      });
    }
    await retagCache(ctx, arnOf(ctx, "cluster", CacheClusterId), properties, next);
    return untilAvailable(ctx, CacheClusterId);
  },
  async remove(ctx, { physicalId }) {
    let asked = false;
    await ctx.until(`deletion of cache cluster ${physicalId}`, WAIT_MS, async () => {
      const status = await statusOf(ctx, physicalId);
      if (status === undefined) return true;
      // One that is still being created or modified cannot be deleted yet.
      if (!asked && (status === "available" || status.startsWith("incompatible"))) {
        await gone(cache(ctx, "DeleteCacheCluster", { CacheClusterId: physicalId }));
        asked = true;
      }
      return false;
    });
  },
};

const describe = (ctx: ResourceContext, CacheClusterId: string) =>
  cache(ctx, "DescribeCacheClusters", { CacheClusterId, ShowCacheNodeInfo: true });

/** Undefined: not there. */
async function statusOf(ctx: ResourceContext, id: string): Promise<string | undefined> {
  try {
    return textAt(await describe(ctx, id), "CacheClusters", 0, "CacheClusterStatus");
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** The nodes with the highest numbers go. */
async function resized(ctx: ResourceContext, id: string, wanted: number): Promise<Record<string, unknown>> {
  const nodes = listAt(await describe(ctx, id), "CacheClusters", 0, "CacheNodes").map((node) =>
    textAt(node, "CacheNodeId"),
  );
  const surplus = nodes.toSorted().slice(wanted);
  return { NumCacheNodes: wanted, ...(surplus.length > 0 ? { CacheNodeIdsToRemove: surplus } : {}) };
}

async function untilAvailable(ctx: ResourceContext, id: string): Promise<Attributes> {
  let attributes: Attributes = {};
  await ctx.until(`cache cluster ${id}`, WAIT_MS, async () => {
    const answer = await describe(ctx, id);
    const status = valueAt(answer, "CacheClusters", 0, "CacheClusterStatus");
    if (typeof status === "string" && status.startsWith("incompatible"))
      throw new Error(`cache cluster ${id} is ${status}`);
    attributes = {
      "ConfigurationEndpoint.Address": textAt(answer, "CacheClusters", 0, "ConfigurationEndpoint", "Address"),
      "ConfigurationEndpoint.Port": textAt(answer, "CacheClusters", 0, "ConfigurationEndpoint", "Port"),
    };
    return status === "available";
  });
  return attributes;
}

export const elasticacheTypes: readonly ResourceType[] = [subnetGroup, cacheCluster];
