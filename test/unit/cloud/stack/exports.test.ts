import { DeleteStackCommand, DescribeStacksCommand, ListExportsCommand } from "@aws-sdk/client-cloudformation";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "@jest/globals";
import { openSqs } from "../../../../local/cloud/services/sqs/index.ts";
import { sdkClient, testWorld } from "../client.ts";
import { stackCloud } from "./stack-cloud.ts";

const queue = (name: unknown, more: object = {}) => ({
  Type: "AWS::SQS::Queue",
  Properties: { QueueName: name },
  ...more,
});
const exporting = (
  queueName: string,
  Export: object | undefined = { Name: { "Fn::Sub": "${AWS::StackName}-jobs" } },
) => ({
  Resources: { Jobs: queue(queueName) },
  Outputs: { Jobs: { Value: { "Fn::GetAtt": ["Jobs", "QueueName"] }, ...(Export === undefined ? {} : { Export }) } },
});
const importing = {
  Resources: { Copy: queue({ "Fn::Join": ["-", [{ "Fn::ImportValue": { "Fn::Sub": "base-jobs" } }, "copy"]] }) },
  Outputs: { Name: { Value: { "Fn::GetAtt": ["Copy", "QueueName"] } } },
};

function cloud() {
  const world = testWorld();
  return stackCloud(world, openSqs(world, { endpoint: () => "http://127.0.0.1:4566" }).service);
}

describe("an export", () => {
  test("is listed, and read by another stack", async () => {
    const { run, stacks } = cloud();
    await run("create", exporting("jobs"), "base");
    expect((await stacks.send(new ListExportsCommand({}))).Exports).toMatchObject([
      { Name: "base-jobs", Value: "jobs" },
    ]);
    const reader = await run("create", importing, "reader");
    expect(reader).toMatchObject({ status: "CREATE_COMPLETE", outputs: { Name: "jobs-copy" } });
  });

  test("that is read can neither go, nor change, nor its stack be deleted, until nobody reads it", async () => {
    const { run, stacks, remove, look } = cloud();
    await run("create", exporting("jobs"), "base");
    await run("create", importing, "reader");

    const changed = await run("update", exporting("tasks"), "base");
    expect(changed.status).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect(changed.reasons.join("\n")).toContain("Export base-jobs cannot be updated as it is in use by reader");
    expect(changed.outputs).toEqual({ Jobs: "jobs" });
    const lost = await run("update", { ...exporting("jobs"), Outputs: {} }, "base");
    expect(lost.status).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect(lost.reasons.join("\n")).toContain("Export base-jobs cannot be deleted as it is in use by reader");
    await expect(stacks.send(new DeleteStackCommand({ StackName: "base" }))).rejects.toThrow("in use by reader");

    await remove("reader");
    expect((await run("update", exporting("tasks"), "base")).status).toBe("UPDATE_COMPLETE");
    await remove("base");
    await expect(look("base")).rejects.toThrow("does not exist");
  });

  test("has a name that only one stack has, and a reader of a name that nobody has is refused", async () => {
    const { run, stacks } = cloud();
    await run("create", exporting("jobs", { Name: "jobs" }), "base");
    const second = await run("create", exporting("others", { Name: "jobs" }), "second");
    expect(second.status).toBe("ROLLBACK_COMPLETE");
    expect(second.reasons.join("\n")).toContain("Export with name jobs is already exported by stack base.");
    const orphan = await run("create", importing, "orphan");
    expect(orphan.status).toBe("ROLLBACK_COMPLETE");
    expect(orphan.reasons.join("\n")).toContain("No export named base-jobs found.");
    const { Stacks = [] } = await stacks.send(new DescribeStacksCommand({ StackName: "orphan" }));
    expect(Stacks[0]?.Outputs ?? []).toEqual([]);
  });
});

describe("outputs and conditions", () => {
  const template = (wants: string) => ({
    Parameters: { Wants: { Type: "String", Default: wants } },
    Conditions: { HasDead: { "Fn::Equals": [{ Ref: "Wants" }, "dead"] } },
    Resources: { Jobs: queue("jobs"), Dead: { ...queue("dead"), Condition: "HasDead" } },
    Outputs: {
      Jobs: { Value: { Ref: "Jobs" } },
      Dead: { Condition: "HasDead", Value: { Ref: "Dead" } },
      Either: { Value: { "Fn::If": ["HasDead", { "Fn::GetAtt": ["Dead", "QueueName"] }, "none"] } },
    },
  });

  test("come and go with their condition, as their resources do", async () => {
    const { run } = cloud();
    const without = await run("create", template("nothing"));
    expect(without.outputs).toEqual({ Jobs: expect.stringContaining("/jobs"), Either: "none" });
    const withDead = await run("update", template("dead"));
    expect(withDead.outputs).toMatchObject({ Dead: expect.stringContaining("/dead"), Either: "dead" });
    const again = await run("update", template("nothing"));
    expect(again.outputs).toEqual(without.outputs);
    expect(again.story.slice(-4)).toEqual([
      "farm UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
      "Dead DELETE_IN_PROGRESS",
      "Dead DELETE_COMPLETE",
      "farm UPDATE_COMPLETE",
    ]);
  });
});

describe("a deletion policy", () => {
  test("RetainExceptOnCreate keeps a resource at the end of its stack, but not when its creation is rolled back", async () => {
    const { run, remove, endpoint } = cloud();
    const sqs = sdkClient(SQSClient, endpoint.handle);
    const queues = async () => (await sqs.send(new ListQueuesCommand({}))).QueueUrls ?? [];
    const Kept = queue("jobs", { DeletionPolicy: "RetainExceptOnCreate" });
    const Bad = queue("no good!", { DependsOn: "Kept" });
    expect((await run("create", { Resources: { Kept, Bad } })).status).toBe("ROLLBACK_COMPLETE");
    expect(await queues()).toEqual([]);
    await remove();

    expect((await run("create", { Resources: { Kept } })).status).toBe("CREATE_COMPLETE");
    await remove();
    expect(await queues()).toEqual([expect.stringContaining("/jobs")]);
  });

  test("Snapshot is refused by name: nothing here has snapshots", async () => {
    const { run } = cloud();
    await expect(run("create", { Resources: { A: queue("a", { DeletionPolicy: "Snapshot" }) } })).rejects.toThrow(
      'deletion policy "Snapshot" is not known to this cloud',
    );
  });
});
