import type { Service, World } from "../../service.ts";
import type { ServiceInterfaces } from "../ec2/service-interface.ts";
import { fileSystemOperations, policyOperations } from "./file-systems.ts";
import { openLifecycle } from "./lifecycle.ts";
import { arnOf, type Store } from "./model.ts";
import { mountTargetOperations, targetGroupOperations } from "./mount-targets.ts";
import type { Shares } from "./shares.ts";
import { tagOperations } from "./tags.ts";

export interface Efs {
  readonly service: Service;
}

/**
 * EFS of one region: file systems that `shares` makes, and mount targets at addresses of the VPC. Access points,
 * replication and file system policies are refused by name.
 */
export function openEfs(
  world: World,
  { interfaces, shares }: { readonly interfaces: ServiceInterfaces; readonly shares: Shares },
): Efs {
  const store: Store = { fileSystems: new Map(), targets: new Map() };
  const parts = { world, store, interfaces, shares };
  const lifecycle = openLifecycle(parts);
  interfaces.onRulesChange(lifecycle.refresh);
  return {
    service: {
      id: "elasticfilesystem",
      operations: {
        ...fileSystemOperations(world, store, lifecycle),
        ...policyOperations(store),
        ...mountTargetOperations(parts, lifecycle),
        ...targetGroupOperations(parts, lifecycle),
        ...tagOperations(store),
      },
      resourceOf: (_, input) => resourceOf(world, store, input),
    },
  };
}

/** Service Authorization Reference, EFS: a mount target is authorised as its file system. */
function resourceOf(world: World, store: Store, input: Readonly<Record<string, unknown>>): string {
  const { FileSystemId, MountTargetId, ResourceId } = input;
  if (typeof MountTargetId === "string") {
    const target = store.targets.get(MountTargetId);
    return target === undefined ? "*" : arnOf(world, target.fileSystemId);
  }
  const named = FileSystemId ?? ResourceId;
  if (typeof named !== "string") return "*";
  return named.startsWith("arn:") ? named : arnOf(world, named);
}
