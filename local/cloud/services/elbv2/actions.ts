import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { given, inRange, invalid, refuseUnknown } from "./checks.ts";
import type { Condition, ConditionField, ForwardTo, RuleAction } from "./model.ts";
import { groupOf, type Store } from "./store.ts";

/** AWS's quotas: target groups of one forward action, condition values of one rule. */
const FORWARDS_MAX = 5;
const CONDITION_VALUES_MAX = 5;
const WEIGHT_MAX = 999;
/** AWS's bound of a fixed response's body. */
const BODY_MAX = 1_024;

const unsupported = (what: string): Error =>
  invalid(`The embedded cloud does not support ${what}`, "InvalidConfigurationRequest");

function forwardTargets(store: Store, action: sdk.Action): readonly ForwardTo[] {
  const config = action.ForwardConfig;
  if (config?.TargetGroupStickinessConfig?.Enabled === true) throw unsupported("TargetGroupStickinessConfig.Enabled");
  const tuples = config?.TargetGroups ?? [{ TargetGroupArn: action.TargetGroupArn, Weight: 1 }];
  if (tuples.length === 0 || tuples.length > FORWARDS_MAX)
    throw invalid(`A forward action has between 1 and ${FORWARDS_MAX} target groups`);
  return tuples.map(({ TargetGroupArn, Weight = 1 }) => ({
    groupArn: groupOf(store, TargetGroupArn).arn,
    weight: inRange(Weight, "Weight", 0, WEIGHT_MAX),
  }));
}

/** The one action of a listener or rule; the kinds that sign users in are refused by name. */
export function actionOf(store: Store, actions: readonly sdk.Action[] | undefined): RuleAction {
  const [action, ...others] = given(actions, "Actions");
  if (action === undefined || others.length > 0) throw unsupported("other than exactly one action of a rule");
  switch (action.Type) {
    case "forward":
      return { kind: "forward", to: forwardTargets(store, action), turns: new Map() };
    case "fixed-response": {
      const config = given(action.FixedResponseConfig, "FixedResponseConfig");
      const status = given(config.StatusCode, "StatusCode");
      if (!/^[245]\d\d$/.test(status)) throw invalid(`The status code '${status}' must be 2XX, 4XX or 5XX`);
      const body = config.MessageBody ?? "";
      if (body.length > BODY_MAX) throw invalid(`The message body is longer than ${BODY_MAX} characters`);
      return { kind: "fixed-response", status: Number(status), contentType: config.ContentType ?? "text/plain", body };
    }
    case "redirect": {
      const config = given(action.RedirectConfig, "RedirectConfig");
      return {
        kind: "redirect",
        status: config.StatusCode === "HTTP_301" ? 301 : 302,
        protocol: config.Protocol ?? "#{protocol}",
        host: config.Host ?? "#{host}",
        port: config.Port ?? "#{port}",
        path: config.Path ?? "/#{path}",
        query: config.Query ?? "#{query}",
      };
    }
    default:
      throw unsupported(`actions of type '${action.Type}'`);
  }
}

export function actionOut(action: RuleAction): sdk.Action {
  switch (action.kind) {
    case "forward": {
      const [first] = action.to;
      return {
        Type: "forward",
        ...(action.to.length === 1 && first !== undefined ? { TargetGroupArn: first.groupArn } : {}),
        ForwardConfig: {
          TargetGroups: action.to.map((to) => ({ TargetGroupArn: to.groupArn, Weight: to.weight })),
          TargetGroupStickinessConfig: { Enabled: false },
        },
      };
    }
    case "fixed-response":
      return {
        Type: "fixed-response",
        FixedResponseConfig: {
          StatusCode: String(action.status),
          ContentType: action.contentType,
          MessageBody: action.body,
        },
      };
    case "redirect":
      return {
        Type: "redirect",
        RedirectConfig: {
          StatusCode: action.status === 301 ? "HTTP_301" : "HTTP_302",
          Protocol: action.protocol,
          Host: action.host,
          Port: action.port,
          Path: action.path,
          Query: action.query,
        },
      };
  }
}

const FIELDS: readonly ConditionField[] = ["path-pattern", "host-header", "http-header", "http-request-method"];

export function conditionsOf(conditions: readonly sdk.RuleCondition[] | undefined): readonly Condition[] {
  const all = given(conditions, "Conditions").map(conditionOf);
  if (all.length === 0) throw invalid("A condition must be specified");
  if (all.flatMap((condition) => condition.values).length > CONDITION_VALUES_MAX)
    throw invalid(`A rule has at most ${CONDITION_VALUES_MAX} condition values`);
  return all;
}

function conditionOf(condition: sdk.RuleCondition): Condition {
  refuseUnknown("RuleCondition", condition, [
    "Field",
    "Values",
    "HostHeaderConfig",
    "PathPatternConfig",
    "HttpHeaderConfig",
    "HttpRequestMethodConfig",
  ]);
  const field = FIELDS.find((each) => each === condition.Field);
  if (field === undefined) throw unsupported(`conditions on '${condition.Field}'`);
  const config =
    condition.PathPatternConfig ??
    condition.HostHeaderConfig ??
    condition.HttpHeaderConfig ??
    condition.HttpRequestMethodConfig;
  if (config !== undefined && "RegexValues" in config && config.RegexValues !== undefined)
    throw unsupported("RegexValues");
  const values = config?.Values ?? condition.Values ?? [];
  if (values.length === 0) throw invalid(`A condition value must be specified for ${field}`);
  const header = condition.HttpHeaderConfig?.HttpHeaderName;
  if (field === "http-header") return { field, values, header: given(header, "HttpHeaderName") };
  return { field, values };
}

export function conditionOut({ field, values, header }: Condition): sdk.RuleCondition {
  const Values = [...values];
  switch (field) {
    case "path-pattern":
      return { Field: field, Values, PathPatternConfig: { Values } };
    case "host-header":
      return { Field: field, Values, HostHeaderConfig: { Values } };
    case "http-header":
      return {
        Field: field,
        HttpHeaderConfig: { Values, ...(header === undefined ? {} : { HttpHeaderName: header }) },
      };
    case "http-request-method":
      return { Field: field, HttpRequestMethodConfig: { Values } };
  }
}
