import { CloudError } from "../../errors.ts";
import { invalid, given } from "./checks.ts";
import type { Listener, LoadBalancer, Rule, TargetGroup } from "./model.ts";
import type { Targets } from "./targets.ts";

/** AWS's quota of tags a resource. */
const TAGS_MAX = 50;

/** Everything of one world's Elastic Load Balancing. */
export interface Store {
  readonly balancers: Map<string, LoadBalancer>;
  readonly groups: Map<string, TargetGroup>;
  readonly tags: Map<string, Map<string, string>>;
}

export function balancerOf(store: Store, arn: string | undefined): LoadBalancer {
  const balancer = store.balancers.get(given(arn, "LoadBalancerArn"));
  if (balancer === undefined) throw new CloudError("LoadBalancerNotFound", `Load balancer '${arn}' not found`);
  return balancer;
}

export function groupOf(store: Store, arn: string | undefined): TargetGroup {
  const group = store.groups.get(given(arn, "TargetGroupArn"));
  if (group === undefined) throw new CloudError("TargetGroupNotFound", `Target groups '${arn}' not found`);
  return group;
}

export const allListeners = (store: Store): readonly Listener[] =>
  [...store.balancers.values()].flatMap((balancer) => [...balancer.listeners.values()]);

export function listenerOf(store: Store, arn: string | undefined): Listener {
  const listener = allListeners(store).find((each) => each.arn === given(arn, "ListenerArn"));
  if (listener === undefined) throw new CloudError("ListenerNotFound", `One or more listeners not found: ${arn}`);
  return listener;
}

export function ruleOf(store: Store, arn: string | undefined): { listener: Listener; rule: Rule } {
  for (const listener of allListeners(store)) {
    const rule = listener.rules.get(given(arn, "RuleArn"));
    if (rule !== undefined) return { listener, rule };
  }
  throw new CloudError("RuleNotFound", `One or more rules not found: ${arn}`);
}

export const isResource = (store: Store, arn: string): boolean =>
  store.balancers.has(arn) ||
  store.groups.has(arn) ||
  allListeners(store).some((listener) => listener.arn === arn || listener.rules.has(arn));

/** Balancers that forward to the group. */
export const usersOf = (store: Store, groupArn: string): readonly string[] => [
  ...new Set(
    allListeners(store)
      .filter((listener) => [...listener.rules.values()].some((rule) => forwardsTo(rule, groupArn)))
      .map((listener) => listener.balancer.arn),
  ),
];

const forwardsTo = (rule: Rule, groupArn: string): boolean =>
  rule.action.kind === "forward" && rule.action.to.some((to) => to.groupArn === groupArn);

/** After any change of listeners and rules: groups that gained or lost their last forwarding rule. */
export function refreshUse(store: Store, targets: Targets): void {
  for (const group of store.groups.values()) targets.setInUse(group, usersOf(store, group.arn).length > 0);
}

export function setTags(
  store: Store,
  arn: string,
  tags: readonly { Key: string | undefined; Value?: string | undefined }[],
): void {
  const held = store.tags.get(arn) ?? new Map<string, string>();
  for (const tag of tags) held.set(given(tag.Key, "Tags.member.Key"), tag.Value ?? "");
  if (held.size > TAGS_MAX) throw invalid(`A resource has at most ${TAGS_MAX} tags.`, "TooManyTags");
  store.tags.set(arn, held);
}
