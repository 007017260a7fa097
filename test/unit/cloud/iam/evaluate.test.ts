import { describe, expect, test } from "@jest/globals";
import { evaluate, evaluateFor, type Verdict } from "../../../../local/cloud/iam/authorize/evaluate.ts";
import { parsePolicy } from "../../../../local/cloud/iam/authorize/policy.ts";
import { contextOf } from "../../../../local/cloud/iam/authorize/request.ts";

const TABLE = "arn:aws:dynamodb:eu-west-1:000000000000:table/tandem-local-state";
const OBJECT = "arn:aws:s3:::bucket/serverless/a.zip";
const GROUP = "arn:aws:autoscaling:eu-west-1:000000000000:autoScalingGroup:1b2c:autoScalingGroupName/tandem-local-web";
const STREAM = "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/f:log-stream:2026/01/01/[$LATEST]0";

type Keys = Readonly<Record<string, string | readonly string[]>>;

const verdict = (statements: unknown, action: string, resource: string | undefined, keys: Keys = {}): Verdict =>
  evaluate(parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements })), {
    action,
    resource,
    context: contextOf(keys),
  });

const allow = (Action: unknown, Resource: unknown = "*", Condition?: unknown) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...(Condition !== undefined && { Condition }),
});
const deny = (Action: unknown, Resource: unknown = "*") => ({ Effect: "Deny", Action, Resource });

describe("an action", () => {
  test.each<[string, unknown, string, Verdict]>([
    ["that is named", ["dynamodb:PutItem", "dynamodb:GetItem"], "dynamodb:GetItem", "allowed"],
    ["in another case", "dynamodb:getitem", "dynamodb:GetItem", "allowed"],
    ["that a wildcard covers", "dynamodb:Get*", "dynamodb:GetItem", "allowed"],
    ["that ? covers", "dynamodb:?etItem", "dynamodb:GetItem", "allowed"],
    ["of all", "*", "dynamodb:GetItem", "allowed"],
    ["of another service", "s3:*", "dynamodb:GetItem", "implicit"],
    ["that only begins alike", "dynamodb:Get", "dynamodb:GetItem", "implicit"],
    ["with a dot for any letter", "dynamodb.GetItem", "dynamodb:GetItem", "implicit"],
  ])("%s: %j", (_name, actions, action, expected) => {
    expect(verdict(allow(actions), action, TABLE)).toBe(expected);
  });

  test("is allowed by NotAction when it is not in the list", () => {
    const statement = { Effect: "Allow", NotAction: ["iam:*"], Resource: "*" };
    expect(verdict(statement, "s3:GetObject", OBJECT)).toBe("allowed");
    expect(verdict(statement, "iam:PassRole", OBJECT)).toBe("implicit");
  });

  test("that nobody allows is denied", () => {
    expect(evaluate([], { action: "s3:GetObject", resource: OBJECT, context: contextOf({}) })).toBe("implicit");
  });

  test("that is allowed and denied is denied, in any order", () => {
    expect(verdict([allow("s3:*"), deny("s3:GetObject")], "s3:GetObject", OBJECT)).toBe("explicit");
    expect(verdict([deny("s3:GetObject"), allow("s3:*")], "s3:GetObject", OBJECT)).toBe("explicit");
    expect(verdict([deny("s3:GetObject", `${OBJECT}x`), allow("s3:*")], "s3:GetObject", OBJECT)).toBe("allowed");
  });
});

describe("a resource", () => {
  test.each<[string, unknown, string, Verdict]>([
    ["that is named", TABLE, TABLE, "allowed"],
    ["in a list", ["arn:aws:s3:::a", TABLE], TABLE, "allowed"],
    ["of another table", `${TABLE}-2`, TABLE, "implicit"],
    ["below a wildcard", "arn:aws:s3:::bucket/*", OBJECT, "allowed"],
    ["that is the bucket and not an object", "arn:aws:s3:::bucket", OBJECT, "implicit"],
    ["with wildcards in two segments", GROUP.replace("1b2c", "*").replace("web", "*"), GROUP, "allowed"],
    ["of another farm", GROUP.replace("1b2c", "*").replace("local-web", "prod-*"), GROUP, "implicit"],
    [
      "beyond the colon after a last *",
      "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/f:*",
      STREAM,
      "allowed",
    ],
    [
      "as the framework writes log groups",
      "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/f:*:*",
      STREAM,
      "allowed",
    ],
    [
      "where * inside a segment would have to cross a colon",
      "arn:aws:logs:eu-*0:x",
      "arn:aws:logs:eu-west-1:0:x",
      "implicit",
    ],
    ["in another case", TABLE.toUpperCase(), TABLE, "implicit"],
    ["none, for a call on one", "", TABLE, "implicit"],
    [
      "with six characters behind a secret's name",
      "arn:aws:secretsmanager:e:0:secret:a-??????",
      "arn:aws:secretsmanager:e:0:secret:a-1b2c3d",
      "allowed",
    ],
    [
      "with more than six",
      "arn:aws:secretsmanager:e:0:secret:a-??????",
      "arn:aws:secretsmanager:e:0:secret:a-b-1b2c3d",
      "implicit",
    ],
  ])("%s", (_name, resources, resource, expected) => {
    expect(verdict(allow("*", resources), "any:Thing", resource)).toBe(expected);
  });

  test("for an action without one must be granted on *", () => {
    expect(verdict(allow("ec2:DescribeInstances"), "ec2:DescribeInstances", "*")).toBe("allowed");
    expect(verdict(allow("ec2:DescribeInstances", "arn:aws:ec2:*"), "ec2:DescribeInstances", "*")).toBe("implicit");
  });

  test("that the call cannot name is allowed by a grant on any, and still denied", () => {
    expect(verdict(allow("autoscaling:SetInstanceHealth", GROUP), "autoscaling:SetInstanceHealth", undefined)).toBe(
      "allowed",
    );
    expect(verdict([allow("*"), deny("autoscaling:*", GROUP)], "autoscaling:SetInstanceHealth", undefined)).toBe(
      "explicit",
    );
  });

  test("is allowed by NotResource when it is not in the list", () => {
    const statement = { Effect: "Allow", Action: "*", NotResource: [TABLE] };
    expect(verdict(statement, "s3:GetObject", OBJECT)).toBe("allowed");
    expect(verdict(statement, "dynamodb:GetItem", TABLE)).toBe("implicit");
  });

  test("may hold a variable, whose value is no wildcard", () => {
    const statement = allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}/*");
    expect(verdict(statement, "s3:GetObject", "arn:aws:s3:::bucket/ann/x", { "aws:username": "ann" })).toBe("allowed");
    expect(verdict(statement, "s3:GetObject", "arn:aws:s3:::bucket/bob/x", { "aws:username": "*" })).toBe("implicit");
    expect(verdict(statement, "s3:GetObject", "arn:aws:s3:::bucket//x")).toBe("implicit");
    const fallback = allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username, 'all'}/${*}");
    expect(verdict(fallback, "s3:GetObject", "arn:aws:s3:::bucket/all/*")).toBe("allowed");
    expect(verdict(fallback, "s3:GetObject", "arn:aws:s3:::bucket/all/x")).toBe("implicit");
  });
});

describe("a condition", () => {
  const FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:f";
  test.each<[string, unknown, Keys, Verdict]>([
    [
      "StringEquals holds",
      { StringEquals: { "cloudwatch:namespace": "Tandem" } },
      { "cloudwatch:namespace": "Tandem" },
      "allowed",
    ],
    ["StringEquals differs in case", { StringEquals: { k: "Tandem" } }, { k: "tandem" }, "implicit"],
    ["a key in another case", { StringEquals: { "AWS:SourceAccount": "0" } }, { "aws:SourceAccount": "0" }, "allowed"],
    ["one of several values", { StringEquals: { k: ["a", "b"] } }, { k: "b" }, "allowed"],
    ["all keys must hold", { StringEquals: { k: "a", l: "b" } }, { k: "a" }, "implicit"],
    ["all operators must hold", { StringEquals: { k: "a" }, StringLike: { k: "b*" } }, { k: "a" }, "implicit"],
    ["a missing key", { StringEquals: { "aws:ResourceTag/tandem:stage": "local" } }, {}, "implicit"],
    ["a missing key with IfExists", { StringEqualsIfExists: { k: "a" } }, {}, "allowed"],
    ["a wrong key with IfExists", { StringEqualsIfExists: { k: "a" } }, { k: "b" }, "implicit"],
    ["StringEqualsIgnoreCase", { StringEqualsIgnoreCase: { k: "A" } }, { k: "a" }, "allowed"],
    ["StringNotEquals holds", { StringNotEquals: { k: "a" } }, { k: "b" }, "allowed"],
    ["StringNotEquals of a missing key", { StringNotEquals: { k: "a" } }, {}, "allowed"],
    ["StringNotEquals of two values", { StringNotEquals: { k: ["a", "b"] } }, { k: "b" }, "implicit"],
    ["StringLike holds", { StringLike: { k: "tandem-*" } }, { k: "tandem-local" }, "allowed"],
    ["StringLike crosses colons", { StringLike: { k: "a*z" } }, { k: "a:b:z" }, "allowed"],
    ["StringNotLike", { StringNotLike: { k: "tandem-*" } }, { k: "tandem-local" }, "implicit"],
    ["ArnLike holds", { ArnLike: { k: "arn:aws:lambda:*:*:function:*" } }, { k: FUNCTION }, "allowed"],
    ["ArnLike looks at each part", { ArnLike: { k: "arn:aws:*:function:f" } }, { k: FUNCTION }, "implicit"],
    ["ArnNotLike", { ArnNotLike: { k: "arn:aws:lambda:*:*:function:*" } }, { k: FUNCTION }, "implicit"],
    ["ArnEquals", { ArnEquals: { k: FUNCTION } }, { k: FUNCTION }, "allowed"],
    ["Bool holds", { Bool: { "aws:SecureTransport": true } }, { "aws:SecureTransport": "true" }, "allowed"],
    ["Bool fails", { Bool: { "aws:SecureTransport": "false" } }, { "aws:SecureTransport": "true" }, "implicit"],
    ["Null of a missing key", { Null: { k: "true" } }, {}, "allowed"],
    ["Null of a key that is there", { Null: { k: true } }, { k: "a" }, "implicit"],
    ["Null false", { Null: { k: "false" } }, { k: "a" }, "allowed"],
    ["NumericLessThan", { NumericLessThan: { k: "10" } }, { k: "9" }, "allowed"],
    ["NumericGreaterThanEquals", { NumericGreaterThanEquals: { k: 10 } }, { k: "9" }, "implicit"],
    ["ForAnyValue holds", { "ForAnyValue:StringEquals": { k: ["a", "b"] } }, { k: ["b", "c"] }, "allowed"],
    ["ForAnyValue of a missing key", { "ForAnyValue:StringEquals": { k: "a" } }, {}, "implicit"],
    ["ForAllValues fails", { "ForAllValues:StringEquals": { k: ["a", "b"] } }, { k: ["b", "c"] }, "implicit"],
    ["ForAllValues of a missing key", { "ForAllValues:StringEquals": { k: "a" } }, {}, "allowed"],
    [
      "a variable",
      { StringEquals: { k: "${aws:PrincipalAccount}" } },
      { k: "0", "aws:PrincipalAccount": "0" },
      "allowed",
    ],
  ])("%s", (_name, condition, keys, expected) => {
    expect(verdict(allow("*", "*", condition), "any:Thing", TABLE, keys)).toBe(expected);
  });
});

describe("a resource's own policy", () => {
  const policy = (Principal: unknown, more: object = {}) =>
    parsePolicy(
      JSON.stringify({ Statement: { Effect: "Allow", Principal, Action: "sqs:SendMessage", Resource: "*", ...more } }),
    );
  const events = { kind: "Service", name: "events.amazonaws.com", account: "000000000000" } as const;
  const send = {
    action: "sqs:SendMessage",
    resource: "arn:aws:sqs:e:0:q",
    context: contextOf({ "aws:SourceAccount": "0" }),
  };

  test.each<[string, unknown, object, Verdict]>([
    ["lets in whom it names", { Service: "events.amazonaws.com" }, {}, "allowed"],
    ["lets in everybody", "*", {}, "allowed"],
    ["keeps out another service", { Service: ["sns.amazonaws.com"] }, {}, "implicit"],
    ["keeps out a service when it names accounts", { AWS: "000000000000" }, {}, "implicit"],
    [
      "wants its condition",
      { Service: "events.amazonaws.com" },
      { Condition: { StringEquals: { "aws:SourceAccount": "1" } } },
      "implicit",
    ],
  ])("%s", (_name, principal, more, expected) => {
    expect(evaluateFor(policy(principal, more), events, send)).toBe(expected);
  });

  test("names a role by its ARN or by its account", () => {
    const role = { kind: "AWS", name: "arn:aws:iam::000000000000:role/r", account: "000000000000" } as const;
    expect(evaluateFor(policy({ AWS: role.name }), role, send)).toBe("allowed");
    expect(evaluateFor(policy({ AWS: "arn:aws:iam::000000000000:root" }), role, send)).toBe("allowed");
    expect(evaluateFor(policy({ AWS: "arn:aws:iam::000000000000:role/s" }), role, send)).toBe("implicit");
  });
});

describe("a policy that cannot be enforced", () => {
  test.each<[string, unknown, RegExp]>([
    ["an unknown operator", [allow("*", "*", { DateLessThan: { k: "2026" } })], /DateLessThan is not known/],
    ["Action and NotAction", [{ ...allow("*"), NotAction: "s3:*" }], /Action or NotAction, not both/],
    ["NotPrincipal", [{ ...allow("*"), NotPrincipal: "*" }], /NotPrincipal is not known/],
    ["no effect", [{ Action: "*", Resource: "*" }], /Effect of Allow or Deny/],
    ["an action that is no text", [allow({})], /Action must be text/],
    ["no statement", [], /no Statement/],
  ])("is refused by name: %s", (_name, statements, message) => {
    expect(() => parsePolicy(JSON.stringify({ Statement: statements }))).toThrow(message);
  });
});
