import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { attributesOut, BALANCER_ATTRIBUTES, setAttributes } from "./attributes.ts";
import { given, invalid, page, refuseUnknown } from "./checks.ts";
import { QUOTAS, type LoadBalancer } from "./model.ts";
import { balancerOf, refreshUse, setTags, type Store } from "./store.ts";
import type { Targets } from "./targets.ts";

const MEMBERS = ["Name", "Subnets", "SecurityGroups", "Scheme", "Tags", "Type", "IpAddressType"];
/** The zone of load balancer names in eu-west-1; alias records name it. */
const HOSTED_ZONE = "Z32O12XQLNTSW2";
/** AWS needs subnets of at least two zones. */
const SUBNETS_MIN = 2;

export interface BalancerParts {
  /** The address that a balancer of this name in these subnets listens on. */
  readonly address: (name: string, subnets: readonly string[]) => string;
  readonly zoneOfSubnet?: (subnetId: string) => string | undefined;
}

function subnetsOf(subnets: readonly string[] | undefined): readonly string[] {
  const ids = given(subnets, "Subnets");
  if (ids.length < SUBNETS_MIN)
    throw invalid("At least two subnets in two different Availability Zones must be specified");
  return ids;
}

const zonesOf = (balancer: LoadBalancer, { zoneOfSubnet }: BalancerParts): sdk.AvailabilityZone[] =>
  balancer.subnets.map((SubnetId) => {
    const ZoneName = zoneOfSubnet?.(SubnetId);
    return { SubnetId, ...(ZoneName === undefined ? {} : { ZoneName }), LoadBalancerAddresses: [] };
  });

const describe = (balancer: LoadBalancer, AvailabilityZones: sdk.AvailabilityZone[]): sdk.LoadBalancer => ({
  LoadBalancerArn: balancer.arn,
  LoadBalancerName: balancer.name,
  DNSName: balancer.address,
  CanonicalHostedZoneId: HOSTED_ZONE,
  CreatedTime: new Date(balancer.createdAt),
  Scheme: balancer.scheme,
  State: { Code: "active" },
  Type: "application",
  AvailabilityZones,
  SecurityGroups: [...balancer.securityGroups],
  IpAddressType: "ipv4",
});

function checkNew(store: Store, input: sdk.CreateLoadBalancerInput): void {
  refuseUnknown("CreateLoadBalancer", input, MEMBERS);
  if ((input.Type ?? "application") !== "application" || (input.IpAddressType ?? "ipv4") !== "ipv4")
    throw invalid("The embedded cloud has application load balancers on ipv4 only", "InvalidConfigurationRequest");
  if (store.balancers.size >= QUOTAS["application-load-balancers"])
    throw new CloudError("TooManyLoadBalancers", "The quota of application load balancers has been reached");
}

export function balancerOperations(world: World, store: Store, targets: Targets, parts: BalancerParts) {
  const balancerOut = (balancer: LoadBalancer): sdk.LoadBalancer => describe(balancer, zonesOf(balancer, parts));
  return {
    CreateLoadBalancer(input: sdk.CreateLoadBalancerInput): sdk.CreateLoadBalancerOutput {
      checkNew(store, input);
      const name = given(input.Name, "Name");
      const subnets = subnetsOf(input.Subnets);
      const scheme = input.Scheme ?? "internet-facing";
      const twin = [...store.balancers.values()].find((balancer) => balancer.name === name);
      if (twin !== undefined) {
        if (twin.scheme === scheme && String(twin.subnets) === String(subnets))
          return { LoadBalancers: [balancerOut(twin)] };
        throw new CloudError(
          "DuplicateLoadBalancerName",
          `A load balancer with the same name '${name}' exists, but with different settings`,
        );
      }
      const prefix = `arn:aws:elasticloadbalancing:${world.region}:${world.account}`;
      const balancer: LoadBalancer = {
        arn: `${prefix}:loadbalancer/app/${name}/${world.ids.hex(16)}`,
        name,
        address: parts.address(name, subnets),
        createdAt: world.clock.now(),
        scheme,
        subnets,
        securityGroups: [...(input.SecurityGroups ?? [])],
        attributes: new Map(Object.entries(BALANCER_ATTRIBUTES)),
        listeners: new Map(),
      };
      setTags(store, balancer.arn, input.Tags ?? []);
      store.balancers.set(balancer.arn, balancer);
      return { LoadBalancers: [balancerOut(balancer)] };
    },

    DescribeLoadBalancers(input: sdk.DescribeLoadBalancersInput): sdk.DescribeLoadBalancersOutput {
      for (const arn of input.LoadBalancerArns ?? []) balancerOf(store, arn);
      const all = [...store.balancers.values()];
      const missing = input.Names?.find((name) => !all.some((balancer) => balancer.name === name));
      if (missing !== undefined)
        throw new CloudError("LoadBalancerNotFound", `Load balancers '[${missing}]' not found`);
      const { items, ...more } = page(
        all.filter(
          (balancer) =>
            (input.LoadBalancerArns?.includes(balancer.arn) ?? true) && (input.Names?.includes(balancer.name) ?? true),
        ),
        input,
      );
      return { LoadBalancers: items.map(balancerOut), ...more };
    },

    /** A balancer that is not there is no error on AWS. */
    async DeleteLoadBalancer(input: sdk.DeleteLoadBalancerInput) {
      const balancer = store.balancers.get(given(input.LoadBalancerArn, "LoadBalancerArn"));
      if (balancer === undefined) return {};
      if (balancer.attributes.get("deletion_protection.enabled") === "true")
        throw new CloudError(
          "OperationNotPermitted",
          `Load balancer '${balancer.arn}' cannot be deleted because deletion protection is enabled`,
        );
      store.balancers.delete(balancer.arn);
      store.tags.delete(balancer.arn);
      refreshUse(store, targets);
      await Promise.all([...balancer.listeners.values()].map(async (listener) => listener.listening?.close()));
      return {};
    },
  };
}

export function balancerSettingOperations(store: Store, parts: BalancerParts) {
  return {
    SetSubnets(input: sdk.SetSubnetsInput): sdk.SetSubnetsOutput {
      refuseUnknown("SetSubnets", input, ["LoadBalancerArn", "Subnets"]);
      const balancer = balancerOf(store, input.LoadBalancerArn);
      balancer.subnets = subnetsOf(input.Subnets);
      return { AvailabilityZones: zonesOf(balancer, parts), IpAddressType: "ipv4" };
    },

    SetSecurityGroups(input: sdk.SetSecurityGroupsInput): sdk.SetSecurityGroupsOutput {
      refuseUnknown("SetSecurityGroups", input, ["LoadBalancerArn", "SecurityGroups"]);
      const balancer = balancerOf(store, input.LoadBalancerArn);
      balancer.securityGroups = [...given(input.SecurityGroups, "SecurityGroups")];
      return { SecurityGroupIds: [...balancer.securityGroups] };
    },

    DescribeLoadBalancerAttributes(
      input: sdk.DescribeLoadBalancerAttributesInput,
    ): sdk.DescribeLoadBalancerAttributesOutput {
      return { Attributes: attributesOut(balancerOf(store, input.LoadBalancerArn).attributes) };
    },

    ModifyLoadBalancerAttributes(input: sdk.ModifyLoadBalancerAttributesInput): sdk.ModifyLoadBalancerAttributesOutput {
      const { attributes } = balancerOf(store, input.LoadBalancerArn);
      setAttributes(attributes, BALANCER_ATTRIBUTES, given(input.Attributes, "Attributes"));
      return { Attributes: attributesOut(attributes) };
    },

    DescribeAccountLimits(): sdk.DescribeAccountLimitsOutput {
      return { Limits: Object.entries(QUOTAS).map(([Name, max]) => ({ Name, Max: String(max) })) };
    },
  };
}
