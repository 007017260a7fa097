import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudError } from "../../errors.ts";
import type { Service, World } from "../../service.ts";
import { every } from "../../clock.ts";
import { balancerOperations, balancerSettingOperations, type BalancerParts } from "./balancers.ts";
import { given } from "./checks.ts";
import { groupOperations } from "./groups.ts";
import { listenerOperations, listenerTableOperations } from "./listeners.ts";
import { METRICS_PERIOD_MS, recordHosts, recordOutcome, type RecordMetric } from "./metrics.ts";
import type { Listener, RuleAction, Target, TargetGroup, TargetState } from "./model.ts";
import type { BalancerProxy, RequestFacts, Routing } from "./proxy.ts";
import { registrationOperations } from "./registration.ts";
import { chooseTarget, matchingAction, redirectLocation, rotate } from "./routing.ts";
import { priorityOperations, ruleOperations } from "./rules.ts";
import { allListeners, isResource, setTags, type Store, usersOf } from "./store.ts";
import { openTargets, type Targets } from "./targets.ts";

/** Where a balancer listens unless told otherwise: a free host of the local VPC's first subnet. */
const DEFAULT_ADDRESS = "127.20.0.4";

export interface Elbv2Parts extends Partial<BalancerParts> {
  readonly proxy: BalancerProxy;
  readonly addressOf: (instanceId: string) => string | undefined;
  readonly record?: RecordMetric;
}

export interface Elbv2 {
  readonly service: Service;
  register(targetGroupArn: string, target: { id: string; port?: number }): void;
  deregister(targetGroupArn: string, id: string): void;
  health(targetGroupArn: string, id: string): TargetState;
  /** What an alias record to a balancer answers; undefined for a name that no balancer has. */
  target(dnsName: string): { readonly addresses: readonly string[]; readonly healthy: boolean } | undefined;
}

/** Elastic Load Balancing version 2 of one world: application load balancers whose traffic and probes go through `proxy`. */
export function openElbv2(world: World, parts: Elbv2Parts): Elbv2 {
  const store: Store = { balancers: new Map(), groups: new Map(), tags: new Map() };
  const targets = openTargets({ world, proxy: parts.proxy, addressOf: parts.addressOf });
  const places: BalancerParts = { address: () => DEFAULT_ADDRESS, ...parts };
  const record = parts.record ?? (() => {});
  const router = openRouter(world, store, targets, record);
  const metrics = every(world.clock, METRICS_PERIOD_MS, () => recordHosts(record, store));

  const open = async (listener: Listener): Promise<void> => {
    const { address, attributes } = listener.balancer;
    const front = {
      address,
      port: listener.port,
      idleTimeoutMs: () => Number(attributes.get("idle_timeout.timeout_seconds") ?? 60) * 1_000,
      route: (request: RequestFacts) => router(listener, request),
    };
    try {
      listener.listening = await parts.proxy.listen(front);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CloudError("InvalidConfigurationRequest", `Cannot listen on ${address}:${listener.port}: ${why}`);
    }
  };

  return {
    service: {
      id: "elasticloadbalancing",
      operations: {
        ...balancerOperations(world, store, targets, places),
        ...balancerSettingOperations(store, places),
        ...groupOperations(world, store, targets),
        ...registrationOperations(store, targets),
        ...listenerOperations(world, store, targets, open),
        ...listenerTableOperations(store, targets),
        ...ruleOperations(world, store, targets),
        ...priorityOperations(store),
        ...tagOperations(store),
      },
      resourceOf: (_, input) => resourceOf(input),
      async close() {
        metrics.cancel();
        for (const group of store.groups.values()) targets.drop(group);
        await Promise.all(allListeners(store).map(async (listener) => listener.listening?.close()));
      },
    },
    register(arn, target) {
      const group = store.groups.get(arn);
      if (group === undefined) throw new CloudError("TargetGroupNotFound", `Target groups '${arn}' not found`);
      targets.register(group, target);
    },
    deregister(arn, id) {
      const group = store.groups.get(arn);
      if (group !== undefined) targets.deregister(group, id);
    },
    health(arn, id) {
      const group = store.groups.get(arn);
      return group === undefined ? "unused" : targets.health(group, id);
    },
    target(dnsName) {
      const balancer = [...store.balancers.values()].find(({ address }) => address === dnsName);
      if (balancer === undefined) return undefined;
      // a balancer is healthy when each of its target groups has a healthy target
      const used = [...store.groups.values()].filter(({ arn }) => usersOf(store, arn).includes(balancer.arn));
      const healthy = used.every((group) => [...group.targets.values()].some(({ state }) => state === "healthy"));
      return { addresses: [balancer.address], healthy };
    },
  };
}

/** Decides on each request: rule, target group by weight, target by the group's algorithm. */
function openRouter(world: World, store: Store, targets: Targets, record: RecordMetric) {
  const chance = (): number => Number.parseInt(world.ids.hex(8), 16) / 2 ** 32;
  const chooseIn = (group: TargetGroup): Target | undefined =>
    chooseTarget(group, world.clock.now(), chance, (target) => targets.address(group, target) !== undefined);
  const forward = (listener: Listener, action: RuleAction & { kind: "forward" }): Routing => {
    const choices = action.to.map((to) => ({ key: to.groupArn, weight: to.weight, of: to.groupArn }));
    const group = store.groups.get(rotate(action.turns, choices) ?? "");
    const target = group === undefined ? undefined : chooseIn(group);
    const host = group === undefined || target === undefined ? undefined : targets.address(group, target);
    if (group === undefined || target === undefined || host === undefined) {
      recordOutcome(record, listener.balancer.arn, undefined, { milliseconds: 0, balancerStatus: 503 });
      return { kind: "unavailable" };
    }
    return {
      kind: "forward",
      host,
      port: target.port,
      begin(cut) {
        target.open.add(cut);
        return (outcome) => {
          if (target.open.delete(cut)) recordOutcome(record, listener.balancer.arn, group.arn, outcome);
        };
      },
    };
  };
  return (listener: Listener, request: RequestFacts): Routing => {
    const action = matchingAction(listener, request);
    if (action === undefined) return { kind: "unavailable" };
    if (action.kind === "forward") return forward(listener, action);
    if (action.kind === "fixed-response") return action;
    return { kind: "redirect", status: action.status, location: redirectLocation(action, request, listener.port) };
  };
}

function tagOperations(store: Store) {
  const check = (arns: readonly string[] | undefined): readonly string[] => {
    const all = given(arns, "ResourceArns");
    const missing = all.find((arn) => !isResource(store, arn));
    if (missing === undefined) return all;
    const [code, what] = missing.includes(":targetgroup/")
      ? ["TargetGroupNotFound", "Target groups"]
      : missing.includes(":listener")
        ? ["ListenerNotFound", "Listeners or rules"]
        : ["LoadBalancerNotFound", "Load balancers"];
    throw new CloudError(code, `${what} '${missing}' not found`);
  };
  return {
    AddTags(input: sdk.AddTagsInput) {
      for (const arn of check(input.ResourceArns)) setTags(store, arn, given(input.Tags, "Tags"));
      return {};
    },
    RemoveTags(input: sdk.RemoveTagsInput) {
      for (const arn of check(input.ResourceArns))
        for (const key of given(input.TagKeys, "TagKeys")) store.tags.get(arn)?.delete(key);
      return {};
    },
    DescribeTags(input: sdk.DescribeTagsInput): sdk.DescribeTagsOutput {
      return {
        TagDescriptions: check(input.ResourceArns).map((ResourceArn) => ({
          ResourceArn,
          Tags: [...(store.tags.get(ResourceArn) ?? [])].map(([Key, Value]) => ({ Key, Value })),
        })),
      };
    },
  };
}

/** The ARN that the call names; AWS knows no other resource for these operations. */
function resourceOf(input: Readonly<Record<string, unknown>>): string {
  const { ResourceArns: arns } = input;
  const named = ["RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn"].map((name) => input[name]);
  const first: unknown = [...named, Array.isArray(arns) ? arns[0] : undefined].find((each) => typeof each === "string");
  return typeof first === "string" ? first : "*";
}
