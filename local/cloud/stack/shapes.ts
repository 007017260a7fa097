import { textOf } from "./engine/json.ts";
import type { Parameter, Tag } from "@aws-sdk/client-cloudformation";
import type { ParameterValues } from "./engine/parameters.ts";
import type { Stack, StackResource } from "./record.ts";

export const tagsShape = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export const parametersShape = (values: ParameterValues): Parameter[] =>
  Object.entries(values).map(([ParameterKey, one]) => ({
    ParameterKey,
    ParameterValue: one.hidden ? "****" : one.given,
    ...(one.value === one.given || Array.isArray(one.value)
      ? {}
      : { ResolvedValue: one.hidden ? "****" : textOf(one.value) }),
  }));

/** As DescribeStacks shows a stack. */
export const stackShape = (stack: Stack) => ({
  StackId: stack.id,
  StackName: stack.name,
  ...(stack.description === undefined ? {} : { Description: stack.description }),
  Parameters: parametersShape(stack.parameters),
  CreationTime: new Date(stack.createdAt),
  ...(stack.updatedAt === undefined ? {} : { LastUpdatedTime: new Date(stack.updatedAt) }),
  ...(stack.deletedAt === undefined ? {} : { DeletionTime: new Date(stack.deletedAt) }),
  RollbackConfiguration: {},
  StackStatus: stack.status,
  ...(stack.statusReason === undefined ? {} : { StackStatusReason: stack.statusReason }),
  DisableRollback: false,
  NotificationARNs: [],
  Capabilities: [...stack.capabilities],
  Outputs: stack.outputs.map((output) => ({
    OutputKey: output.name,
    OutputValue: output.value,
    ...(output.description === undefined ? {} : { Description: output.description }),
    ...(output.exportName === undefined ? {} : { ExportName: output.exportName }),
  })),
  Tags: tagsShape(stack.tags),
  EnableTerminationProtection: stack.terminationProtection,
  DriftInformation: { StackDriftStatus: "NOT_CHECKED" as const },
});

export const resourceSummary = (resource: StackResource) => ({
  LogicalResourceId: resource.logicalId,
  PhysicalResourceId: resource.physicalId,
  ResourceType: resource.type,
  LastUpdatedTimestamp: new Date(resource.at),
  ResourceStatus: resource.status,
  ...(resource.statusReason === undefined ? {} : { ResourceStatusReason: resource.statusReason }),
  DriftInformation: { StackResourceDriftStatus: "NOT_CHECKED" as const },
});

/** As DescribeStackResource shows it. */
export const resourceDetail = (stack: Stack, resource: StackResource) => ({
  ...resourceSummary(resource),
  StackName: stack.name,
  StackId: stack.id,
  Metadata: JSON.stringify(resource.metadata),
});

/** As DescribeStackResources shows it: the same with `Timestamp`. */
export const resourceShape = (stack: Stack, resource: StackResource) => {
  const { LastUpdatedTimestamp: Timestamp, ...rest } = resourceSummary(resource);
  return { ...rest, Timestamp, StackName: stack.name, StackId: stack.id };
};
