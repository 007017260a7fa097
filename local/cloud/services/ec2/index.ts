import type { Emit } from "../../bus/emit.ts";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import type { Compute, Machine } from "./compute.ts";
import { endpointOperations } from "./endpoint.ts";
import { gatewayOperations } from "./gateway.ts";
import { imageOperations } from "./image.ts";
import { groupsOf, openPower, recordOf, type InstanceRecord } from "./instance.ts";
import { openInterruptions, type Interruptions } from "./interruption.ts";
import { instanceOperations } from "./instance-operations.ts";
import { launchFor, type LaunchRequest, type ProfileSource } from "./launch.ts";
import { launchTemplateOperations, templateOf, templateProfile, versionOf } from "./launch-template.ts";
import { interfaceOperations } from "./network-interface.ts";
import { routeOperations } from "./route.ts";
import { securityGroupOperations } from "./security-group.ts";
import { serviceInterfaces, type ServiceInterfaces } from "./service-interface.ts";
import { arnOf, emptyState } from "./state.ts";
import { subnetOperations } from "./subnet.ts";
import { setTags, tagList, tagOperations } from "./tag.ts";
import { volumeOperations } from "./volume.ts";
import { vpcOperations } from "./vpc.ts";

export type { InstanceRecord, InstanceState } from "./instance.ts";
export type { LaunchRequest } from "./launch.ts";

export interface Ec2 {
  readonly service: Service;
  /** Settles when the launch is accepted: the instance is `pending`. Rejects with what RunInstances would answer. */
  launch(request: LaunchRequest): Promise<InstanceRecord>;
  /** Settles when the termination is accepted; termination protection does not apply, as for Auto Scaling on AWS. */
  terminate(instanceId: string): Promise<void>;
  /** Settle when accepted, as StopInstances and StartInstances; protection from stopping does not apply. */
  stop(instanceId: string): Promise<void>;
  start(instanceId: string): Promise<void>;
  /** By a service of AWS: keys of `aws:` are allowed. Of an instance that is gone nothing is done. */
  tag(instanceId: string, tags: Readonly<Record<string, string>>): void;
  untag(instanceId: string, key: string): void;
  /** What befalls instances, on demand. */
  readonly interruptions: Interruptions;
  instance(instanceId: string): InstanceRecord | undefined;
  /** Called after every change of state, the first `pending` included. */
  onChange(listener: (instance: InstanceRecord) => void): void;
  machine(instanceId: string): Machine | undefined;
  zoneOfSubnet(subnetId: string): string | undefined;
  /** Id of the template that is named, and the number of its version. Throws CloudError when there is none. */
  templateVersion(named: { id?: string; name?: string; version: string }): { id: string; version: number };
  /** Instance profile, by name or ARN, of an instance, and of the launch template that a request names. */
  profileOf(instanceId: string): string | undefined;
  templateProfile(named: Readonly<Record<string, unknown>>): string | undefined;
  /** For the services of the cloud that have addresses in a customer's network. */
  readonly interfaces: ServiceInterfaces;
}

/** Members of requests that name one resource, in the order of preference, with the type in its ARN. */
const NAMED: readonly (readonly [string, string])[] = [
  ["InstanceId", "instance"],
  ["VolumeId", "volume"],
  ["NetworkInterfaceId", "network-interface"],
  ["LaunchTemplateId", "launch-template"],
  ["GroupId", "security-group"],
  ["RouteTableId", "route-table"],
  ["NatGatewayId", "natgateway"],
  ["AllocationId", "elastic-ip"],
  ["InternetGatewayId", "internet-gateway"],
  ["SubnetId", "subnet"],
  ["VpcId", "vpc"],
];

function resourceOf(world: World, input: Readonly<Record<string, unknown>>): string {
  const [only, ...others] = Array.isArray(input["InstanceIds"]) ? input["InstanceIds"] : [];
  if (typeof only === "string" && others.length === 0) return arnOf(world, "instance", only);
  for (const [member, type] of NAMED) {
    const id = input[member];
    if (typeof id === "string") return arnOf(world, type, id);
  }
  return "*";
}

/** EC2 answers a dry run that would have succeeded with an error. Checks of the operation itself are not made. */
const withDryRun =
  (operation: Operation): Operation =>
  (input, call) => {
    const flags: { DryRun?: boolean } = input;
    if (flags.DryRun === true) {
      throw new CloudError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
    }
    return operation(input, call);
  };

/** EC2 of one region: network records, launch templates, and instances whose machines `compute` makes. */
export function openEc2(world: World, parts: { compute: Compute; emit: Emit } & ProfileSource): Ec2 {
  const state = emptyState(world);
  const ruleListeners: (() => Promise<void>)[] = [];
  const power = openPower(state, parts.compute, parts.emit);
  const interruptions = openInterruptions(state, power, parts.emit);
  const refresh = async (groupId: string): Promise<void> => {
    const affected = state.instances.all().filter((row) => groupsOf(state, row).includes(groupId));
    await Promise.all([...affected.map((row) => power.refreshPorts(row)), ...ruleListeners.map((tell) => tell())]);
  };
  const operations: Record<string, Operation> = {
    ...vpcOperations(state),
    ...subnetOperations(state),
    ...routeOperations(state),
    ...gatewayOperations(state),
    ...endpointOperations(state),
    ...securityGroupOperations(state, refresh),
    ...interfaceOperations(state, (id) => power.refreshPorts(state.instances.get(id))),
    ...volumeOperations(state),
    ...launchTemplateOperations(state),
    ...imageOperations(),
    ...tagOperations(state),
    ...instanceOperations(state, power, parts),
  };
  return {
    service: {
      id: "ec2",
      operations: Object.fromEntries(Object.entries(operations).map(([name, one]) => [name, withDryRun(one)])),
      resourceOf: (_operation, input) => resourceOf(world, input),
      async close() {
        interruptions.close();
        power.close();
      },
    },
    launch: async (request) => recordOf(launchFor(state, power, parts, request)),
    async terminate(instanceId) {
      power.terminate(state.instances.get(instanceId), {
        Code: "Client.UserInitiatedShutdown",
        Message: "Client.UserInitiatedShutdown: User initiated shutdown",
      });
    },
    stop: async (instanceId) => power.stop(state.instances.get(instanceId)),
    start: async (instanceId) => power.restart(state.instances.get(instanceId)),
    tag(instanceId, tags) {
      const row = state.instances.find(instanceId);
      if (row !== undefined) setTags(row, tagList(tags));
    },
    untag(instanceId, key) {
      const row = state.instances.find(instanceId);
      if (row !== undefined) row.tags = row.tags.filter((tag) => tag.Key !== key);
    },
    interruptions,
    instance(instanceId) {
      const row = state.instances.find(instanceId);
      return row && recordOf(row);
    },
    onChange: (listener) => power.onChange((row) => listener(recordOf(row))),
    machine: (instanceId) => state.instances.find(instanceId)?.machine,
    profileOf: (instanceId) => state.instances.find(instanceId)?.profile,
    templateProfile: (named) => templateProfile(state, named),
    templateVersion({ id, name, version }) {
      const row = templateOf(state, { LaunchTemplateId: id, LaunchTemplateName: name });
      return { id: row.id, version: versionOf(row, version).number };
    },
    zoneOfSubnet: (subnetId) => state.subnets.find(subnetId)?.availabilityZone,
    interfaces: serviceInterfaces(state, ruleListeners),
  };
}
