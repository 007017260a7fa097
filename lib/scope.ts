/** What one lease protects and one loop looks at. */
export type Scope = "web" | "special" | `web/${string}` | "database" | "cron" | "cache" | "files" | "edge";

export const instanceScope = (instanceId: string): Scope => `web/${instanceId}`;

/** The instance of a node scope, or undefined for a scope of the whole farm. */
export const scopeInstance = (scope: Scope): string | undefined =>
  scope.startsWith("web/") ? scope.slice("web/".length) : undefined;

/** Scopes that one capability looks after. */
export type ScopeKind = Exclude<Scope, `web/${string}`> | "node";

export function scopeKind(scope: Scope): ScopeKind {
  switch (scope) {
    case "web":
    case "special":
    case "database":
    case "cron":
    case "cache":
    case "files":
    case "edge":
      return scope;
    default:
      return "node";
  }
}

/** A scope that one function watches every second: every other one only wakes that watch. */
export const isWatched = (scope: Scope): boolean => scope === "database";
