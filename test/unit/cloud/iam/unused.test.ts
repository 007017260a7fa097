import { expect, test } from "@jest/globals";
import { unusedRights } from "../../../../local/cloud/iam/authorize/unused.ts";

const policy = (...Action: string[]): string =>
  JSON.stringify({
    Statement: [
      { Effect: "Allow", Action, Resource: "*" },
      { Effect: "Deny", Action: "iam:*", Resource: "*" },
    ],
  });
const call = (role: string, service: string, operation: string, decision: "allowed" | "denied" = "allowed") => ({
  principal: `arn:aws:sts::000000000000:assumed-role/${role}/session`,
  service,
  operation,
  decision,
});
const rights = (role: string, documents: string[], attached: string[] = []) => ({ role, documents, attached });

test("an action that was never done is reported for its role only", () => {
  const calls = [call("a", "monitoring", "PutMetricData"), call("b", "s3", "HeadObject")];
  const roles = [
    rights("b", [policy("cloudwatch:PutMetricData", "s3:GetObject")]),
    rights("a", [policy("cloudwatch:PutMetricData", "s3:GetObject")]),
  ];
  expect(unusedRights(calls, roles)).toEqual([
    { role: "a", action: "s3:GetObject" },
    { role: "b", action: "cloudwatch:PutMetricData" },
  ]);
});

test("a wildcard is used by any action that it covers, and a denied call uses nothing", () => {
  const calls = [call("a", "s3", "GetObject"), call("a", "dynamodb", "GetItem", "denied")];
  expect(unusedRights(calls, [rights("a", [policy("s3:Get*", "dynamodb:*")])])).toEqual([
    { role: "a", action: "dynamodb:*" },
  ]);
});

test("an action is listed once however many policies allow it, and what is done by a user counts for no role", () => {
  const user = { ...call("a", "s3", "GetObject"), principal: "arn:aws:iam::000000000000:user/operator" };
  expect(unusedRights([user], [rights("a", [policy("s3:GetObject"), policy("s3:GetObject")])])).toHaveLength(1);
});

test("a policy of AWS's own is reported when nothing of it was used", () => {
  const core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
  expect(unusedRights([], [rights("a", [], [core])])).toEqual([
    { role: "a", action: "policy/AmazonSSMManagedInstanceCore" },
  ]);
  expect(unusedRights([call("a", "ssm", "UpdateInstanceInformation")], [rights("a", [], [core])])).toEqual([]);
});

test("a statement with NotAction is always reported, because it cannot be counted", () => {
  const open = JSON.stringify({ Statement: { Effect: "Allow", NotAction: "iam:*", Resource: "*" } });
  expect(unusedRights([call("a", "s3", "GetObject")], [rights("a", [open])])).toEqual([
    { role: "a", action: "everything but iam:*" },
  ]);
});
