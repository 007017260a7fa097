import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { FarmMachine } from "../machines.ts";
import type { LastingFaults } from "./lasting.ts";
import { Refusal } from "./refusal.ts";
import { text, type Servers, type Sql } from "./sql.ts";

/** For what shows a moment after the statement that led to it. */
const SEEN_SECONDS_MAX = 10;
const LOOK_MS = 10;
/** An open transaction must not keep a fault waiting for an hour, which is the server's default. */
const LOCK_SECONDS = 5;

export const FAULT_TABLE = "wordpress.tandem_fault";
export const CREATE_FAULT_TABLE = `CREATE TABLE IF NOT EXISTS ${FAULT_TABLE} (id VARCHAR(64) NOT NULL PRIMARY KEY, value VARCHAR(64) NOT NULL) ENGINE=InnoDB`;

/** Polls until it says so. Throws with what was waited for. */
export async function seen(what: string, look: () => Promise<boolean>): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await look())) {
    if (performance.now() - startedAtMs > SEEN_SECONDS_MAX * 1000)
      throw new Error(`not seen within ${SEEN_SECONDS_MAX} s: ${what}`);
    await sleep(LOOK_MS);
  }
}

async function setReadOnly({ run, isMariadb }: Sql, on: boolean): Promise<void> {
  await run(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}`);
  // super_read_only ON takes read_only along; read_only OFF takes super_read_only along.
  await run(`SET GLOBAL ${on && !isMariadb ? "super_read_only" : "read_only"} = ${on ? "ON" : "OFF"}`);
}

async function readOnlyOf({ run, isMariadb }: Sql): Promise<string> {
  const [row] = await run(
    `SELECT @@global.read_only AS ro, ${isMariadb ? "@@global.read_only" : "@@global.super_read_only"} AS super`,
  );
  return `${text(row, "ro")}${text(row, "super")}`;
}

/** By SQL and behind the controller's back. It is the controller who heals this. */
export async function setBoth(servers: Servers, readOnly: boolean): Promise<Record<string, unknown>> {
  const nodes = await Promise.all(
    servers.both().map((node) =>
      servers.use(node, async (sql) => {
        await setReadOnly(sql, readOnly);
        const found = await readOnlyOf(sql);
        // The controller may have healed one of the two before it was read back: then it is not injected.
        if (found !== (readOnly ? "11" : "00"))
          throw new Error(`${node.name} is not ${readOnly ? "read-only" : "writable"}`);
        return node.name;
      }),
    ),
  );
  return { [readOnly ? "readOnly" : "writable"]: nodes };
}

const statusOf = async ({ run, isMariadb }: Sql) => {
  const rows = await run(isMariadb ? "SHOW ALL REPLICAS STATUS" : "SHOW REPLICA STATUS");
  return rows[0];
};
export const applierErrorOf = async (sql: Sql): Promise<string> => text(await statusOf(sql), "Last_SQL_Errno");
const applierOf = async (sql: Sql): Promise<string> =>
  text(await statusOf(sql), "Replica_SQL_Running", "Slave_SQL_Running");

async function needReplica(sql: Sql, node: FarmMachine): Promise<void> {
  if ((await statusOf(sql)) === undefined) throw new Refusal(`${node.name} is no replica: it has no channel`);
}

/** What was received waits, unapplied. */
export async function stopApplier(
  servers: Servers,
  lasting: LastingFaults,
  node: FarmMachine,
  forSeconds: number | undefined,
) {
  await servers.use(node, async (sql) => {
    await needReplica(sql, node);
    await sql.run("STOP REPLICA SQL_THREAD");
    await seen(`the applier of ${node.name} stands`, async () => (await applierOf(sql)) === "No");
  });
  lasting.add(`applier ${node.instanceId}`, `applier-stop ${node.name}`, forSeconds, () =>
    servers.useIfThere(node, async (sql) => void (await sql.run("START REPLICA SQL_THREAD"))),
  );
  return { applier: "No", node: node.name };
}

const receiverOf = async (sql: Sql): Promise<string> =>
  text(await statusOf(sql), "Replica_IO_Running", "Slave_IO_Running");

/**
 * MariaDB changes a delay only while neither thread runs, and throws the relay log away then: what was in it is received
 * again, so the source has to be there.
 */
async function setLag(sql: Sql, { name }: FarmMachine, seconds: number): Promise<void> {
  const { isMariadb, run } = sql;
  if (isMariadb) await seen(`${name} receives from its source`, async () => (await receiverOf(sql)) === "Yes");
  const running = (await applierOf(sql)) === "Yes";
  const threads = isMariadb ? "" : " SQL_THREAD";
  await run(`STOP REPLICA${threads}`);
  try {
    await run(
      isMariadb
        ? `CHANGE MASTER TO MASTER_DELAY = ${seconds}`
        : `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}`,
    );
  } finally {
    if (running) await run(`START REPLICA${threads}`);
    else if (isMariadb) await run("START REPLICA IO_THREAD");
  }
}

/** The applier applies each transaction so long after its commit. */
export async function lag(
  servers: Servers,
  lasting: LastingFaults,
  node: FarmMachine,
  seconds: number,
  forSeconds: number | undefined,
) {
  await servers.use(node, async (sql) => {
    await needReplica(sql, node);
    await setLag(sql, node, seconds);
    await seen(
      `${node.name} delays its applier`,
      async () => text(await statusOf(sql), "SQL_Delay") === String(seconds),
    );
  });
  lasting.add(`lag ${node.instanceId}`, `lag of ${seconds} s ${node.name}`, forSeconds, () =>
    servers.useIfThere(node, (sql) => setLag(sql, node, 0)),
  );
  return { node: node.name, lagSeconds: seconds };
}

const gtidsOf = async ({ run, isMariadb }: Sql): Promise<string> => {
  const [row] = await run(`SELECT @@global.${isMariadb ? "gtid_binlog_pos" : "gtid_executed"} AS gtids`);
  return text(row, "gtids").replaceAll(/\s/g, "");
};

/** A transaction of the server's own that its peer does not have. Nothing undoes it but a decision of the controller's operator. */
export async function errant(servers: Servers, node: FarmMachine) {
  return servers.use(node, async (sql) => {
    const closed = (await readOnlyOf(sql)) === "11";
    if (!closed) throw new Refusal(`${node.name} is open for writes: a transaction there is not errant`);
    const before = await gtidsOf(sql);
    try {
      if (!sql.isMariadb) await sql.run("SET GLOBAL super_read_only = OFF"); // read_only stays on: only an administrator writes
      await sql.run(CREATE_FAULT_TABLE);
      // A row that stays as it is makes no transaction: MariaDB writes nothing to its binary log.
      await sql.run(`REPLACE INTO ${FAULT_TABLE} VALUES ('errant', ?)`, [`written on ${node.name}: ${randomUUID()}`]);
    } finally {
      await setReadOnly(sql, true);
    }
    const after = await gtidsOf(sql);
    if (after === before) throw new Error(`${node.name} holds no new transaction`);
    return { node: node.name, before, after };
  });
}
