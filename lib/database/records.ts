import { ChangeResourceRecordSetsCommand, type Route53Client } from "@aws-sdk/client-route-53";
import { callAws } from "../aws/errors.ts";
import type { DatabaseNode, Spec } from "../spec.ts";
import { peerOf } from "./pair.ts";

export interface RecordClients {
  readonly route53: Route53Client;
}

/** Short, because people look a name up when something has just changed. */
const TTL_SECONDS = 5;

/** Points `writer.` and `reader.<stage>.tandem.internal` at the two servers. Writing what is there is a no-op. */
export async function pointRecords(
  { route53, spec }: RecordClients & { readonly spec: Spec },
  writer: DatabaseNode,
): Promise<void> {
  const { privateZone, stage, databaseAddresses } = spec;
  if (privateZone === undefined) return;
  const record = (role: string, node: DatabaseNode) => ({
    Action: "UPSERT" as const,
    ResourceRecordSet: {
      Name: `${role}.${stage}.tandem.internal`,
      Type: "A" as const,
      TTL: TTL_SECONDS,
      ResourceRecords: [{ Value: databaseAddresses[node] }],
    },
  });
  const Changes = [record("writer", writer), record("reader", peerOf(writer))];
  await callAws(`point the records of writer and reader in zone ${privateZone}`, () =>
    route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: privateZone, ChangeBatch: { Changes } })),
  );
}
