import { isList, type Json, type JsonObject } from "./json.ts";
import { dependencyGraph, type Graph } from "./graph.ts";
import { evaluateCondition, resolve, type Scope } from "./intrinsics.ts";
import type { ParameterValues } from "./parameters.ts";
import { templateError, type Declaration, type Template } from "./template.ts";
import type { ResourceType } from "../resources/resource.ts";
import { resourceType } from "../resources/registry.ts";
import { tagList, tagMap } from "../resources/read.ts";

/** Where a stack stands: everything that pseudo parameters and imports are answered from. */
export interface Surroundings {
  readonly account: string;
  readonly region: string;
  readonly stackName: string;
  readonly stackId: string;
  importValue(name: string): string;
}

/** What a reference to a resource gives at this moment. */
export interface Referable {
  readonly reference: Json;
  attribute(name: string): Json;
}

/** A template with its parameters: what the stack shall be. */
export interface Target {
  readonly template: Template;
  readonly parameters: ParameterValues;
  readonly tags: Readonly<Record<string, string>>;
  readonly surroundings: Surroundings;
  /** The resources whose condition holds. */
  readonly enabled: ReadonlyMap<string, Declaration>;
  readonly graph: Graph;
}

/** Throws `ValidationError` for a condition, a type, a dependency or a cycle that cannot be. */
export function targetOf(
  template: Template,
  parameters: ParameterValues,
  tags: Readonly<Record<string, string>>,
  surroundings: Surroundings,
): Target {
  const unknown = new Set(
    [...template.resources.values()].map((one) => one.type).filter((type) => !resourceType(type)),
  );
  if (unknown.size > 0)
    throw templateError(`Template format error: Unrecognized resource types: [${[...unknown].join(", ")}]`);
  const bare: Target = { template, parameters, tags, surroundings, enabled: new Map(), graph: new Map() };
  const scope = scopeOf(bare, () => undefined);
  const enabled = new Map(
    [...template.resources].filter(([, one]) => one.condition === undefined || scope.condition(one.condition)),
  );
  return { ...bare, enabled, graph: dependencyGraph(enabled, (id) => template.resources.has(id)) };
}

/** Resolution for one target; `resources` answers for what is (or will be) in the stack. */
export function scopeOf(target: Target, resources: (logicalId: string) => Referable | undefined): Scope {
  const { template, parameters, surroundings } = target;
  const decided = new Map<string, boolean>();
  const pseudo = pseudoParameters(surroundings);
  const scope: Scope = {
    mappings: template.mappings,
    zones: ["a", "b", "c"].map((letter) => `${surroundings.region}${letter}`),
    importValue: (name) => surroundings.importValue(name),
    reference: (name) => pseudo[name] ?? parameters[name]?.value ?? resources(name)?.reference,
    attribute(logicalId, name) {
      const found = resources(logicalId);
      if (found === undefined)
        throw templateError(`Template error: instance of Fn::GetAtt references undefined resource ${logicalId}`);
      return found.attribute(name);
    },
    condition(name) {
      const known = decided.get(name);
      if (known !== undefined) return known;
      const declared = template.conditions[name];
      if (declared === undefined) throw templateError(`Template format error: Unresolved condition dependency ${name}`);
      const value = evaluateCondition(declared, scope);
      decided.set(name, value);
      return value;
    },
  };
  return scope;
}

const pseudoParameters = (around: Surroundings): Readonly<Record<string, Json>> => ({
  "AWS::AccountId": around.account,
  "AWS::Region": around.region,
  "AWS::StackName": around.stackName,
  "AWS::StackId": around.stackId,
  "AWS::Partition": "aws",
  "AWS::URLSuffix": "amazonaws.com",
  "AWS::NotificationARNs": [],
});

/** A resource's properties, resolved, with the stack's tags where its type takes tags. */
export function resolvedProperties(
  target: Target,
  declaration: Declaration,
  type: ResourceType,
  scope: Scope,
): JsonObject {
  const resolved = resolve(declaration.properties, scope);
  const properties: JsonObject = typeof resolved === "object" && resolved !== null && !isList(resolved) ? resolved : {};
  if (type.tags === undefined || Object.keys(target.tags).length === 0) return properties;
  const own = properties["Tags"];
  if (type.tags === "map") return { ...properties, Tags: { ...target.tags, ...tagMap(own) } };
  const named = tagMap(own);
  const inherited = tagList({ ...target.tags }).filter((tag) => !(tag.Key in named));
  const added = type.tags === "propagated" ? inherited.map((tag) => ({ ...tag, PropagateAtLaunch: true })) : inherited;
  return { ...properties, Tags: [...(isList(own) ? own : []), ...added] };
}
