import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import { enter } from "./events.ts";
import { exportsOf, type Output, type Stack } from "./record.ts";
import { templateError } from "./engine/template.ts";

/** Deleted stacks that can still be described by their id; AWS keeps them for 90 days. */
const DELETED_KEPT_MAX = 100;

export interface Stacks {
  /** By name (living ones only) or by id (the deleted too). Throws `ValidationError`. */
  find(nameOrId: string | undefined): Stack;
  lookUp(nameOrId: string): Stack | undefined;
  all(): readonly Stack[];
  living(): readonly Stack[];
  begin(name: string, status: "REVIEW_IN_PROGRESS" | "CREATE_IN_PROGRESS"): Stack;
  forget(stack: Stack): void;
  /** The value of an export, for a stack that imports it. Throws `ValidationError`. */
  importValue(name: string): string;
  /** Throws if another living stack exports one of the names, or if an export that is imported would go or change. */
  reserve(stack: Stack, outputs: readonly Output[]): void;
  /** Throws if another stack reads one of the exports that this one would take away or change. */
  refuseLostImports(stack: Stack, kept: readonly Output[]): void;
}

const isLiving = (stack: Stack): boolean => stack.status !== "DELETE_COMPLETE";

export function openStacks(world: World): Stacks {
  const byId = new Map<string, Stack>();
  const living = (): Stack[] => [...byId.values()].filter(isLiving);
  const lookUp = (nameOrId: string): Stack | undefined =>
    byId.get(nameOrId) ?? living().find((stack) => stack.name === nameOrId);
  const readersOf = (stack: Stack, name: string): string =>
    living()
      .filter((other) => other !== stack && other.imports.has(name))
      .map((other) => other.name)
      .join(", ");
  const refuseLostImports = (stack: Stack, kept: readonly Output[]): void => {
    for (const { exportName: name, value } of stack.outputs) {
      const readers = name === undefined ? "" : readersOf(stack, name);
      if (readers === "") continue;
      const next = kept.find((output) => output.exportName === name);
      if (next === undefined) throw templateError(`Export ${name} cannot be deleted as it is in use by ${readers}`);
      if (next.value !== value) throw templateError(`Export ${name} cannot be updated as it is in use by ${readers}`);
    }
  };
  return {
    lookUp,
    living,
    refuseLostImports,
    all: () => [...byId.values()],
    find(nameOrId) {
      const found = lookUp(nameOrId ?? "");
      if (found === undefined) throw templateError(`Stack with id ${nameOrId} does not exist`);
      return found;
    },
    begin(name, status) {
      if (!/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name))
        throw templateError(
          `1 validation error detected: Value '${name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*`,
        );
      const stack = newStack(world, name, status);
      byId.set(stack.id, stack);
      enter(world, stack, status, "User Initiated");
      for (const old of [...byId.values()].filter((one) => !isLiving(one)).slice(0, -DELETED_KEPT_MAX))
        byId.delete(old.id);
      return stack;
    },
    forget: (stack) => void byId.delete(stack.id),
    importValue(name) {
      for (const stack of living())
        for (const output of stack.outputs) if (output.exportName === name) return output.value;
      throw templateError(`No export named ${name} found.`);
    },
    reserve(stack, outputs) {
      for (const name of outputs.flatMap((output) => output.exportName ?? [])) {
        const other = living().find((one) => one !== stack && exportsOf(one).includes(name));
        if (other !== undefined)
          throw templateError(`Export with name ${name} is already exported by stack ${other.name}.`);
      }
      refuseLostImports(stack, outputs);
    },
  };
}

const newStack = (world: World, name: string, status: Stack["status"]): Stack => ({
  id: `arn:aws:cloudformation:${world.region}:${world.account}:stack/${name}/${world.ids.uuid()}`,
  name,
  createdAt: world.clock.now(),
  status,
  parameters: {},
  tags: {},
  capabilities: [],
  terminationProtection: false,
  imports: new Set(),
  outputs: [],
  resources: new Map(),
  changeSets: new Map(),
  events: [],
});

/**
 * States in which a new operation may begin; one that failed without a rollback can only be deleted here.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
 */
const UPDATABLE = new Set(["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]);

export function requireUpdatable(stack: Stack): void {
  if (!UPDATABLE.has(stack.status))
    throw templateError(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
}

export const alreadyExists = (message: string): CloudError => new CloudError("AlreadyExistsException", message);
