import { describe, expect, test } from "@jest/globals";
import {
  AttachInstancesCommand,
  CreateOrUpdateTagsCommand,
  DeleteAutoScalingGroupCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeScalingActivitiesCommand,
  DescribeTagsCommand,
  DescribeWarmPoolCommand,
  DetachInstancesCommand,
  EnterStandbyCommand,
  ExitStandbyCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";
import { complete, createGroup, group, hook, NAME, states } from "./farm.ts";
import { openModel, type Model } from "./model-world.ts";

const AutoScalingGroupName = NAME;
const desired = (model: Model, DesiredCapacity: number, HonorCooldown = false): Promise<unknown> =>
  model.client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity, HonorCooldown }));

/** A group of `size` instances in service, without target groups so that nothing drains. */
async function serving(size: number, changes = {}): Promise<Model> {
  const model = openModel();
  await createGroup(model, { DesiredCapacity: size, TargetGroupARNs: [], ...changes });
  await model.advance(2);
  return model;
}

describe("instances moved by an operator", () => {
  test("go to standby and back without hooks, and the group makes up for them or not", async () => {
    const model = await serving(2);
    await hook(model, "tandem-launch", "LAUNCHING");

    await model.client.send(
      new EnterStandbyCommand({ AutoScalingGroupName, InstanceIds: ["i-1"], ShouldDecrementDesiredCapacity: true }),
    );
    await model.advance(5);
    expect(await states(model)).toEqual(["i-1 Standby", "i-2 InService"]);
    model.turn("i-1", "stopped");
    model.turn("i-1", "running");
    await model.client.send(new ExitStandbyCommand({ AutoScalingGroupName, InstanceIds: ["i-1"] }));
    await model.advance(0);

    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService"]);
    expect((await group(model))?.DesiredCapacity).toBe(2);
  });

  test("detached live on outside the group, and are attached again", async () => {
    const model = await serving(2);

    await model.client.send(
      new DetachInstancesCommand({ AutoScalingGroupName, InstanceIds: ["i-1"], ShouldDecrementDesiredCapacity: true }),
    );
    await model.advance(0);
    expect(await states(model)).toEqual(["i-2 InService"]);
    expect(model.instance("i-1")?.state).toBe("running");
    await model.client.send(new AttachInstancesCommand({ AutoScalingGroupName, InstanceIds: ["i-1"] }));
    await model.advance(0);

    expect(await states(model)).toEqual(["i-2 InService", "i-1 InService"]);
    expect(model.log.filter((line) => /^(un)?tag /.test(line))).toEqual([
      "untag i-1 aws:autoscaling:groupName",
      `tag i-1 aws:autoscaling:groupName,${NAME}`,
    ]);
  });

  test("terminated without decrement are replaced; with it the minimum is guarded", async () => {
    const model = await serving(1, { MinSize: 1 });
    const terminate = (ShouldDecrementDesiredCapacity: boolean) =>
      model.client.send(
        new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: "i-1", ShouldDecrementDesiredCapacity }),
      );

    await expect(terminate(true)).rejects.toThrow("will violate group's min size constraint");
    await terminate(false);
    await model.advance(3);

    expect(await states(model)).toEqual(["i-2 InService"]);
  });

  test("not of any group are named in the error", async () => {
    const model = await serving(0);

    const answer = model.client.send(
      new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: "i-9", ShouldDecrementDesiredCapacity: false }),
    );

    await expect(answer).rejects.toThrow("Instance Id not found - No managed instance found for instance ID: i-9");
  });
});

describe("what is described", () => {
  test("comes in pages of AWS's sizes, which differ by operation", async () => {
    const model = await serving(60, { MaxSize: 60 });
    const { client } = model;
    const instances = (input: object) => client.send(new DescribeAutoScalingInstancesCommand(input));

    const first = await instances({});
    const second = await instances({ NextToken: first.NextToken });

    expect([first.AutoScalingInstances?.length, second.AutoScalingInstances?.length]).toEqual([50, 10]);
    expect(second.NextToken).toBeUndefined();
    expect((await group(model))?.Instances).toHaveLength(60);
    const activities = await client.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName }));
    expect(activities.Activities).toHaveLength(60);
    await expect(instances({ MaxRecords: 51 })).rejects.toThrow("MaxRecords must be between 1 and 50");
    await expect(instances({ InstanceIds: Array.from({ length: 51 }, (_, n) => `i-${n}`) })).rejects.toThrow(
      "InstanceIds must name at most 50 instances",
    );
    const pool = client.send(new DescribeWarmPoolCommand({ AutoScalingGroupName, MaxRecords: 51 }));
    await expect(pool).rejects.toThrow("MaxRecords must be between 1 and 50");
  });
});

describe("a group", () => {
  test("launches all that it lacks, spread over its subnets", async () => {
    const model = await serving(0, { MaxSize: 7 });

    await desired(model, 7);
    await model.advance(2);

    const bySubnet = Map.groupBy(model.requests, ({ subnetId }) => subnetId);
    expect([...bySubnet.values()].map(({ length }) => length)).toEqual([4, 3]);
    expect((await states(model)).every((state) => state.endsWith(" InService"))).toBe(true);
  });

  test("with instances is deleted only by force, and then without hooks", async () => {
    const model = await serving(2);
    await hook(model, "tandem-terminate", "TERMINATING");
    const remove = (ForceDelete: boolean) =>
      model.client.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName, ForceDelete }));

    await expect(remove(false)).rejects.toMatchObject({ name: "ResourceInUseFault" });
    await remove(true);
    await model.advance(0);
    expect((await group(model))?.Status).toBe("Delete in progress");
    await model.advance(2);

    expect(await group(model)).toBeUndefined();
    expect(model.tokens("tandem-terminate")).toEqual([]);
  });

  test("deleted by force drops an action under way", async () => {
    const model = await serving(1);
    await hook(model, "tandem-terminate", "TERMINATING");
    await desired(model, 0);
    await model.advance(0);

    await model.client.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName, ForceDelete: true }));
    await expect(complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" })).rejects.toThrow("No active Lifecycle");
    await model.advance(2);

    expect(await group(model)).toBeUndefined();
  });

  test.each([
    [{ PlacementGroup: "near" }, "does not support PlacementGroup"],
    [{ LaunchTemplate: undefined }, "must contain LaunchTemplate"],
    [{ MinSize: 3, MaxSize: 2 }, "Max bound, 2, must be greater than or equal to min bound, 3"],
    [{ DesiredCapacity: 7 }, "Desired capacity:7 must be between the specified min size:0 and max size:4"],
    [{ VPCZoneIdentifier: undefined }, "At least one Availability Zone or VPC Subnet is required."],
    [{ HealthCheckType: "VPC_LATTICE" }, "Invalid HealthCheckType 'VPC_LATTICE'"],
  ])("with %j is refused by name", async (changes, message) => {
    await expect(createGroup(openModel(), changes)).rejects.toThrow(message);
  });

  test("of the same name exists once", async () => {
    const model = await serving(0);

    await expect(createGroup(model)).rejects.toMatchObject({ name: "AlreadyExistsFault" });
  });

  test("hands its tags to instances where they are to propagate", async () => {
    const model = await serving(0);
    const tag = { ResourceId: NAME, ResourceType: "auto-scaling-group" };
    await model.client.send(
      new CreateOrUpdateTagsCommand({
        Tags: [
          { ...tag, Key: "Name", Value: "web", PropagateAtLaunch: true },
          { ...tag, Key: "tandem:until", Value: "now", PropagateAtLaunch: false },
        ],
      }),
    );

    await desired(model, 1);
    await model.advance(2);

    expect(model.requests[0]?.tags).toEqual({ Name: "web", "aws:autoscaling:groupName": NAME });
    const filtered = await model.client.send(new DescribeTagsCommand({ Filters: [{ Name: "key", Values: ["Name"] }] }));
    expect(filtered.Tags).toMatchObject([{ Key: "Name", Value: "web", PropagateAtLaunch: true }]);
  });
});
