import { DescribeInstancesCommand } from "@aws-sdk/client-ec2";
import { expect, test } from "@jest/globals";
import { network, region, template } from "./region.ts";

async function running() {
  const here = region();
  const { subnetId } = await network(here.client);
  const launchTemplateId = await template(here.client, { InstanceType: "t4g.small" });
  const { instanceId } = await here.ec2.launch({ launchTemplateId, version: "$Latest", subnetId, tags: {} });
  await here.world.clock.advance(300);
  const stateOf = () => here.ec2.instance(instanceId)?.state;
  return { ...here, instanceId, stateOf };
}

test("a Spot warning names the zone and no account, and the instance ends two minutes later with EC2's reason", async () => {
  const { ec2, client, events, world, instanceId, stateOf } = await running();
  ec2.interruptions.spotWarning(instanceId);
  expect(events.at(-1)).toEqual({
    source: "aws.ec2",
    detailType: "EC2 Spot Instance Interruption Warning",
    detail: { "instance-id": instanceId, "instance-action": "terminate" },
    resources: [`arn:aws:ec2:eu-west-1b:instance/${instanceId}`],
  });
  await world.clock.advance(119_000);
  expect(stateOf()).toBe("running");
  await world.clock.advance(2_000);
  expect(stateOf()).toBe("terminated");
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  expect(Reservations?.[0]?.Instances?.[0]?.StateReason?.Code).toBe("Server.SpotInstanceTermination");
});

test("an instance that has ended before its time is not ended again", async () => {
  const { ec2, world, instanceId, events, stateOf } = await running();
  ec2.interruptions.spotWarning(instanceId);
  await ec2.terminate(instanceId);
  await world.clock.advance(1_000);
  const before = events.length;
  await world.clock.advance(200_000);
  expect([stateOf(), events.length]).toEqual(["terminated", before]);
});

test("a recommendation to rebalance is an event and nothing more", async () => {
  const { ec2, world, events, instanceId, stateOf } = await running();
  ec2.interruptions.rebalance(instanceId);
  expect(events.at(-1)).toMatchObject({
    detailType: "EC2 Instance Rebalance Recommendation",
    detail: { "instance-id": instanceId },
  });
  await world.clock.advance(3_600_000);
  expect(stateOf()).toBe("running");
});

test("AWS Health announces the retirement of a host, and the instance is stopped at that time", async () => {
  const { ec2, world, events, instanceId, stateOf } = await running();
  const now = world.clock.now();
  ec2.interruptions.health(instanceId, 600_000);
  expect(events.at(-1)).toMatchObject({
    source: "aws.health",
    detailType: "AWS Health Event",
    detail: {
      service: "EC2",
      eventTypeCategory: "scheduledChange",
      statusCode: "upcoming",
      startTime: new Date(now + 600_000).toUTCString(),
      affectedEntities: [{ entityValue: instanceId }],
    },
  });
  await world.clock.advance(599_000);
  expect(stateOf()).toBe("running");
  await world.clock.advance(2_000);
  expect(stateOf()).toBe("stopped");
});

test("what does not run is refused, and nothing is announced", async () => {
  const { ec2, world, events, instanceId } = await running();
  await ec2.stop(instanceId);
  await world.clock.advance(1_000);
  const before = events.length;
  for (const interrupt of [
    () => ec2.interruptions.spotWarning(instanceId),
    () => ec2.interruptions.rebalance(instanceId),
    () => ec2.interruptions.health(instanceId, 1_000),
    () => ec2.interruptions.spotWarning("i-0123456789abcdef0"),
  ])
    expect(interrupt).toThrow();
  expect(events).toHaveLength(before);
});

test("a cloud that closes interrupts nobody afterwards", async () => {
  const { ec2, world, instanceId, stateOf } = await running();
  ec2.interruptions.spotWarning(instanceId);
  await ec2.service.close?.();
  await world.clock.advance(200_000);
  expect(stateOf()).toBe("running");
});
