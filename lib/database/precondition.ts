import type { ServerAction } from "./action.ts";
import type { ApplyDeps } from "./hands.ts";
import { serverReader } from "./observe.ts";
import { peerOf, readPair, type PairRecord } from "./pair.ts";
import { isWritable, type ServerFact } from "./server.ts";

/**
 * Reads again, just before the action, what it rests on. A string is the reason why it no longer holds. What takes the
 * lock of a server is checked there once more (apply.ts).
 */
export async function serverHolds(deps: ApplyDeps, action: ServerAction): Promise<true | string> {
  const pair = await readPair(deps.table);
  if (pair?.writer !== action.writer) return `${pair?.writer ?? "nobody"} is the writer on record now`;
  const read = serverReader(deps);
  switch (action.kind) {
    case "fence":
      return action.way === "machine" ? stillUnread(await read(action.node), action.node) : true;
    case "promote":
    case "open-writer":
      return mayOpen(pair, action.node, await Promise.all([read(action.node), read(peerOf(action.node))]));
    default:
      return true;
  }
}

/** A server that turns the controller away lives, and is not to be stopped. */
const stillUnread = (server: ServerFact, node: string): true | string =>
  ("unknown" in server && (server.cause === "refused" || server.cause === "silent")) || `${node} answers again`;

function mayOpen(
  pair: PairRecord | undefined,
  node: "db-a" | "db-b",
  [own, other]: readonly [ServerFact, ServerFact],
): true | string {
  if (pair === undefined) return "no writer is recorded";
  if ("unknown" in own) return `${node} cannot be read: ${own.unknown}`;
  if ("known" in other && isWritable(other.known)) return `${peerOf(node)} accepts writes`;
  return true;
}
