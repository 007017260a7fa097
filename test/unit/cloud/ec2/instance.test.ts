import {
  AttachVolumeCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  CreateVolumeCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  GetConsoleOutputCommand,
  ModifyInstanceAttributeCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { expect, test } from "@jest/globals";
import { IMAGE, network, region, template } from "./region.ts";

const named = (name: string) => expect.objectContaining({ name });
const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function running(here = region()) {
  const { client, ec2, world } = here;
  const net = await network(client);
  const launchTemplateId = await template(client, {
    InstanceType: "t4g.small",
    SecurityGroupIds: [net.groupId],
    UserData: base64("#!/bin/bash\necho hello"),
    IamInstanceProfile: { Name: "web-node" },
    MetadataOptions: { InstanceMetadataTags: "enabled" },
    BlockDeviceMappings: [
      { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 50, VolumeType: "gp3", DeleteOnTermination: false } },
    ],
  });
  const launch = () =>
    ec2.launch({
      launchTemplateId,
      version: "$Latest",
      subnetId: net.subnetId,
      tags: { Name: "web", "aws:autoscaling:groupName": "web" },
      lifecycleState: () => "InService",
    });
  const { instanceId } = await launch();
  await world.clock.advance(300);
  return { ...here, ...net, launch, launchTemplateId, instanceId };
}

const statesOf = (events: readonly { detail: Record<string, unknown> }[]) =>
  events.map((event) => event.detail["state"]);

test("a launch goes from pending to running, and its machine knows what the template says", async () => {
  const { compute, ec2, events, instanceId, launchTemplateId, subnetId } = await running();

  const machine = compute.machines.get(instanceId);
  expect(statesOf(events)).toEqual(["pending", "running"]);
  expect(events[0]).toMatchObject({
    source: "aws.ec2",
    detailType: "EC2 Instance State-change Notification",
    resources: [`arn:aws:ec2:eu-west-1:000000000000:instance/${instanceId}`],
  });
  expect(ec2.instance(instanceId)).toMatchObject({
    state: "running",
    privateIpAddress: "127.20.1.4",
    subnetId,
    availabilityZone: "eu-west-1b",
    launchTemplateId,
    launchTemplateVersion: "1",
    tags: { Name: "web", "aws:autoscaling:groupName": "web" },
  });
  expect(machine?.spec).toMatchObject({ userData: "#!/bin/bash\necho hello", ports: [8080], address: "127.20.1.4" });
  expect(machine?.spec.metadata.role).toBe("web-node");
  expect(machine?.spec.metadata.credentials()).toMatchObject({
    accessKeyId: "ASIA-web-node",
    sessionToken: instanceId,
  });
  expect(machine?.spec.metadata.lifecycleState()).toBe("InService");
  expect(machine?.spec.metadata.tags()).toMatchObject({ Name: "web" });
});

test("DescribeInstances filters by tag, state and id, and names what does not exist", async () => {
  const { client, instanceId, launch, world } = await running();
  const second = await launch();
  const ids = async (Filters: { Name: string; Values: string[] }[]) => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ Filters }));
    return Reservations?.flatMap((one) => one.Instances?.map((instance) => instance.InstanceId));
  };

  expect(await ids([{ Name: "tag:aws:autoscaling:groupName", Values: ["web"] }])).toEqual([
    instanceId,
    second.instanceId,
  ]);
  expect(await ids([{ Name: "instance-state-name", Values: ["running"] }])).toEqual([instanceId]);
  expect(await ids([{ Name: "tag:Name", Values: ["db"] }])).toEqual([]);
  await world.clock.advance(300);
  const { InstanceStatuses } = await client.send(new DescribeInstanceStatusCommand({}));
  expect(InstanceStatuses).toHaveLength(2);
  const missing = new DescribeInstancesCommand({ InstanceIds: ["i-0123456789abcdef0"] });
  await expect(client.send(missing)).rejects.toEqual(named("InvalidInstanceID.NotFound"));
  const malformed = new TerminateInstancesCommand({ InstanceIds: ["web-1"] });
  await expect(client.send(malformed)).rejects.toEqual(named("InvalidInstanceID.Malformed"));
});

test("DescribeInstances gives pages of the size that is asked for, and refuses a size that EC2 does not take", async () => {
  const { client, instanceId, launch } = await running();
  const launched = [instanceId];
  for (let more = 0; more < 6; more++) launched.push((await launch()).instanceId);
  const page = (input: object) => client.send(new DescribeInstancesCommand(input));
  const ids = ({ Reservations = [] }: Awaited<ReturnType<typeof page>>) =>
    Reservations.flatMap((one) => one.Instances?.map((instance) => instance.InstanceId));

  const first = await page({ MaxResults: 5 });
  const second = await page({ MaxResults: 5, NextToken: first.NextToken });

  expect([ids(first).length, ids(second).length, second.NextToken]).toEqual([5, 2, undefined]);
  expect([...ids(first), ...ids(second)]).toEqual(launched);
  for (const MaxResults of [4, 1_001])
    await expect(page({ MaxResults })).rejects.toEqual(named("InvalidParameterValue"));
  await expect(page({ MaxResults: 5, InstanceIds: [instanceId] })).rejects.toEqual(
    named("InvalidParameterCombination"),
  );
  await expect(page({ Filters: [{ Name: "colour", Values: ["red"] }] })).rejects.toEqual(
    named("InvalidParameterValue"),
  );
});

test("a service of AWS tags an instance with a key of its own, and takes it off", async () => {
  const { ec2, instanceId } = await running();

  ec2.untag(instanceId, "aws:autoscaling:groupName");
  expect(ec2.instance(instanceId)?.tags).not.toHaveProperty("aws:autoscaling:groupName");
  ec2.tag(instanceId, { "aws:autoscaling:groupName": "web" });

  expect(ec2.instance(instanceId)?.tags).toMatchObject({ Name: "web", "aws:autoscaling:groupName": "web" });
});

test("termination frees address and interface, keeps a volume that is to be kept, and is idempotent", async () => {
  const { client, compute, ec2, events, instanceId, world } = await running();

  const { TerminatingInstances } = await client.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  await client.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  await world.clock.advance(300);

  expect(TerminatingInstances).toMatchObject([
    { PreviousState: { Name: "running", Code: 16 }, CurrentState: { Name: "shutting-down", Code: 32 } },
  ]);
  expect(statesOf(events)).toEqual(["pending", "running", "shutting-down", "terminated"]);
  expect(compute.machines.get(instanceId)?.power).toBe("destroyed");
  expect(ec2.machine(instanceId)).toBeUndefined();
  const { NetworkInterfaces } = await client.send(new DescribeNetworkInterfacesCommand({}));
  expect(NetworkInterfaces).toEqual([]);
  const { Volumes } = await client.send(new DescribeVolumesCommand({}));
  expect(Volumes).toMatchObject([{ State: "available", Size: 50 }]);
  const { Output } = await client.send(new GetConsoleOutputCommand({ InstanceId: instanceId }));
  expect(Buffer.from(Output ?? "", "base64").toString()).toBe(`console of ${instanceId}`);
  await world.clock.advance(3_600_000);
  expect(ec2.instance(instanceId)).toBeUndefined();
});

test("a host that is lost is a terminated instance, with an event", async () => {
  const { client, compute, ec2, events, instanceId, world } = await running();

  compute.machines.get(instanceId)?.die("out of memory");
  await world.clock.advance(1);

  expect(ec2.instance(instanceId)?.state).toBe("terminated");
  expect(statesOf(events).at(-1)).toBe("terminated");
  expect(compute.machines.get(instanceId)?.power).toBe("destroyed");
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  expect(Reservations?.[0]?.Instances?.[0]?.StateReason?.Code).toBe("Server.InternalError");
});

test("a machine that cannot start ends the launch", async () => {
  const here = region();
  here.compute.failure = "no memory";

  const { ec2, events, instanceId } = await running(here);

  expect(ec2.instance(instanceId)?.state).toBe("terminated");
  expect(statesOf(events)).toEqual(["pending", "terminated"]);
  expect(here.world.notes.join()).toContain("no memory");
});

test("an instance that is terminated while it is pending never runs", async () => {
  const { ec2, launch, compute, world, events } = await running();
  const { instanceId } = await launch();

  await ec2.terminate(instanceId);
  await world.clock.advance(1000);

  expect(statesOf(events).slice(2)).toEqual(["pending", "shutting-down", "terminated"]);
  expect(compute.machines.has(instanceId)).toBe(false);
});

test("stop, start and reboot", async () => {
  const { client, compute, ec2, events, instanceId, world } = await running();
  const InstanceIds = [instanceId];

  await client.send(new StopInstancesCommand({ InstanceIds, Force: true }));
  const tooEarly = client.send(new StartInstancesCommand({ InstanceIds }));
  await expect(tooEarly).rejects.toEqual(named("IncorrectInstanceState"));
  await world.clock.advance(300);
  const stopped = compute.machines.get(instanceId)?.power;
  await client.send(new StartInstancesCommand({ InstanceIds }));
  await world.clock.advance(300);
  await client.send(new RebootInstancesCommand({ InstanceIds }));
  await world.clock.advance(1);

  expect(stopped).toBe("off");
  expect(compute.machines.get(instanceId)?.power).toBe("on");
  expect(statesOf(events)).toEqual(["pending", "running", "stopping", "stopped", "pending", "running"]);
  expect(ec2.instance(instanceId)?.privateIpAddress).toBe("127.20.1.4");
});

test("a host that is cut off takes half a minute to stop, and its processes live until then", async () => {
  const { client, compute, ec2, instanceId, world } = await running();
  const machine = compute.machines.get(instanceId);
  if (machine !== undefined) machine.cutOffSince = world.clock.now();

  await client.send(new StopInstancesCommand({ InstanceIds: [instanceId], Force: true }));
  await world.clock.advance(29_900);
  const meanwhile = [ec2.instance(instanceId)?.state, machine?.power];
  await world.clock.advance(400);

  expect(meanwhile).toEqual(["stopping", "on"]);
  expect([ec2.instance(instanceId)?.state, machine?.power]).toEqual(["stopped", "off"]);
});

test("a template with a network interface gives its address to one instance at a time", async () => {
  const { client, ec2, world } = region();
  const { subnetId: SubnetId, groupId } = await network(client);
  const { NetworkInterface } = await client.send(
    new CreateNetworkInterfaceCommand({ SubnetId, PrivateIpAddress: "127.20.1.10", Groups: [groupId] }),
  );
  const NetworkInterfaceId = NetworkInterface?.NetworkInterfaceId;
  const launchTemplateName = "db-a";
  await template(client, { NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId }] }, launchTemplateName);
  const launch = () => ec2.launch({ launchTemplateName, version: "1", availabilityZone: "eu-west-1b", tags: {} });

  const first = await launch();
  await expect(launch()).rejects.toEqual(expect.objectContaining({ code: "InvalidNetworkInterface.InUse" }));
  await world.clock.advance(300);
  await ec2.terminate(first.instanceId);
  await world.clock.advance(300);
  const second = await launch();

  expect(first).toMatchObject({ privateIpAddress: "127.20.1.10", subnetId: SubnetId });
  expect(second.privateIpAddress).toBe("127.20.1.10");
  const elsewhere = ec2.launch({ launchTemplateName, availabilityZone: "eu-west-1a", tags: {} });
  await expect(elsewhere).rejects.toThrow();
});

test("addresses are not given out twice, and a full subnet refuses", async () => {
  const { ec2, launch, world } = await running();

  const addresses = await Promise.all(Array.from({ length: 10 }, async () => (await launch()).privateIpAddress));
  await expect(launch()).rejects.toEqual(expect.objectContaining({ code: "InsufficientFreeAddressesInSubnet" }));
  await world.clock.advance(300);

  expect(new Set([...addresses, "127.20.1.4"]).size).toBe(11);
  expect(addresses).not.toContain("127.20.1.15");
  expect(ec2.zoneOfSubnet("subnet-none")).toBeUndefined();
});

test("RunInstances tags, refuses an unknown image, and launches nothing for a known client token", async () => {
  const { client } = region();
  const { subnetId: SubnetId } = await network(client);
  const wish = {
    ImageId: "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
    MinCount: 1,
    MaxCount: 2,
    SubnetId,
    ClientToken: "once",
    TagSpecifications: [{ ResourceType: "instance" as const, Tags: [{ Key: "Name", Value: "x" }] }],
  };

  const first = await client.send(new RunInstancesCommand(wish));
  const again = await client.send(new RunInstancesCommand(wish));

  expect(first.Instances).toHaveLength(2);
  expect(first.Instances?.[0]).toMatchObject({ State: { Name: "pending" }, Tags: [{ Key: "Name", Value: "x" }] });
  expect(again.Instances?.map((one) => one.InstanceId)).toEqual(first.Instances?.map((one) => one.InstanceId));
  const unknown = new RunInstancesCommand({ ...wish, ClientToken: "other", ImageId: "ami-1" });
  await expect(client.send(unknown)).rejects.toEqual(named("InvalidAMIID.NotFound"));
  const nowhere = new RunInstancesCommand({ ImageId: IMAGE, MinCount: 1, MaxCount: 1 });
  await expect(client.send(nowhere)).rejects.toEqual(named("VPCIdNotSpecified"));
  const dry = new RunInstancesCommand({ ...wish, DryRun: true });
  await expect(client.send(dry)).rejects.toEqual(named("DryRunOperation"));
});

test("termination protection holds for callers, not for Auto Scaling", async () => {
  const { client, ec2, instanceId } = await running();

  await client.send(
    new ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiTermination: { Value: true } }),
  );
  const refused = client.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  await expect(refused).rejects.toEqual(named("OperationNotPermitted"));
  await ec2.terminate(instanceId);

  expect(ec2.instance(instanceId)?.state).toBe("shutting-down");
});

test("a security group that changes opens ports of running machines", async () => {
  const { client, compute, groupId: GroupId, instanceId } = await running();

  await client.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpProtocol: "tcp",
      FromPort: 9200,
      ToPort: 9200,
      CidrIp: "0.0.0.0/0",
    }),
  );

  expect(compute.machines.get(instanceId)?.ports).toEqual([8080, 9200]);
});

test("a volume is attached in its own zone only, to one instance", async () => {
  const { client, instanceId: InstanceId, world } = await running();
  const create = async (AvailabilityZone: string) =>
    (await client.send(new CreateVolumeCommand({ AvailabilityZone, Size: 1 }))).VolumeId;
  const [near, far] = [await create("eu-west-1b"), await create("eu-west-1a")];
  await world.clock.advance(200);
  const attach = (VolumeId: string | undefined, Device: string) =>
    client.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device }));

  await attach(near, "/dev/sdf");
  await world.clock.advance(200);

  await expect(attach(near, "/dev/sdg")).rejects.toEqual(named("VolumeInUse"));
  await expect(attach(far, "/dev/sdg")).rejects.toEqual(named("InvalidVolume.ZoneMismatch"));
  const { Volumes } = await client.send(new DescribeVolumesCommand({ VolumeIds: [near ?? ""] }));
  expect(Volumes).toMatchObject([{ State: "in-use", Attachments: [{ State: "attached", InstanceId }] }]);
});
