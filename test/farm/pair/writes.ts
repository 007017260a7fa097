import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createConnection, type Connection } from "mysql2/promise";
import { account, ADDRESS, connectTo, routeOf, type Node } from "./servers.ts";

export interface Writes {
  /** Ids of the writes that the database has acknowledged, each once. */
  readonly acknowledged: readonly string[];
  readonly failed: number;
  /** Longest time without an acknowledgement, in ms. */
  readonly longestPauseMs: number;
}

const WRITERS = 8;
/** A writer whose session was cut tries again this soon. */
const AGAIN_MS = 20;

/**
 * Writers that insert rows through the route of a web node, as WordPress does: each statement commits by itself.
 * @returns what ends them and tells what became of their writes
 */
export async function startWrites(webNode: string, table: string, perSecond: number): Promise<() => Promise<Writes>> {
  const { username, password } = await account("app");
  const host = routeOf(webNode);
  const first = await connectTo(host, "app", 5_000);
  await first.query(
    `CREATE TABLE IF NOT EXISTS wordpress.${table} (id CHAR(36) PRIMARY KEY, at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3))`,
  );
  first.destroy();

  const acknowledged: string[] = [];
  let failed = 0;
  let lastAt = performance.now();
  let longestPauseMs = 0;
  const state = { running: true };

  const open = async (): Promise<Connection> => {
    const connection = await createConnection({ host, port: 3306, user: username, password, connectTimeout: 2_000 });
    connection.on("error", () => undefined);
    return connection;
  };
  const writer = async (): Promise<void> => {
    let connection: Connection | undefined;
    for (let next = performance.now(); state.running; next += (1_000 * WRITERS) / perSecond) {
      await sleep(Math.max(0, next - performance.now()));
      const id = randomUUID();
      try {
        connection ??= await open();
        await connection.query(`INSERT INTO wordpress.${table} (id) VALUES (?)`, [id]);
        acknowledged.push(id);
        longestPauseMs = Math.max(longestPauseMs, performance.now() - lastAt);
        lastAt = performance.now();
      } catch {
        // Cut off, refused, or read-only for a moment: it is no acknowledgement, and the writer begins anew.
        failed += 1;
        connection?.destroy();
        connection = undefined;
        await sleep(AGAIN_MS);
        next = performance.now();
      }
    }
    connection?.destroy();
  };
  const all = Promise.all(Array.from({ length: WRITERS }, writer));
  return async () => {
    state.running = false;
    await all;
    return { acknowledged, failed, longestPauseMs: Math.round(longestPauseMs) };
  };
}

const PROBE_MS = 20;

/**
 * Tries to write to both servers directly every 20 ms, as the site's account.
 * @returns what ends it and tells, for each server, when it accepted a write: [begun, answered] in ms of one clock
 */
export async function probeBoth(): Promise<
  () => Promise<Readonly<Record<Node, readonly (readonly [number, number])[]>>>
> {
  const { username, password } = await account("app");
  const accepted: Record<Node, [number, number][]> = { "db-a": [], "db-b": [] };
  const state = { running: true };
  const probe = async (node: Node): Promise<void> => {
    let connection: Connection | undefined;
    while (state.running) {
      const begun = performance.now();
      try {
        if (connection === undefined) {
          const options = { host: ADDRESS[node], port: 3306, user: username, password, connectTimeout: 500 };
          connection = await createConnection(options);
          connection.on("error", () => undefined);
        }
        await connection.query("REPLACE INTO wordpress.probe (id) VALUES (?)", [node]);
        accepted[node].push([begun, performance.now()]);
      } catch (error) {
        // A read-only server keeps the session; everything else needs a new one.
        if (!/READ_ONLY|OPTION_PREVENTS/.test(String(Object(error).code))) {
          connection?.destroy();
          connection = undefined;
        }
      }
      await sleep(PROBE_MS);
    }
    connection?.destroy();
  };
  const all = Promise.all([probe("db-a"), probe("db-b")]);
  return async () => {
    state.running = false;
    await all;
    return accepted;
  };
}
