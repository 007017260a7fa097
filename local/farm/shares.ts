import { lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Shares } from "../cloud/services/efs/shares.ts";

/** Below the shares' folder: what machines may mount now. */
const SERVED = "served";

/**
 * The local share: `<folder>/<file-system-id>` holds the files. `<folder>/served/<file-system-id>` is a link to it that
 * is there while a mount target serves it, and the only way by which machines get at the files: without the link the
 * server is away, for every machine at once.
 */
export function openShares(folder: string): Shares {
  const served = (id: string): string => join(folder, SERVED, id);
  const withdraw = (id: string): void => rmSync(served(id), { force: true });
  return {
    async create(id) {
      mkdirSync(join(folder, id), { recursive: true });
      mkdirSync(join(folder, SERVED), { recursive: true });
    },
    async serve(id, wanted) {
      if (!wanted) withdraw(id);
      else if (lstatSync(served(id), { throwIfNoEntry: false }) === undefined) symlinkSync(join("..", id), served(id));
    },
    async remove(id) {
      withdraw(id);
      rmSync(join(folder, id), { recursive: true, force: true });
    },
  };
}

/** TANDEM_SHARES on the machines. */
export const servedFolder = (folder: string): string => join(folder, SERVED);
