import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { actionOf, actionOut } from "./actions.ts";
import { given, inRange, invalid, page, refuseUnknown } from "./checks.ts";
import { QUOTAS, type Listener, type Rule } from "./model.ts";
import { balancerOf, listenerOf, refreshUse, setTags, type Store } from "./store.ts";
import type { Targets } from "./targets.ts";

const LISTENER_MEMBERS = ["LoadBalancerArn", "ListenerArn", "Protocol", "Port", "DefaultActions", "Tags"];

const defaultRule = (listener: Listener): Rule => {
  const rule = [...listener.rules.values()].find((each) => each.priority === undefined);
  if (rule === undefined) throw new Error(`invariant broken: listener ${listener.arn} has a default rule`);
  return rule;
};

const listenerOut = (listener: Listener): sdk.Listener => ({
  ListenerArn: listener.arn,
  LoadBalancerArn: listener.balancer.arn,
  Port: listener.port,
  Protocol: "HTTP",
  DefaultActions: [actionOut(defaultRule(listener).action)],
});

function checkProtocol(protocol: string | undefined): void {
  if ((protocol ?? "HTTP") !== "HTTP")
    throw invalid(`The embedded cloud has HTTP listeners only, not ${protocol}`, "UnsupportedProtocol");
}

function checkPort(listeners: Iterable<Listener>, port: number): void {
  inRange(port, "Port", 1, 65_535);
  if ([...listeners].some((listener) => listener.port === port))
    throw new CloudError("DuplicateListener", `A listener already exists on port ${port} for this load balancer`);
}

/** `open` starts to listen; it rejects with a CloudError that names the address when it cannot. */
export function listenerOperations(
  world: World,
  store: Store,
  targets: Targets,
  open: (listener: Listener) => Promise<void>,
) {
  return {
    async CreateListener(input: sdk.CreateListenerInput): Promise<sdk.CreateListenerOutput> {
      refuseUnknown("CreateListener", input, LISTENER_MEMBERS);
      checkProtocol(input.Protocol);
      const balancer = balancerOf(store, input.LoadBalancerArn);
      const port = given(input.Port, "Port");
      checkPort(balancer.listeners.values(), port);
      if (balancer.listeners.size >= QUOTAS["listeners-per-application-load-balancer"])
        throw new CloudError("TooManyListeners", "The quota of listeners of this load balancer has been reached");
      const action = actionOf(store, input.DefaultActions);
      const id = world.ids.hex(16);
      const listener: Listener = {
        arn: `${balancer.arn.replace(":loadbalancer/", ":listener/")}/${id}`,
        balancer,
        port,
        rules: new Map(),
      };
      const ruleArn = `${listener.arn.replace(":listener/", ":listener-rule/")}/${world.ids.hex(16)}`;
      listener.rules.set(ruleArn, { arn: ruleArn, conditions: [], action });
      await open(listener);
      setTags(store, listener.arn, input.Tags ?? []);
      balancer.listeners.set(listener.arn, listener);
      refreshUse(store, targets);
      return { Listeners: [listenerOut(listener)] };
    },

    async ModifyListener(input: sdk.ModifyListenerInput): Promise<sdk.ModifyListenerOutput> {
      refuseUnknown("ModifyListener", input, LISTENER_MEMBERS);
      checkProtocol(input.Protocol);
      const listener = listenerOf(store, input.ListenerArn);
      const action = input.DefaultActions === undefined ? undefined : actionOf(store, input.DefaultActions);
      if (input.Port !== undefined && input.Port !== listener.port) {
        checkPort(listener.balancer.listeners.values(), input.Port);
        const before = listener.listening;
        listener.port = input.Port;
        await open(listener);
        await before?.close();
      }
      if (action !== undefined) defaultRule(listener).action = action;
      refreshUse(store, targets);
      return { Listeners: [listenerOut(listener)] };
    },
  };
}

export function listenerTableOperations(store: Store, targets: Targets) {
  return {
    DescribeListeners(input: sdk.DescribeListenersInput): sdk.DescribeListenersOutput {
      const chosen =
        input.ListenerArns === undefined
          ? [...balancerOf(store, input.LoadBalancerArn).listeners.values()]
          : input.ListenerArns.map((arn) => listenerOf(store, arn));
      const { items, ...more } = page(chosen, input);
      return { Listeners: items.map(listenerOut), ...more };
    },

    async DeleteListener(input: sdk.DeleteListenerInput) {
      const listener = listenerOf(store, input.ListenerArn);
      listener.balancer.listeners.delete(listener.arn);
      store.tags.delete(listener.arn);
      refreshUse(store, targets);
      await listener.listening?.close();
      return {};
    },
  };
}
