import { CloudError } from "../../errors.ts";
import { enter, mark, record } from "../events.ts";
import type { Output, Stack, StackResource, Wish } from "../record.ts";
import { knownType } from "../resources/registry.ts";
import { reasonOf, resourceContext, type Executor } from "./context.ts";
import { reversed, walk, type Graph } from "./graph.ts";
import { outputsOf } from "./outputs.ts";
import { difference } from "./plan.ts";
import { change, step, type Done } from "./step.ts";

/** Independent resources worked on at a time: enough to keep a deploy short, few enough for two cores. */
const PARALLEL = 10;

/** Errors that say that another thing still holds this one. */
const IN_USE = new Set([
  "DependencyViolation",
  "InvalidGroup.InUse",
  "InvalidNetworkInterface.InUse",
  "VolumeInUse",
  "ResourceInUse",
]);
const IN_USE_RETRY_MS = 1000;
/** Longer than anything that CloudFormation itself deletes at the same time takes to let go. */
const IN_USE_WAIT_MS = 60_000;

/** Looks at all stacks: an export's name is taken once per region, and one that is read stays as it is. Throws naming the other stack. */
export type ReserveExports = (stack: Stack, outputs: readonly Output[]) => void;

/** Creates or updates `stack` to what `wish` says, or rolls it back. Never rejects: what failed is in the events. */
export async function execute(
  executor: Executor,
  stack: Stack,
  wish: Wish,
  kind: "CREATE" | "UPDATE",
  reserve: ReserveExports,
): Promise<void> {
  const journal: Done[] = [];
  const { target } = wish;
  const before = new Map(stack.resources);
  const failures = await walk(target.graph, { parallel: PARALLEL, afterFailure: "stop" }, (id) =>
    step(executor, stack, target, id, journal),
  );
  let reason: string | undefined;
  if (failures.size > 0)
    reason = `The following resource(s) failed to ${kind.toLowerCase()}: [${[...failures.keys()].join(", ")}]. `;
  for (const [id, error] of failures) noteUnheard(executor, stack, id, error);
  try {
    if (reason === undefined) settle(stack, wish, reserve);
  } catch (error) {
    reason = reasonOf(error);
  }
  if (reason !== undefined) return giveUp(executor, stack, wish, kind, { journal, before, reason });
  if (kind === "CREATE") return enter(executor.world, stack, "CREATE_COMPLETE");
  enter(executor.world, stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
  await removeAll(executor, stack, leftovers(stack, wish, journal));
  enter(executor.world, stack, "UPDATE_COMPLETE");
}

/** A failure before the resource's own work began (its properties did not resolve) has no event of its own yet. */
function noteUnheard(executor: Executor, stack: Stack, logicalId: string, error: unknown): void {
  const reason = reasonOf(error);
  const told = stack.events.some(
    (event) => event.LogicalResourceId === logicalId && event.ResourceStatusReason === reason,
  );
  if (told) return;
  const current = stack.resources.get(logicalId);
  record(executor.world, stack, {
    logicalId,
    physicalId: current?.physicalId ?? "",
    type: current?.type ?? "",
    status: current === undefined ? "CREATE_FAILED" : "UPDATE_FAILED",
    reason,
  });
}

/** All resources stand: from here on the stack is what the wish says. */
function settle(stack: Stack, wish: Wish, reserve: ReserveExports): void {
  const outputs = outputsOf(stack, wish.target);
  reserve(stack, outputs);
  stack.outputs = outputs;
  stack.templateBody = wish.target.template.body;
  stack.parameters = wish.parameters;
  stack.tags = wish.tags;
  stack.capabilities = wish.capabilities;
  stack.imports = wish.imports;
  delete stack.description;
  if (wish.target.template.description !== undefined) stack.description = wish.target.template.description;
}

interface Leftover {
  readonly resource: StackResource;
  readonly retained: boolean;
}

/** What an update leaves behind: the replaced and the removed. */
function leftovers(stack: Stack, wish: Wish, journal: readonly Done[]): Leftover[] {
  const replaced = journal.flatMap((done) =>
    (done.kind === "replaced" || done.isRenamed === true) && done.before !== undefined ? [done.before] : [],
  );
  const removed = [...stack.resources.values()].filter((resource) => !wish.target.enabled.has(resource.logicalId));
  for (const resource of removed) stack.resources.delete(resource.logicalId);
  return [
    ...replaced.map((resource) => ({ resource, retained: resource.updateReplacePolicy !== "Delete" })),
    ...removed.map((resource) => ({ resource, retained: resource.deletionPolicy !== "Delete" })),
  ];
}

interface Failure {
  readonly journal: readonly Done[];
  readonly before: ReadonlyMap<string, StackResource>;
  readonly reason: string;
}

async function giveUp(
  executor: Executor,
  stack: Stack,
  wish: Wish,
  kind: "CREATE" | "UPDATE",
  failure: Failure,
): Promise<void> {
  const { world } = executor;
  const { journal, before, reason } = failure;
  if (wish.disableRollback) return enter(world, stack, kind === "CREATE" ? "CREATE_FAILED" : "UPDATE_FAILED", reason);
  if (kind === "CREATE") {
    enter(world, stack, "ROLLBACK_IN_PROGRESS", `${reason}Rollback requested by user.`);
    const all = [...stack.resources.values()].map((resource) => ({
      resource,
      retained: resource.deletionPolicy === "Retain",
    }));
    const stuck = await removeAll(executor, stack, all, (id) => void stack.resources.delete(id));
    return enter(world, stack, stuck.length > 0 ? "ROLLBACK_FAILED" : "ROLLBACK_COMPLETE", failedToDelete(stuck));
  }
  enter(world, stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason);
  const news = await restore(executor, stack, journal);
  if (typeof news === "string") return enter(world, stack, "UPDATE_ROLLBACK_FAILED", news);
  const touched = new Set(journal.map((done) => done.logicalId));
  for (const [id, resource] of before) if (!touched.has(id)) stack.resources.set(id, resource);
  enter(world, stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
  await removeAll(
    executor,
    stack,
    news.map((resource) => ({ resource, retained: resource.deletionPolicy === "Retain" })),
  );
  enter(world, stack, "UPDATE_ROLLBACK_COMPLETE");
}

/** Undoes in reverse order. Resolves to the new resources that are now superfluous, or to why it failed. */
async function restore(executor: Executor, stack: Stack, journal: readonly Done[]): Promise<StackResource[] | string> {
  const superfluous: StackResource[] = [];
  for (const done of journal.toReversed()) {
    const now = stack.resources.get(done.logicalId);
    if (now === undefined) continue;
    if (done.before === undefined) {
      superfluous.push(now);
      stack.resources.delete(done.logicalId);
    } else if (done.kind === "replaced") {
      superfluous.push(now);
      stack.resources.set(done.logicalId, mark(executor.world, stack, done.before, "UPDATE_COMPLETE"));
    } else {
      const back = await updateBack(executor, stack, now, done.before);
      if (typeof back === "string") return back;
      if (back.physicalId !== now.physicalId) superfluous.push(now);
    }
  }
  return superfluous;
}

async function updateBack(
  executor: Executor,
  stack: Stack,
  now: StackResource,
  before: StackResource,
): Promise<StackResource | string> {
  const type = knownType(now.type);
  const found = difference(type, now.properties, before.properties);
  record(executor.world, stack, { ...now, status: "UPDATE_IN_PROGRESS" });
  try {
    const changed =
      found.kind === "none" ? {} : await change(executor, stack, type, now, before.properties, found.changed);
    const back = mark(executor.world, stack, { ...before, ...changed }, "UPDATE_COMPLETE");
    stack.resources.set(now.logicalId, back);
    return back;
  } catch (error) {
    stack.resources.set(now.logicalId, mark(executor.world, stack, now, "UPDATE_FAILED", reasonOf(error)));
    return `The following resource(s) failed to update: [${now.logicalId}]. `;
  }
}

/** Deletes the stack's resources; those that cannot be deleted stay in the stack, which then is DELETE_FAILED. */
export async function removeStack(executor: Executor, stack: Stack, retain: ReadonlySet<string>): Promise<void> {
  const all = [...stack.resources.values()].map((resource) => ({
    resource,
    retained: resource.deletionPolicy !== "Delete" || retain.has(resource.logicalId),
  }));
  const stuck = await removeAll(executor, stack, all, (id) => void stack.resources.delete(id));
  if (stuck.length > 0) return enter(executor.world, stack, "DELETE_FAILED", failedToDelete(stuck));
  stack.deletedAt = executor.world.clock.now();
  enter(executor.world, stack, "DELETE_COMPLETE");
}

const failedToDelete = (stuck: readonly string[]): string | undefined =>
  stuck.length === 0 ? undefined : `The following resource(s) failed to delete: [${stuck.join(", ")}]. `;

/** Deletes in the reverse of the order of creation. Resolves to the logical ids that are still there. */
async function removeAll(
  executor: Executor,
  stack: Stack,
  all: readonly Leftover[],
  removed: (id: string) => void = () => undefined,
): Promise<string[]> {
  const byId = new Map(all.map((one) => [one.resource.logicalId, one]));
  const needs: Graph = new Map(
    all.map(({ resource }) => [resource.logicalId, new Set(resource.needs.filter((id) => byId.has(id)))]),
  );
  await walk(reversed(needs), { parallel: PARALLEL, afterFailure: "goOn" }, async (id) => {
    const one = byId.get(id);
    if (one === undefined) return;
    await remove(executor, stack, one);
    byId.delete(id);
    removed(id);
  });
  return [...byId.keys()];
}

async function remove(executor: Executor, stack: Stack, { resource, retained }: Leftover): Promise<void> {
  const { world } = executor;
  if (retained) return record(world, stack, { ...resource, status: "DELETE_SKIPPED" });
  record(world, stack, { ...resource, status: "DELETE_IN_PROGRESS" });
  try {
    await removeOnceFree(executor, stack, resource);
    record(world, stack, { ...resource, status: "DELETE_COMPLETE" });
  } catch (error) {
    const failed = mark(world, stack, resource, "DELETE_FAILED", reasonOf(error));
    if (stack.resources.get(resource.logicalId)?.physicalId === resource.physicalId)
      stack.resources.set(resource.logicalId, failed);
    throw error;
  }
}

/**
 * Something that is still held by another thing on its way out (a gateway by the addresses of a NAT gateway, say, which
 * no reference of the template shows) is tried again, as CloudFormation does.
 */
async function removeOnceFree(executor: Executor, stack: Stack, resource: StackResource): Promise<void> {
  const { clock } = executor.world;
  const deadline = clock.now() + IN_USE_WAIT_MS;
  const ctx = resourceContext(executor, stack, resource.logicalId, resource.updatePolicy, () => undefined);
  for (;;) {
    try {
      return await knownType(resource.type).remove(ctx, resource);
    } catch (error) {
      const isHeld = error instanceof CloudError && IN_USE.has(error.code);
      if (!isHeld || clock.now() >= deadline) throw error;
      await clock.sleep(IN_USE_RETRY_MS);
    }
  }
}
