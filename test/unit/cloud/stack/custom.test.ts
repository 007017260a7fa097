import {
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from "@aws-sdk/client-cloudformation";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod/mini";
import type { WireResponse } from "../../../../local/cloud/wire/index.ts";
import { functionCloud } from "../lambda/function-cloud.ts";

const TOKEN = "arn:aws:lambda:eu-west-1:000000000000:function:provision";
const Request = z.object({
  RequestType: z.enum(["Create", "Update", "Delete"]),
  ResponseURL: z.string(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  ResourceType: z.string(),
  PhysicalResourceId: z.optional(z.string()),
  ResourceProperties: z.record(z.string(), z.unknown()),
  OldResourceProperties: z.optional(z.record(z.string(), z.unknown())),
});
type Asked = z.infer<typeof Request>;

/** What the function answers, beside what every answer repeats; undefined: it keeps silent. */
type Answering = (asked: Asked) => Record<string, unknown> | undefined;

const template = (properties: object, more: Record<string, object> = {}) => ({
  Resources: {
    Site: { Type: "Custom::Site", Properties: { ServiceToken: TOKEN, ...properties } },
    ...more,
  },
  Outputs: { Id: { Value: { Ref: "Site" } }, Url: { Value: { "Fn::GetAtt": ["Site", "Url"] } } },
});
const queue = (name: object | string) => ({ Type: "AWS::SQS::Queue", Properties: { QueueName: name } });

const url = { Url: "http://site" };
/** Makes `site-<name>`: another name is another site. */
const byName: Answering = ({ ResourceProperties: { Name } }) => ({
  PhysicalResourceId: `site-${String(Name)}`,
  Data: url,
});

async function cloud(answering: Answering = byName) {
  const asked: Asked[] = [];
  const puts: WireResponse[] = [];
  const parts = await functionCloud({
    async provision(event) {
      const request = Request.parse(event);
      asked.push(request);
      const answer = answering(request);
      if (answer === undefined) return;
      const { StackId, RequestId, LogicalResourceId } = request;
      const body = { Status: "SUCCESS", StackId, RequestId, LogicalResourceId, ...answer };
      puts.push(await put(request.ResponseURL, JSON.stringify(body)));
    },
  });
  await parts.makeFunction("provision");
  const put = (to: string, body: string, method = "PUT") =>
    parts.endpoint.handle({ method, url: to, headers: { "content-type": "" }, body: Buffer.from(body) });
  const look = async () => {
    const { Stacks = [] } = await parts.stacks.send(new DescribeStacksCommand({ StackName: "farm" }));
    const { StackEvents = [] } = await parts.stacks.send(new DescribeStackEventsCommand({ StackName: "farm" }));
    return {
      status: Stacks[0]?.StackStatus,
      outputs: Object.fromEntries((Stacks[0]?.Outputs ?? []).map((one) => [one.OutputKey, one.OutputValue])),
      reasons: StackEvents.flatMap((event) => event.ResourceStatusReason ?? []).join("\n"),
    };
  };
  const run = async (command: "create" | "update", body: object, seconds = 60) => {
    const input = { StackName: "farm", TemplateBody: JSON.stringify(body) };
    await parts.stacks.send(command === "create" ? new CreateStackCommand(input) : new UpdateStackCommand(input));
    await parts.world.clock.advance(seconds * 1_000);
    return look();
  };
  return {
    ...parts,
    asked,
    puts,
    put,
    look,
    run,
    /** `Create`, `Delete site-a`... */
    requests: () =>
      asked.map(({ RequestType, PhysicalResourceId }) => [RequestType, PhysicalResourceId].filter(Boolean).join(" ")),
    async remove(): Promise<void> {
      await parts.stacks.send(new DeleteStackCommand({ StackName: "farm" }));
      await parts.world.clock.advance(60_000);
    },
  };
}

describe("a custom resource", () => {
  test("is made by its function, gives it text only, and its answer is what Ref and GetAtt give", async () => {
    const { run, asked, remove, requests, puts } = await cloud();
    const made = await run("create", template({ Name: "a", Count: 2, On: true, List: [1, { Deep: false }] }));

    expect(made).toMatchObject({ status: "CREATE_COMPLETE", outputs: { Id: "site-a", Url: "http://site" } });
    expect(asked[0]).toMatchObject({
      RequestType: "Create",
      LogicalResourceId: "Site",
      ResourceType: "Custom::Site",
      ResourceProperties: { ServiceToken: TOKEN, Name: "a", Count: "2", On: "true", List: ["1", { Deep: "false" }] },
    });
    expect(asked[0]?.PhysicalResourceId).toBeUndefined();
    expect(puts.map(({ status }) => status)).toEqual([200]);

    await remove();
    expect(requests()).toEqual(["Create", "Delete site-a"]);
    expect(asked[1]?.ResourceProperties).toMatchObject({ Name: "a" });
  });

  test("is changed in place as long as its id stays", async () => {
    const { run, asked, requests } = await cloud();
    await run("create", template({ Name: "a", Colour: "red" }));
    expect(await run("update", template({ Name: "a", Size: "9" }))).toMatchObject({ status: "UPDATE_COMPLETE" });
    expect(requests()).toEqual(["Create", "Update site-a"]);
    expect(asked[1]).toMatchObject({
      ResourceProperties: { Name: "a", Size: "9" },
      OldResourceProperties: { Name: "a", Colour: "red" },
    });
    expect(asked[1]?.ResourceProperties).not.toHaveProperty("Colour");
    await expect(run("update", template({ Name: "a", Size: "9" }))).rejects.toThrow("No updates are to be performed");
  });

  test("with another id in the answer is replaced: others see the new one, and the old one is deleted last", async () => {
    const { run, asked, requests } = await cloud();
    const user = { User: queue({ Ref: "Site" }) };
    await run("create", template({ Name: "a" }, user));
    const updated = await run("update", template({ Name: "b" }, user));
    expect(updated).toMatchObject({ status: "UPDATE_COMPLETE", outputs: { Id: "site-b" } });
    expect(requests()).toEqual(["Create", "Update site-a", "Delete site-a"]);
    expect(asked[2]?.ResourceProperties).toMatchObject({ Name: "a" });
  });

  test("that was replaced is brought back when the update fails elsewhere, and the new one goes", async () => {
    const { run, requests } = await cloud();
    await run("create", template({ Name: "a" }));
    const bad = { Bad: { ...queue("no good!"), DependsOn: "Site" } };
    const failed = await run("update", template({ Name: "b" }, bad));
    expect(failed).toMatchObject({ status: "UPDATE_ROLLBACK_COMPLETE", outputs: { Id: "site-a" } });
    expect(requests()).toEqual(["Create", "Update site-a", "Update site-b", "Delete site-b"]);
  });

  test("that is refused fails with the function's reason and is rolled back", async () => {
    const { run, requests } = await cloud(({ RequestType }) =>
      RequestType === "Create"
        ? { Status: "FAILED", Reason: "no room", PhysicalResourceId: "half-made" }
        : { PhysicalResourceId: "half-made" },
    );
    const failed = await run("create", template({ Name: "a" }, { Other: queue("other") }));
    expect(failed.status).toBe("ROLLBACK_COMPLETE");
    expect(failed.reasons).toContain(
      "Received response status [FAILED] from custom resource. Message returned: no room (RequestId:",
    );
    expect(requests()).toEqual(["Create", "Delete half-made"]);
  });

  test("whose update is refused gets its old properties again", async () => {
    const { run, asked, requests } = await cloud((request) =>
      request.ResourceProperties["Name"] === "b" ? { Status: "FAILED", Reason: "taken" } : byName(request),
    );
    await run("create", template({ Name: "a" }));
    expect(await run("update", template({ Name: "b" }))).toMatchObject({
      status: "UPDATE_ROLLBACK_COMPLETE",
      outputs: { Id: "site-a" },
    });
    expect(requests()).toEqual(["Create", "Update site-a", "Update site-a"]);
    expect(asked[2]).toMatchObject({ ResourceProperties: { Name: "a" }, OldResourceProperties: { Name: "b" } });
  });

  test("whose deletion is refused keeps the stack, which can be deleted again", async () => {
    let refuses = true;
    const { run, remove, look } = await cloud((request) =>
      request.RequestType === "Delete" && refuses ? { Status: "FAILED", Reason: "in use" } : byName(request),
    );
    await run("create", template({ Name: "a" }));
    await remove();
    expect(await look()).toMatchObject({ status: "DELETE_FAILED" });
    refuses = false;
    await remove();
    await expect(look()).rejects.toThrow("does not exist");
  });
});

describe("an answer that does not come", () => {
  test("is waited for as long as ServiceTimeout says, also when the function fails", async () => {
    const { run, look, world, asked } = await cloud(({ RequestType }) => {
      if (RequestType === "Create") throw new Error("the function broke");
      return {};
    });
    expect((await run("create", template({ Name: "a", ServiceTimeout: 400 }), 399)).status).toBe("CREATE_IN_PROGRESS");
    // Lambda itself tries an event again twice
    expect(asked).toHaveLength(3);
    await world.clock.advance(2_000);
    const failed = await look();
    expect(failed.status).toBe("ROLLBACK_COMPLETE");
    expect(failed.reasons).toContain("CloudFormation did not receive a response from your Custom Resource");
    expect(asked.at(-1)).toMatchObject({
      RequestType: "Delete",
      PhysicalResourceId: expect.stringMatching(/^farm-Site-/),
    });
  });

  test("is waited for an hour by default", async () => {
    const { run, look, world } = await cloud(({ RequestType }) => (RequestType === "Create" ? undefined : {}));
    expect((await run("create", template({ Name: "a" }), 3_599)).status).toBe("CREATE_IN_PROGRESS");
    await world.clock.advance(2_000);
    expect((await look()).status).toBe("ROLLBACK_COMPLETE");
  });

  test("comes from outside as well as from the function, once, to an address that nobody guesses", async () => {
    const { run, look, world, put, asked } = await cloud(() => undefined);
    await run("create", template({ Name: "a" }), 10);
    const [first] = asked;
    const { ResponseURL: to, StackId, RequestId } = Request.parse(first);
    expect(to).toMatch(/^http:\/\/127\.0\.0\.1:4566\/cloudformation-custom-resource-response-eu-west-1\/[0-9a-f]{64}$/);
    const answer = {
      Status: "SUCCESS",
      StackId,
      RequestId,
      LogicalResourceId: "Site",
      PhysicalResourceId: "s",
      Data: url,
    };
    const body = JSON.stringify(answer);
    expect((await put(to.replace(/.$/, "_"), body)).status).toBe(403);
    expect((await put(to, "", "GET")).status).toBe(403);
    expect((await put(to, "x".repeat(4_097))).status).toBe(400);
    expect((await look()).status).toBe("CREATE_IN_PROGRESS");

    expect((await put(to, body)).status).toBe(200);
    await world.clock.advance(1_000);
    expect(await look()).toMatchObject({ status: "CREATE_COMPLETE", outputs: { Id: "s" } });
    expect((await put(to, body)).status).toBe(403);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["of another request", { RequestId: "other" }, "RequestId is not that of the request"],
    ["without an id", {}, "Invalid PhysicalResourceId"],
    ["of no status", { Status: "MAYBE", PhysicalResourceId: "s" }, "Invalid response status MAYBE"],
    ["with an id that is too long", { PhysicalResourceId: "s".repeat(1_025) }, "Invalid PhysicalResourceId"],
    ["without the attribute that is asked for", { PhysicalResourceId: "s" }, "has no value for attribute Url"],
  ])("is no answer when it is one %s", async (_what, answer, words) => {
    const { run } = await cloud(({ RequestType }) => (RequestType === "Create" ? answer : {}));
    const failed = await run("create", template({ Name: "a" }));
    expect(failed.status).toBe("ROLLBACK_COMPLETE");
    expect(failed.reasons).toContain(words);
  });
});

describe("a custom resource that cannot be", () => {
  test.each<[string, object, string]>([
    [
      "an SNS topic",
      { ServiceToken: "arn:aws:sns:eu-west-1:000000000000:t" },
      "SNS topics are not known to this cloud",
    ],
    ["something else", { ServiceToken: "provision" }, "Invalid service token provision"],
    ["no function", { ServiceToken: TOKEN.replace("provision", "nobody") }, "Function not found"],
    ["a timeout of two hours", { ServiceTimeout: 7_200 }, "a whole number from 1 to 3600"],
  ])("with %s fails by name", async (_what, properties, words) => {
    const { run, asked } = await cloud();
    const failed = await run("create", template(properties));
    expect(failed).toMatchObject({ status: "ROLLBACK_COMPLETE", reasons: expect.stringContaining(words) });
    expect(asked).toEqual([]);
  });

  test("without its token, of another type than before, or with another token is refused", async () => {
    const { run } = await cloud();
    await expect(run("create", { Resources: { A: { Type: "Custom::Site" } } })).rejects.toThrow("[ServiceToken]");
    await run("create", template({ Name: "a" }));
    const other = template({ Name: "a" });
    other.Resources.Site.Type = "AWS::CloudFormation::CustomResource";
    await expect(run("update", other)).rejects.toThrow(
      "Update of resource type is not permitted. The new template modifies resource type of the following resources: [Site]",
    );
    const moved = await run("update", template({ Name: "a", ServiceToken: `${TOKEN}:1` }));
    expect(moved).toMatchObject({ status: "UPDATE_ROLLBACK_COMPLETE", outputs: { Id: "site-a" } });
    expect(moved.reasons).toContain("Modifying service token is not allowed.");
  });
});
