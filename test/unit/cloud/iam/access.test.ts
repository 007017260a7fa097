import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient, PutMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { IAMClient, ListRolesCommand } from "@aws-sdk/client-iam";
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
import { SendCommandCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, test } from "@jest/globals";
import type { CallRecord } from "../../../../local/cloud/calls.ts";
import { openEndpoint } from "../../../../local/cloud/endpoint.ts";
import { openIam } from "../../../../local/cloud/iam/index.ts";
import { openOnBehalf } from "../../../../local/cloud/iam/on-behalf.ts";
import type { Service, ServiceId } from "../../../../local/cloud/service.ts";
import { sdkClient, testWorld } from "../client.ts";

const ROLE = "arn:aws:iam::000000000000:role/worker";
const WORKER = "arn:aws:sts::000000000000:assumed-role/worker/session";
const GROUP = "arn:aws:autoscaling:eu-west-1:000000000000:autoScalingGroup:1b2c:autoScalingGroupName/tandem-local-web";
const arn = (service: string, rest: string): string => `arn:aws:${service}:eu-west-1:000000000000:${rest}`;
const trust = (service: string): string =>
  JSON.stringify({ Statement: { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" } });

/** Resources as the real services name them, and operations that answer nothing. */
const services: readonly Service[] = [
  idle("autoscaling", ["SetDesiredCapacity", "DescribeAutoScalingGroups", "CreateAutoScalingGroup"], (operation) =>
    operation.startsWith("Describe") ? "*" : GROUP,
  ),
  idle("monitoring", ["PutMetricData"], () => "*"),
  idle("dynamodb", ["GetItem"], () => arn("dynamodb", "table/state")),
  idle("ec2", ["RunInstances"], () => "*"),
  idle("lambda", ["Invoke", "CreateFunction"], () => arn("lambda", "function:f")),
  idle("s3", ["GetObject", "HeadObject", "ListObjectsV2", "DeleteObjects"], (_operation, { Key }) =>
    typeof Key === "string" ? `arn:aws:s3:::bucket/${Key}` : "arn:aws:s3:::bucket",
  ),
  idle("ssm", ["SendCommand"], () => arn("ssm", "document/tandem-local-launch")),
];

function idle(id: ServiceId, operations: readonly string[], resourceOf: Service["resourceOf"]): Service {
  return { id, resourceOf, operations: Object.fromEntries(operations.map((name) => [name, () => ({})])) };
}

/** An endpoint with real IAM, where the role `worker` has just these statements. */
async function openAs(...Statement: readonly object[]) {
  const world = testWorld();
  const iam = openIam(world);
  const calls: CallRecord[] = [];
  const endpoint = openEndpoint({
    world,
    services: new Map([...services, iam.service, iam.sts].map((service) => [service.id, service])),
    principalOf: iam.principalOf,
    record: (line) => void calls.push(line),
    authorize: iam.authorizer({
      tagsOf: (resource) =>
        ({ "i-1": { "tandem:stage": "local" }, "i-2": { "tandem:stage": "prod" } })[resource.slice(-3)],
      templateProfile: ({ LaunchTemplateId }) => (LaunchTemplateId === "lt-1" ? "machine" : undefined),
    }),
  });
  const operator = iam.addUser("operator", "AKIAOPERATOR", "secret");
  const asOperator = (operation: string, input: Record<string, unknown>) =>
    endpoint.callService(operator, "iam", operation, input);
  for (const [RoleName, service] of [
    ["worker", "lambda"],
    ["machine", "ec2"],
  ] as const)
    await asOperator("CreateRole", { RoleName, AssumeRolePolicyDocument: trust(`${service}.amazonaws.com`) });
  await asOperator("CreateInstanceProfile", { InstanceProfileName: "machine" });
  await asOperator("AddRoleToInstanceProfile", { InstanceProfileName: "machine", RoleName: "machine" });
  const grant = (statements: readonly object[], RoleName = "worker") =>
    asOperator("PutRolePolicy", {
      RoleName,
      PolicyName: "own",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: statements }),
    });
  if (Statement.length > 0) await grant(Statement);
  const { accessKeyId } = iam.credentials(ROLE, "session");
  calls.length = 0;
  return {
    world,
    iam,
    endpoint,
    calls,
    grant,
    asOperator,
    as: <C>(client: Parameters<typeof sdkClient<C>>[0]): C => sdkClient<C>(client, endpoint.handle, accessKeyId),
  };
}

const allow = (Action: string | readonly string[], Resource: string | readonly string[] = "*", Condition?: object) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...(Condition && { Condition }),
});

const words = (action: string, resource: string): string =>
  `User: ${WORKER} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;

describe("a role without rights", () => {
  const setDesired = new SetDesiredCapacityCommand({ AutoScalingGroupName: "tandem-local-web", DesiredCapacity: 2 });
  const getItem = new GetItemCommand({ TableName: "state", Key: { pk: { S: "a" } } });
  const putMetric = new PutMetricDataCommand({ Namespace: "Tandem", MetricData: [{ MetricName: "m", Value: 1 }] });

  test.each<[string, (as: Awaited<ReturnType<typeof openAs>>["as"]) => Promise<unknown>, object]>([
    [
      "query",
      (as) => as(AutoScalingClient).send(setDesired),
      {
        name: "AccessDenied",
        message: words("autoscaling:SetDesiredCapacity", GROUP),
        $metadata: { httpStatusCode: 403 },
      },
    ],
    [
      "EC2",
      (as) => as(EC2Client).send(new RunInstancesCommand({ MinCount: 1, MaxCount: 1 })),
      {
        name: "UnauthorizedOperation",
        message: `You are not authorized to perform this operation. ${words("ec2:RunInstances", "*")}`,
      },
    ],
    [
      "JSON",
      (as) => as(DynamoDBClient).send(getItem),
      {
        name: "AccessDeniedException",
        message: words("dynamodb:GetItem", arn("dynamodb", "table/state")),
        $metadata: { httpStatusCode: 400 },
      },
    ],
    [
      "CBOR or JSON of CloudWatch",
      (as) => as(CloudWatchClient).send(putMetric),
      { message: words("cloudwatch:PutMetricData", "*") },
    ],
    [
      "REST JSON",
      (as) => as(LambdaClient).send(new InvokeCommand({ FunctionName: "f" })),
      {
        name: "AccessDeniedException",
        message: words("lambda:InvokeFunction", arn("lambda", "function:f")),
        $metadata: { httpStatusCode: 403 },
      },
    ],
    [
      "REST XML",
      (as) => as(S3Client).send(new GetObjectCommand({ Bucket: "bucket", Key: "a" })),
      {
        name: "AccessDenied",
        message: words("s3:GetObject", "arn:aws:s3:::bucket/a"),
        $metadata: { httpStatusCode: 403 },
      },
    ],
    ["IAM", (as) => as(IAMClient).send(new ListRolesCommand({})), { message: words("iam:ListRoles", "*") }],
  ])("is told action, resource and role in the words of the protocol: %s", async (_name, call, error) => {
    const { as, calls } = await openAs();
    await expect(call(as)).rejects.toMatchObject(error);
    expect(calls).toEqual([expect.objectContaining({ principal: WORKER, decision: "denied" })]);
  });

  test("may still ask who it is", async () => {
    const { as } = await openAs();
    expect(await as(STSClient).send(new GetCallerIdentityCommand({}))).toMatchObject({ Arn: WORKER });
  });

  test("gets them, and loses them, from one call to the next", async () => {
    const { as, grant, calls } = await openAs();
    await grant([allow("autoscaling:SetDesiredCapacity", GROUP.replace("1b2c", "*").replace("web", "*"))]);
    await as(AutoScalingClient).send(setDesired);
    expect(calls.at(-1)).toMatchObject({ resource: GROUP, decision: "allowed", status: 200 });
    await grant([allow("autoscaling:*"), { ...allow("autoscaling:Set*"), Effect: "Deny" }]);
    await expect(as(AutoScalingClient).send(setDesired)).rejects.toThrow(
      "with an explicit deny in an identity-based policy",
    );
  });

  test("that was deleted may nothing more", async () => {
    const { as, asOperator, grant } = await openAs(allow("*"));
    await as(AutoScalingClient).send(new DescribeAutoScalingGroupsCommand({}));
    await grant([]).catch(() => undefined);
    await asOperator("DeleteRolePolicy", { RoleName: "worker", PolicyName: "own" });
    await asOperator("DeleteRole", { RoleName: "worker" });
    await expect(as(AutoScalingClient).send(new DescribeAutoScalingGroupsCommand({}))).rejects.toThrow(
      "not authorized",
    );
  });
});

describe("an operation whose action has another name", () => {
  test.each<[string, string, string, (client: S3Client) => Promise<unknown>]>([
    [
      "HeadObject",
      "s3:GetObject",
      "arn:aws:s3:::bucket/a",
      (client) => client.send(new HeadObjectCommand({ Bucket: "bucket", Key: "a" })),
    ],
    [
      "ListObjectsV2",
      "s3:ListBucket",
      "arn:aws:s3:::bucket",
      (client) => client.send(new ListObjectsV2Command({ Bucket: "bucket" })),
    ],
    [
      "DeleteObjects",
      "s3:DeleteObject",
      "arn:aws:s3:::bucket/a",
      (client) => client.send(new DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects: [{ Key: "a" }] } })),
    ],
  ])("%s needs %s", async (operation, action, resource, call) => {
    const { as, grant, calls } = await openAs(allow(`s3:${operation}`));
    await expect(call(as(S3Client))).rejects.toBeDefined();
    expect(calls.at(-1)).toMatchObject({ decision: "denied" });
    await grant([allow(action, resource)]);
    await call(as(S3Client));
    expect(calls.at(-1)).toMatchObject({ decision: "allowed" });
  });
});

describe("conditions", () => {
  test("on the namespace keep a node from publishing elsewhere", async () => {
    const { as } = await openAs(
      allow("cloudwatch:PutMetricData", "*", { StringEquals: { "cloudwatch:namespace": "Tandem" } }),
    );
    const put = (Namespace: string) =>
      as(CloudWatchClient).send(new PutMetricDataCommand({ Namespace, MetricData: [{ MetricName: "m", Value: 1 }] }));
    await put("Tandem");
    await expect(put("AWS/EC2")).rejects.toThrow("cloudwatch:PutMetricData");
  });

  test("on tags keep commands from the machines of another stage; document and machine both count", async () => {
    const document = allow("ssm:SendCommand", arn("ssm", "document/tandem-local-launch"));
    const machines = allow("ssm:SendCommand", arn("ec2", "instance/*"), {
      StringEquals: { "aws:ResourceTag/tandem:stage": "local" },
    });
    const { as, grant } = await openAs(document, machines);
    const send = (...InstanceIds: string[]) =>
      as(SSMClient).send(new SendCommandCommand({ DocumentName: "tandem-local-launch", InstanceIds }));
    await send("i-1");
    await expect(send("i-2")).rejects.toThrow(words("ssm:SendCommand", arn("ec2", "instance/i-2")));
    await expect(send("i-1", "i-2")).rejects.toThrow("instance/i-2");
    await grant([machines]);
    await expect(send("i-1")).rejects.toThrow(words("ssm:SendCommand", arn("ssm", "document/tandem-local-launch")));
  });
});

describe("handing over a role", () => {
  const create = new CreateFunctionCommand({ FunctionName: "f", Role: ROLE, Code: { S3Bucket: "bucket", S3Key: "a" } });
  const pass = (role: string, service: string) =>
    allow("iam:PassRole", role, { StringEquals: { "iam:PassedToService": service } });

  test("to a function needs iam:PassRole for that role and Lambda", async () => {
    const { as, grant } = await openAs(allow("lambda:CreateFunction"));
    await expect(as(LambdaClient).send(create)).rejects.toThrow(words("iam:PassRole", ROLE));
    await grant([allow("lambda:CreateFunction"), pass(ROLE, "ec2.amazonaws.com")]);
    await expect(as(LambdaClient).send(create)).rejects.toThrow("iam:PassRole");
    await grant([allow("lambda:CreateFunction"), pass(ROLE, "lambda.amazonaws.com")]);
    await as(LambdaClient).send(create);
  });

  test("that does not trust Lambda is refused in Lambda's words", async () => {
    const { as } = await openAs(allow("*"));
    const wrong = new CreateFunctionCommand({ ...create.input, Role: "arn:aws:iam::000000000000:role/machine" });
    await expect(as(LambdaClient).send(wrong)).rejects.toMatchObject({
      name: "InvalidParameterValueException",
      message: "The role defined for the function cannot be assumed by Lambda.",
    });
  });

  test("to a function in a VPC needs a role that may make network interfaces", async () => {
    const { as, grant, asOperator } = await openAs(allow(["lambda:*", "iam:*"]));
    const inVpc = new CreateFunctionCommand({
      ...create.input,
      VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: ["sg-1"] },
    });
    await expect(as(LambdaClient).send(inVpc)).rejects.toThrow(
      "does not have permissions to call CreateNetworkInterface on EC2",
    );
    await grant([allow(["lambda:*", "iam:*", "ec2:CreateNetworkInterface"])]);
    await expect(as(LambdaClient).send(inVpc)).rejects.toThrow("DescribeNetworkInterfaces on EC2");
    await asOperator("AttachRolePolicy", {
      RoleName: "worker",
      PolicyArn: "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
    });
    await as(LambdaClient).send(inVpc);
  });

  test.each<[string, object]>([
    ["an instance profile", { IamInstanceProfile: { Name: "machine" } }],
    ["a launch template that has one", { LaunchTemplate: { LaunchTemplateId: "lt-1" } }],
  ])("to an instance by %s", async (_name, more) => {
    const MACHINE = "arn:aws:iam::000000000000:role/machine";
    const run = new RunInstancesCommand({ MinCount: 1, MaxCount: 1, ...more });
    const { as, grant } = await openAs(allow("ec2:RunInstances"));
    await expect(as(EC2Client).send(run)).rejects.toThrow(words("iam:PassRole", MACHINE));
    await grant([allow("ec2:RunInstances"), pass(MACHINE, "ec2.amazonaws.com")]);
    await as(EC2Client).send(run);
  });
});

describe("a user", () => {
  test("has the rights of the policies that hang on it, and its name as a variable", async () => {
    const { iam, endpoint, asOperator } = await openAs();
    const mine = JSON.stringify({
      Version: "2012-10-17",
      Statement: [allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}")],
    });
    await asOperator("CreatePolicy", { PolicyName: "mine", PolicyDocument: mine });
    const ann = iam.addUser("ann", "AKIAANN", "secret", ["arn:aws:iam::000000000000:policy/mine"]);
    const get = (Key: string) => endpoint.callService(ann, "s3", "GetObject", { Bucket: "bucket", Key });
    await get("ann");
    await expect(get("bob")).rejects.toThrow(`User: ${ann.arn} is not authorized to perform: s3:GetObject`);
  });
});

describe("a service of the cloud", () => {
  const FUNCTION = arn("lambda", "function:f");
  const RULE = arn("events", "rule/r");

  async function onBehalf(policy: object | undefined, ...statements: readonly object[]) {
    const opened = await openAs(...statements);
    const written: string[] = [];
    const acts = openOnBehalf(opened.world, {
      iam: opened.iam,
      endpoint: () => opened.endpoint,
      policyOf: () => policy && JSON.stringify({ Statement: policy }),
      profileOf: (instanceId) => (instanceId === "i-1" ? "machine" : undefined),
      writeLog: (_group, _stream, lines) => written.push(...lines.map((line) => line.message)),
    });
    return { ...opened, acts, written };
  }
  const permission = (Service: string, source: string) => ({
    Effect: "Allow",
    Principal: { Service },
    Action: "lambda:InvokeFunction",
    Resource: FUNCTION,
    Condition: { ArnLike: { "AWS:SourceArn": source } },
  });

  test("invokes a function only by leave of the function's policy, for just that rule", async () => {
    const { acts } = await onBehalf(permission("events.amazonaws.com", RULE));
    acts.requireInvoke("events.amazonaws.com", FUNCTION, RULE);
    expect(() => acts.requireInvoke("events.amazonaws.com", FUNCTION, `${RULE}2`)).toThrow(
      "User: events.amazonaws.com is not authorized to perform: lambda:InvokeFunction on resource: " +
        `${FUNCTION} because no resource-based policy allows the lambda:InvokeFunction action`,
    );
    expect(() => acts.requireInvoke("sns.amazonaws.com", FUNCTION, RULE)).toThrow(
      "sns.amazonaws.com is not authorized",
    );
    const without = await onBehalf(undefined);
    expect(() => without.acts.requireInvoke("events.amazonaws.com", FUNCTION, RULE)).toThrow("is not authorized");
  });

  test("writes a function's log with the function's role: without the right the lines are lost", async () => {
    const line = [{ at: 0, message: "hello" }];
    const { acts, written, grant, world, calls } = await onBehalf(undefined);
    acts.writeLog("/aws/lambda/f", "one", line, ROLE);
    expect(written).toEqual([]);
    expect(world.notes.join()).toMatch(/log of \/aws\/lambda\/f is lost.*worker.*logs:CreateLogStream/);
    await grant([allow(["logs:CreateLogStream", "logs:PutLogEvents"], arn("logs", "log-group:/aws/lambda/f:*:*"))]);
    acts.writeLog("/aws/lambda/f", "two", line, ROLE);
    expect(written).toEqual(["hello"]);
    expect(calls.at(-1)).toMatchObject({ service: "logs", operation: "PutLogEvents", decision: "allowed" });
  });

  test("takes an agent's registration only with the rights of the machine's role", async () => {
    const { acts, asOperator, world } = await onBehalf(undefined);
    expect(acts.mayRegister("i-1")).toBe(false);
    expect(world.notes.join()).toMatch(/agent of i-1 stays offline.*machine.*ssm:UpdateInstanceInformation/);
    await asOperator("AttachRolePolicy", {
      RoleName: "machine",
      PolicyArn: "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    });
    expect(acts.mayRegister("i-1")).toBe(true);
    expect(acts.mayRegister("i-2")).toBe(false);
  });
});
