import type { StartReplication } from "./action.ts";
import { causeOf, channelTo, isDrained, pairOf, rolesOf, SILENT_MS_MIN, type PairFacts } from "./facts.ts";
import type { Part } from "./part.ts";

/**
 * The writer is silent, and whether its peer hears it cannot be known, because the peer's receiver is stopped: by a
 * promotion that was not ended, or by a restart. It is started, so that it tells. Only where everything that was received
 * is applied: MariaDB deletes what it has received when its receiver starts, and a dead source would not send it again.
 */
export function listen(facts: PairFacts): Part | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  if (pair === undefined || roles === undefined) return undefined;
  const { writer, peer } = roles;
  const channel = channelTo(peer, writer);
  if (causeOf(writer) !== "silent" || (writer.unread?.forMs ?? 0) < SILENT_MS_MIN) return undefined;
  if (channel?.io !== "No" || channel.ioError !== undefined || channel.sqlError !== undefined) return undefined;
  if (pair.quarantined?.node === peer.name || isDrained(peer, writer) !== true) return undefined;
  const action: StartReplication = {
    kind: "start-replication",
    node: peer.name,
    writer: writer.name,
    threads: channel.sql === "No" ? "both" : "receiver",
    reason: `${writer.name} is silent, and only a receiver that runs can tell whether ${peer.name} hears it`,
    precondition: "the writer on record and the servers are as they were read",
    problem: "writer-unreachable",
    idempotencyKey: `listen ${peer.name} to ${writer.name}`,
  };
  return { actions: [action], because: `${peer.name} shall tell whether it hears ${writer.name}` };
}
