import * as z from "zod";
import { connectAs } from "../../local/farm/database/connect.ts";
import { accountFor, startWrites, type Accounted, type WriteReport } from "../../local/farm/database/writes.ts";
import { account, databaseMachine, pastRelays, webRoute } from "./database-faults.ts";
import { eventually, status } from "./farm.ts";

/** The pair of the running farm as `tandem status` tells of it, and the load whose every acknowledgement is accounted for. */
export type Node = "db-a" | "db-b";

const WHOLE_SECONDS_MAX = 90;
const CONNECT_MS = 5_000;
const WRITERS = 8;
export const WRITES_PER_SECOND = 200;

const pairSchema = z.object({
  flavour: z.unknown(),
  writer: z.unknown(),
  peerEligible: z.unknown(),
  problems: z.array(z.object({ code: z.string() })),
  nodes: z.array(z.object({ name: z.enum(["db-a", "db-b"]), role: z.unknown(), io: z.unknown(), sql: z.unknown() })),
});
export type PairStatus = z.infer<typeof pairSchema>;

export const pair = async (): Promise<PairStatus> => pairSchema.parse((await status()).database);

export const isWhole = ({ peerEligible, problems, nodes }: PairStatus): boolean =>
  peerEligible === true && problems.length === 0 && nodes.every(({ io, sql }) => io === "Yes" && sql === "Yes");

export const whole = (): Promise<PairStatus> => eventually("a whole pair", WHOLE_SECONDS_MAX, pair, isWhole);

export const writerOf = async (): Promise<Node> => z.enum(["db-a", "db-b"]).parse((await pair()).writer);

export const peerOf = (node: Node): Node => (node === "db-a" ? "db-b" : "db-a");

/** A server past the relays. */
export const at = (node: Node) => pastRelays(databaseMachine(node).address);

/** Through the HAProxy of a web node, as applications write. */
export const load = async () =>
  startWrites({ at: await webRoute(), account: await account("app"), writers: WRITERS, perSecond: WRITES_PER_SECOND });

/** Which of the acknowledged writes are not on the server exactly once. */
export async function accountOn(node: Node, { acknowledged }: WriteReport): Promise<Accounted> {
  const connection = await connectAs(at(node), await account("admin"), CONNECT_MS);
  try {
    return await accountFor(connection, acknowledged);
  } finally {
    connection.destroy();
  }
}
