import type * as Sdk from "@aws-sdk/client-eventbridge";
import { CloudError } from "../errors.ts";
import type { Operation, World } from "../service.ts";
import { compilePattern } from "./pattern.ts";
import type { Rule, Target } from "./rule.ts";
import { parseSchedule } from "./schedule.ts";
import { checkInput } from "./target-input.ts";

/** Documented quotas. */
const RULES_MAX = 300;
const TARGETS_MAX = 5;
/** Documented defaults of a retry policy. */
const RETRY_ATTEMPTS_MAX = 185;
const EVENT_AGE_SECONDS_MAX = 86_400;

const KNOWN_TARGET_MEMBERS = new Set([
  "Id",
  "Arn",
  "RoleArn",
  "Input",
  "InputPath",
  "InputTransformer",
  "DeadLetterConfig",
  "RetryPolicy",
]);

const invalid = (message: string): CloudError => new CloudError("ValidationException", message);

function required<T>(value: T | undefined | null, member: string): T {
  if (value === undefined || value === null) throw invalid(`${member} is required`);
  return value;
}

export function refuseOtherBus(given: string | undefined): void {
  if (given === undefined || given === "default" || given.endsWith(":event-bus/default")) return;
  throw new CloudError("ResourceNotFoundException", `Event bus ${given} does not exist.`);
}

interface RuleParts {
  readonly world: World;
  readonly rules: Map<string, Rule>;
  arm(rule: Rule): void;
  /** Throws ResourceNotFoundException for a rule or bus that is not there. */
  of(name: string | undefined, bus: string | undefined): Rule;
  listed(prefix: string | undefined): Rule[];
}

/** Rules, their targets and tags. `arm` is called after whatever may change a rule's schedule. */
export function ruleOperations(
  world: World,
  rules: Map<string, Rule>,
  arm: (rule: Rule) => void,
): Record<string, Operation> {
  const parts: RuleParts = {
    world,
    rules,
    arm,
    of(name, bus) {
      refuseOtherBus(bus);
      const rule = rules.get(required(name, "Name"));
      if (rule !== undefined) return rule;
      throw new CloudError("ResourceNotFoundException", `Rule ${name} does not exist on EventBus default.`);
    },
    listed: (prefix) =>
      [...rules.values()]
        .filter((rule) => rule.name.startsWith(prefix ?? ""))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
  return { ...ownOperations(parts), ...targetOperations(parts), ...tagOperations(parts) };
}

function ownOperations({ world, rules, arm, of, listed }: RuleParts): Record<string, Operation> {
  const arnOf = (name: string): string => `arn:aws:events:${world.region}:${world.account}:rule/${name}`;
  const enable = (rule: Rule, enabled: boolean) => {
    rule.enabled = enabled;
    arm(rule);
    return {};
  };

  return {
    PutRule(input: Sdk.PutRuleCommandInput) {
      refuseOtherBus(input.EventBusName);
      const name = required(input.Name, "Name");
      const before = rules.get(name);
      if (before === undefined && rules.size >= RULES_MAX)
        throw new CloudError("LimitExceededException", `at most ${RULES_MAX} rules`);
      const rule = ruleFrom(input, name, arnOf(name), before);
      before?.timer?.cancel();
      rules.set(name, rule);
      arm(rule);
      return { RuleArn: rule.arn };
    },
    DescribeRule: (input: Sdk.DescribeRuleCommandInput) => ({
      ...shownRule(of(input.Name, input.EventBusName)),
      CreatedBy: world.account,
    }),
    EnableRule: (input: Sdk.EnableRuleCommandInput) => enable(of(input.Name, input.EventBusName), true),
    DisableRule: (input: Sdk.DisableRuleCommandInput) => enable(of(input.Name, input.EventBusName), false),
    ListRules: (input: Sdk.ListRulesCommandInput) => ({ Rules: listed(input.NamePrefix).map(shownRule) }),
    DeleteRule(input: Sdk.DeleteRuleCommandInput) {
      refuseOtherBus(input.EventBusName);
      const rule = rules.get(required(input.Name, "Name"));
      if (rule === undefined) return {}; // AWS answers success
      if (rule.targets.size > 0) throw invalid("Rule can't be deleted since it has targets.");
      rule.timer?.cancel();
      rules.delete(rule.name);
      return {};
    },
  };
}

function targetOperations({ of, listed }: RuleParts): Record<string, Operation> {
  return {
    PutTargets(input: Sdk.PutTargetsCommandInput) {
      const rule = of(input.Rule, input.EventBusName);
      const targets = required(input.Targets, "Targets").map(targetFrom);
      const ids = new Set([...rule.targets.keys(), ...targets.map((target) => target.id)]);
      if (ids.size > TARGETS_MAX)
        throw new CloudError(
          "LimitExceededException",
          `The requested resource exceeds the maximum number allowed: ${TARGETS_MAX} targets of a rule.`,
        );
      for (const target of targets) rule.targets.set(target.id, target);
      return { FailedEntryCount: 0, FailedEntries: [] };
    },
    ListTargetsByRule: (input: Sdk.ListTargetsByRuleCommandInput) => ({
      Targets: [...of(input.Rule, input.EventBusName).targets.values()].map((target) => target.given),
    }),
    RemoveTargets(input: Sdk.RemoveTargetsCommandInput) {
      const rule = of(input.Rule, input.EventBusName);
      const FailedEntries = required(input.Ids, "Ids")
        .filter((id) => !rule.targets.delete(id))
        .map((TargetId) => ({
          TargetId,
          ErrorCode: "ResourceNotFoundException",
          ErrorMessage: `Rule ${rule.name} has no target ${TargetId}.`,
        }));
      return { FailedEntryCount: FailedEntries.length, FailedEntries };
    },
    ListRuleNamesByTarget(input: Sdk.ListRuleNamesByTargetCommandInput) {
      const arn = required(input.TargetArn, "TargetArn");
      return {
        RuleNames: listed("")
          .filter((rule) => [...rule.targets.values()].some((target) => target.arn === arn))
          .map((rule) => rule.name),
      };
    },
  };
}

function tagOperations({ of }: RuleParts): Record<string, Operation> {
  const byArn = (arn: string | undefined): Rule => of(required(arn, "ResourceARN").split(":rule/").at(-1), undefined);
  return {
    ListTagsForResource: (input: Sdk.ListTagsForResourceCommandInput) => ({
      Tags: Object.entries(byArn(input.ResourceARN).tags).map(([Key, Value]) => ({ Key, Value })),
    }),
    TagResource(input: Sdk.TagResourceCommandInput) {
      const rule = byArn(input.ResourceARN);
      rule.tags = { ...rule.tags, ...tagsOf(input.Tags) };
      return {};
    },
    UntagResource(input: Sdk.UntagResourceCommandInput) {
      const rule = byArn(input.ResourceARN);
      const gone = new Set(input.TagKeys);
      rule.tags = Object.fromEntries(Object.entries(rule.tags).filter(([key]) => !gone.has(key)));
      return {};
    },
  };
}

const tagsOf = (tags: readonly Sdk.Tag[] | undefined): Record<string, string> =>
  Object.fromEntries((tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));

function ruleFrom(input: Sdk.PutRuleCommandInput, name: string, arn: string, before: Rule | undefined): Rule {
  if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(name)) throw invalid(`Name ${name}: 1 to 64 letters, digits and . - _`);
  const { EventPattern, ScheduleExpression, State } = input;
  if (EventPattern === undefined && ScheduleExpression === undefined)
    throw invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  if (State !== undefined && State !== "ENABLED" && State !== "DISABLED")
    throw invalid(`State ${State}: the embedded cloud knows ENABLED and DISABLED`);
  return {
    name,
    arn,
    pattern: EventPattern === undefined ? undefined : { text: EventPattern, match: compilePattern(EventPattern) },
    schedule:
      ScheduleExpression === undefined
        ? undefined
        : { text: ScheduleExpression, next: parseSchedule(ScheduleExpression) },
    description: input.Description,
    roleArn: input.RoleArn,
    targets: before?.targets ?? new Map<string, Target>(),
    enabled: State !== "DISABLED",
    // AWS ignores the tags of a PutRule that updates.
    tags: before?.tags ?? tagsOf(input.Tags),
    timer: undefined,
  };
}

function shownRule(rule: Rule): Record<string, unknown> {
  return {
    Name: rule.name,
    Arn: rule.arn,
    State: rule.enabled ? "ENABLED" : "DISABLED",
    EventBusName: "default",
    ...(rule.pattern === undefined ? {} : { EventPattern: rule.pattern.text }),
    ...(rule.schedule === undefined ? {} : { ScheduleExpression: rule.schedule.text }),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    ...(rule.roleArn === undefined ? {} : { RoleArn: rule.roleArn }),
  };
}

function targetFrom(given: Sdk.Target): Target {
  const id = required(given.Id, "Targets.Id");
  const arn = required(given.Arn, "Targets.Arn");
  for (const [member, value] of Object.entries(given)) {
    if (value !== undefined && !KNOWN_TARGET_MEMBERS.has(member))
      throw invalid(`Target ${id}: ${member} is not known to the embedded cloud's EventBridge`);
  }
  if (!/^arn:aws:(lambda|sqs):/.test(arn))
    throw invalid(`Target ${id}: ${arn}: the embedded cloud's EventBridge knows Lambda functions and SQS queues`);
  const { InputTransformer } = given;
  const input = {
    input: given.Input,
    inputPath: given.InputPath,
    transformer:
      InputTransformer === undefined
        ? undefined
        : {
            paths: InputTransformer.InputPathsMap ?? {},
            template: required(InputTransformer.InputTemplate, "InputTemplate"),
          },
  };
  checkInput(input);
  const retry = {
    attemptsMax: bounded(
      "MaximumRetryAttempts",
      given.RetryPolicy?.MaximumRetryAttempts ?? RETRY_ATTEMPTS_MAX,
      0,
      RETRY_ATTEMPTS_MAX,
    ),
    ageSecondsMax: bounded(
      "MaximumEventAgeInSeconds",
      given.RetryPolicy?.MaximumEventAgeInSeconds ?? EVENT_AGE_SECONDS_MAX,
      60,
      EVENT_AGE_SECONDS_MAX,
    ),
  };
  return { id, arn, input, retry, deadLetterArn: given.DeadLetterConfig?.Arn, given: { ...given } };
}

function bounded(member: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw invalid(`${member} ${value}: must be between ${min} and ${max}`);
}
