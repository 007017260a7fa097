import { references, type Reference } from "./graph.ts";
import type { Declaration } from "./template.ts";
import type { Target } from "./target.ts";
import type { Json } from "./json.ts";
import type { StackResource } from "../record.ts";
import { resourceType } from "../resources/registry.ts";

/**
 * Everything that can be said to be wrong before anything is touched: properties that the type does not have, required
 * ones that are missing, attributes that it does not give, names that nobody declares, policies that are not known.
 */
export function faults(target: Target, current: ReadonlyMap<string, StackResource> = new Map()): string[] {
  const found = [
    ...typeFaults(target, current),
    ...[...target.enabled.values()].flatMap((declaration) => [
      ...propertyFaults(declaration),
      ...policyFaults(declaration),
      ...referenceFaults(target, declaration.logicalId, declaration.properties),
    ]),
  ];
  const outputs = Object.entries(target.template.outputs);
  return [...found, ...outputs.flatMap(([name, output]) => referenceFaults(target, name, output))];
}

function typeFaults(target: Target, current: ReadonlyMap<string, StackResource>): string[] {
  const changed = [...target.enabled.values()].filter(
    ({ logicalId, type }) => (current.get(logicalId)?.type ?? type) !== type,
  );
  return changed.length === 0
    ? []
    : [
        `Update of resource type is not permitted. The new template modifies resource type of the following resources: [${changed.map(({ logicalId }) => logicalId).join(", ")}]`,
      ];
}

function propertyFaults({ logicalId, type: name, properties }: Declaration): string[] {
  const type = resourceType(name);
  if (type === undefined) return [`Unrecognized resource type ${name} of ${logicalId}`];
  const known = new Set([...type.replacing, ...type.updatable]);
  const failed = (what: string): string =>
    `Properties validation failed for resource ${logicalId} (${name}) with message: #: ${what}`;
  return [
    ...Object.keys(properties)
      .filter((property) => type.isOpen !== true && !known.has(property))
      .map((property) => failed(`extraneous key [${property}] is not permitted`)),
    ...(type.required ?? [])
      .filter((property) => properties[property] === undefined)
      .map((property) => failed(`required key [${property}] not found`)),
  ];
}

/** The one update policy that says what to leave alone; the others would roll instances and are not known here. */
function policyFaults({ logicalId, type, updatePolicy }: Declaration): string[] {
  const known = type === "AWS::AutoScaling::AutoScalingGroup" ? ["AutoScalingScheduledAction"] : [];
  return Object.keys(updatePolicy)
    .filter((policy) => !known.includes(policy))
    .map((policy) => `UpdatePolicy ${policy} of ${logicalId} is not known to this cloud`);
}

function referenceFaults(target: Target, where: string, value: Json): string[] {
  return references(value).flatMap((reference) => referenceFault(target, where, reference) ?? []);
}

function referenceFault(target: Target, where: string, { name, attribute }: Reference): string | undefined {
  if (name.startsWith("AWS::")) return undefined;
  const declaration = target.template.resources.get(name);
  if (declaration === undefined) {
    if (attribute === undefined && name in target.template.parameters) return undefined;
    return `Template format error: Unresolved resource dependencies [${name}] in ${where}`;
  }
  const type = resourceType(declaration.type);
  if (attribute === undefined || type?.isOpen === true || type?.attributes.includes(attribute) === true)
    return undefined;
  return `Template error: resource ${name} (${declaration.type}) does not support attribute type ${attribute} in Fn::GetAtt`;
}
