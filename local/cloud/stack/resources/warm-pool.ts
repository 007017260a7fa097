import type { JsonObject } from "../engine/json.ts";
import { gone, pick, requiredText, valueAt } from "./read.ts";
import type { ResourceContext, ResourceType } from "./resource.ts";

/** Until the last instance of a pool is gone; none of them serves, so nothing is drained. */
const EMPTY_WAIT_MS = 15 * 60_000;

const SETTINGS = ["MaxGroupPreparedCapacity", "MinSize", "PoolState", "InstanceReusePolicy"];
/** What a property says that is not in the template any more: a call that leaves it out would keep the old value. */
const DEFAULTS = {
  MaxGroupPreparedCapacity: -1,
  MinSize: 0,
  PoolState: "Stopped",
  InstanceReusePolicy: { ReuseOnScaleIn: false },
};

const put = (ctx: ResourceContext, AutoScalingGroupName: string, properties: JsonObject): Promise<unknown> =>
  ctx.call("autoscaling", "PutWarmPool", { ...DEFAULTS, ...pick(properties, SETTINGS), AutoScalingGroupName });

async function isThere(ctx: ResourceContext, AutoScalingGroupName: string): Promise<boolean> {
  const { AutoScalingGroups } = await ctx.call("autoscaling", "DescribeAutoScalingGroups", {
    AutoScalingGroupNames: [AutoScalingGroupName],
  });
  return valueAt(AutoScalingGroups, 0, "WarmPoolConfiguration") !== undefined;
}

const warmPool: ResourceType = {
  type: "AWS::AutoScaling::WarmPool",
  replacing: ["AutoScalingGroupName"],
  updatable: SETTINGS,
  required: ["AutoScalingGroupName"],
  named: "AutoScalingGroupName",
  attributes: [],
  /** Complete when the pool is asked for: its instances come afterwards. */
  async create(ctx, properties) {
    const name = requiredText(properties, "AutoScalingGroupName");
    await put(ctx, name, properties);
    return { physicalId: name, attributes: {} };
  },
  async update(ctx, { physicalId }, next) {
    await put(ctx, physicalId, next);
    return {};
  },
  async remove(ctx, { physicalId: AutoScalingGroupName }) {
    if (!(await isThere(ctx, AutoScalingGroupName))) return;
    await gone(ctx.call("autoscaling", "DeleteWarmPool", { AutoScalingGroupName, ForceDelete: true }));
    await ctx.until(
      `deletion of the warm pool of ${AutoScalingGroupName}`,
      EMPTY_WAIT_MS,
      async () => !(await isThere(ctx, AutoScalingGroupName)),
    );
  },
};

export const warmPoolTypes: readonly ResourceType[] = [warmPool];
