import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { actionOf, actionOut, conditionOut, conditionsOf } from "./actions.ts";
import { given, inRange, page, refuseUnknown } from "./checks.ts";
import { QUOTAS, type Listener, type Rule } from "./model.ts";
import { inOrder } from "./routing.ts";
import { listenerOf, refreshUse, ruleOf, setTags, type Store } from "./store.ts";
import type { Targets } from "./targets.ts";

const PRIORITY_MAX = 50_000;

const ruleOut = (rule: Rule): sdk.Rule => ({
  RuleArn: rule.arn,
  Priority: rule.priority === undefined ? "default" : String(rule.priority),
  Conditions: rule.conditions.map(conditionOut),
  Actions: [actionOut(rule.action)],
  IsDefault: rule.priority === undefined,
});

function checkPriority(listener: Listener, priority: number): number {
  inRange(priority, "Priority", 1, PRIORITY_MAX);
  if ([...listener.rules.values()].some((rule) => rule.priority === priority))
    throw new CloudError("PriorityInUse", `Priority '${priority}' is currently in use`);
  return priority;
}

export function ruleOperations(world: World, store: Store, targets: Targets) {
  return {
    CreateRule(input: sdk.CreateRuleInput): sdk.CreateRuleOutput {
      refuseUnknown("CreateRule", input, ["ListenerArn", "Conditions", "Priority", "Actions", "Tags"]);
      const listener = listenerOf(store, input.ListenerArn);
      if (listener.rules.size > QUOTAS["rules-per-application-load-balancer"])
        throw new CloudError("TooManyRules", "The quota of rules of this load balancer has been reached");
      const rule: Rule = {
        arn: `${listener.arn.replace(":listener/", ":listener-rule/")}/${world.ids.hex(16)}`,
        priority: checkPriority(listener, given(input.Priority, "Priority")),
        conditions: conditionsOf(input.Conditions),
        action: actionOf(store, input.Actions),
      };
      listener.rules.set(rule.arn, rule);
      setTags(store, rule.arn, input.Tags ?? []);
      refreshUse(store, targets);
      return { Rules: [ruleOut(rule)] };
    },

    ModifyRule(input: sdk.ModifyRuleInput): sdk.ModifyRuleOutput {
      refuseUnknown("ModifyRule", input, ["RuleArn", "Conditions", "Actions"]);
      const { rule } = ruleOf(store, input.RuleArn);
      if (rule.priority === undefined)
        throw new CloudError("OperationNotPermitted", "The default rule is changed by ModifyListener");
      const action = input.Actions === undefined ? rule.action : actionOf(store, input.Actions);
      if (input.Conditions !== undefined) rule.conditions = conditionsOf(input.Conditions);
      rule.action = action;
      refreshUse(store, targets);
      return { Rules: [ruleOut(rule)] };
    },

    DescribeRules(input: sdk.DescribeRulesInput): sdk.DescribeRulesOutput {
      const chosen =
        input.RuleArns === undefined
          ? inOrder(listenerOf(store, input.ListenerArn))
          : input.RuleArns.map((arn) => ruleOf(store, arn).rule);
      const { items, ...more } = page(chosen, input);
      return { Rules: items.map(ruleOut), ...more };
    },

    DeleteRule(input: sdk.DeleteRuleInput) {
      const { listener, rule } = ruleOf(store, input.RuleArn);
      if (rule.priority === undefined)
        throw new CloudError("OperationNotPermitted", `Default rule '${rule.arn}' cannot be deleted`);
      listener.rules.delete(rule.arn);
      store.tags.delete(rule.arn);
      refreshUse(store, targets);
      return {};
    },
  };
}

export function priorityOperations(store: Store) {
  return {
    SetRulePriorities(input: sdk.SetRulePrioritiesInput): sdk.SetRulePrioritiesOutput {
      const moved = given(input.RulePriorities, "RulePriorities").map(({ RuleArn, Priority }) => {
        const { listener, rule } = ruleOf(store, RuleArn);
        const priority = inRange(given(Priority, "Priority"), "Priority", 1, PRIORITY_MAX);
        if (rule.priority === undefined)
          throw new CloudError("OperationNotPermitted", "The default rule has no priority to set");
        return { listener, rule, priority };
      });
      for (const { listener, rule, priority } of moved) {
        const holder = [...listener.rules.values()].find((each) => each.priority === priority && each !== rule);
        if (holder !== undefined && !moved.some((each) => each.rule === holder))
          throw new CloudError("PriorityInUse", `Priority '${priority}' is currently in use`);
      }
      for (const { rule, priority } of moved) rule.priority = priority;
      return { Rules: moved.map(({ rule }) => ruleOut(rule)) };
    },
  };
}
