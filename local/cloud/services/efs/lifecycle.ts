import type { World } from "../../service.ts";
import type { ServiceInterfaces } from "../ec2/service-interface.ts";
import { NFS_PORT, targetsOf, type FileSystem, type MountTarget, type Store } from "./model.ts";
import type { Shares } from "./shares.ts";

/** What takes AWS seconds to a minute and a half is a moment here; the states on the way are the same. */
const CREATING_MS = 200;
const DELETING_MS = 200;

export interface Parts {
  readonly world: World;
  readonly store: Store;
  readonly interfaces: ServiceInterfaces;
  readonly shares: Shares;
}

/** What happens to file systems and mount targets in the course of time, by the clock. */
export function openLifecycle({ world, store, interfaces, shares }: Parts) {
  const later = (ms: number, what: string, act: () => Promise<void>): void => {
    world.clock.after(ms, () => {
      void act().catch((error: unknown) =>
        world.note(`${what}: ${error instanceof Error ? error.message : String(error)}`),
      );
    });
  };

  /** Machines reach a file system while one of its mount targets is available and its security groups open NFS. */
  const serve = async (fileSystemId: string): Promise<void> => {
    const served = targetsOf(store, fileSystemId).some(
      (target) => target.state === "available" && interfaces.openPorts(target.interfaceId).includes(NFS_PORT),
    );
    if (store.fileSystems.has(fileSystemId)) await shares.serve(fileSystemId, served);
  };

  return {
    create(fileSystem: FileSystem): void {
      later(CREATING_MS, fileSystem.id, async () => {
        try {
          await shares.create(fileSystem.id);
          fileSystem.state = "available";
        } catch (error) {
          fileSystem.state = "error";
          throw error;
        }
      });
    },

    remove(fileSystem: FileSystem): void {
      fileSystem.state = "deleting";
      later(DELETING_MS, fileSystem.id, async () => {
        store.fileSystems.delete(fileSystem.id);
        await shares.remove(fileSystem.id);
      });
    },

    createTarget(target: MountTarget): void {
      later(CREATING_MS, target.id, async () => {
        if (target.state === "creating") target.state = "available";
        await serve(target.fileSystemId);
      });
    },

    removeTarget(target: MountTarget): void {
      target.state = "deleting";
      later(DELETING_MS, target.id, async () => {
        store.targets.delete(target.id);
        interfaces.remove(target.interfaceId);
        await serve(target.fileSystemId);
      });
    },

    serve,
    async refresh(): Promise<void> {
      for (const fileSystem of store.fileSystems.values())
        if (fileSystem.state === "available") await serve(fileSystem.id);
    },
  };
}

export type Lifecycle = ReturnType<typeof openLifecycle>;
