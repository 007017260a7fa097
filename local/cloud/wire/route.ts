import { requiredMembers, type OperationSchema, type ServiceSchema } from "./schema.ts";

interface Route {
  readonly operation: OperationSchema;
  readonly method: string;
  readonly pattern: RegExp;
  readonly labels: readonly string[];
  readonly literals: readonly (readonly [string, string])[];
  /** Query parameters and headers without which the operation cannot be meant. */
  readonly required: readonly Binding[];
  readonly weight: number;
}

export interface RouteMatch {
  readonly operation: OperationSchema;
  readonly labels: Readonly<Record<string, string>>;
}

/** S3's clients put the bucket before the path of the model; a few operations have no bucket. */
function pathTemplate(service: ServiceSchema, operation: OperationSchema, path: string): string {
  if (service.id !== "s3" || !operation.input.isStructSchema()) return path;
  const hasBucket = [...operation.input.structIterator()].some(
    ([name, member]) => name === "Bucket" && member.getMergedTraits().httpLabel,
  );
  return hasBucket ? `/{Bucket}${path === "/" ? "" : path}` : path;
}

interface Binding {
  readonly query?: string;
  readonly header?: string;
}

function requiredBindings(operation: OperationSchema): readonly Binding[] {
  if (!operation.input.isStructSchema()) return [];
  const required = new Set(requiredMembers(operation.input));
  return [...operation.input.structIterator()].flatMap(([name, member]): Binding[] => {
    const { httpQuery, httpHeader } = member.getMergedTraits();
    if (!required.has(name)) return [];
    if (httpQuery) return [{ query: httpQuery }];
    return httpHeader ? [{ header: httpHeader.toLowerCase() }] : [];
  });
}

function compile(service: ServiceSchema, operation: OperationSchema): Route | undefined {
  if (operation.http === undefined) return undefined;
  const [method, uri] = operation.http;
  const [path = "/", search = ""] = uri.split("?");
  const labels: string[] = [];
  const segments = pathTemplate(service, operation, path)
    .split("/")
    .map((segment) => {
      const label = /^\{(\w+)(\+?)\}$/.exec(segment);
      if (label?.[1] === undefined) return segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      labels.push(label[1]);
      return label[2] === "+" ? "(.+)" : "([^/]+)";
    });
  // `x-id` only names the operation; plain HTTP clients leave it out
  const literals = [...new URLSearchParams(search)].filter(([name]) => name !== "x-id");
  const required = requiredBindings(operation);
  // a greedy key keeps its own trailing slash; elsewhere clients may add one
  const end = segments.at(-1) === "(.+)" ? "$" : "/?$";
  const literalLength = path.replace(/\{.*?\}/g, "").length;
  return {
    operation,
    method,
    pattern: new RegExp(`^${segments.join("/")}${end}`, "s"),
    labels,
    literals,
    required,
    weight: literals.length * 10_000 + required.length * 1_000 + literalLength,
  };
}

const compiled = new WeakMap<ServiceSchema, readonly Route[]>();

function routesOf(service: ServiceSchema): readonly Route[] {
  const known = compiled.get(service);
  if (known) return known;
  const routes = [...service.operations.values()]
    .flatMap((operation) => compile(service, operation) ?? [])
    .toSorted((a, b) => b.weight - a.weight);
  compiled.set(service, routes);
  return routes;
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

/** Alone in its class: same route as ListBuckets, but meant for directory buckets, which only `x-id` can ask for. */
const ONLY_BY_NAME: ReadonlySet<string> = new Set(["ListDirectoryBuckets"]);

/** The operation that a REST request means: the most specific route whose literals and required parts are there. */
export function matchRoute(
  service: ServiceSchema,
  method: string,
  path: string,
  query: URLSearchParams,
  headers: Readonly<Record<string, string>>,
): RouteMatch | undefined {
  const candidates = routesOf(service).filter(
    (route) =>
      route.method === method &&
      route.pattern.test(path) &&
      route.literals.every(([name, value]) => query.has(name) && (value === "" || query.get(name) === value)),
  );
  const named = candidates.find((route) => route.operation.name === query.get("x-id"));
  const complete = candidates.find(
    (route) =>
      !ONLY_BY_NAME.has(route.operation.name) &&
      route.required.every(({ query: name, header }) =>
        name === undefined ? header !== undefined && headers[header] !== undefined : query.has(name),
      ),
  );
  // the least demanding candidate is left: the check of required members will name what it lacks
  const route = named ?? complete ?? candidates.at(-1);
  if (route === undefined) return undefined;
  const found = route.pattern.exec(path) ?? [];
  return {
    operation: route.operation,
    labels: Object.fromEntries(route.labels.map((label, index) => [label, decoded(found[index + 1] ?? "")])),
  };
}
