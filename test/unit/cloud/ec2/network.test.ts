import {
  AllocateAddressCommand,
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateInternetGatewayCommand,
  CreateLaunchTemplateVersionCommand,
  CreateNatGatewayCommand,
  CreateNetworkInterfaceCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  CreateVpcEndpointCommand,
  DeleteInternetGatewayCommand,
  DeleteNatGatewayCommand,
  DeleteNetworkInterfaceCommand,
  DeleteRouteCommand,
  DeleteRouteTableCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteTagsCommand,
  DeleteVpcCommand,
  DeleteVpcEndpointsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeNatGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
  DetachInternetGatewayCommand,
  DisassociateRouteTableCommand,
  ModifyLaunchTemplateCommand,
  ReleaseAddressCommand,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { expect, test } from "@jest/globals";
import { IMAGE, network, region, template } from "./region.ts";

const named = (name: string) => expect.objectContaining({ name });

test("a subnet that overlaps, leaves the VPC or names another zone is refused with EC2's code", async () => {
  const { client } = region();
  const { vpcId: VpcId } = await network(client);
  const create = (CidrBlock: string, AvailabilityZone = "eu-west-1a") =>
    client.send(new CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone }));

  await expect(create("127.20.1.8/29")).rejects.toEqual(named("InvalidSubnet.Range"));
  await expect(create("127.20.0.0/23")).rejects.toEqual(named("InvalidSubnet.Conflict"));
  await expect(create("127.21.0.0/24")).rejects.toEqual(named("InvalidSubnet.Range"));
  await expect(create("127.20.2.0/24", "eu-west-9x")).rejects.toEqual(named("InvalidParameterValue"));
  await expect(create("no block")).rejects.toEqual(named("InvalidParameterValue"));
});

test("a network is taken down only in the order of its dependencies", async () => {
  const { client, world } = region();
  const { vpcId: VpcId, subnetId: SubnetId, groupId: GroupId } = await network(client);
  const { InternetGateway } = await client.send(new CreateInternetGatewayCommand({}));
  const InternetGatewayId = InternetGateway?.InternetGatewayId;
  await client.send(new AttachInternetGatewayCommand({ InternetGatewayId, VpcId }));
  const { AllocationId } = await client.send(new AllocateAddressCommand({ Domain: "vpc" }));
  const { NatGateway } = await client.send(new CreateNatGatewayCommand({ SubnetId, AllocationId }));
  const NatGatewayId = NatGateway?.NatGatewayId ?? "";
  await world.clock.advance(200);
  const ready = await client.send(new DescribeNatGatewaysCommand({ NatGatewayIds: [NatGatewayId] }));
  const refused = await Promise.allSettled([
    client.send(new DeleteVpcCommand({ VpcId })),
    client.send(new DeleteSubnetCommand({ SubnetId })),
    client.send(new DetachInternetGatewayCommand({ InternetGatewayId, VpcId })),
    client.send(new DeleteInternetGatewayCommand({ InternetGatewayId })),
  ]);
  const inUse = client.send(new ReleaseAddressCommand({ AllocationId }));
  await expect(inUse).rejects.toEqual(named("InvalidIPAddress.InUse"));

  await client.send(new DeleteNatGatewayCommand({ NatGatewayId }));
  await world.clock.advance(200);
  await client.send(new ReleaseAddressCommand({ AllocationId }));
  await client.send(new DetachInternetGatewayCommand({ InternetGatewayId, VpcId }));
  await client.send(new DeleteInternetGatewayCommand({ InternetGatewayId }));
  await client.send(new DeleteSubnetCommand({ SubnetId }));
  await client.send(new DeleteSecurityGroupCommand({ GroupId }));
  await client.send(new DeleteVpcCommand({ VpcId }));

  expect(ready.NatGateways?.[0]?.State).toBe("available");
  expect(refused.map((one) => one.status === "rejected" && one.reason.name)).toEqual(
    Array(4).fill("DependencyViolation"),
  );
  const { Vpcs } = await client.send(new DescribeVpcsCommand({}));
  expect(Vpcs).toEqual([]);
});

test("routes and associations behave as EC2's", async () => {
  const { client } = region();
  const { vpcId: VpcId, subnetId: SubnetId } = await network(client);
  const { RouteTable } = await client.send(new CreateRouteTableCommand({ VpcId }));
  const RouteTableId = RouteTable?.RouteTableId;
  const { InternetGateway } = await client.send(new CreateInternetGatewayCommand({}));
  const GatewayId = InternetGateway?.InternetGatewayId;
  await client.send(new AttachInternetGatewayCommand({ InternetGatewayId: GatewayId, VpcId }));
  const route = { RouteTableId, DestinationCidrBlock: "0.0.0.0/0" };

  await client.send(new CreateRouteCommand({ ...route, GatewayId }));
  const { AssociationId } = await client.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
  const { RouteTables } = await client.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: "association.subnet-id", Values: [SubnetId] }] }),
  );
  await expect(client.send(new DeleteRouteTableCommand({ RouteTableId }))).rejects.toEqual(
    named("DependencyViolation"),
  );
  await client.send(new DisassociateRouteTableCommand({ AssociationId }));
  await client.send(new DeleteRouteCommand(route));
  await expect(client.send(new DeleteRouteCommand(route))).rejects.toEqual(named("InvalidRoute.NotFound"));
  await client.send(new DeleteRouteTableCommand({ RouteTableId }));

  expect(RouteTables?.map((one) => one.RouteTableId)).toEqual([RouteTableId]);
  expect(RouteTables?.[0]?.Routes).toMatchObject([
    { DestinationCidrBlock: "127.20.0.0/16", GatewayId: "local", State: "active" },
    { DestinationCidrBlock: "0.0.0.0/0", GatewayId, State: "active" },
  ]);
});

test("a security group rule is added once, is listed, and can be taken back", async () => {
  const { client } = region();
  const { groupId: GroupId } = await network(client);
  const IpPermissions = [{ IpProtocol: "tcp", FromPort: 8080, ToPort: 8080, IpRanges: [{ CidrIp: "0.0.0.0/0" }] }];

  const twice = client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  await expect(twice).rejects.toEqual(named("InvalidPermission.Duplicate"));
  const before = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }));
  await client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  const again = client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  await expect(again).rejects.toEqual(named("InvalidPermission.NotFound"));
  const after = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }));

  expect(before.SecurityGroups?.[0]?.IpPermissions).toMatchObject(IpPermissions);
  expect(after.SecurityGroups?.[0]?.IpPermissions).toEqual([]);
});

test("a group that another group's rule names cannot be deleted", async () => {
  const { client } = region();
  const { groupId: GroupId, vpcId } = await network(client);
  const own = await client.send(
    new DescribeSecurityGroupsCommand({
      Filters: [
        { Name: "vpc-id", Values: [vpcId] },
        { Name: "group-name", Values: ["def*"] },
      ],
    }),
  );
  await client.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: own.SecurityGroups?.[0]?.GroupId,
      IpPermissions: [{ IpProtocol: "tcp", FromPort: 1, ToPort: 1, UserIdGroupPairs: [{ GroupId }] }],
    }),
  );

  const deletion = client.send(new DeleteSecurityGroupCommand({ GroupId }));

  await expect(deletion).rejects.toEqual(named("DependencyViolation"));
});

test("a fixed address is given once; addresses that AWS keeps are refused", async () => {
  const { client } = region();
  const { subnetId: SubnetId, groupId } = await network(client);
  const create = (PrivateIpAddress: string) =>
    client.send(new CreateNetworkInterfaceCommand({ SubnetId, PrivateIpAddress, Groups: [groupId] }));

  const { NetworkInterface } = await create("127.20.1.10");

  await expect(create("127.20.1.10")).rejects.toEqual(named("InvalidIPAddress.InUse"));
  for (const reserved of ["127.20.1.0", "127.20.1.3", "127.20.1.15", "127.20.9.9"]) {
    await expect(create(reserved)).rejects.toEqual(named("InvalidParameterValue"));
  }
  const { Subnets } = await client.send(new DescribeSubnetsCommand({ SubnetIds: [SubnetId] }));
  expect(Subnets?.[0]?.AvailableIpAddressCount).toBe(10);
  await client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: NetworkInterface?.NetworkInterfaceId }));
  await create("127.20.1.10");
});

test("launch template versions: latest, default, source and what is not there", async () => {
  const { client } = region();
  const LaunchTemplateId = await template(client, { InstanceType: "t4g.small", UserData: "IyEvYmluL3No" });

  const { LaunchTemplateVersion } = await client.send(
    new CreateLaunchTemplateVersionCommand({
      LaunchTemplateId,
      SourceVersion: "1",
      LaunchTemplateData: { InstanceType: "t4g.medium" },
    }),
  );
  const { LaunchTemplates } = await client.send(new DescribeLaunchTemplatesCommand({ LaunchTemplateNames: ["web"] }));
  await client.send(new ModifyLaunchTemplateCommand({ LaunchTemplateId, DefaultVersion: "2" }));
  const found = await client.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: ["$Latest", "$Default"] }),
  );

  expect(LaunchTemplateVersion?.LaunchTemplateData).toMatchObject({
    InstanceType: "t4g.medium",
    UserData: "IyEvYmluL3No",
  });
  expect(LaunchTemplates).toMatchObject([{ DefaultVersionNumber: 1, LatestVersionNumber: 2 }]);
  expect(found.LaunchTemplateVersions).toMatchObject([{ VersionNumber: 2, DefaultVersion: true }]);
  const missing = new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: ["9"] });
  await expect(client.send(missing)).rejects.toEqual(named("InvalidLaunchTemplateId.VersionNotFound"));
  const twice = template(client, {});
  await expect(twice).rejects.toEqual(named("InvalidLaunchTemplateName.AlreadyExistsException"));
  const bad = template(client, { UserData: "%%%" }, "other");
  await expect(bad).rejects.toEqual(named("InvalidUserData.Malformed"));
});

test("tags are added, overwritten, found by filter and removed; aws: is refused", async () => {
  const { client } = region();
  const { subnetId, vpcId } = await network(client);
  const Resources = [subnetId, vpcId];

  await client.send(new CreateTagsCommand({ Resources, Tags: [{ Key: "stage", Value: "x" }] }));
  await client.send(new CreateTagsCommand({ Resources: [subnetId], Tags: [{ Key: "stage", Value: "local" }] }));
  const { Subnets } = await client.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: "tag:stage", Values: ["loc*"] }] }),
  );
  const { Tags } = await client.send(new DescribeTagsCommand({ Filters: [{ Name: "key", Values: ["stage"] }] }));
  await client.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: "stage", Value: "local" }] }));
  const left = await client.send(new DescribeTagsCommand({}));

  expect(Subnets?.map((one) => one.SubnetId)).toEqual([subnetId]);
  expect(Tags).toHaveLength(2);
  expect(left.Tags).toMatchObject([{ ResourceId: vpcId, ResourceType: "vpc", Value: "x" }]);
  const reserved = new CreateTagsCommand({ Resources, Tags: [{ Key: "aws:x", Value: "" }] });
  await expect(client.send(reserved)).rejects.toEqual(named("InvalidParameterValue"));
  const unknown = new DescribeSubnetsCommand({ Filters: [{ Name: "colour", Values: ["red"] }] });
  await expect(client.send(unknown)).rejects.toEqual(named("InvalidParameterValue"));
});

test("zones, images, endpoints and volumes answer", async () => {
  const { client, world } = region();
  const { vpcId: VpcId } = await network(client);

  const zones = await client.send(new DescribeAvailabilityZonesCommand({}));
  const images = await client.send(
    new DescribeImagesCommand({ Owners: ["099720109477"], Filters: [{ Name: "architecture", Values: ["arm64"] }] }),
  );
  const endpoint = await client.send(
    new CreateVpcEndpointCommand({ VpcId, ServiceName: "com.amazonaws.eu-west-1.s3" }),
  );
  const volume = await client.send(new CreateVolumeCommand({ AvailabilityZone: "eu-west-1a", Size: 10 }));
  await world.clock.advance(200);
  const volumes = await client.send(new DescribeVolumesCommand({ VolumeIds: [volume.VolumeId ?? ""] }));
  const deletion = await client.send(
    new DeleteVpcEndpointsCommand({ VpcEndpointIds: [endpoint.VpcEndpoint?.VpcEndpointId ?? "", "vpce-none"] }),
  );

  expect(zones.AvailabilityZones?.map((zone) => zone.ZoneName)).toEqual(["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
  expect(images.Images?.every((image) => image.Architecture === "arm64")).toBe(true);
  expect(images.Images?.some((image) => image.ImageId === IMAGE)).toBe(true);
  expect(volumes.Volumes).toMatchObject([{ State: "available", Size: 10 }]);
  expect(deletion.Unsuccessful).toMatchObject([{ ResourceId: "vpce-none" }]);
});
