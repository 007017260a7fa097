import { sameJson, type JsonObject } from "./json.ts";
import { ordered } from "./graph.ts";
import { unknownValue } from "./intrinsics.ts";
import { resolvedProperties, scopeOf, type Referable, type Target } from "./target.ts";
import type { Declaration } from "./template.ts";
import type { ResourceType } from "../resources/resource.ts";
import { knownType } from "../resources/registry.ts";
import type { StackResource } from "../record.ts";

export type Difference =
  | { readonly kind: "none" }
  | { readonly kind: "update" | "replace"; readonly changed: readonly string[] };

/** Per property: no change, a change in place, or a new resource. */
export function difference(type: ResourceType, before: JsonObject, next: JsonObject): Difference {
  const names = type.isOpen === true ? Object.keys({ ...before, ...next }) : [...type.replacing, ...type.updatable];
  const changed = names.filter((name) => !sameJson(before[name], next[name]));
  if (changed.length === 0) return { kind: "none" };
  const replaces = changed.some((name) => type.replacing.includes(name)) || type.replaces?.(changed, next) === true;
  return { kind: replaces || type.update === undefined ? "replace" : "update", changed };
}

export interface Change {
  readonly action: "Add" | "Modify" | "Remove";
  readonly logicalId: string;
  readonly type: string;
  readonly physicalId?: string;
  /** Conditional: only the function behind a custom resource knows. */
  readonly replacement?: "True" | "False" | "Conditional";
  /** `Properties`, `Metadata`, `DeletionPolicy`...: what of the declaration changed. */
  readonly scope: readonly string[];
  readonly changed: readonly string[];
}

/** What executing `target` on these resources would do, as far as can be known before. */
export function changesOf(target: Target, current: ReadonlyMap<string, StackResource>): Change[] {
  const planned = new Map<string, Referable>();
  const scope = scopeOf(target, (id) => planned.get(id));
  const changes: Change[] = [];
  for (const id of ordered(target.graph)) {
    const declaration = target.enabled.get(id);
    if (declaration === undefined) continue;
    const type = knownType(declaration.type);
    const before = current.get(id);
    const next = resolvedProperties(target, declaration, type, scope);
    const change = before === undefined ? added(declaration) : modified(type, declaration, before, next);
    planned.set(id, referable(id, type, before, change));
    if (change !== undefined) changes.push(change);
  }
  const removed = [...current.values()].filter((resource) => !target.enabled.has(resource.logicalId));
  return [...changes, ...removed.map(removedChange)];
}

const added = ({ logicalId, type }: Declaration): Change => ({
  action: "Add",
  logicalId,
  type,
  scope: [],
  changed: [],
});

const removedChange = ({ logicalId, type, physicalId }: StackResource): Change => ({
  action: "Remove",
  logicalId,
  type,
  physicalId,
  scope: [],
  changed: [],
});

function modified(
  type: ResourceType,
  declaration: Declaration,
  before: StackResource,
  next: JsonObject,
): Change | undefined {
  const found = difference(type, before.properties, next);
  const scope = [...(found.kind === "none" ? [] : ["Properties"]), ...declaredScope(declaration, before)];
  if (scope.length === 0) return undefined;
  return {
    action: "Modify",
    logicalId: declaration.logicalId,
    type: declaration.type,
    physicalId: before.physicalId,
    replacement: found.kind === "replace" ? "True" : type.isOpen === true ? "Conditional" : "False",
    scope,
    changed: found.kind === "none" ? [] : found.changed,
  };
}

function declaredScope(declaration: Declaration, before: StackResource): string[] {
  const out: string[] = [];
  if (!sameJson(declaration.metadata, before.metadata)) out.push("Metadata");
  if (!sameJson(declaration.updatePolicy, before.updatePolicy)) out.push("UpdatePolicy");
  if (declaration.deletionPolicy !== before.deletionPolicy) out.push("DeletionPolicy");
  if (declaration.updateReplacePolicy !== before.updateReplacePolicy) out.push("UpdateReplacePolicy");
  return out;
}

/** What others see of a resource while the plan is made: unknown where executing it may give a new value. */
function referable(
  id: string,
  type: ResourceType,
  before: StackResource | undefined,
  change: Change | undefined,
): Referable {
  const isNew = before === undefined || change?.replacement === "True";
  const isUpdated = change !== undefined && change.changed.length > 0;
  const isAnyones = isNew || (isUpdated && type.isOpen === true);
  return {
    reference: isAnyones ? unknownValue(id) : before.physicalId,
    attribute(name) {
      const unknown = isAnyones || (isUpdated && type.volatile?.includes(name) === true);
      return unknown ? unknownValue(`${id}.${name}`) : (before.attributes[name] ?? unknownValue(`${id}.${name}`));
    },
  };
}
