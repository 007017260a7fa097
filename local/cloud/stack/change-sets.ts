import type {
  Change as ChangeShape,
  CreateChangeSetCommandInput,
  DeleteChangeSetCommandInput,
  DescribeChangeSetCommandInput,
  ListChangeSetsCommandInput,
  ResourceAttribute,
} from "@aws-sdk/client-cloudformation";
import { CloudError } from "../errors.ts";
import type { Call, World } from "../service.ts";
import { changesOf, type Change } from "./engine/plan.ts";
import { faults } from "./engine/validate.ts";
import { templateError } from "./engine/template.ts";
import { parametersShape, tagsShape } from "./shapes.ts";
import type { ChangeSet, Stack, Wish } from "./record.ts";
import { alreadyExists, requireUpdatable, type Stacks } from "./stacks.ts";
import { wishOf, type Dependencies } from "./wish.ts";

const NOTHING_CHANGED =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

/**
 * Works out what executing the change set would do. It is complete (or FAILED, with the reason) when the call
 * returns, where AWS needs a second of CREATE_PENDING.
 */
export async function createChangeSet(
  world: World,
  deps: Dependencies,
  stacks: Stacks,
  input: CreateChangeSetCommandInput,
  call: Call,
) {
  const kind = input.ChangeSetType ?? "UPDATE";
  if (kind === "IMPORT") throw templateError("ChangeSetType IMPORT is not known to this cloud");
  const name = input.ChangeSetName ?? "";
  const existing = stacks.lookUp(input.StackName ?? "");
  const stack = existing ?? (kind === "CREATE" ? stacks.begin(input.StackName ?? "", "REVIEW_IN_PROGRESS") : undefined);
  if (stack === undefined) throw templateError(`Stack [${input.StackName}] does not exist`);
  if (kind === "CREATE" && stack.status !== "REVIEW_IN_PROGRESS")
    throw templateError(
      `Stack [${stack.name}] already exists and cannot be created again with the changeSet [${name}].`,
    );
  if (kind === "UPDATE") requireUpdatable(stack);
  if (stack.changeSets.has(name)) throw alreadyExists(`ChangeSet ${name} already exists in stack ${stack.id}`);
  try {
    const wish = await wishOf(world, deps, stacks, stack, input, call.principal);
    stack.changeSets.set(name, judged(world, stack, wish, name, kind, input.Description));
  } catch (error) {
    if (existing === undefined) stacks.forget(stack);
    throw error;
  }
  return { Id: stack.changeSets.get(name)?.id, StackId: stack.id };
}

function judged(
  world: World,
  stack: Stack,
  wish: Wish,
  name: string,
  kind: "CREATE" | "UPDATE",
  description: string | undefined,
): ChangeSet {
  const { parameters, tags, capabilities } = wish;
  const common = {
    id: `arn:aws:cloudformation:${world.region}:${world.account}:changeSet/${name}/${world.ids.uuid()}`,
    name,
    kind,
    createdAt: world.clock.now(),
    ...(description === undefined ? {} : { description }),
    parameters,
    tags,
    capabilities,
  };
  const failed = (statusReason: string): ChangeSet => ({
    ...common,
    status: "FAILED",
    statusReason,
    executionStatus: "UNAVAILABLE",
    changes: [],
  });
  const wrong = faults(wish.target, stack.resources);
  if (wrong.length > 0) return failed(wrong.join("; "));
  let changes: Change[];
  try {
    changes = changesOf(wish.target, stack.resources);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  if (changes.length === 0 && !changesOtherwise(stack, wish)) return failed(NOTHING_CHANGED);
  return { ...common, status: "CREATE_COMPLETE", executionStatus: "AVAILABLE", changes, wish };
}

/** Whether anything but resources would change: the stack's tags or what it puts out. */
export function changesOtherwise(stack: Stack, wish: Wish): boolean {
  if (stack.templateBody === undefined) return true;
  const outputs = (body: string): string => JSON.stringify(outputsIn(body));
  return (
    JSON.stringify(stack.tags) !== JSON.stringify(wish.tags) ||
    outputs(stack.templateBody) !== outputs(wish.target.template.body)
  );
}

function outputsIn(body: string): unknown {
  const parsed: unknown = JSON.parse(body);
  return typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, "Outputs") : undefined;
}

/** By name in its stack, or by ARN. Throws `ChangeSetNotFound`. */
export function findChangeSet(
  stacks: Stacks,
  input: { StackName?: string | undefined; ChangeSetName: string | undefined },
): { stack: Stack; changeSet: ChangeSet } {
  const name = input.ChangeSetName ?? "";
  const among = input.StackName === undefined ? stacks.living() : [stacks.find(input.StackName)];
  for (const stack of among)
    for (const changeSet of stack.changeSets.values())
      if (changeSet.id === name || (changeSet.name === name && input.StackName !== undefined))
        return { stack, changeSet };
  throw new CloudError("ChangeSetNotFound", `ChangeSet [${name}] does not exist`, 404);
}

export function describeChangeSet(stacks: Stacks, input: DescribeChangeSetCommandInput) {
  const { stack, changeSet } = findChangeSet(stacks, input);
  return {
    ...summary(stack, changeSet),
    Parameters: parametersShape(changeSet.parameters),
    Tags: tagsShape(changeSet.tags),
    Capabilities: [...changeSet.capabilities],
    NotificationARNs: [],
    RollbackConfiguration: {},
    Changes: changeSet.changes.map(changeShape),
    IncludeNestedStacks: false,
  };
}

const summary = (stack: Stack, changeSet: ChangeSet) => ({
  ChangeSetName: changeSet.name,
  ChangeSetId: changeSet.id,
  StackId: stack.id,
  StackName: stack.name,
  ...(changeSet.description === undefined ? {} : { Description: changeSet.description }),
  CreationTime: new Date(changeSet.createdAt),
  ExecutionStatus: changeSet.executionStatus,
  Status: changeSet.status,
  ...(changeSet.statusReason === undefined ? {} : { StatusReason: changeSet.statusReason }),
});

function changeShape(change: Change): ChangeShape {
  return {
    Type: "Resource",
    ResourceChange: {
      Action: change.action,
      LogicalResourceId: change.logicalId,
      ResourceType: change.type,
      ...(change.physicalId === undefined ? {} : { PhysicalResourceId: change.physicalId }),
      ...(change.replacement === undefined ? {} : { Replacement: change.replacement }),
      Scope: change.scope.filter(isAttribute),
      Details: change.changed.map((name) => ({
        Target: {
          Attribute: name === "Tags" ? "Tags" : "Properties",
          Name: name,
          RequiresRecreation: change.replacement === "True" ? "Always" : "Never",
        },
        Evaluation: "Static",
        ChangeSource: "DirectModification",
      })),
    },
  };
}

const ATTRIBUTES: readonly string[] = [
  "Properties",
  "Metadata",
  "CreationPolicy",
  "UpdatePolicy",
  "DeletionPolicy",
  "UpdateReplacePolicy",
  "Tags",
];
const isAttribute = (name: string): name is ResourceAttribute => ATTRIBUTES.includes(name);

/** Deleting what is not there is success, as in AWS: the Serverless Framework does it before every deploy. */
export function deleteChangeSet(stacks: Stacks, input: DeleteChangeSetCommandInput) {
  const among = input.StackName === undefined ? stacks.living() : [stacks.find(input.StackName)];
  for (const stack of among)
    for (const changeSet of stack.changeSets.values())
      if (changeSet.name === input.ChangeSetName || changeSet.id === input.ChangeSetName)
        stack.changeSets.delete(changeSet.name);
  return {};
}

export function listChangeSets(stacks: Stacks, input: ListChangeSetsCommandInput) {
  const stack = stacks.find(input.StackName);
  return { Summaries: [...stack.changeSets.values()].map((changeSet) => summary(stack, changeSet)) };
}
