import { randomUUID } from "node:crypto";
import type { FarmMachine } from "../machines.ts";
import { Refusal } from "./refusal.ts";
import { applierErrorOf, CREATE_FAULT_TABLE, FAULT_TABLE, seen } from "./state.ts";
import { text, type Servers, type Sql } from "./sql.ts";

const VALUE = "from the writer";
/** ER_DUP_ENTRY */
const DUPLICATE = "1062";

const valueOn = async ({ run }: Sql, id: string): Promise<string> =>
  text((await run(`SELECT value FROM ${FAULT_TABLE} WHERE id = ?`, [id]))[0], "value");

/** Past the binary log, as an operator's mistake would: the replica then has a row that no transaction tells of. */
async function plant(sql: Sql, id: string, value: string): Promise<void> {
  if (!sql.isMariadb) await sql.run("SET GLOBAL super_read_only = OFF");
  try {
    await sql.run("SET SESSION sql_log_bin = 0");
    await sql.run(`INSERT INTO ${FAULT_TABLE} VALUES (?, ?)`, [id, value]);
  } finally {
    if (!sql.isMariadb) await sql.run("SET GLOBAL super_read_only = ON");
  }
}

/**
 * A row that the writer inserts is on the replica already, with the same or with another value: its applier stops with
 * 1062. Seen when the applier has reported that, or when the writer's next row is there and the controller was faster.
 */
export async function duplicateRow(servers: Servers, node: FarmMachine, identical: boolean) {
  const writer = servers.peerOf(node);
  const [id, next] = [randomUUID(), randomUUID()];
  return servers.use(writer, (source) =>
    servers.use(node, async (replica) => {
      const [row] = await source.run("SELECT @@global.read_only AS readOnly");
      if (text(row, "readOnly") !== "0") throw new Refusal(`${writer.name} is read-only: no row comes from there`);
      await source.run(CREATE_FAULT_TABLE);
      const before = `before ${id}`;
      await source.run(`INSERT INTO ${FAULT_TABLE} VALUES (?, 'replicates')`, [before]);
      await seen(`${node.name} replicates`, async () => {
        try {
          return (await valueOn(replica, before)) !== "";
        } catch (error) {
          if (error instanceof Error && /doesn't exist/.test(error.message)) return false; // the table is on its way
          throw error;
        }
      });
      await plant(replica, id, identical ? VALUE : `planted on ${node.name}`);
      await source.run(`INSERT INTO ${FAULT_TABLE} VALUES (?, ?)`, [id, VALUE]);
      await source.run(`INSERT INTO ${FAULT_TABLE} VALUES (?, 'after the collision')`, [next]);
      let cured = false;
      await seen(`error ${DUPLICATE} of the applier of ${node.name}`, async () => {
        if ((await applierErrorOf(replica)) === DUPLICATE) return true;
        cured = (await valueOn(replica, next)) !== "";
        return cured;
      });
      return { node: node.name, id, identical, applierError: cured ? "cured already" : Number(DUPLICATE) };
    }),
  );
}
