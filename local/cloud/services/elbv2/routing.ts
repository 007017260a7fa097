import type { Condition, RuleAction, Listener, Rule, Target, TargetGroup } from "./model.ts";
import { targetKey } from "./model.ts";
import type { RequestFacts } from "./proxy.ts";

/** In slow start a target's share begins here and not at nothing, so that it gets a first request at all. */
const SLOW_START_SHARE_MIN = 0.05;

/**
 * Smooth weighted rotation: each choice gains its weight, the one ahead is taken and pays the sum of all. Equal weights
 * are a plain round robin. `turns` is the memory between calls; choices that have left it lose theirs.
 */
export function rotate<T>(
  turns: Map<string, number>,
  choices: readonly { key: string; weight: number; of: T }[],
): T | undefined {
  const open = choices.filter((choice) => choice.weight > 0);
  for (const key of turns.keys()) if (!open.some((choice) => choice.key === key)) turns.delete(key);
  let total = 0;
  let ahead: (typeof open)[number] | undefined;
  for (const choice of open) {
    total += choice.weight;
    turns.set(choice.key, (turns.get(choice.key) ?? 0) + choice.weight);
    if (ahead === undefined || (turns.get(choice.key) ?? 0) > (turns.get(ahead.key) ?? 0)) ahead = choice;
  }
  if (ahead !== undefined) turns.set(ahead.key, (turns.get(ahead.key) ?? 0) - total);
  return ahead?.of;
}

/**
 * Targets that take requests: the healthy ones; without any, all that are registered and in use, as an Application
 * Load Balancer fails open.
 */
export function eligible(group: TargetGroup): readonly Target[] {
  const targets = [...group.targets.values()];
  const healthy = targets.filter((target) => target.state === "healthy");
  return healthy.length > 0
    ? healthy
    : targets.filter((target) => target.state === "unhealthy" || target.state === "initial");
}

const slowStartMs = (group: TargetGroup): number =>
  Number(group.attributes.get("slow_start.duration_seconds") ?? 0) * 1_000;

function shareOf(group: TargetGroup, target: Target, nowMs: number): number {
  const durationMs = slowStartMs(group);
  if (durationMs === 0 || target.slowSince === undefined) return 1;
  return Math.min(1, Math.max(SLOW_START_SHARE_MIN, (nowMs - target.slowSince) / durationMs));
}

/**
 * A target that became healthy enters slow start "only when there is at least one healthy target that is not in slow
 * start mode" (target group guide): else nobody could take what it does not.
 */
export const entersSlowStart = (group: TargetGroup, target: Target, nowMs: number): boolean =>
  slowStartMs(group) > 0 &&
  [...group.targets.values()].some(
    (other) => other !== target && other.state === "healthy" && shareOf(group, other, nowMs) === 1,
  );

/** The target of the next request by the group's algorithm, or undefined if it has none. `chance` is from 0 up to 1. */
export function chooseTarget(
  group: TargetGroup,
  nowMs: number,
  chance: () => number,
  hasAddress: (target: Target) => boolean,
): Target | undefined {
  let targets = eligible(group).filter(hasAddress);
  const algorithm = group.attributes.get("load_balancing.algorithm.type");
  // Without anomaly mitigation all healthy targets have the same weight.
  if (algorithm === "weighted_random") return targets[Math.floor(chance() * targets.length)];
  if (algorithm === "least_outstanding_requests") {
    const least = Math.min(...targets.map((target) => target.open.size));
    targets = targets.filter((target) => target.open.size === least);
  }
  return rotate(
    group.turns,
    targets.map((target) => ({
      key: targetKey(target.id, target.port),
      weight: shareOf(group, target, nowMs),
      of: target,
    })),
  );
}

/** `*` is any run of characters, `?` is one. */
function pattern(text: string, ignoreCase: boolean): RegExp {
  const source = text
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${source}$`, ignoreCase ? "i" : "");
}

function holds(condition: Condition, request: RequestFacts): boolean {
  const any = (value: string | undefined, ignoreCase: boolean): boolean =>
    value !== undefined && condition.values.some((each) => pattern(each, ignoreCase).test(value));
  switch (condition.field) {
    case "path-pattern":
      return any(request.path, false);
    case "host-header":
      return any(request.host.replace(/:\d+$/, ""), true);
    case "http-header":
      return any(request.header(condition.header ?? ""), true);
    case "http-request-method":
      return condition.values.includes(request.method);
  }
}

/** Rules in order of priority, the default rule last. */
export const inOrder = (listener: Listener): readonly Rule[] =>
  [...listener.rules.values()].toSorted(
    (a, b) => (a.priority ?? Number.POSITIVE_INFINITY) - (b.priority ?? Number.POSITIVE_INFINITY) || 0,
  );

export function matchingAction(listener: Listener, request: RequestFacts): RuleAction | undefined {
  const rule = inOrder(listener).find((each) => each.conditions.every((condition) => holds(condition, request)));
  return rule?.action;
}

/** Fills `#{host}` and the like of a redirect; a default port is left out, as a browser would. */
export function redirectLocation(
  action: RuleAction & { kind: "redirect" },
  request: RequestFacts,
  listenerPort: number,
): string {
  const values: Readonly<Record<string, string>> = {
    protocol: "http",
    host: request.host.replace(/:\d+$/, ""),
    port: String(listenerPort),
    path: request.path.replace(/^\//, ""),
    query: request.query,
  };
  const fill = (text: string): string => text.replace(/#\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
  const protocol = fill(action.protocol).toLowerCase();
  const port = fill(action.port);
  const shownPort = port === (protocol === "https" ? "443" : "80") ? "" : `:${port}`;
  const query = fill(action.query);
  return `${protocol}://${fill(action.host)}${shownPort}${fill(action.path)}${query === "" ? "" : `?${query}`}`;
}
