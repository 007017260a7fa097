import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, test } from "@jest/globals";
import { openEndpoint } from "../../../../local/cloud/endpoint.ts";
import { openIam } from "../../../../local/cloud/iam/index.ts";
import { sdkClient, testWorld } from "../client.ts";

const TRUST = JSON.stringify({
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: "lambda.amazonaws.com", AWS: "arn:aws:iam::000000000000:user/operator" },
      Action: "sts:AssumeRole",
    },
  ],
});
const POLICY = `{ "Statement" : [ { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" } ] }`;
const ROLE_ARN = "arn:aws:iam::000000000000:role/reader";
const DAY_MS = 86_400_000;

/** IAM and STS behind an endpoint that knows callers only from them, with the role `reader`. */
async function openWithRole() {
  const world = testWorld();
  const iam = openIam(world);
  iam.addUser("operator", "AKIAOPERATOR", "secret");
  const services = new Map([iam.service, iam.sts].map((service) => [service.id, service]));
  const endpoint = openEndpoint({
    world,
    services,
    principalOf: (key) => iam.principalOf(key),
    record: () => undefined,
  });
  const client = sdkClient(IAMClient, endpoint.handle, "AKIAOPERATOR");
  const sts = (accessKeyId: string): STSClient => sdkClient(STSClient, endpoint.handle, accessKeyId);
  await client.send(new CreateRoleCommand({ RoleName: "reader", AssumeRolePolicyDocument: TRUST }));
  return { clock: world.clock, iam, client, sts };
}

describe("a role", () => {
  test("keeps its policies exactly as they were given", async () => {
    const { client } = await openWithRole();
    await client.send(new PutRolePolicyCommand({ RoleName: "reader", PolicyName: "read", PolicyDocument: POLICY }));
    const { PolicyDocument = "" } = await client.send(
      new GetRolePolicyCommand({ RoleName: "reader", PolicyName: "read" }),
    );
    expect(decodeURIComponent(PolicyDocument)).toBe(POLICY);
    expect((await client.send(new ListRolePoliciesCommand({ RoleName: "reader" }))).PolicyNames).toEqual(["read"]);
  });

  test("cannot be deleted while policies hang on it", async () => {
    const { client } = await openWithRole();
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
    await client.send(new AttachRolePolicyCommand({ RoleName: "reader", PolicyArn }));
    await expect(client.send(new DeleteRoleCommand({ RoleName: "reader" }))).rejects.toThrow(
      "must detach all policies first",
    );
  });

  test.each([
    ["a policy that is not JSON", "{", "MalformedPolicyDocumentException"],
    ["a statement without effect", '{"Statement":[{"Action":"*"}]}', "MalformedPolicyDocumentException"],
    [
      "a statement without resource",
      '{"Statement":[{"Effect":"Allow","Action":"*"}]}',
      "MalformedPolicyDocumentException",
    ],
  ])("is refused with the SDK's own error for %s", async (_name, PolicyDocument, name) => {
    const { client } = await openWithRole();
    const put = client.send(new PutRolePolicyCommand({ RoleName: "reader", PolicyName: "p", PolicyDocument }));
    await expect(put).rejects.toMatchObject({ name });
  });

  test("that is unknown, doubled or given an unknown managed policy is refused", async () => {
    const { client } = await openWithRole();
    await expect(client.send(new GetRoleCommand({ RoleName: "nobody" }))).rejects.toMatchObject({
      name: "NoSuchEntityException",
    });
    const again = new CreateRoleCommand({ RoleName: "reader", AssumeRolePolicyDocument: TRUST });
    await expect(client.send(again)).rejects.toMatchObject({ name: "EntityAlreadyExistsException" });
    const amazing = new AttachRolePolicyCommand({ RoleName: "reader", PolicyArn: "arn:aws:iam::aws:policy/Amazing" });
    await expect(client.send(amazing)).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });

  test("of an instance profile is found by the profile's name and ARN", async () => {
    const { iam, client } = await openWithRole();
    const { InstanceProfile } = await client.send(new CreateInstanceProfileCommand({ InstanceProfileName: "web" }));
    expect(() => iam.instanceProfileRole("web")).toThrow("has no role");
    await client.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: "web", RoleName: "reader" }));
    expect(iam.instanceProfileRole("web")).toBe(ROLE_ARN);
    expect(iam.instanceProfileRole(InstanceProfile?.Arn ?? "")).toBe(ROLE_ARN);
  });
});

describe("credentials", () => {
  test("of a role stand for its session until they expire", async () => {
    const { clock, iam } = await openWithRole();
    const issued = iam.credentials(ROLE_ARN, "i-1");
    expect(iam.principalOf(issued.accessKeyId)).toEqual({
      arn: "arn:aws:sts::000000000000:assumed-role/reader/i-1",
      account: "000000000000",
      roleArn: ROLE_ARN,
    });
    await clock.advance(issued.expiration - clock.now());
    expect(iam.principalOf(issued.accessKeyId)).toBeUndefined();
  });

  test("of a user do not expire", async () => {
    const { clock, sts } = await openWithRole();
    await clock.advance(30 * DAY_MS);
    const identity = await sts("AKIAOPERATOR").send(new GetCallerIdentityCommand({}));
    expect(identity.Arn).toBe("arn:aws:iam::000000000000:user/operator");
  });

  test("are given to a service only if the role's trust policy names it", async () => {
    const { iam, client } = await openWithRole();
    expect(iam.credentials(ROLE_ARN, "watch", "lambda.amazonaws.com")).toMatchObject({
      accessKeyId: expect.any(String),
    });
    expect(() => iam.credentials(ROLE_ARN, "i-1", "ec2.amazonaws.com")).toThrow(
      `ec2.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: ${ROLE_ARN}`,
    );
    const machines = TRUST.replace("lambda", "ec2");
    await client.send(new UpdateAssumeRolePolicyCommand({ RoleName: "reader", PolicyDocument: machines }));
    expect(iam.credentials(ROLE_ARN, "i-1", "ec2.amazonaws.com")).toMatchObject({ accessKeyId: expect.any(String) });
    expect(() => iam.credentials(ROLE_ARN, "watch", "lambda.amazonaws.com")).toThrow("is not authorized");
  });

  test("are not given by AssumeRole to somebody whom the trust policy does not name", async () => {
    const { iam, sts } = await openWithRole();
    iam.addUser("guest", "AKIAGUEST", "secret");
    const assume = sts("AKIAGUEST").send(new AssumeRoleCommand({ RoleArn: ROLE_ARN, RoleSessionName: "try" }));
    await expect(assume).rejects.toMatchObject({
      name: "AccessDenied",
      message: expect.stringContaining("user/guest"),
    });
  });

  test("are not given for a role that is not there", async () => {
    const { iam } = await openWithRole();
    expect(() => iam.credentials("arn:aws:iam::000000000000:role/nobody", "session")).toThrow("cannot be found");
  });

  test("that AssumeRole gives answer GetCallerIdentity with the session", async () => {
    const { sts } = await openWithRole();
    const assume = new AssumeRoleCommand({ RoleArn: ROLE_ARN, RoleSessionName: "try", DurationSeconds: 900 });
    const { Credentials } = await sts("AKIAOPERATOR").send(assume);
    const identity = await sts(Credentials?.AccessKeyId ?? "").send(new GetCallerIdentityCommand({}));
    expect(identity).toMatchObject({
      Account: "000000000000",
      Arn: "arn:aws:sts::000000000000:assumed-role/reader/try",
      UserId: expect.stringMatching(/^AROA.*:try$/),
    });
  });

  test("are not given for longer than the role allows", async () => {
    const { sts } = await openWithRole();
    const assume = new AssumeRoleCommand({ RoleArn: ROLE_ARN, RoleSessionName: "try", DurationSeconds: 7200 });
    await expect(sts("AKIAOPERATOR").send(assume)).rejects.toThrow("MaxSessionDuration");
  });
});
