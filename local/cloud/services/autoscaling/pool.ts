import type * as sdk from "@aws-sdk/client-auto-scaling";
import { CloudError } from "../../errors.ts";
import { beginTermination } from "./act.ts";
import { groupNamed, INSTANCES_PAGE, invalid, page, refuseUnknown } from "./checks.ts";
import { instanceOut, poolOut } from "./describe.ts";
import type { Groups } from "./loop.ts";
import { isTerminating, isWarm, type Group, type WarmPool } from "./model.ts";
import type { Surroundings } from "./source.ts";

const MEMBERS = ["AutoScalingGroupName", "MaxGroupPreparedCapacity", "MinSize", "PoolState", "InstanceReusePolicy"];
/** Removes a bound that was set before. */
const NO_BOUND = -1;

function stateOf(text: string | undefined): WarmPool["state"] | undefined {
  if (text === undefined || text === "Stopped" || text === "Running") return text;
  if (text === "Hibernated") throw invalid("PutWarmPool: the embedded cloud does not support PoolState Hibernated");
  throw invalid(`PoolState '${text}' is not one of Stopped, Running, Hibernated`);
}

function putPool(group: Group, input: sdk.PutWarmPoolType): void {
  const { MinSize: min, MaxGroupPreparedCapacity: bound, InstanceReusePolicy: reuse } = input;
  if (min !== undefined && min < 0) throw invalid(`MinSize must be 0 or more, not ${min}`);
  if (bound !== undefined && bound < NO_BOUND)
    throw invalid(`MaxGroupPreparedCapacity must be ${NO_BOUND} or more, not ${bound}`);
  const state = stateOf(input.PoolState);
  const pool = group.pool ?? { min: 0, state: "Stopped", reuseOnScaleIn: false, deleting: false };
  pool.min = min ?? pool.min;
  pool.state = state ?? pool.state;
  pool.reuseOnScaleIn = reuse?.ReuseOnScaleIn ?? pool.reuseOnScaleIn;
  if (bound === NO_BOUND) delete pool.maxPrepared;
  else if (bound !== undefined) pool.maxPrepared = bound;
  group.pool = pool;
}

/** No instance of the pool waits for a hook any more. */
function emptyAtOnce(around: Surroundings, group: Group): void {
  for (const member of [...group.members.values()].filter(isWarm)) {
    if (!isTerminating(member)) beginTermination(around, group, member, "pool-force-deleted");
    delete member.wait;
    member.withoutHooks = true;
    member.state = "Warmed:Terminating:Proceed";
  }
}

export function poolOperations(around: Surroundings, groups: Groups) {
  return {
    PutWarmPool(input: sdk.PutWarmPoolType): sdk.PutWarmPoolAnswer {
      refuseUnknown("PutWarmPool", input, MEMBERS);
      const group = groupNamed(groups, input.AutoScalingGroupName);
      if (group.pool?.deleting === true)
        throw new CloudError("ResourceContention", `The warm pool of ${group.name} is being deleted.`, 500);
      putPool(group, input);
      groups.wake(group);
      return {};
    },

    DescribeWarmPool(input: sdk.DescribeWarmPoolType): sdk.DescribeWarmPoolAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const { items, ...more } = page([...group.members.values()].filter(isWarm), input, INSTANCES_PAGE);
      return {
        ...(group.pool === undefined ? {} : { WarmPoolConfiguration: poolOut(group.pool) }),
        Instances: items.map((member) => instanceOut(group, member)),
        ...more,
      };
    },

    /** The pool is `PendingDelete` until its last instance is gone; the group's own instances stay. */
    DeleteWarmPool(input: sdk.DeleteWarmPoolType): sdk.DeleteWarmPoolAnswer {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      if (group.pool === undefined) throw invalid(`No warm pool found for Auto Scaling group ${group.name}`);
      group.pool.deleting = true;
      if (input.ForceDelete === true) emptyAtOnce(around, group);
      groups.wake(group);
      return {};
    },
  };
}
