/** The part of dynalite that is used; the package has no types of its own. */
declare module "dynalite" {
  import type { Server } from "node:http";

  export default function dynalite(options: {
    /** Milliseconds that a table stays in CREATING, DELETING and UPDATING. */
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
    readonly updateTableMs?: number;
  }): Server;
}
