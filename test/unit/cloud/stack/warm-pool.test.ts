import { DescribeWarmPoolCommand } from "@aws-sdk/client-auto-scaling";
import { expect, test } from "@jest/globals";
import { createGroup, NAME, states } from "../autoscaling/farm.ts";
import { openModel, type Model } from "../autoscaling/model-world.ts";
import { stackCloud } from "./stack-cloud.ts";

const template = (settings: object) => ({
  Resources: {
    Pool: { Type: "AWS::AutoScaling::WarmPool", Properties: { AutoScalingGroupName: NAME, ...settings } },
  },
  Outputs: { Group: { Value: { Ref: "Pool" } } },
});
const pool = async (model: Model) => {
  const answer = await model.client.send(new DescribeWarmPoolCommand({ AutoScalingGroupName: NAME }));
  return { settings: answer.WarmPoolConfiguration, states: (answer.Instances ?? []).map((one) => one.LifecycleState) };
};

test("a warm pool of a stack is made, changed in place and taken away, and the group stays", async () => {
  const model = openModel();
  const { run, remove } = stackCloud(model.world, model.service);
  await createGroup(model);

  const created = await run("create", template({ MinSize: 1, MaxGroupPreparedCapacity: 0 }));
  expect(created).toMatchObject({ status: "CREATE_COMPLETE", outputs: { Group: NAME } });
  expect(await pool(model)).toMatchObject({ settings: { MinSize: 1 }, states: ["Warmed:Stopped"] });

  const updated = await run("update", template({ MinSize: "2", PoolState: "Running" }));
  expect(updated.status).toBe("UPDATE_COMPLETE");
  expect((await pool(model)).settings).toEqual({
    MinSize: 2,
    PoolState: "Running",
    InstanceReusePolicy: { ReuseOnScaleIn: false },
  });

  await remove();
  expect(await pool(model)).toEqual({ settings: undefined, states: [] });
  expect(await states(model)).toEqual(["i-1 InService"]);
});

test("a warm pool that cannot be had fails by name and is rolled back", async () => {
  const model = openModel();
  const { run } = stackCloud(model.world, model.service);
  await createGroup(model);
  const answer = await run("create", template({ PoolState: "Hibernated" }));
  expect(answer.status).toBe("ROLLBACK_COMPLETE");
  expect(answer.reasons.join("\n")).toContain("PoolState Hibernated");
  expect((await pool(model)).settings).toBeUndefined();
});
