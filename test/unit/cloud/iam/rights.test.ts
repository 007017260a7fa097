import { createRequire } from "node:module";
import { describe, expect, test } from "@jest/globals";
import { actionOf } from "../../../../local/cloud/iam/authorize/actions.ts";
import { openIam } from "../../../../local/cloud/iam/index.ts";
import { NEEDS, regional, ROLE_NAMES, SELDOM, type Need, type RoleKey } from "../../../rights.ts";
import { testWorld } from "../client.ts";

/**
 * The roles as infra/permissions.cjs writes them, and the calls of NEEDS: every call is allowed, and with any one action
 * taken out of any statement a call of just that action is denied, in words that name action, resource and role.
 */
interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly unknown[];
  readonly Condition?: unknown;
}

const permissions: Readonly<Record<RoleKey, readonly Statement[]>> = await createRequire(import.meta.url)(
  "../../../../infra/permissions.cjs",
)({ resolveVariable: async (name: string) => (name === "sls:stage" ? "local" : "node-files/sha.tar.gz") });

const SECRETS: Readonly<Record<string, string>> = { SaltsSecret: "wordpress/salts" };
const PSEUDO: Readonly<Record<string, string>> = {
  "AWS::Partition": "aws",
  "AWS::Region": "eu-west-1",
  "AWS::AccountId": "000000000000",
  "ServerlessDeploymentBucket.Arn": "arn:aws:s3:::bucket",
};

/** What CloudFormation makes of a value; a secret's reference is its ARN, any other is its own name. */
function resolved(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(resolved);
  const [[name, given] = ["", undefined]] = Object.entries(value);
  if (name === "Ref" && typeof given === "string") {
    const secret = SECRETS[given] ?? `database/${given.replace("Secret", "").toLowerCase()}`;
    return given.endsWith("Secret") ? regional("secretsmanager", `secret:tandem/local/${secret}-1b2c3d`) : given;
  }
  if (name === "Fn::If" && Array.isArray(given)) return resolved(given[1]);
  if (name === "Fn::Sub") {
    const [text, own] = Array.isArray(given) ? given : [given, {}];
    const known: Record<string, unknown> = { ...PSEUDO, ...Object(resolved(own)) };
    return String(text).replaceAll(/\$\{([^}]+)\}/g, (_all, key: string) =>
      String(known[key] ?? resolved({ Ref: key })),
    );
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each)]));
}

const missing = (): never => {
  throw new Error("IAM lacks the operation");
};

/** Asks what the endpoint asks, for a role that has just these statements; the denial's words, or undefined. */
async function asked(role: RoleKey, statements: readonly Statement[], need: Need): Promise<string | undefined> {
  const iam = openIam(testWorld());
  const { operations } = iam.service;
  const RoleName = ROLE_NAMES[role];
  const trust = JSON.stringify({ Statement: { Effect: "Allow", Principal: "*", Action: "sts:AssumeRole" } });
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: resolved(statements) });
  Reflect.apply(operations["CreateRole"] ?? missing, undefined, [{ RoleName, AssumeRolePolicyDocument: trust }]);
  Reflect.apply(operations["PutRolePolicy"] ?? missing, undefined, [{ RoleName, PolicyName: "own", PolicyDocument }]);
  const principal = iam.session(`arn:aws:iam::000000000000:role/${RoleName}`, "session");
  Reflect.apply(operations["CreateInstanceProfile"] ?? missing, undefined, [{ InstanceProfileName: "web" }]);
  const machines = { InstanceProfileName: "web", RoleName: ROLE_NAMES.webNode };
  if (role !== "webNode")
    Reflect.apply(operations["CreateRole"] ?? missing, undefined, [
      { RoleName: ROLE_NAMES.webNode, AssumeRolePolicyDocument: trust },
    ]);
  Reflect.apply(operations["AddRoleToInstanceProfile"] ?? missing, undefined, [machines]);
  const authorize = iam.authorizer({ tagsOf: () => ({ "tandem:stage": "local" }), templateProfile: () => "web" });
  try {
    authorize({ principal, input: {}, ...need });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const roles = Object.keys(ROLE_NAMES).filter((key): key is RoleKey => key in NEEDS);
const needAction = ({ service, operation }: Need): string => actionOf(service, operation);

/** Every place where an action stands, so that one that stands in two statements is taken out of each. */
const places = roles.flatMap((role) =>
  permissions[role].flatMap(({ Action }, statement) => Action.map((action) => ({ role, action, statement }))),
);

test("infra/permissions.cjs has the roles that this test knows, and no other", () => {
  expect(Object.keys(permissions).toSorted()).toEqual(roles.toSorted());
});

describe("what a role does is allowed", () => {
  const needs = roles.flatMap((role) => NEEDS[role].map((need) => ({ role, need, action: needAction(need) })));
  test.each(needs)("$role: $action on $need.resource", async ({ role, need }) => {
    expect(await asked(role, permissions[role], need)).toBeUndefined();
  });
});

describe("what a role is allowed it needs: without it, it is told action, resource and role", () => {
  test.each(places)("$role without $action (statement $statement)", async ({ role, action, statement }) => {
    const statements = permissions[role]
      .map((each, index) =>
        index === statement ? { ...each, Action: each.Action.filter((one) => one !== action) } : each,
      )
      .filter(({ Action }) => Action.length > 0);
    const needs: readonly Need[] = NEEDS[role];
    const own = needs.filter((need) => needAction(need) === action);
    // An action that no call is named after goes with another: a role that is handed over, a launch from a template.
    const told = await Promise.all((own.length > 0 ? own : needs).map((need) => asked(role, statements, need)));
    const denial = told.find((words) => words !== undefined) ?? `nothing that ${role} does needs ${action}`;
    expect(denial).toContain(
      `assumed-role/${ROLE_NAMES[role]}/session is not authorized to perform: ${action} on resource: `,
    );
  });
});

describe("who may roll out a template", () => {
  const template = (LaunchTemplateId: string) => ({ LaunchTemplate: { LaunchTemplateId, Version: "2" } });
  const group = (node: string) =>
    regional("autoscaling", `autoScalingGroup:1b2c:autoScalingGroupName/tandem-local-${node}`);
  const update = (input: Need["input"], node = "web"): Need => ({
    ...{ service: "autoscaling", operation: "UpdateAutoScalingGroup", resource: group(node) },
    ...(input === undefined ? {} : { input }),
  });

  test.each<[string, Need, string]>([
    ["the sizes of the group", update({ MaxSize: 9 }), "autoscaling:UpdateAutoScalingGroup"],
    ["another template", update(template("lt-of-somebody-else")), "ec2:RunInstances"],
    ["a group of the databases", update(template("WebLaunchTemplate"), "db-a"), "autoscaling:UpdateAutoScalingGroup"],
  ])("may not change %s", async (_what, need, action) => {
    expect(await asked("maintain", permissions.maintain, need)).toContain(`is not authorized to perform: ${action}`);
  });
});

test("a right that may stay unused is one that the role has", () => {
  const stale = roles.flatMap((role) =>
    Object.keys(SELDOM[role] ?? {}).filter(
      (action) => !places.some((one) => one.role === role && one.action === action),
    ),
  );
  expect(stale).toEqual([]);
});
