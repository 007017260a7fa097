import type { Emit } from "../../bus/emit.ts";
import type { Service, World } from "../../service.ts";
import { capacityOperations } from "./capacity.ts";
import { describeOperations } from "./describe.ts";
import { groupOperations } from "./groups.ts";
import { hookOperations } from "./hooks.ts";
import { instanceOperations } from "./instances.ts";
import { openGroups, type Groups } from "./loop.ts";
import { attachOperations, moveOperations } from "./moves.ts";
import type { Group } from "./model.ts";
import { poolOperations } from "./pool.ts";
import { refreshOperations } from "./refresh.ts";
import type { InstanceSource, TargetRegistry } from "./source.ts";
import { tagOperations } from "./tags.ts";
import { targetOperations } from "./targets.ts";

/** Deleted groups whose activities are still told. */
const DELETED_GROUPS_MAX = 50;

/** Auto Scaling of one world: groups of launch templates with the whole instance lifecycle, on the world's clock. */
export function openAutoScaling(
  world: World,
  { ec2, targets, emit }: { ec2: InstanceSource; targets: TargetRegistry; emit: Emit },
): { service: Service } {
  const around = { world, ec2, targets, emit };
  const deleted: Group[] = [];
  const groups = openGroups(around, (group) => {
    deleted.unshift(group);
    deleted.length = Math.min(deleted.length, DELETED_GROUPS_MAX);
  });
  return {
    service: {
      id: "autoscaling",
      operations: {
        ...groupOperations(world, groups),
        ...describeOperations(groups, ec2, deleted),
        ...capacityOperations(around, groups),
        ...hookOperations(around, groups),
        ...instanceOperations(around, groups),
        ...moveOperations(around, groups),
        ...attachOperations(around, groups),
        ...targetOperations(around, groups),
        ...tagOperations(groups),
        ...poolOperations(around, groups),
        ...refreshOperations(around, groups),
      },
      resourceOf: (operation, input) => resourceOf(world, groups, operation, input),
      close: async () => groups.close(),
    },
  };
}

/** The group's ARN; Describe operations have no resource on AWS. A group that is not there yet has no id: `*`. */
function resourceOf(world: World, groups: Groups, operation: string, input: Readonly<Record<string, unknown>>): string {
  if (operation.startsWith("Describe")) return "*";
  const named = groupName(input);
  const group = named === undefined ? memberGroup(groups, input) : groups.all.get(named);
  if (group !== undefined) return group.arn;
  return `arn:aws:autoscaling:${world.region}:${world.account}:autoScalingGroup:*:autoScalingGroupName/${named ?? "*"}`;
}

function groupName(input: Readonly<Record<string, unknown>>): string | undefined {
  const { AutoScalingGroupName: name, Tags: tags } = input;
  if (typeof name === "string") return name;
  const first: unknown = Array.isArray(tags) ? tags[0] : undefined;
  if (typeof first !== "object" || first === null || !("ResourceId" in first)) return undefined;
  return typeof first.ResourceId === "string" ? first.ResourceId : undefined;
}

const memberGroup = (groups: Groups, input: Readonly<Record<string, unknown>>): Group | undefined =>
  typeof input["InstanceId"] === "string" ? groups.of(input["InstanceId"]) : undefined;
