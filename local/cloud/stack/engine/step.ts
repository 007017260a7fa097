import { textOf } from "./json.ts";
import { mark, record } from "../events.ts";
import type { Stack, StackResource } from "../record.ts";
import { knownType } from "../resources/registry.ts";
import type { Created, ResourceType } from "../resources/resource.ts";
import { reasonOf, resourceContext, reveal, type Executor } from "./context.ts";
import type { JsonObject } from "./json.ts";
import { difference } from "./plan.ts";
import { resolvedProperties, scopeOf, type Referable, type Target } from "./target.ts";
import type { Declaration } from "./template.ts";

/** What was done to one resource: all that rolling it back needs. */
export interface Done {
  readonly kind: "created" | "updated" | "replaced";
  readonly logicalId: string;
  /** As it was; absent for `created`. */
  readonly before?: StackResource;
  /** An update in whose course the function behind a custom resource has made another one. */
  readonly isRenamed?: boolean;
}

const REPLACING = "Requested update requires the creation of a new physical resource; hence creating one.";

/** Brings one resource to what the target wants. Notes in `journal` what it did, before it can fail half-way. */
export async function step(
  executor: Executor,
  stack: Stack,
  target: Target,
  logicalId: string,
  journal: Done[],
): Promise<void> {
  const declaration = target.enabled.get(logicalId);
  if (declaration === undefined) return;
  const type = knownType(declaration.type);
  const next = resolvedProperties(
    target,
    declaration,
    type,
    scopeOf(target, (id) => referableNow(stack, target, id)),
  );
  const before = stack.resources.get(logicalId);
  if (before === undefined) return create(executor, stack, target, declaration, next, journal);
  const refusal = type.refuses?.(before.properties, next);
  if (refusal !== undefined) throw new Error(refusal);
  const declared = { ...before, ...declaredParts(target, declaration) };
  const found = difference(type, before.properties, next);
  if (found.kind === "none") return void stack.resources.set(logicalId, { ...declared, properties: next });
  if (found.kind === "update") return update(executor, stack, type, declared, next, found.changed, journal);
  refuseSameName(type, declaration, before, next);
  return create(executor, stack, target, declaration, next, journal, before);
}

/** A resource of the target that already stands. */
function referableNow(stack: Stack, target: Target, id: string): Referable | undefined {
  const resource = stack.resources.get(id);
  if (resource === undefined || !target.enabled.has(id)) return undefined;
  return {
    reference: resource.physicalId,
    attribute(name) {
      const value = resource.attributes[name];
      if (value === undefined) throw new Error(`${id} (${resource.type}) has no value for attribute ${name}`);
      return value;
    },
  };
}
export const referablesOf = (stack: Stack, target: Target) => (id: string) => referableNow(stack, target, id);

const declaredParts = (target: Target, declaration: Declaration) => ({
  needs: [...(target.graph.get(declaration.logicalId) ?? [])],
  deletionPolicy: declaration.deletionPolicy,
  updateReplacePolicy: declaration.updateReplacePolicy,
  updatePolicy: declaration.updatePolicy,
  metadata: declaration.metadata,
});

/** AWS refuses this too: the new one would have to bear the name that the old one still has. */
function refuseSameName(type: ResourceType, declaration: Declaration, before: StackResource, next: JsonObject): void {
  if (type.named === undefined || next[type.named] === undefined || next[type.named] !== before.properties[type.named])
    return;
  throw new Error(
    `CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename ${textOf(next[type.named])} and update the stack again. (${declaration.logicalId})`,
  );
}

async function create(
  executor: Executor,
  stack: Stack,
  target: Target,
  declaration: Declaration,
  properties: JsonObject,
  journal: Done[],
  replaced?: StackResource,
): Promise<void> {
  const { world } = executor;
  const { logicalId } = declaration;
  const verb = replaced === undefined ? "CREATE" : "UPDATE";
  let resource: StackResource = {
    ...declaredParts(target, declaration),
    logicalId,
    type: declaration.type,
    physicalId: replaced?.physicalId ?? "",
    properties,
    attributes: {},
    status: `${verb}_IN_PROGRESS`,
    at: world.clock.now(),
  };
  record(world, stack, {
    ...resource,
    status: `${verb}_IN_PROGRESS`,
    reason: replaced === undefined ? undefined : REPLACING,
  });
  const identify = (physicalId: string): void => {
    if (journal.some((done) => done.logicalId === logicalId)) return;
    resource = { ...resource, physicalId };
    journal.push(
      replaced === undefined ? { kind: "created", logicalId } : { kind: "replaced", logicalId, before: replaced },
    );
    stack.resources.set(logicalId, resource);
    record(world, stack, { ...resource, reason: "Resource creation Initiated" });
  };
  try {
    const ctx = resourceContext(executor, stack, logicalId, declaration.updatePolicy, identify);
    const created: Created = await knownType(declaration.type).create(ctx, await reveal(executor, properties));
    identify(created.physicalId);
    stack.resources.set(logicalId, mark(world, stack, { ...resource, ...created }, `${verb}_COMPLETE`));
  } catch (error) {
    const failed = mark(world, stack, resource, `${verb}_FAILED`, reasonOf(error));
    if (
      stack.resources.get(logicalId)?.physicalId === resource.physicalId &&
      replaced?.physicalId !== resource.physicalId
    )
      stack.resources.set(logicalId, failed);
    throw error;
  }
}

async function update(
  executor: Executor,
  stack: Stack,
  type: ResourceType,
  before: StackResource,
  next: JsonObject,
  changed: readonly string[],
  journal: Done[],
): Promise<void> {
  const { world } = executor;
  const { logicalId } = before;
  const original = stack.resources.get(logicalId) ?? before;
  record(world, stack, { ...before, status: "UPDATE_IN_PROGRESS" });
  journal.push({ kind: "updated", logicalId, before: original });
  const wanted: StackResource = { ...before, properties: next };
  try {
    const now = await change(executor, stack, type, before, next, changed);
    if (now.physicalId !== before.physicalId)
      journal.splice(
        journal.findIndex((done) => done.logicalId === logicalId),
        1,
        { kind: "updated", logicalId, before: original, isRenamed: true },
      );
    stack.resources.set(logicalId, mark(world, stack, { ...wanted, ...now }, "UPDATE_COMPLETE"));
  } catch (error) {
    stack.resources.set(logicalId, mark(world, stack, wanted, "UPDATE_FAILED", reasonOf(error)));
    throw error;
  }
}

/** Applies a change in place and resolves to what is there afterwards; rolling back uses it the other way round. */
export async function change(
  executor: Executor,
  stack: Stack,
  type: ResourceType,
  before: StackResource,
  next: JsonObject,
  changed: readonly string[],
): Promise<Pick<StackResource, "physicalId" | "attributes">> {
  if (type.update === undefined) throw new Error(`${type.type} cannot be updated in place`);
  let { physicalId } = before;
  const ctx = resourceContext(executor, stack, before.logicalId, before.updatePolicy, (told) => {
    physicalId = told;
  });
  const attributes = await type.update(ctx, before, await reveal(executor, next), changed);
  return { physicalId, attributes };
}
