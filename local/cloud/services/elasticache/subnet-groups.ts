import type * as sdk from "@aws-sdk/client-elasticache";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import type { ServiceInterfaces } from "../ec2/service-interface.ts";
import { arnOf, invalidValue, page, subnetGroupOf, type Store, type SubnetGroup } from "./model.ts";
import { setTags } from "./tags.ts";

const viewOver =
  (interfaces: ServiceInterfaces) =>
  (group: SubnetGroup): sdk.CacheSubnetGroup => ({
    CacheSubnetGroupName: group.name,
    CacheSubnetGroupDescription: group.description,
    VpcId: group.vpcId,
    Subnets: group.subnetIds.map((SubnetIdentifier) => ({
      SubnetIdentifier,
      SubnetAvailabilityZone: { Name: interfaces.subnet(SubnetIdentifier)?.availabilityZone },
      SupportedNetworkTypes: ["ipv4"],
    })),
    ARN: group.arn,
    SupportedNetworkTypes: ["ipv4"],
  });

/** The VPC that all the subnets are in. */
function oneVpc(interfaces: ServiceInterfaces, subnetIds: readonly string[]): string {
  if (subnetIds.length === 0) throw invalidValue("At least one subnet must be specified");
  const vpcs = new Set(
    subnetIds.map((id) => {
      const subnet = interfaces.subnet(id);
      if (subnet === undefined) throw new CloudError("InvalidSubnet", `The requested subnet ${id} is invalid`);
      return subnet.vpcId;
    }),
  );
  const [vpcId = "", ...others] = vpcs;
  if (others.length > 0) throw new CloudError("InvalidSubnet", "The subnets are not all in one VPC");
  return vpcId;
}

export function subnetGroupOperations(world: World, store: Store, interfaces: ServiceInterfaces) {
  const view = viewOver(interfaces);
  const vpcOf = (subnetIds: readonly string[]): string => oneVpc(interfaces, subnetIds);
  const usedSubnets = (group: SubnetGroup): Set<string> =>
    new Set([...store.clusters.values()].flatMap((one) => (one.subnetGroup === group.name ? one.subnetIds : [])));
  return {
    CreateCacheSubnetGroup(input: sdk.CreateCacheSubnetGroupMessage): sdk.CreateCacheSubnetGroupResult {
      const name = (input.CacheSubnetGroupName ?? "").toLowerCase();
      if (!/^[a-z0-9-]{1,255}$/.test(name)) throw invalidValue(`The name '${name}' is not valid`);
      if (store.subnetGroups.has(name))
        throw new CloudError("CacheSubnetGroupAlreadyExists", `Cache subnet group ${name} already exists.`);
      const subnetIds = input.SubnetIds ?? [];
      const group: SubnetGroup = {
        name,
        arn: arnOf(world, "subnetgroup", name),
        description: input.CacheSubnetGroupDescription ?? "",
        vpcId: vpcOf(subnetIds),
        subnetIds: [...subnetIds],
      };
      store.subnetGroups.set(name, group);
      setTags(store, group.arn, input.Tags ?? []);
      return { CacheSubnetGroup: view(group) };
    },

    ModifyCacheSubnetGroup(input: sdk.ModifyCacheSubnetGroupMessage): sdk.ModifyCacheSubnetGroupResult {
      const group = subnetGroupOf(store, input.CacheSubnetGroupName);
      const wanted = input.SubnetIds ?? group.subnetIds;
      if (vpcOf(wanted) !== group.vpcId) throw new CloudError("InvalidSubnet", "The subnets are of another VPC");
      const used = [...usedSubnets(group)].find((id) => !wanted.includes(id));
      if (used !== undefined) throw new CloudError("SubnetInUse", `The subnet ${used} is currently in use.`);
      group.subnetIds = [...wanted];
      group.description = input.CacheSubnetGroupDescription ?? group.description;
      return { CacheSubnetGroup: view(group) };
    },

    DescribeCacheSubnetGroups(input: sdk.DescribeCacheSubnetGroupsMessage): sdk.CacheSubnetGroupMessage {
      const name = input.CacheSubnetGroupName;
      const chosen = name === undefined ? [...store.subnetGroups.values()] : [subnetGroupOf(store, name)];
      const { items, ...more } = page(chosen, input);
      return { CacheSubnetGroups: items.map(view), ...more };
    },

    DeleteCacheSubnetGroup(input: sdk.DeleteCacheSubnetGroupMessage) {
      const group = subnetGroupOf(store, input.CacheSubnetGroupName);
      if ([...store.clusters.values()].some((cluster) => cluster.subnetGroup === group.name))
        throw new CloudError("CacheSubnetGroupInUse", `Cache subnet group ${group.name} is currently in use.`);
      store.subnetGroups.delete(group.name);
      store.tags.delete(group.arn);
      return {};
    },
  };
}
