import { describe, expect, test } from "@jest/globals";
import {
  DeleteLifecycleHookCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  RecordLifecycleActionHeartbeatCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";
import { activities, complete, createGroup, group, hook, NAME, states } from "./farm.ts";
import { openModel, type Model } from "./model-world.ts";

const desired = (model: Model, DesiredCapacity: number): Promise<unknown> =>
  model.client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: NAME, DesiredCapacity }));
const beat = (model: Model, LifecycleHookName: string, InstanceId: string): Promise<unknown> =>
  model.client.send(
    new RecordLifecycleActionHeartbeatCommand({ AutoScalingGroupName: NAME, LifecycleHookName, InstanceId }),
  );

describe("an instance that joins", () => {
  test("without hooks is pending until EC2 runs it, then in service and registered", async () => {
    const model = openModel();
    await createGroup(model);
    await model.advance(0);
    expect(await states(model)).toEqual(["i-1 Pending"]);

    await model.advance(1);

    expect(await states(model)).toEqual(["i-1 InService"]);
    expect(model.log).toEqual(["register i-1", "EC2 Instance Launch Successful i-1"]);
    expect(model.requests[0]).toMatchObject({ launchTemplateId: "lt-1", version: "$Latest", subnetId: "subnet-a" });
    expect(model.requests[0]?.tags).toEqual({ "aws:autoscaling:groupName": NAME });
    const [activity] = await activities(model);
    expect(activity).toMatchObject({
      StatusCode: "Successful",
      Progress: 100,
      Description: "Launching a new EC2 instance: i-1",
      Cause:
        "At 2026-01-01T00:00:00Z a user request created an AutoScalingGroup changing the desired capacity from 0 to 1.  " +
        "At 2026-01-01T00:00:00Z an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 0 to 1.",
    });
  });

  test("waits for its launch hook and takes traffic after CONTINUE with the token", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING", { NotificationMetadata: "web" });
    await desired(model, 1);
    await model.advance(2);
    expect(await states(model)).toEqual(["i-1 Pending:Wait"]);
    expect(model.log).not.toContain("register i-1");
    const [token = ""] = model.tokens("tandem-launch");
    expect(model.events[0]).toEqual({
      detailType: "EC2 Instance-launch Lifecycle Action",
      resources: [(await group(model))?.AutoScalingGroupARN],
      detail: {
        LifecycleActionToken: token,
        AutoScalingGroupName: NAME,
        LifecycleHookName: "tandem-launch",
        EC2InstanceId: "i-1",
        LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
        NotificationMetadata: "web",
        Origin: "EC2",
        Destination: "AutoScalingGroup",
      },
    });

    await complete(model, "tandem-launch", "CONTINUE", { token });
    await model.advance(0);

    expect(await states(model)).toEqual(["i-1 InService"]);
    expect(model.log).toContain("register i-1");
  });

  test("passes several hooks in order of their names", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "b-warm", "LAUNCHING");
    await hook(model, "a-mount", "LAUNCHING");
    await desired(model, 1);
    await model.advance(2);

    await complete(model, "a-mount", "CONTINUE", { id: "i-1" });
    await model.advance(0);
    expect(await states(model)).toEqual(["i-1 Pending:Wait"]);
    await complete(model, "b-warm", "CONTINUE", { id: "i-1" });
    await model.advance(0);

    expect(await states(model)).toEqual(["i-1 InService"]);
    expect(model.events.map(({ detail }) => detail["LifecycleHookName"])).toEqual(["a-mount", "b-warm", undefined]);
  });

  test("that is abandoned goes through the hooks of termination and is replaced", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING");
    await hook(model, "tandem-terminate", "TERMINATING");
    await desired(model, 1);
    await model.advance(2);
    const [token = ""] = model.tokens("tandem-launch");

    await complete(model, "tandem-launch", "ABANDON", { token });
    await model.advance(0);
    expect(await states(model)).toEqual(["i-1 Terminating:Wait"]);
    await complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" });
    await model.advance(10);

    expect(await states(model)).toEqual(["i-2 Pending:Wait"]);
    expect(model.log).toContain("EC2 Instance Launch Unsuccessful i-1");
    const message = `Instance failed to complete user's Lifecycle Action: Lifecycle Action with token ${token} was abandoned: Lifecycle Action Completed with ABANDON Result`;
    expect((await activities(model)).at(-1)).toMatchObject({
      StatusCode: "Cancelled",
      StatusMessage: message,
      Description: `Launching a new EC2 instance: i-1.  Status Reason: ${message}`,
    });
  });

  test.each([
    ["ABANDON", "i-1 Terminating"],
    ["CONTINUE", "i-1 InService"],
  ])("whose hook times out gets the default result %s", async (DefaultResult, state) => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING", { DefaultResult });
    await desired(model, 1);
    await model.advance(60);
    expect(await states(model)).toEqual(["i-1 Pending:Wait"]);

    await model.advance(1);

    expect((await states(model))[0]).toContain(state);
    const first = (await activities(model)).at(-1);
    if (DefaultResult === "ABANDON") expect(first?.StatusMessage).toContain("was abandoned: Heartbeat Timeout");
  });

  test("keeps waiting while it beats, until the global timeout", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING", { HeartbeatTimeout: 30, DefaultResult: "CONTINUE" });
    await desired(model, 1);
    await model.advance(1);

    for (let beats = 0; beats < 149; beats++) {
      await model.advance(20);
      await beat(model, "tandem-launch", "i-1");
    }
    expect(await states(model)).toEqual(["i-1 Pending:Wait"]);
    await model.advance(20);

    expect(await states(model)).toEqual(["i-1 InService"]);
    const hooks = await model.client.send(new DescribeLifecycleHooksCommand({ AutoScalingGroupName: NAME }));
    expect(hooks.LifecycleHooks?.[0]).toMatchObject({ HeartbeatTimeout: 30, GlobalTimeout: 3_000 });
  });

  test("that dies while it waits is cancelled and replaced", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING");
    await desired(model, 1);
    await model.advance(2);

    model.turn("i-1", "terminated");
    await model.advance(8);

    expect(await states(model)).toEqual(["i-2 Pending:Wait"]);
    expect((await activities(model)).at(-1)?.StatusMessage).toContain("Instance became unhealthy while waiting");
  });

  test("is told its target state by the metadata", async () => {
    const model = openModel();
    await createGroup(model);
    await model.advance(2);
    expect(model.requests[0]?.lifecycleState()).toBe("InService");

    await desired(model, 0);
    await model.advance(0);

    expect(model.requests[0]?.lifecycleState()).toBe("Terminated");
  });
});

describe("an instance that leaves", () => {
  test("drains first, then waits for its hook, then is terminated", async () => {
    const model = openModel();
    await createGroup(model);
    await hook(model, "tandem-terminate", "TERMINATING");
    await model.advance(2);
    model.log.length = 0;

    await desired(model, 0);
    await model.advance(6);
    expect(await states(model)).toEqual(["i-1 Terminating"]);
    expect(model.log).toEqual(["deregister i-1"]);
    expect((await activities(model))[0]?.StatusCode).toBe("WaitingForELBConnectionDraining");
    model.health.set("i-1", "unused");
    await model.advance(6);
    expect(await states(model)).toEqual(["i-1 Terminating:Wait"]);
    await complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" });
    await model.advance(0);
    expect(await states(model)).toEqual(["i-1 Terminating:Proceed"]);
    await model.advance(2);

    expect(await states(model)).toEqual([]);
    expect(model.log).toEqual([
      "deregister i-1",
      "EC2 Instance-terminate Lifecycle Action i-1",
      "terminate i-1",
      "EC2 Instance Terminate Successful i-1",
    ]);
    expect(model.events.at(-1)?.resources).toHaveLength(2);
    expect(model.events.at(-1)?.detail).toMatchObject({ StatusCode: "InProgress", Origin: "AutoScalingGroup" });
    expect((await activities(model))[0]?.Cause).toContain("shrinking the capacity from 1 to 0.  At");
  });

  test.each(["CONTINUE", "ABANDON"])(
    "is terminated with %s alike; ABANDON skips the hooks that remain",
    async (result) => {
      const model = openModel();
      await createGroup(model, { TargetGroupARNs: [] });
      await hook(model, "a", "TERMINATING");
      await hook(model, "b", "TERMINATING");
      await model.advance(2);
      await desired(model, 0);
      await model.advance(0);

      await complete(model, "a", result, { id: "i-1" });
      await model.advance(3);

      expect(await states(model)).toEqual(result === "ABANDON" ? [] : ["i-1 Terminating:Wait"]);
      expect(model.tokens("b")).toHaveLength(result === "ABANDON" ? 0 : 1);
    },
  );

  test("passes its hook also when it is dead already", async () => {
    const model = openModel();
    await createGroup(model, { TargetGroupARNs: [] });
    await hook(model, "tandem-terminate", "TERMINATING");
    await model.advance(2);

    model.turn("i-1", "terminated");
    await model.advance(3);
    expect(await states(model)).toEqual(["i-1 Terminating:Wait", "i-2 InService"]);
    await complete(model, "tandem-terminate", "CONTINUE", { id: "i-1" });
    await model.advance(0);

    expect(await states(model)).toEqual(["i-2 InService"]);
    expect(model.log).not.toContain("terminate i-1");
  });

  test("asked twice to go, goes once", async () => {
    const model = openModel();
    await createGroup(model, { TargetGroupARNs: [], MinSize: 0 });
    await model.advance(2);
    const ask = () =>
      model.client.send(
        new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: "i-1", ShouldDecrementDesiredCapacity: true }),
      );

    const first = await ask();
    const second = await ask();
    await model.advance(3);

    expect(second.Activity?.ActivityId).toBe(first.Activity?.ActivityId);
    expect((await group(model))?.DesiredCapacity).toBe(0);
    expect(model.log.filter((line) => line === "terminate i-1")).toHaveLength(1);
  });
});

describe("a lifecycle action", () => {
  test.each([
    [
      "an unknown token",
      { token: "3b2f1c8e-0000-4000-8000-000000000000" },
      "token 3b2f1c8e-0000-4000-8000-000000000000",
    ],
    ["an instance in service", { id: "i-1" }, "instance ID i-1"],
  ])("with %s fails with the error that AWS gives", async (_, who, named) => {
    const model = openModel();
    await createGroup(model);
    await model.advance(2);
    await hook(model, "tandem-launch", "LAUNCHING");

    const answer = complete(model, "tandem-launch", "CONTINUE", who);

    await expect(answer).rejects.toMatchObject({
      name: "ValidationError",
      message: `No active Lifecycle Action found with ${named}`,
    });
  });

  test("completed twice fails the second time and does nothing", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING");
    await desired(model, 1);
    await model.advance(2);
    const [token = ""] = model.tokens("tandem-launch");
    await complete(model, "tandem-launch", "CONTINUE", { token });

    const again = complete(model, "tandem-launch", "ABANDON", { token });

    await expect(again).rejects.toThrow(`No active Lifecycle Action found with token ${token}`);
    await model.advance(0);
    expect(await states(model)).toEqual(["i-1 InService"]);
  });

  test("of a deleted hook is completed: a launch is abandoned", async () => {
    const model = openModel();
    await createGroup(model, { DesiredCapacity: 0 });
    await hook(model, "tandem-launch", "LAUNCHING");
    await desired(model, 1);
    await model.advance(2);

    await model.client.send(
      new DeleteLifecycleHookCommand({ AutoScalingGroupName: NAME, LifecycleHookName: "tandem-launch" }),
    );
    await model.advance(8);

    expect(await states(model)).toEqual(["i-2 InService"]);
  });

  test.each([
    [{ HeartbeatTimeout: 29 }, "between 30 and 7200"],
    [{ HeartbeatTimeout: 7_201 }, "between 30 and 7200"],
    [{ DefaultResult: "RETRY" }, "CONTINUE or ABANDON"],
    [{ NotificationTargetARN: "arn:aws:sqs:eu-west-1:000000000000:q" }, "does not support NotificationTargetARN"],
  ])("is refused for a hook with %j", async (more, message) => {
    const model = openModel();
    await createGroup(model);

    await expect(hook(model, "tandem-launch", "LAUNCHING", more)).rejects.toThrow(message);
  });

  test("shows in DescribeAutoScalingInstances, with the health in capitals", async () => {
    const model = openModel();
    await createGroup(model);
    await model.advance(2);

    const answer = await model.client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: ["i-1"] }));

    expect(answer.AutoScalingInstances).toEqual([
      {
        InstanceId: "i-1",
        InstanceType: "t4g.small",
        AutoScalingGroupName: NAME,
        AvailabilityZone: "eu-west-1a",
        LifecycleState: "InService",
        HealthStatus: "HEALTHY",
        LaunchTemplate: { LaunchTemplateId: "lt-1", Version: "1" },
        ProtectedFromScaleIn: false,
      },
    ]);
  });
});
