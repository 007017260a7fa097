import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { EC2Client } from "@aws-sdk/client-ec2";
import { SSMClient } from "@aws-sdk/client-ssm";
import { describe, expect, test } from "@jest/globals";
import { TandemError } from "../../../lib/errors.ts";
import { isKnown } from "../../../lib/reconcile/fact.ts";
import type { HookAction } from "../../../lib/lifecycle/action.ts";
import { applyHook, hookHolds } from "../../../lib/lifecycle/apply.ts";
import { lifecycleAws } from "../../../lib/lifecycle/aws.ts";
import { observeHook } from "../../../lib/lifecycle/observe.ts";
import { planLaunch } from "../../../lib/lifecycle/plan.ts";
import { answering, sdkError, type Answers, type Called } from "../answering.ts";
import { manualClock } from "../manual-clock.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { localSpec } from "../trigger/local-spec.ts";
import { GROUP, NODE } from "./observations.ts";

const NO_ACTION = sdkError("ValidationError", "No active Lifecycle Action found with instance ID i-1");

/** A launching node whose agent is online, in a world that answers as told. */
function world(answers: Answers, state = "Pending:Wait") {
  const clock = manualClock();
  const calls: Called[] = [];
  const table = memoryTable();
  const launchedAt = new Date(clock.now());
  const all: Answers = {
    DescribeAutoScalingInstances: () => ({
      AutoScalingInstances: [
        { InstanceId: NODE, AutoScalingGroupName: GROUP, LifecycleState: state, HealthStatus: "HEALTHY" },
      ],
    }),
    DescribeInstances: () => ({
      Reservations: [{ Instances: [{ InstanceId: NODE, State: { Name: "running" }, LaunchTime: launchedAt }] }],
    }),
    DescribeInstanceInformation: () => ({ InstanceInformationList: [{ InstanceId: NODE, PingStatus: "Online" }] }),
    ListCommands: () => ({ Commands: [] }),
    ...answers,
  };
  const region = { region: "eu-west-1" };
  const aws = lifecycleAws({
    autoScaling: answering(new AutoScalingClient(region), calls, all),
    ec2: answering(new EC2Client(region), calls, all),
    ssm: answering(new SSMClient(region), calls, all),
    ssmOnce: answering(new SSMClient(region), calls, all),
  });
  const deps = { clock, table, aws, spec: localSpec };
  const look = () => observeHook(deps, NODE, [GROUP]);
  const next = async (): Promise<HookAction | undefined> => planLaunch(await look()).actions[0];
  const act = async (fence = 1): Promise<string> => {
    const action = await next();
    return action === undefined ? "nothing" : applyHook(deps, action, fence);
  };
  const times = (operation: string): number => calls.filter(([name]) => name === operation).length;
  return { clock, calls, deps, look, next, act, times };
}

const inProgress: Answers = {
  SendCommand: () => ({ Command: { CommandId: "c-1" } }),
  GetCommandInvocation: () => ({ Status: "InProgress", StatusDetails: "InProgress", ResponseCode: -1 }),
};
const succeeded: Answers = {
  ...inProgress,
  GetCommandInvocation: () => ({ Status: "Success", StatusDetails: "Success", ResponseCode: 0 }),
};

const lost = () => {
  throw sdkError("TimeoutError", "the answer was lost");
};

const stateOf = (state: string): Answers => ({
  DescribeAutoScalingInstances: () => ({
    AutoScalingInstances: [{ InstanceId: NODE, AutoScalingGroupName: GROUP, LifecycleState: state }],
  }),
});

describe("the hook of a node", () => {
  test("is passed twice by way of the warm pool: the second launch is proven anew", async () => {
    let state = "Warmed:Pending:Wait";
    const { deps, act, next, calls } = world({
      ...succeeded,
      CompleteLifecycleAction: () => ({}),
      DescribeAutoScalingInstances: () => stateOf(state)["DescribeAutoScalingInstances"]?.({}) ?? {},
    });
    expect(await act()).toContain("sent command");
    expect(await act()).toBe(`CONTINUE for ${NODE} (warming)`);

    state = "Pending:Wait";

    expect(await next()).toMatchObject({ kind: "send-command", transition: "launching", attempt: 1 });
    expect(await act()).toContain("sent command");
    const again = await next();
    expect(again).toMatchObject({ kind: "complete-hook", result: "CONTINUE", transition: "launching" });
    const hooks = calls.filter(([name]) => name === "CompleteLifecycleAction");
    expect(hooks).toEqual([[expect.anything(), expect.objectContaining({ LifecycleHookName: "tandem-launch" })]]);
    state = "Warmed:Stopped";
    if (again?.kind === "complete-hook") expect(await hookHolds(deps, again)).toBe(`${NODE} is in Warmed:Stopped now`);
  });

  test("gets one command however often it is looked at", async () => {
    const node = world(inProgress);

    await node.act();
    await node.act();
    await node.act();

    expect(node.times("SendCommand")).toBe(1);
    expect(node.calls.find(([name]) => name === "SendCommand")?.[1]).toMatchObject({
      DocumentName: "tandem-local-launch",
      InstanceIds: [NODE],
    });
  });

  test("is completed once its command succeeded", async () => {
    const node = world({ ...succeeded, CompleteLifecycleAction: () => ({}) });

    await node.act();
    await node.act();

    expect(node.calls.find(([name]) => name === "CompleteLifecycleAction")?.[1]).toEqual({
      LifecycleHookName: "tandem-launch",
      AutoScalingGroupName: GROUP,
      InstanceId: NODE,
      LifecycleActionResult: "CONTINUE",
    });
  });

  test("finds the command of a controller that died before it noted the id", async () => {
    const comment = `tandem launching ${NODE} attempt 1`;
    const node = world({
      ...succeeded,
      SendCommand: lost,
      ListCommands: () => ({ Commands: [{ CommandId: "c-9", Comment: comment }] }),
    });

    await expect(node.act()).rejects.toThrow("the answer was lost");
    const { command } = await node.look();

    expect(isKnown(command) && command.known).toMatchObject({ commandId: "c-9", state: "success" });
  });

  test("is tried again when the agent is gone at the moment of sending", async () => {
    const node = world({
      SendCommand: () => {
        throw sdkError("InvalidInstanceId", "Instances not in a valid state for account");
      },
    });

    await expect(node.act()).rejects.toMatchObject({ code: "agent-not-online", retriable: true });
    expect(await node.next()).toBeUndefined();
    await node.clock.advance(5_000);
    expect(await node.next()).toMatchObject({ kind: "send-command", attempt: 1 });
  });

  test("counts a command that SSM does not show yet as running", async () => {
    const node = world({
      ...inProgress,
      GetCommandInvocation: () => {
        throw sdkError("InvocationDoesNotExist", "");
      },
    });
    await node.act();

    expect(await node.look()).toMatchObject({ command: { known: { state: "running" } } });
  });

  test("a controller whose lease was taken over writes nothing", async () => {
    const node = world(inProgress);
    const action = await node.next();
    await node.act(2);

    await expect(action === undefined ? "nothing" : applyHook(node.deps, action, 1)).rejects.toMatchObject({
      code: "fenced-off",
    });
    expect(node.times("SendCommand")).toBe(1);
  });

  test("heartbeats stop once Auto Scaling refuses one", async () => {
    const node = world({
      ...inProgress,
      RecordLifecycleActionHeartbeat: () => {
        throw NO_ACTION;
      },
    });
    await node.act();
    await node.clock.advance(20_000);

    expect(await node.act()).toContain("no more heartbeats");
    await node.clock.advance(60_000);
    expect(await node.act()).toBe("nothing");
    expect(node.times("RecordLifecycleActionHeartbeat")).toBe(1);
  });

  test("a throttled heartbeat is tried again", async () => {
    const node = world({
      ...inProgress,
      RecordLifecycleActionHeartbeat: () => {
        throw sdkError("Throttling", "Rate exceeded");
      },
    });
    await node.act();
    await node.clock.advance(20_000);

    await expect(node.act()).rejects.toMatchObject({ code: "aws-throttled", retriable: true });
    expect(await node.next()).toMatchObject({ kind: "heartbeat" });
  });
});

describe("a completion that finds no active lifecycle action", () => {
  const refused: Answers = {
    ...succeeded,
    CompleteLifecycleAction: () => {
      throw NO_ACTION;
    },
  };

  test("is success when the node is past its wait", async () => {
    const waiting = world(succeeded);
    await waiting.act();
    const action = await waiting.next();
    const past = world({ ...refused, ...stateOf("InService") });

    expect(action === undefined ? "nothing" : await applyHook(past.deps, action, 1)).toContain(
      "already past its wait (InService)",
    );
  });

  test("is tried again while the node still waits", async () => {
    const node = world(refused);
    await node.act();

    const error = await node.act().catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(TandemError);
    expect(error).toMatchObject({ code: "lifecycle-action-not-open", retriable: true });
  });

  test("is not even tried when the node has gone on meanwhile", async () => {
    const waiting = world(succeeded);
    await waiting.act();
    const action = await waiting.next();
    const past = world({ ...refused, ...stateOf("Pending:Proceed") });

    expect(action === undefined ? true : await hookHolds(past.deps, action)).toBe(`${NODE} is in Pending:Proceed now`);
  });
});

test("a completion that AWS fails is tried again and not lost", async () => {
  let fails = true;
  const node = world({
    ...succeeded,
    CompleteLifecycleAction: () => {
      if (fails) throw sdkError("ServiceUnavailableTimeout", "try again");
      return {};
    },
  });
  await node.act();

  await expect(node.act()).rejects.toMatchObject({ retriable: true });
  fails = false;
  expect(await node.act()).toBe(`CONTINUE for ${NODE} (launching)`);
});
