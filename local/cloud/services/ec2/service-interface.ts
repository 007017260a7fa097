import { CloudError } from "../../errors.ts";
import { addInterface } from "./network-interface.ts";
import { openPortsOf } from "./security-group.ts";
import type { Ec2State } from "./state.ts";

export interface ServiceInterface {
  readonly id: string;
  readonly address: string;
}

/**
 * Network interfaces that other services of the cloud place in a customer's subnets (cache nodes, mount targets). The
 * customer sees them, and cannot delete them, their subnet or their security groups.
 */
export interface ServiceInterfaces {
  /** Throws CloudError as EC2 does: no such subnet or group, no free address, an address in use. */
  add(wish: {
    /** Which service's: e.g. `amazon-elasticache`. */
    readonly requester: string;
    readonly subnetId: string;
    readonly groupIds: readonly string[];
    readonly description: string;
    readonly address?: string;
  }): ServiceInterface;
  /** Throws CloudError for a group that does not exist. */
  setGroups(id: string, groupIds: readonly string[]): void;
  /** What is not there any more is no error. */
  remove(id: string): void;
  /** TCP ports that the interface's security groups open. */
  openPorts(id: string): number[];
  /** Undefined: no such subnet. */
  subnet(id: string): { readonly vpcId: string; readonly availabilityZone: string } | undefined;
  /** Called after each change of ingress rules of any group. */
  onRulesChange(listener: () => Promise<void>): void;
}

export function serviceInterfaces(state: Ec2State, listeners: (() => Promise<void>)[]): ServiceInterfaces {
  return {
    add({ requester, subnetId, groupIds, description, address }) {
      const subnet = state.subnets.get(subnetId);
      return addInterface(state, {
        subnet,
        groups: groupIds,
        address,
        description,
        deleteOnTermination: false,
        tags: [],
        requester,
      });
    },
    setGroups(id, groupIds) {
      const row = state.interfaces.get(id);
      const vpcId = state.subnets.get(row.subnetId).vpcId;
      const foreign = groupIds.find((group) => state.groups.get(group).vpcId !== vpcId);
      if (foreign !== undefined)
        throw new CloudError("InvalidParameter", `Security group ${foreign} belongs to another network.`);
      row.groups = [...groupIds];
    },
    remove: (id) => state.interfaces.remove(id),
    openPorts: (id) => openPortsOf(state, state.interfaces.find(id)?.groups ?? []),
    subnet: (id) => state.subnets.find(id),
    onRulesChange: (listener) => void listeners.push(listener),
  };
}
