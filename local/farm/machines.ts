import { join } from "node:path";
import type { Cloud } from "../cloud/cloud.ts";

/** A machine of the farm that has power, as faults name it. */
export interface FarmMachine {
  readonly instanceId: string;
  /** `web`, `db-a` or `db-b`. */
  readonly name: string;
  readonly address: string;
  /** Prefix of its /etc, /var and /run. */
  readonly root: string;
}

export interface FarmMachines {
  all(): readonly FarmMachine[];
  /** The machine of that instance id, or of that name where there is but one. */
  find(target: string): FarmMachine | undefined;
  /** `app` for a web node's address: one name for all who bring the site's own connections. */
  groupOf(address: string): string | undefined;
}

/** The group of the web nodes' addresses in links. */
export const APP = "app";

/** Follows the instances of a cloud. `folder` is the parent of the machines' roots. */
export function followMachines(ec2: Cloud["ec2"], stage: string, folder: string): FarmMachines {
  const running = new Map<string, FarmMachine>();
  ec2.onChange(({ instanceId, state, privateIpAddress: address, tags }) => {
    const name = (tags["Name"] ?? "").replace(`tandem-${stage}-`, "");
    if (state === "running") running.set(instanceId, { instanceId, name, address, root: join(folder, instanceId) });
    else running.delete(instanceId);
  });
  const all = (): readonly FarmMachine[] => [...running.values()];
  return {
    all,
    find(target) {
      const named = all().filter(({ name }) => name === target);
      return running.get(target) ?? (named.length === 1 ? named[0] : undefined);
    },
    groupOf: (address) =>
      all().some((one) => one.address === address && ["web", "special"].includes(one.name)) ? APP : undefined,
  };
}
