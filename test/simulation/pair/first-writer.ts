import type { ModelMachine } from "../machines.ts";
import type { Databases } from "./databases.ts";

/**
 * Stands for the launch step of db-a, which opens a server on which nothing was ever written. Where the controller opens
 * the first writer, nothing calls it.
 */
export function openFirstWriter({ pair }: Databases, machine: ModelMachine): void {
  const node = "db-a";
  const server = pair.state().servers[node];
  if (machine.node !== node || server.log.size > 0 || server.process.is === "down") return;
  void pair
    .until(({ servers }) => servers[node].process.is === "up", START_MS_MAX)
    .then(() => {
      pair.act({ kind: "read-only", node, on: false });
      pair.act({ kind: "write", node, write: { id: "schema", client: "console", content: { kind: "schema" } } });
    });
}
/** The launch step waits for its server; a recovery of an empty one is over long before. */
const START_MS_MAX = 10_000;
