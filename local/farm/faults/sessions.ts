import { setTimeout as sleep } from "node:timers/promises";
import type { FarmMachine } from "../machines.ts";
import type { LastingFaults } from "./lasting.ts";
import { CREATE_FAULT_TABLE, FAULT_TABLE } from "./state.ts";
import { text, type Servers, type Sql } from "./sql.ts";

/** More than any server here takes; one that takes them all has no limit to reach. */
const SESSIONS_MAX = 2_000;
/** A session that another client gives up is taken again that fast. */
const REFILL_MS = 50;

/** True once the server refuses another session: 1040, or its limit for one account. */
const isFull = (error: unknown): boolean => {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    cause instanceof Error && "errno" in cause && (cause.errno === 1040 || cause.errno === 1203 || cause.errno === 1226)
  );
};

/** Opens sessions until the server refuses one. */
async function fill(servers: Servers, node: FarmMachine, held: Set<Sql>): Promise<void> {
  while (held.size < SESSIONS_MAX) {
    let sql: Sql;
    try {
      sql = await servers.open(node, "app");
    } catch (error) {
      if (isFull(error)) return;
      throw error;
    }
    held.add(sql);
    sql.connection.on("end", () => held.delete(sql));
    sql.connection.on("error", () => held.delete(sql));
  }
  throw new Error(`${node.name} took ${SESSIONS_MAX} sessions and refuses none`);
}

/** Sessions of applications take all that the server allows, until it is healed. Whoever else comes gets error 1040. */
export async function fillConnections(
  servers: Servers,
  lasting: LastingFaults,
  node: FarmMachine,
  forSeconds: number | undefined,
) {
  const held = new Set<Sql>();
  const ended = new AbortController();
  const isOver = (): boolean => ended.signal.aborted || lasting.closing.aborted;
  const letGo = (): void => {
    ended.abort();
    for (const { connection } of held) connection.destroy();
    held.clear();
  };
  try {
    await fill(servers, node, held);
  } catch (error) {
    letGo();
    throw error;
  }
  const refill = async (): Promise<void> => {
    while (!isOver()) {
      await sleep(REFILL_MS);
      // A server that is gone or fenced meanwhile has no sessions to take; it may come back.
      if (!isOver()) await fill(servers, node, held).catch(() => undefined);
    }
    letGo();
  };
  void refill();
  lasting.add(`connections ${node.instanceId}`, `connections ${node.name}`, forSeconds, letGo);
  return { node: node.name, held: held.size, another: 1040 };
}

/** A transaction of an application that keeps a row locked and does not end by itself before its time. */
export async function holdTransaction(servers: Servers, lasting: LastingFaults, node: FarmMachine, forSeconds: number) {
  await servers.use(node, async (admin) => {
    await admin.run(CREATE_FAULT_TABLE);
    await admin.run(`REPLACE INTO ${FAULT_TABLE} VALUES ('held', 'before')`);
  });
  const sql = await servers.open(node, "app");
  await sql.run("START TRANSACTION");
  await sql.run(`UPDATE ${FAULT_TABLE} SET value = 'uncommitted' WHERE id = 'held'`);
  const session = text((await sql.run("SELECT CONNECTION_ID() AS id"))[0], "id");
  const [seen] = await servers.use(node, ({ run }) =>
    run("SELECT trx_rows_locked AS locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ?", [session]),
  );
  if (!(Number(text(seen, "locked")) > 0)) throw new Error(`the transaction on ${node.name} holds no lock`);
  lasting.add(`transaction ${session} ${node.instanceId}`, `hold-transaction ${node.name}`, forSeconds, () =>
    sql.connection.destroy(),
  );
  return { node: node.name, session, lockedRows: Number(text(seen, "locked")), forSeconds };
}
