import {
  AuthorizeSecurityGroupIngressCommand,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  EC2Client,
  type RequestLaunchTemplateData,
} from "@aws-sdk/client-ec2";
import { IMAGES } from "../../../../local/cloud/services/ec2/image.ts";
import { openEc2 } from "../../../../local/cloud/services/ec2/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";
import { modelCompute } from "./model-compute.ts";

export const IMAGE = IMAGES[0]?.id ?? "";
export type Event = { source: string; detailType: string; detail: Record<string, unknown>; resources?: string[] };

/** One region with a model of machines, and an SDK client of an operator. */
export function region(compute = modelCompute()) {
  const world = testWorld();
  const events: Event[] = [];
  const ec2 = openEc2(world, {
    compute,
    emit: (event) => void events.push(event),
    profileCredentials: (profile, session) => ({
      accessKeyId: `ASIA-${profile}`,
      secretAccessKey: "s",
      sessionToken: session,
      expiration: world.clock.now() + 3_600_000,
    }),
  });
  const endpoint = testEndpoint(world, ec2.service);
  return { world, compute, ec2, events, endpoint, client: sdkClient(EC2Client, endpoint.handle) };
}

/** A VPC with a subnet of 11 usable addresses and a security group that opens 8080. */
export async function network(client: EC2Client) {
  const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: "127.20.0.0/16" }));
  const VpcId = Vpc?.VpcId;
  const { Subnet } = await client.send(
    new CreateSubnetCommand({ VpcId, CidrBlock: "127.20.1.0/28", AvailabilityZone: "eu-west-1b" }),
  );
  const { GroupId } = await client.send(
    new CreateSecurityGroupCommand({ VpcId, GroupName: "web", Description: "web nodes" }),
  );
  await client.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: "tcp", FromPort: 8080, ToPort: 8080, IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
    }),
  );
  return { vpcId: VpcId ?? "", subnetId: Subnet?.SubnetId ?? "", groupId: GroupId ?? "" };
}

export async function template(client: EC2Client, data: RequestLaunchTemplateData, name = "web"): Promise<string> {
  const { LaunchTemplate } = await client.send(
    new CreateLaunchTemplateCommand({ LaunchTemplateName: name, LaunchTemplateData: { ImageId: IMAGE, ...data } }),
  );
  return LaunchTemplate?.LaunchTemplateId ?? "";
}
