import { expect, test } from "@jest/globals";
import type { Row, Sql } from "../../../lib/database/sql/connection.ts";
import { mariadbDialect } from "../../../lib/database/sql/mariadb.ts";
import { busyClients, cutClients, replicasOf } from "../../../lib/database/sql/sessions.ts";

const session = (id: number, user: string, command: string, state = "", host = "10.0.0.4:51234"): Row => ({
  id,
  user,
  host,
  command,
  state,
  seconds: 3,
});
const WAITING = "Waiting for semi-sync ACK from slave";

/** A server that ends whom it is told to end, keeps the list of them, and lets newcomers in between two listings. */
function server(sessions: readonly Row[], newcomers: readonly Row[] = []): Sql & { readonly killed: string[] } {
  const killed: string[] = [];
  let listings = 0;
  return {
    killed,
    async query(statement) {
      const kill = /^KILL (\d+)$/.exec(statement);
      if (kill?.[1] !== undefined) killed.push(kill[1]);
      if (kill !== null) return [];
      listings += 1;
      return [...sessions, ...(listings > 1 ? newcomers : [])].map((row) =>
        killed.includes(String(row["id"])) ? { ...row, command: "Killed" } : row,
      );
    },
  };
}

test("who waits for an acknowledgement is ended after everybody whom its end would free, newcomers too", async () => {
  const sql = server(
    [session(1, "app", "Query", WAITING), session(2, "app", "Query", "Commit"), session(3, "app", "Sleep")],
    [session(4, "app", "Query", "Commit")],
  );

  await cutClients(sql, mariadbDialect, []);

  expect(sql.killed).toEqual(["2", "3", "4", "1"]);
});

test("threads of the server, replicas and spared users are let alone", async () => {
  const sql = server([
    session(1, "system user", "Slave_IO"),
    session(2, "event_scheduler", "Daemon"),
    session(3, "replication", "Binlog Dump"),
    session(4, "observer", "Query"),
    session(5, "app", "Sleep"),
  ]);

  await cutClients(sql, mariadbDialect, ["observer"]);

  expect(sql.killed).toEqual(["5"]);
});

test("replicas are told by their addresses, once each and without ports", async () => {
  const sql = server([
    session(1, "replication", "Binlog Dump", "", "10.0.0.5:51234"),
    session(2, "replication", "Binlog Dump GTID", "", "10.0.0.5:51236"),
    session(3, "replication", "Binlog Dump", "", "fd00::5:51234"),
    session(4, "app", "Sleep"),
  ]);

  expect(await replicasOf(sql, mariadbDialect)).toEqual(["10.0.0.5", "fd00::5"]);
});

test("who is busy is told without the statement, and who sleeps is not busy", async () => {
  const sql = server([session(7, "app", "Query", "User sleep"), session(8, "app", "Sleep")]);

  expect(await busyClients(sql, mariadbDialect)).toEqual([
    "session 7 of app from 10.0.0.4, 3 s in one statement (User sleep)",
  ]);
});
