import { describe, expect, test } from "@jest/globals";
import {
  ResumeProcessesCommand,
  SetDesiredCapacityCommand,
  SetInstanceHealthCommand,
  SetInstanceProtectionCommand,
  SuspendProcessesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  UpdateAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";
import { activities, createGroup, group, NAME, states } from "./farm.ts";
import { openModel, type Model } from "./model-world.ts";

const AutoScalingGroupName = NAME;
const desired = (model: Model, DesiredCapacity: number, HonorCooldown = false): Promise<unknown> =>
  model.client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity, HonorCooldown }));
const suspend = (model: Model, ...ScalingProcesses: string[]): Promise<unknown> =>
  model.client.send(new SuspendProcessesCommand({ AutoScalingGroupName, ScalingProcesses }));
const resume = (model: Model, ...ScalingProcesses: string[]): Promise<unknown> =>
  model.client.send(new ResumeProcessesCommand({ AutoScalingGroupName, ScalingProcesses }));

/** A group of `size` instances in service, without target groups so that nothing drains. */
async function serving(size: number, changes = {}): Promise<Model> {
  const model = openModel();
  await createGroup(model, { DesiredCapacity: size, TargetGroupARNs: [], ...changes });
  await model.advance(2);
  return model;
}

describe("desired capacity", () => {
  test.each([
    [5, "New SetDesiredCapacity value 5 is above max value 4 for the AutoScalingGroup."],
    [0, "New SetDesiredCapacity value 0 is below min value 1 for the AutoScalingGroup."],
  ])("of %i is refused beyond the bounds", async (value, message) => {
    const model = await serving(1, { MinSize: 1 });

    await expect(desired(model, value)).rejects.toMatchObject({ name: "ValidationError", message });
  });

  test("honours the cooldown only when asked to", async () => {
    const model = await serving(1, { DefaultCooldown: 60 });

    await expect(desired(model, 2, true)).rejects.toMatchObject({ name: "ScalingActivityInProgressFault" });
    await model.advance(60);
    await desired(model, 2, true);
    await model.advance(2);
    await desired(model, 3);

    expect((await group(model))?.DesiredCapacity).toBe(3);
  });

  test("follows new bounds, and a desired capacity outside them is refused", async () => {
    const model = await serving(1);
    await model.client.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, MinSize: 2 }));
    await model.advance(2);

    const outside = model.client.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, DesiredCapacity: 9 }));

    await expect(outside).rejects.toThrow("Desired capacity:9 must be between the specified min size:2 and max size:4");
    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService"]);
    expect((await activities(model))[0]?.Cause).toContain("constraints to min: 2, max: 4, desired: 2 changing");
  });

  test("spreads over the subnets, and the fuller zone shrinks first", async () => {
    const model = await serving(3);
    expect(model.requests.map((request) => request.subnetId)).toEqual(["subnet-a", "subnet-b", "subnet-a"]);

    await desired(model, 2);
    await model.advance(3);

    const zones = (await group(model))?.Instances?.map((each) => each.AvailabilityZone).toSorted();
    expect(zones).toEqual(["eu-west-1a", "eu-west-1b"]);
  });

  test("never takes a protected instance", async () => {
    const model = await serving(2);
    await model.client.send(
      new SetInstanceProtectionCommand({
        AutoScalingGroupName,
        InstanceIds: ["i-1", "i-2"],
        ProtectedFromScaleIn: true,
      }),
    );

    await desired(model, 0);
    await model.advance(10);

    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService"]);
  });

  test.each([
    ["OldestInstance", "i-2 InService"],
    ["NewestInstance", "i-1 InService"],
  ])("with policy %s leaves %s", async (policy, left) => {
    const model = await serving(1, { TerminationPolicies: [policy], VPCZoneIdentifier: "subnet-a" });
    await desired(model, 2);
    await model.advance(2);

    await desired(model, 1);
    await model.advance(3);

    expect(await states(model)).toEqual([left]);
  });

  test("evens out zones again: the new instance serves before the old one goes", async () => {
    const model = await serving(4, { MaxSize: 4 });
    await suspend(model, "AZRebalance", "Launch");
    for (const InstanceId of ["i-2", "i-4"])
      await model.client.send(
        new TerminateInstanceInAutoScalingGroupCommand({ InstanceId, ShouldDecrementDesiredCapacity: true }),
      );
    await model.advance(5);
    expect((await group(model))?.Instances?.map((each) => each.AvailabilityZone)).toEqual(["eu-west-1a", "eu-west-1a"]);

    await resume(model);
    await model.advance(5);

    const zones = (await group(model))?.Instances?.map((each) => each.AvailabilityZone).toSorted();
    expect(zones).toEqual(["eu-west-1a", "eu-west-1b"]);
    expect((await group(model))?.DesiredCapacity).toBe(2);
  });

  test("works for a group of zones whose template brings the network interface", async () => {
    const model = openModel();
    await createGroup(model, { AvailabilityZones: ["eu-west-1b"], VPCZoneIdentifier: undefined });

    await model.advance(2);

    expect(model.requests[0]).toMatchObject({ availabilityZone: "eu-west-1b" });
    expect(model.requests[0]?.subnetId).toBeUndefined();
    expect(await states(model)).toEqual(["i-1 InService"]);
  });
});

describe("a launch that fails", () => {
  test("is told as an activity and an event, and tried again after a pause, elsewhere", async () => {
    const model = openModel();
    model.failures.push("You have requested more vCPU capacity than your limit allows.");
    await createGroup(model);
    await model.advance(0);
    expect((await activities(model))[0]).toMatchObject({
      StatusCode: "Failed",
      StatusMessage: "You have requested more vCPU capacity than your limit allows. Launching EC2 instance failed.",
    });
    expect(model.events[0]?.detailType).toBe("EC2 Instance Launch Unsuccessful");
    await model.advance(4);
    expect(model.requests).toHaveLength(1);

    await model.advance(3);

    expect(model.requests.map((request) => request.subnetId)).toEqual(["subnet-a", "subnet-b"]);
    expect(await states(model)).toEqual(["i-1 InService"]);
  });

  test("pauses longer each time", async () => {
    const model = openModel();
    model.failures.push(...Array.from({ length: 20 }, () => "no capacity"));
    await createGroup(model);

    await model.advance(60);

    expect(model.requests).toHaveLength(4);
  });
});

describe("an unhealthy instance", () => {
  test("that EC2 stopped is replaced at once, also within the grace period", async () => {
    const model = await serving(1, { HealthCheckGracePeriod: 300 });

    model.turn("i-1", "stopping");
    await model.advance(3);

    expect(await states(model)).toEqual(["i-2 InService"]);
    const [launch, termination] = await activities(model);
    expect(launch?.Cause).toContain(
      "an instance was launched in response to an unhealthy instance needing to be replaced.",
    );
    expect(termination?.Cause).toContain(
      "in response to an EC2 health check indicating it has been terminated or stopped.",
    );
  });

  test("for the balancer is replaced after the grace period, and only by type ELB", async () => {
    const model = openModel();
    await createGroup(model, { HealthCheckType: "ELB", HealthCheckGracePeriod: 30 });
    await model.advance(2);
    model.health.set("i-1", "unhealthy");
    await model.advance(20);
    expect(await states(model)).toEqual(["i-1 InService"]);

    await model.advance(15);

    expect(await states(model)).toContain("i-2 InService");
    expect((await activities(model)).at(-2)?.Cause).toContain("in response to an ELB system health check failure.");
  });

  test("for the balancer is kept by type EC2", async () => {
    const model = openModel();
    await createGroup(model);
    await model.advance(2);

    model.health.set("i-1", "unhealthy");
    await model.advance(60);

    expect(await states(model)).toEqual(["i-1 InService"]);
  });

  test("set by hand respects the grace period unless told not to", async () => {
    const model = await serving(1, { HealthCheckGracePeriod: 300 });
    const set = (ShouldRespectGracePeriod: boolean) =>
      model.client.send(
        new SetInstanceHealthCommand({ InstanceId: "i-1", HealthStatus: "Unhealthy", ShouldRespectGracePeriod }),
      );
    await set(true);
    await model.advance(10);
    expect(await states(model)).toEqual(["i-1 InService"]);

    await set(false);
    await model.advance(3);

    expect(await states(model)).toEqual(["i-2 InService"]);
  });
});

describe("a suspended process", () => {
  test.each([
    ["HealthCheck", "Healthy"],
    ["ReplaceUnhealthy", "Unhealthy"],
    ["Terminate", "Unhealthy"],
  ])("%s keeps a stopped instance in the group as %s", async (process, health) => {
    const model = await serving(1);
    await suspend(model, process);

    model.turn("i-1", "stopped");
    await model.advance(30);

    expect((await group(model))?.Instances).toMatchObject([{ LifecycleState: "InService", HealthStatus: health }]);
    await resume(model, process);
    await model.advance(3);
    expect(await states(model)).toEqual(["i-2 InService"]);
  });

  test("Launch starts nothing until it is resumed", async () => {
    const model = await serving(1);
    await suspend(model, "Launch");
    await desired(model, 2);
    await model.advance(30);
    expect(await states(model)).toEqual(["i-1 InService"]);
    expect((await group(model))?.SuspendedProcesses?.map((each) => each.ProcessName)).toEqual(["Launch"]);

    await resume(model);
    await model.advance(2);

    expect(await states(model)).toEqual(["i-1 InService", "i-2 InService"]);
  });

  test("AddToLoadBalancer leaves a new instance unregistered", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await suspend(model, "AddToLoadBalancer");

    await desired(model, 1);
    await model.advance(2);

    expect(await states(model)).toEqual(["i-1 InService"]);
    expect(model.log).not.toContain("register i-1");
  });

  test("of an unknown name is refused with the names that exist", async () => {
    const model = await serving(0);

    await expect(suspend(model, "Everything")).rejects.toThrow("'Everything' is not one of Launch, Terminate");
  });
});
