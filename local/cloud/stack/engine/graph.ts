import { attributeParts, intrinsicName } from "./intrinsics.ts";
import { isList, isObject, type Json, textOf } from "./json.ts";
import { templateError, type Declaration } from "./template.ts";

/** Logical id -> the logical ids that must be there before it. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

export interface Reference {
  readonly name: string;
  /** Undefined for `Ref`. */
  readonly attribute?: string;
}

/** All names that `value` refers to by Ref, Fn::GetAtt or Fn::Sub, those inside the branches of Fn::If included. */
export function references(value: Json): Reference[] {
  if (isList(value)) return value.flatMap(references);
  if (!isObject(value)) return [];
  const name = intrinsicName(value);
  const argument = name === undefined ? null : (value[name] ?? null);
  if (name === "Ref") return [{ name: textOf(argument) }];
  if (name === "Fn::GetAtt") {
    const [id, attribute] = attributeParts(argument);
    return typeof attribute === "string" ? [{ name: id, attribute }] : [{ name: id }, ...references(attribute)];
  }
  if (name === "Fn::Sub") return substitutions(argument);
  return Object.values(value).flatMap(references);
}

function substitutions(argument: Json): Reference[] {
  const [pattern, given] = isList(argument) ? argument : [argument, {}];
  const own = isObject(given) ? given : {};
  const named = [...textOf(pattern).matchAll(/\$\{([^!}][^}]*)\}/g)]
    .map((match) => (match[1] ?? "").trim())
    .filter((name) => !(name in own))
    .map((name) => {
      const dot = name.indexOf(".");
      return dot < 0 ? { name } : { name: name.slice(0, dot), attribute: name.slice(dot + 1) };
    });
  return [...named, ...Object.values(own).flatMap(references)];
}

/**
 * The order that references, those in the metadata included, and DependsOn demand. `exists` says whether a DependsOn
 * names a resource of the template at all; one that is left out by its condition is no dependency. Throws
 * `ValidationError` on a cycle.
 */
export function dependencyGraph(enabled: ReadonlyMap<string, Declaration>, exists: (id: string) => boolean): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [id, declaration] of enabled) {
    const missing = declaration.dependsOn.filter((name) => !exists(name));
    if (missing.length > 0)
      throw templateError(
        `Template format error: Unresolved resource dependencies [${missing.join(", ")}] in the Resources block of the template`,
      );
    const referred = [...references(declaration.properties), ...references(declaration.metadata)];
    const named = [...declaration.dependsOn, ...referred.map((reference) => reference.name)];
    graph.set(id, new Set(named.filter((name) => enabled.has(name))));
  }
  refuseCycles(graph);
  return graph;
}

function refuseCycles(graph: Graph): void {
  const left = new Map([...graph].map(([id, needs]) => [id, new Set(needs)]));
  for (let free = ready(left); free.length > 0; free = ready(left)) {
    for (const id of free) left.delete(id);
    for (const needs of left.values()) for (const id of free) needs.delete(id);
  }
  if (left.size > 0) throw templateError(`Circular dependency between resources: [${[...left.keys()].join(", ")}]`);
}

const ready = (left: ReadonlyMap<string, ReadonlySet<string>>): string[] =>
  [...left].filter(([, needs]) => needs.size === 0).map(([id]) => id);

/** Every edge turned round: what must be gone before `id` may be deleted. */
export function reversed(graph: Graph): Graph {
  const out = new Map<string, Set<string>>([...graph.keys()].map((id) => [id, new Set()]));
  for (const [id, needs] of graph) for (const need of needs) out.get(need)?.add(id);
  return out;
}

/** In an order that the graph allows. */
export function ordered(graph: Graph): string[] {
  const out: string[] = [];
  const seen = new Set<string>();
  const visit = (id: string): void => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const need of graph.get(id) ?? []) visit(need);
    out.push(id);
  };
  for (const id of graph.keys()) visit(id);
  return out;
}

/**
 * Runs `act` on every id once all that it needs are done, at most `parallel` at a time. After a failure nothing more
 * is started (`stop`), or only what does not need the failed ones (`goOn`); what runs is waited for. Resolves to the
 * failures, in the order in which they came.
 */
export async function walk(
  graph: Graph,
  how: { parallel: number; afterFailure: "stop" | "goOn" },
  act: (id: string) => Promise<void>,
): Promise<Map<string, unknown>> {
  const waiting = new Map(graph);
  const done = new Set<string>();
  const failures = new Map<string, unknown>();
  const running = new Map<string, Promise<void>>();
  const start = (id: string): void => {
    waiting.delete(id);
    const work = act(id)
      .then(
        () => void done.add(id),
        (error: unknown) => void failures.set(id, error),
      )
      .finally(() => running.delete(id));
    running.set(id, work);
  };
  for (;;) {
    for (const [id, needs] of waiting) {
      if (running.size >= how.parallel || (failures.size > 0 && how.afterFailure === "stop")) break;
      if ([...needs].every((need) => done.has(need) || !graph.has(need))) start(id);
    }
    if (running.size === 0) return failures;
    await Promise.race(running.values());
  }
}
