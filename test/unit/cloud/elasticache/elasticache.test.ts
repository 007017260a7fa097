import { DescribeNetworkInterfacesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { RevokeSecurityGroupIngressCommand, AuthorizeSecurityGroupIngressCommand } from "@aws-sdk/client-ec2";
import {
  AddTagsToResourceCommand,
  CreateCacheClusterCommand,
  CreateCacheSubnetGroupCommand,
  DeleteCacheClusterCommand,
  DeleteCacheSubnetGroupCommand,
  DescribeCacheClustersCommand,
  DescribeCacheSubnetGroupsCommand,
  ElastiCacheClient,
  ListTagsForResourceCommand,
  ModifyCacheClusterCommand,
  RebootCacheClusterCommand,
  type CacheCluster,
  type CreateCacheClusterCommandInput,
} from "@aws-sdk/client-elasticache";
import { describe, expect, test } from "@jest/globals";
import { openElastiCache } from "../../../../local/cloud/services/elasticache/index.ts";
import { sdkClient, testEndpoint } from "../client.ts";
import { network, region } from "../ec2/region.ts";
import { modelServers } from "./model-servers.ts";

const PORT = 11_211;
const ANYBODY = { IpProtocol: "tcp", FromPort: PORT, ToPort: PORT, IpRanges: [{ CidrIp: "127.20.0.0/16" }] };
const SETTLE_MS = 1_000;
const REPLACED_MS = 30_000;

/** A region with a network, whose security group opens Memcached's port, and a subnet group. */
async function cloud() {
  const { world, ec2 } = region();
  const servers = modelServers();
  const cache = openElastiCache(world, { interfaces: ec2.interfaces, servers });
  const endpoint = testEndpoint(world, ec2.service, cache.service);
  const ec2Client = sdkClient(EC2Client, endpoint.handle);
  const client = sdkClient(ElastiCacheClient, endpoint.handle);
  const { subnetId, groupId } = await network(ec2Client);
  await ec2Client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: groupId, IpPermissions: [ANYBODY] }));
  await client.send(
    new CreateCacheSubnetGroupCommand({
      CacheSubnetGroupName: "Farm",
      CacheSubnetGroupDescription: "cache nodes",
      SubnetIds: [subnetId],
    }),
  );
  const settle = (ms = SETTLE_MS): Promise<void> => world.clock.advance(ms);
  return {
    world,
    servers,
    client,
    ec2Client,
    endpoint,
    groupId,
    settle,
    create: (own: Partial<CreateCacheClusterCommandInput> = {}) =>
      client.send(
        new CreateCacheClusterCommand({
          CacheClusterId: "farm",
          Engine: "memcached",
          CacheNodeType: "cache.t4g.micro",
          NumCacheNodes: 2,
          CacheSubnetGroupName: "farm",
          SecurityGroupIds: [groupId],
          ...own,
        }),
      ),
    async cluster(): Promise<CacheCluster> {
      const { CacheClusters = [] } = await client.send(
        new DescribeCacheClustersCommand({ CacheClusterId: "FARM", ShowCacheNodeInfo: true }),
      );
      if (CacheClusters[0] === undefined) throw new Error("no cluster");
      return CacheClusters[0];
    },
  };
}

const nodesOf = ({ CacheNodes = [] }: CacheCluster): string[] =>
  CacheNodes.map((node) => `${node.CacheNodeId} ${node.CacheNodeStatus}`);

describe("a cluster", () => {
  test("is creating, then available, with a server at the address of each node", async () => {
    const { create, cluster, servers, settle } = await cloud();

    const made = await create();
    const before = servers.running();
    await settle();

    expect(made.CacheCluster).toMatchObject({ CacheClusterStatus: "creating", NumCacheNodes: 2 });
    expect(before).toEqual([]);
    const found = await cluster();
    expect(found).toMatchObject({ CacheClusterStatus: "available", Engine: "memcached", NumCacheNodes: 2 });
    expect(nodesOf(found)).toEqual(["0001 available", "0002 available"]);
    expect(servers.running()).toEqual(
      found.CacheNodes?.map(({ Endpoint }) => `${Endpoint?.Address}:${Endpoint?.Port} open`),
    );
  });

  test("tells clients of auto discovery its nodes, with a version that grows when they change", async () => {
    const { create, client, cluster, servers, settle } = await cloud();
    await create({ NumCacheNodes: 1 });
    await settle();
    const { ConfigurationEndpoint: endpoint, CacheNodes: [first] = [] } = await cluster();
    const before = servers.asked(endpoint?.Address ?? "", "config get cluster");

    await client.send(
      new ModifyCacheClusterCommand({ CacheClusterId: "farm", NumCacheNodes: 2, ApplyImmediately: true }),
    );
    await settle();

    const address = first?.Endpoint?.Address ?? "";
    expect(before).toBe(
      `CONFIG cluster 0 ${2 + 2 * address.length + PORT.toString().length + 3}\r\n1\n${address}|${address}|${PORT}\n\r\nEND\r\n`,
    );
    const after = servers.asked(endpoint?.Address ?? "", "config get cluster") ?? "";
    expect(after).toMatch(/^CONFIG cluster 0 \d+\r\n2\n/);
    expect(after.match(/\|11211/g)).toHaveLength(2);
  });

  test("gets and loses nodes; the caller says which leave", async () => {
    const { create, client, cluster, servers, settle } = await cloud();
    await create();
    await settle();

    await client.send(
      new ModifyCacheClusterCommand({
        CacheClusterId: "farm",
        NumCacheNodes: 1,
        CacheNodeIdsToRemove: ["0001"],
        ApplyImmediately: true,
      }),
    );
    const during = await cluster();
    await settle();

    expect(during.CacheClusterStatus).toBe("modifying");
    expect(nodesOf(during)).toEqual(["0001 deleting", "0002 available"]);
    expect(nodesOf(await cluster())).toEqual(["0002 available"]);
    expect(servers.running()).toHaveLength(1);
    await expect(
      client.send(new ModifyCacheClusterCommand({ CacheClusterId: "farm", NumCacheNodes: 3 })),
    ).rejects.toThrow("say ApplyImmediately");
    await expect(
      client.send(
        new ModifyCacheClusterCommand({
          CacheClusterId: "farm",
          NumCacheNodes: 1,
          CacheNodeIdsToRemove: ["0009"],
          ApplyImmediately: true,
        }),
      ),
    ).rejects.toThrow("Cache node 0009 is not in cluster farm");
  });

  test("whose node is lost shows it, keeps the others, and replaces it under the same address, empty", async () => {
    const { create, cluster, servers, settle } = await cloud();
    await create();
    await settle();
    const address = (await cluster()).CacheNodes?.[0]?.Endpoint?.Address ?? "";

    servers.lose(address);
    const during = await cluster();
    await settle(REPLACED_MS + SETTLE_MS);

    expect(nodesOf(during)).toEqual(["0001 rebooting", "0002 available"]);
    expect(nodesOf(await cluster())).toEqual(["0001 available", "0002 available"]);
    expect(servers.starts(address)).toBe(2);
  });

  test("tries again to replace a node when its first replacement does not start", async () => {
    const { create, cluster, servers, settle } = await cloud();
    await create();
    await settle();
    servers.lose((await cluster()).CacheNodes?.[0]?.Endpoint?.Address ?? "");
    servers.refuse("no memory");

    await settle(REPLACED_MS + SETTLE_MS);
    const during = nodesOf(await cluster());
    servers.refuse(undefined);
    await settle(REPLACED_MS);

    expect(during).toEqual(["0001 rebooting", "0002 available"]);
    expect(nodesOf(await cluster())).toEqual(["0001 available", "0002 available"]);
  });

  test("restarts the nodes that are rebooted", async () => {
    const { create, client, cluster, servers, settle } = await cloud();
    await create();
    await settle();
    const address = (await cluster()).CacheNodes?.[1]?.Endpoint?.Address ?? "";

    await client.send(new RebootCacheClusterCommand({ CacheClusterId: "farm", CacheNodeIdsToReboot: ["0002"] }));
    const during = await cluster();
    await settle();

    expect(during.CacheClusterStatus).toBe("rebooting cluster nodes");
    expect(servers.starts(address)).toBe(2);
    expect((await cluster()).CacheClusterStatus).toBe("available");
  });

  test("can be reached as its security groups say, also when their rules change", async () => {
    const { create, ec2Client, groupId, servers, settle } = await cloud();
    await create({ NumCacheNodes: 1 });
    await settle();

    await ec2Client.send(new RevokeSecurityGroupIngressCommand({ GroupId: groupId, IpPermissions: [ANYBODY] }));

    expect(servers.running()).toEqual([expect.stringContaining(" closed")]);
  });

  test("goes with everything that it placed in the network", async () => {
    const { create, client, ec2Client, servers, settle } = await cloud();
    await create();
    await settle();
    const { NetworkInterfaces: placed = [] } = await ec2Client.send(new DescribeNetworkInterfacesCommand({}));

    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: "farm" }));
    await settle();

    expect(placed.map((one) => one.RequesterManaged)).toEqual([true, true, true]);
    const { NetworkInterfaces: left } = await ec2Client.send(new DescribeNetworkInterfacesCommand({}));
    expect(left).toEqual([]);
    expect(servers.running()).toEqual([]);
    await expect(client.send(new DescribeCacheClustersCommand({ CacheClusterId: "farm" }))).rejects.toMatchObject({
      name: "CacheClusterNotFoundFault",
      $metadata: { httpStatusCode: 404 },
    });
    await client.send(new DeleteCacheSubnetGroupCommand({ CacheSubnetGroupName: "farm" }));
  });

  test("that cannot start says why, and can be deleted", async () => {
    const { create, client, cluster, servers, settle, world } = await cloud();
    servers.refuse("the address is taken");
    await create();
    await settle();

    expect((await cluster()).CacheClusterStatus).toBe("incompatible-network");
    expect(world.notes.join()).toContain("the address is taken");
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: "farm" }));
    await settle();
  });

  test.each([
    [{ Engine: "redis" }, "no engine redis"],
    [{ CacheNodeType: "cache.z9.huge" }, "no node type cache.z9.huge"],
    [{ NumCacheNodes: 1, AZMode: "cross-az" as const }, "at least two cache nodes"],
    [{ NumCacheNodes: 41 }, "At most 40 nodes"],
    [{ CacheSubnetGroupName: "other" }, "Cache Subnet Group other does not exist"],
    [{ CacheClusterId: "9-lives" }, "not a valid identifier"],
    [{ TransitEncryptionEnabled: true }, "does not support TransitEncryptionEnabled"],
    [{ SecurityGroupIds: ["sg-0000"] }, "sg-0000"],
  ])("is refused with %j", async (own, why) => {
    const { create, ec2Client } = await cloud();

    await expect(create(own)).rejects.toThrow(why);

    expect((await ec2Client.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces).toEqual([]);
  });

  test("is created once", async () => {
    const { create } = await cloud();
    await create();

    await expect(create({ CacheClusterId: "FARM" })).rejects.toMatchObject({ name: "CacheClusterAlreadyExistsFault" });
  });

  test("has tags, and its calls name it", async () => {
    const { create, client, endpoint } = await cloud();
    const arn = (await create({ Tags: [{ Key: "tandem:stage", Value: "local" }] })).CacheCluster?.ARN;

    await client.send(new AddTagsToResourceCommand({ ResourceName: arn, Tags: [{ Key: "a", Value: "1" }] }));

    const { TagList } = await client.send(new ListTagsForResourceCommand({ ResourceName: arn }));
    expect(TagList).toEqual([
      { Key: "tandem:stage", Value: "local" },
      { Key: "a", Value: "1" },
    ]);
    expect(arn).toBe("arn:aws:elasticache:eu-west-1:000000000000:cluster:farm");
    expect(endpoint.calls.filter((call) => call.service === "elasticache").map((call) => call.resource)).toEqual([
      "arn:aws:elasticache:eu-west-1:000000000000:subnetgroup:farm",
      arn,
      arn,
      arn,
    ]);
  });
});

describe("a subnet group", () => {
  test("is told with its VPC and zones, and stays while a cluster uses it", async () => {
    const { create, client } = await cloud();
    await create();

    const { CacheSubnetGroups } = await client.send(new DescribeCacheSubnetGroupsCommand({}));

    expect(CacheSubnetGroups).toMatchObject([
      { CacheSubnetGroupName: "farm", Subnets: [{ SubnetAvailabilityZone: { Name: "eu-west-1b" } }] },
    ]);
    await expect(
      client.send(new DeleteCacheSubnetGroupCommand({ CacheSubnetGroupName: "farm" })),
    ).rejects.toMatchObject({ name: "CacheSubnetGroupInUse" });
    await expect(
      client.send(
        new CreateCacheSubnetGroupCommand({
          CacheSubnetGroupName: "x",
          CacheSubnetGroupDescription: "",
          SubnetIds: ["subnet-1"],
        }),
      ),
    ).rejects.toMatchObject({ name: "InvalidSubnet" });
  });
});
