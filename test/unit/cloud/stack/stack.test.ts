import {
  CreateChangeSetCommand,
  CreateStackCommand,
  DeleteChangeSetCommand,
  ExecuteChangeSetCommand,
  ListStacksCommand,
  type CreateChangeSetCommandInput,
} from "@aws-sdk/client-cloudformation";
import { describe, expect, test } from "@jest/globals";
import { CloudError } from "../../../../local/cloud/errors.ts";
import { smallCloud } from "./small-cloud.ts";

const log = (name: string, days = 14) => ({
  Type: "AWS::Logs::LogGroup",
  Properties: { LogGroupName: name, RetentionInDays: days },
});
const queue = (name?: string) => ({
  Type: "AWS::SQS::Queue",
  Properties: name === undefined ? {} : { QueueName: name },
});
const role = (resource: unknown) => ({
  Type: "AWS::IAM::Role",
  Properties: {
    RoleName: "reader",
    AssumeRolePolicyDocument: {
      Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "lambda.amazonaws.com" } }],
    },
    Policies: [
      {
        PolicyName: "read",
        PolicyDocument: { Statement: [{ Effect: "Allow", Action: "sqs:ReceiveMessage", Resource: resource }] },
      },
    ],
  },
});
const letters = {
  Resources: { Letters: queue("letters"), Role: role({ "Fn::GetAtt": ["Letters", "Arn"] }) },
  Outputs: { Url: { Value: { Ref: "Letters" }, Export: { Name: "letters-url" } } },
};

describe("creating a stack", () => {
  test("returns at once, then makes everything in order and tells its story", async () => {
    const cloud = smallCloud();
    await cloud.client.send(
      new CreateStackCommand({
        StackName: "farm",
        TemplateBody: JSON.stringify(letters),
        Capabilities: ["CAPABILITY_NAMED_IAM"],
      }),
    );
    expect((await cloud.stack()).StackStatus).toBe("CREATE_IN_PROGRESS");
    expect(cloud.calls).toEqual([]);

    await cloud.settle();

    const stack = await cloud.stack();
    expect(stack).toMatchObject({
      StackStatus: "CREATE_COMPLETE",
      Outputs: [{ OutputKey: "Url", OutputValue: "letters", ExportName: "letters-url" }],
    });
    expect(await cloud.story()).toEqual([
      "farm REVIEW_IN_PROGRESS",
      "farm CREATE_IN_PROGRESS",
      "Letters CREATE_IN_PROGRESS",
      "Letters CREATE_IN_PROGRESS",
      "Letters CREATE_COMPLETE",
      "Role CREATE_IN_PROGRESS",
      "Role CREATE_IN_PROGRESS",
      "Role CREATE_COMPLETE",
      "farm CREATE_COMPLETE",
    ]);
    const put = cloud.calls.find((call) => call.name === "iam:PutRolePolicy");
    expect(put?.input["PolicyDocument"]).toContain("arn:aws:sqs:eu-west-1:000000000000:letters");
  });

  test("that fails half-way leaves nothing behind", async () => {
    const cloud = smallCloud();
    cloud.refuse("iam:PutRolePolicy", () => new CloudError("MalformedPolicyDocument", "no such action"));
    expect(await cloud.deploy(letters)).toBe("ROLLBACK_COMPLETE");
    expect([...cloud.things]).toEqual([]);
    expect(cloud.iam.principalOf("x")).toBeUndefined();
    expect(() => cloud.iam.credentials("arn:aws:iam::000000000000:role/reader", "session")).toThrow("cannot be found");
    expect(await cloud.story()).toContain("Role CREATE_FAILED");
  });

  test("keeps a resource whose deletion policy is Retain, also when it is rolled back", async () => {
    const cloud = smallCloud();
    cloud.refuse("logs:PutRetentionPolicy", () => new CloudError("InvalidParameterException", "not a valid retention"));
    const kept = { ...queue("kept"), DeletionPolicy: "Retain" };
    expect(await cloud.deploy({ Resources: { Kept: kept, Log: { ...log("log", 4), DependsOn: "Kept" } } })).toBe(
      "ROLLBACK_COMPLETE",
    );
    expect([...cloud.things]).toEqual(["queue kept"]);
  });

  test.each([
    ["an unknown type", { A: { Type: "AWS::Quantum::Thing" } }, "Unrecognized resource types: [AWS::Quantum::Thing]"],
    [
      "an unknown property",
      { A: { Type: "AWS::SQS::Queue", Properties: { Colour: "red" } } },
      "extraneous key [Colour] is not permitted",
    ],
    ["a missing property", { A: { Type: "AWS::IAM::Role" } }, "required key [AssumeRolePolicyDocument] not found"],
    [
      "an unknown attribute",
      {
        A: queue(),
        B: queue(),
        C: log("x"),
        D: { Type: "AWS::SSM::Parameter", Properties: { Type: "String", Value: { "Fn::GetAtt": ["A", "Colour"] } } },
      },
      "does not support attribute type Colour",
    ],
    ["an unknown name", { A: { Type: "AWS::SQS::Queue", Properties: { QueueName: { Ref: "Nobody" } } } }, "[Nobody]"],
    ["a creation policy", { A: { Type: "AWS::SQS::Queue", CreationPolicy: {} } }, "'CreationPolicy' of A"],
  ])("is refused by name for %s, before anything is touched", async (_name, Resources, message) => {
    const cloud = smallCloud();
    await expect(cloud.deploy({ Resources })).rejects.toThrow(message);
    expect(cloud.calls).toEqual([]);
    await expect(cloud.stack()).rejects.toThrow("Stack with id farm does not exist");
  });

  test("fails for a nested member that the API does not know, and names it", async () => {
    const cloud = smallCloud();
    const reader = role("*");
    const template = {
      Resources: {
        Role: { ...reader, Properties: { ...reader.Properties, Tags: [{ Key: "a", Value: "b", Colour: "red" }] } },
      },
    };
    expect(await cloud.deploy(template)).toBe("ROLLBACK_COMPLETE");
    expect(await cloud.reasons()).toContain("#/Tags/0: extraneous key [Colour] is not permitted");
  });

  test("needs the acknowledgement for IAM", async () => {
    const cloud = smallCloud();
    await expect(cloud.deploy(letters, { Capabilities: [] })).rejects.toThrow(
      "Requires capabilities : [CAPABILITY_NAMED_IAM]",
    );
  });
});

describe("updating a stack", () => {
  test("touches only what changed", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { A: log("a"), B: log("b") } });
    cloud.calls.length = 0;
    expect(await cloud.deploy({ Resources: { A: log("a"), B: log("b", 30) } })).toBe("UPDATE_COMPLETE");
    expect(cloud.calls).toEqual([
      { name: "logs:PutRetentionPolicy", input: { logGroupName: "b", retentionInDays: 30 } },
    ]);
  });

  test("replaces a resource whose property cannot be changed, updates what refers to it, then deletes the old one", async () => {
    const cloud = smallCloud();
    await cloud.deploy(letters);
    cloud.calls.length = 0;
    const renamed = { ...letters, Resources: { ...letters.Resources, Letters: queue("post") } };
    expect(await cloud.deploy(renamed)).toBe("UPDATE_COMPLETE");
    expect(cloud.calls.map((call) => call.name)).toEqual([
      "sqs:CreateQueue",
      "sqs:GetQueueAttributes",
      "iam:PutRolePolicy",
      "iam:GetRole",
      "sqs:DeleteQueue",
    ]);
    expect([...cloud.things]).toEqual(["queue post"]);
  });

  test("keeps a replaced resource whose UpdateReplacePolicy is Retain", async () => {
    const cloud = smallCloud();
    const kept = (name: string) => ({ Resources: { A: { ...queue(name), UpdateReplacePolicy: "Retain" } } });
    await cloud.deploy(kept("old"));
    await cloud.deploy(kept("new"));
    expect([...cloud.things]).toEqual(["queue old", "queue new"]);
  });

  test("deletes what the template no longer has", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { A: log("a"), B: log("b") } });
    expect(await cloud.deploy({ Resources: { A: log("a") } })).toBe("UPDATE_COMPLETE");
    expect([...cloud.things]).toEqual(["log a"]);
  });

  test("that fails is undone: changed, replaced and new resources are as they were", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { Changed: log("changed", 7), Replaced: queue("before") } });
    cloud.refuse("ssm:PutParameter", () => new CloudError("ParameterLimitExceeded", "too many"));
    cloud.calls.length = 0;
    const next = {
      Changed: log("changed", 30),
      Replaced: queue("after"),
      New: queue("new"),
      Bad: {
        Type: "AWS::SSM::Parameter",
        Properties: { Name: "bad", Type: "String", Value: "x" },
        DependsOn: ["Changed", "Replaced", "New"],
      },
    };
    expect(await cloud.deploy({ Resources: next })).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect([...cloud.things].toSorted()).toEqual(["log changed", "queue before"]);
    expect(
      cloud.calls
        .filter((call) => call.name === "logs:PutRetentionPolicy")
        .map((call) => call.input["retentionInDays"]),
    ).toEqual([30, 7]);
    expect(await cloud.physicalIds()).toEqual(["before", "changed"]);
  });

  test("cannot replace a resource under the name that it already has", async () => {
    const cloud = smallCloud();
    const fifo = (isFifo: boolean) => ({
      Resources: { A: { Type: "AWS::SQS::Queue", Properties: { QueueName: "a.fifo", FifoQueue: isFifo } } },
    });
    await cloud.deploy(fifo(true));
    expect(await cloud.deploy(fifo(false))).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect(await cloud.reasons()).toContain("custom-named resource requires replacing. Rename a.fifo");
  });

  test("without changes is refused", async () => {
    const cloud = smallCloud();
    await cloud.deploy(letters);
    await expect(cloud.deploy(letters)).rejects.toThrow("No updates are to be performed.");
  });
});

describe("a change set", () => {
  const create: CreateChangeSetCommandInput = {
    StackName: "farm",
    ChangeSetName: "set",
    ChangeSetType: "CREATE",
    Capabilities: ["CAPABILITY_NAMED_IAM"],
  };

  test("creates the stack when it is executed, and nothing before", async () => {
    const cloud = smallCloud();
    cloud.templates.set("https://s3.amazonaws.com/bucket/key", JSON.stringify(letters));
    await cloud.client.send(
      new CreateChangeSetCommand({ ...create, TemplateURL: "https://s3.amazonaws.com/bucket/key" }),
    );
    const described = await cloud.describeChangeSet();
    expect(described).toMatchObject({ Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE" });
    expect(
      described.Changes?.map(({ ResourceChange }) => `${ResourceChange?.Action} ${ResourceChange?.LogicalResourceId}`),
    ).toEqual(["Add Letters", "Add Role"]);
    expect(cloud.calls).toEqual([]);
    await cloud.client.send(new ExecuteChangeSetCommand({ StackName: "farm", ChangeSetName: "set" }));
    await cloud.settle();
    expect((await cloud.stack()).StackStatus).toBe("CREATE_COMPLETE");
  });

  test("without changes fails with AWS's reason", async () => {
    const cloud = smallCloud();
    await cloud.deploy(letters);
    await cloud.client.send(
      new CreateChangeSetCommand({ ...create, ChangeSetType: "UPDATE", TemplateBody: JSON.stringify(letters) }),
    );
    const described = await cloud.describeChangeSet();
    expect(described).toMatchObject({ Status: "FAILED", ExecutionStatus: "UNAVAILABLE" });
    expect(described.StatusReason).toContain("The submitted information didn't contain changes.");
    await expect(
      cloud.client.send(new ExecuteChangeSetCommand({ StackName: "farm", ChangeSetName: "set" })),
    ).rejects.toThrow("cannot be executed");
  });

  test("says what would be updated in place and what replaced, with what depends on it", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { ...letters.Resources, Log: log("a") } });
    const next = { Resources: { Letters: queue("post"), Role: letters.Resources.Role, Log: log("a", 30) } };
    await cloud.client.send(
      new CreateChangeSetCommand({ ...create, ChangeSetType: "UPDATE", TemplateBody: JSON.stringify(next) }),
    );
    const { Changes } = await cloud.describeChangeSet();
    expect(
      Changes?.map(({ ResourceChange }) => [ResourceChange?.LogicalResourceId, ResourceChange?.Replacement]),
    ).toEqual([
      ["Letters", "True"],
      ["Role", "False"],
      ["Log", "False"],
    ]);
  });

  test("of an unknown property fails and names it", async () => {
    const cloud = smallCloud();
    const TemplateBody = JSON.stringify({
      Resources: { A: { Type: "AWS::SQS::Queue", Properties: { Colour: "red" } } },
    });
    await cloud.client.send(new CreateChangeSetCommand({ ...create, TemplateBody }));
    const described = await cloud.describeChangeSet();
    expect(described).toMatchObject({ Status: "FAILED" });
    expect(described.StatusReason).toContain("extraneous key [Colour]");
  });

  test("that is not there is deleted with success", async () => {
    const cloud = smallCloud();
    await cloud.deploy(letters);
    await expect(
      cloud.client.send(new DeleteChangeSetCommand({ StackName: "farm", ChangeSetName: "nothing" })),
    ).resolves.toBeDefined();
  });
});

describe("deleting a stack", () => {
  test("takes the resources away in the reverse order and forgets its name", async () => {
    const cloud = smallCloud();
    await cloud.deploy(letters);
    cloud.calls.length = 0;
    await cloud.remove();
    expect(cloud.calls.map((call) => call.name).filter((name) => name.includes("Delete"))).toEqual([
      "iam:DeleteRolePolicy",
      "iam:DeleteRole",
      "sqs:DeleteQueue",
    ]);
    expect([...cloud.things]).toEqual([]);
    await expect(cloud.stack()).rejects.toThrow("does not exist");
  });

  test("counts what is already gone as deleted, and keeps what is retained", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { Gone: queue("gone"), Kept: { ...queue("kept"), DeletionPolicy: "Retain" } } });
    cloud.things.delete("queue gone");
    await cloud.remove();
    expect([...cloud.things]).toEqual(["queue kept"]);
    expect((await cloud.client.send(new ListStacksCommand({}))).StackSummaries?.[0]?.StackStatus).toBe(
      "DELETE_COMPLETE",
    );
  });

  test("waits for what another thing still holds", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { A: queue("a") } });
    let tries = 0;
    cloud.refuse("sqs:DeleteQueue", () =>
      tries++ < 3 ? new CloudError("DependencyViolation", "still held") : undefined,
    );
    await cloud.remove();
    expect([...cloud.things]).toEqual([]);
  });

  test("that cannot be done names the resource, and can be tried again", async () => {
    const cloud = smallCloud();
    await cloud.deploy({ Resources: { A: queue("a"), B: queue("b") } });
    cloud.refuse("sqs:DeleteQueue", (input) =>
      input["QueueUrl"] === "a" ? new CloudError("QueueDeletedRecently", "wait") : undefined,
    );
    await cloud.remove();
    const stack = await cloud.stack();
    expect(stack).toMatchObject({
      StackStatus: "DELETE_FAILED",
      StackStatusReason: "The following resource(s) failed to delete: [A]. ",
    });
    cloud.allow("sqs:DeleteQueue");
    await cloud.remove();
    expect([...cloud.things]).toEqual([]);
  });
});

describe("parameters of a stack", () => {
  const template = {
    Parameters: { Days: { Type: "Number", Default: 7, AllowedValues: [7, 30] }, Name: { Type: "String" } },
    Conditions: { Long: { "Fn::Equals": [{ Ref: "Days" }, "30"] } },
    Resources: { A: log("a"), B: { ...queue("b"), Condition: "Long" } },
  };
  const given = (values: Record<string, string>) => ({
    Parameters: Object.entries(values).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
  });

  test("decide which resources there are", async () => {
    const cloud = smallCloud();
    await cloud.deploy(template, given({ Name: "x" }));
    expect([...cloud.things]).toEqual(["log a"]);
    await cloud.deploy(template, given({ Name: "x", Days: "30" }));
    expect([...cloud.things]).toEqual(["log a", "queue b"]);
  });

  test.each([
    [{}, "Parameters: [Name] must have values"],
    [{ Name: "x", Days: "8" }, "Parameter 'Days' must be one of [7, 30] (given: 8)"],
    [{ Name: "x", Colour: "red" }, "Parameters: [Colour] do not exist in the template"],
  ])("that are wrong are refused by name: %j", async (values, message) => {
    await expect(smallCloud().deploy(template, given(values))).rejects.toThrow(message);
  });

  test("and secrets written as dynamic references are read in the moment of use and not kept", async () => {
    const cloud = smallCloud();
    const Value = "{{resolve:ssm:/farm/key}}";
    await cloud.deploy({
      Resources: { A: { Type: "AWS::SSM::Parameter", Properties: { Name: "copy", Type: "String", Value } } },
    });
    expect(cloud.calls.find((call) => call.name === "ssm:PutParameter")?.input["Value"]).toBe("value of /farm/key");
  });
});
