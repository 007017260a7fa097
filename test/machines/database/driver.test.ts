import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Connection, RowDataPacket } from "mysql2/promise";
import { wallClock } from "../../../lib/clock.ts";
import { sqlDriver } from "../../../lib/database/sql/driver.ts";
import type { ServerSession } from "../../../lib/database/driver.ts";
import type { Flavour, ServerFact, ServerState } from "../../../lib/database/server.ts";
import { TandemError } from "../../../lib/errors.ts";
import { isAll } from "../../extent.ts";
import { credentialsOf, missing, openPair, passwordOf, pause, eventually, type Pair, type Server } from "./pair.ts";

jest.setTimeout(30_000);

/** Which commit waits for the others is chance: with one fence, cutting them in a wrong order would often go unseen. */
const FENCES = 4;
const COMMITS = 10;

/** MySQL has a whole farm of its own in `npm test` (skeleton.test.ts). */
const FLAVOURS: readonly Flavour[] = isAll ? ["mysql", "mariadb"] : ["mariadb"];
for (const flavour of FLAVOURS) {
  const lacking = missing(flavour);
  if (lacking.length === 0) describe(`a pair of ${flavour}`, () => scenarios(flavour));
  else {
    console.log(`no pair of ${flavour}, because these are not there: ${lacking.join(", ")}`);
    test.skip(`a pair of ${flavour}: its programs are not there`, () => undefined);
  }
}

/** The scenarios follow one another on one pair: `a` writes and `b` follows, and each leaves them so. */
function scenarios(flavour: Flavour): void {
  let pair: Pair;
  /** Every error and every unknown that the driver told. */
  const told: string[] = [];

  const read = async (server: Server): Promise<ServerFact> => {
    const fact = await sqlDriver.read(wallClock, server.address, credentialsOf("observer"));
    if ("unknown" in fact) told.push(fact.unknown);
    return fact;
  };
  const state = async (server: Server): Promise<ServerState> => {
    const fact = await read(server);
    if ("unknown" in fact) throw new Error(fact.unknown);
    return fact.known;
  };
  const healer = async <T>(server: Server, use: (session: ServerSession) => Promise<T>): Promise<T> =>
    sqlDriver.session(wallClock, server.address, credentialsOf("healer"), use);
  const beat = (sequence: number, writtenAt: number, timeoutMs: number): Promise<void> =>
    sqlDriver.beat(wallClock, pair.a.address, credentialsOf("healer"), { sequence, writtenAt }, timeoutMs);
  /** The code of what it threw, or `done`. */
  const outcome = async (what: Promise<unknown>): Promise<string> =>
    what.then(
      () => "done",
      (error: unknown) => {
        if (!(error instanceof TandemError)) throw error;
        told.push(`${error.message} ${error.next} ${error.stack ?? ""} ${JSON.stringify(error)}`);
        return error.code;
      },
    );
  const insert = async (client: Connection, value: number): Promise<boolean> =>
    client.query("INSERT INTO wordpress.t (v) VALUES (?)", [value]).then(
      () => true,
      () => false,
    );
  const values = async (server: Server): Promise<number[]> => {
    const [rows] = await (await server.client("admin")).query<RowDataPacket[]>("SELECT v FROM wordpress.t");
    return rows.map((row) => Number(row["v"]));
  };
  const follows = async (): Promise<boolean> =>
    healer(pair.b, async (session) => session.reached((await state(pair.a)).gtid, 8_000));
  const semiSyncOn = async (): Promise<void> => {
    await healer(pair.b, async (session) => session.semiSync("replica", true));
    await healer(pair.a, async (session) => session.semiSync("source", true));
    await eventually("an acknowledging replica", async () => (await state(pair.a)).semiSync.clients === 1);
  };
  const semiSyncOff = async (): Promise<void> => healer(pair.a, async (session) => session.semiSync("source", false));
  /** Writes one row after the other until it is cut off. What it returns was acknowledged. */
  const write = async (client: Connection, from: number): Promise<number[]> => {
    const acknowledged: number[] = [];
    for (let value = from; await insert(client, value); value += 1) acknowledged.push(value);
    return acknowledged;
  };

  beforeAll(async () => {
    pair = await openPair(flavour);
  });
  afterAll(async () => pair.close());

  test("a fresh server is read-only, follows nobody, and holds nothing", async () => {
    for (const server of [pair.a, pair.b])
      expect(await state(server)).toMatchObject({
        flavour,
        readOnly: true,
        ...(flavour === "mysql" ? { superReadOnly: true } : {}),
        offline: false,
        gtid: "",
        channels: [],
        replicas: [],
        semiSync: { source: false, replica: false, clients: 0, waiting: 0 },
      });
    expect(await state(pair.a)).not.toHaveProperty("heartbeat");
    expect((await state(pair.a)).identity).not.toBe((await state(pair.b)).identity);
  });

  test("each follows the other, and what is written on one arrives at the other", async () => {
    await healer(pair.a, async (session) => {
      await session.open();
      await session.prepareSchema();
      await session.replicateFrom(pair.b.address, credentialsOf("replication"));
    });
    await healer(pair.b, async (session) => session.replicateFrom(pair.a.address, credentialsOf("replication")));
    const prepared = (await state(pair.a)).gtid;
    await healer(pair.a, async (session) => session.prepareSchema());
    expect((await state(pair.a)).gtid).toBe(prepared);
    await (await pair.a.client("app")).query("CREATE TABLE wordpress.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
    await beat(7, 1_700_000_000_123, 1_000);
    await beat(8, 1_700_000_001_123, 1_000);

    expect(await follows()).toBe(true);
    const marks = [await state(pair.b)];
    await pause(1_500);
    marks.push(await state(pair.b));

    expect(marks[1]).toMatchObject({
      gtid: (await state(pair.a)).gtid,
      heartbeat: { sequence: 8, writtenAt: 1_700_000_001_123 },
      channels: [{ source: pair.a.address.host, io: "Yes", sql: "Yes", lagSeconds: 0 }],
    });
    expect(marks[1]?.channels[0]).not.toHaveProperty("ioError");
    if (flavour === "mysql") expect(marks[1]?.channels[0]?.heardMsAgo).toBeLessThan(1_500);
    else expect(marks[1]?.channels[0]?.heardMark).not.toBe(marks[0]?.channels[0]?.heardMark);
    // MariaDB 10.11 has nothing that binds a replica's connection to an address.
    const from = flavour === "mysql" ? pair.b.address.host : "127.0.0.1";
    expect((await state(pair.a)).replicas).toEqual([from]);
    expect((await state(pair.a)).channels).toMatchObject([{ source: pair.b.address.host, io: "Yes", sql: "Yes" }]);
  });

  test("a second controller is told that the server is worked on", async () => {
    const second = healer(pair.a, async () => outcome(healer(pair.a, async (session) => session.state())));
    expect(await second).toBe("server-locked");
    expect(await outcome(healer(pair.a, async (session) => session.state()))).toBe("done");
  });

  test("a dead replica stalls commits, and switching semi-sync off on the writer frees them", async () => {
    await semiSyncOn();
    const client = await pair.a.client("app");
    expect(await insert(client, 1)).toBe(true);

    await pair.b.end();
    const stalled = insert(client, 2);
    await eventually("a commit that waits", async () => (await state(pair.a)).semiSync.waiting > 0);
    const dead = await read(pair.b);
    const beaten = await outcome(beat(9, 1, 500));
    await semiSyncOff();

    expect(dead).toMatchObject({ cause: "refused" });
    expect(await outcome(healer(pair.b, async (session) => session.state()))).toBe("server-refused");
    expect(beaten).toBe("server-silent");
    expect(await stalled).toBe(true);
    await pair.b.start();
    await healer(pair.b, async (session) => session.startReplication("both"));
    expect(await follows()).toBe(true);
  });

  test("a stopped server is silent, to a look and to a session, within its time", async () => {
    pair.b.signal("SIGSTOP");
    const started = Date.now();
    const fact = await read(pair.b);
    const session = await outcome(healer(pair.b, async (each) => each.state()));
    pair.b.signal("SIGCONT");

    expect(fact).toMatchObject({ cause: "silent" });
    expect(session).toBe("server-silent");
    expect(Date.now() - started).toBeLessThan(3_500);
    await eventually("an answer", async () => "known" in (await read(pair.b)));
  });

  test("a fence ends sessions and frees commits that wait, and none of them is told that it is safe", async () => {
    for (let round = 1; round <= FENCES; round += 1) {
      await semiSyncOn();
      await healer(pair.b, async (session) => session.stopReplication("receiver"));
      const apps = Array.from({ length: COMMITS }, async () => pair.a.client("app"));
      const clients = await Promise.all([...apps, pair.a.client("admin")]);
      const commits = clients.map(async (client, index) => insert(client, 1_000 * round + index));
      await eventually("commits that wait", async () => (await state(pair.a)).semiSync.waiting > 0);
      // For the rest to queue behind the one that waits: they are the ones that its end would free.
      await pause(150);

      await healer(pair.a, async (session) => session.fence(5_000));

      expect((await Promise.all(commits)).filter(Boolean)).toEqual([]);
      await healer(pair.b, async (session) => session.startReplication("receiver"));
      if (round < FENCES) await healer(pair.a, async (session) => session.open());
    }
    expect(await state(pair.a)).toMatchObject({ readOnly: true, offline: false, semiSync: { source: false } });
    expect(await insert(await pair.a.client("app"), 200)).toBe(false);
    await healer(pair.a, async (session) => session.open());
    expect(await insert(await pair.a.client("app"), 201)).toBe(true);
    expect(await follows()).toBe(true);
  });

  test("when every connection is taken a look says so, and a fence still works", async () => {
    const clients: Connection[] = [];
    await eventually("every connection taken", async () => {
      for (let count = 0; count < 50; count += 1)
        try {
          clients.push(await pair.a.client("app"));
        } catch {
          return true;
        }
      return false;
    });
    const writing = clients.slice(0, 50).map(async (client, index) => write(client, 10_000 * (index + 1)));
    const full = await read(pair.a);
    const started = Date.now();

    await healer(pair.a, async (session) => session.fence(5_000));

    expect(full).toMatchObject({ cause: "too-many-connections" });
    expect(clients.length).toBeGreaterThan(150);
    expect(Date.now() - started).toBeLessThan(5_000);
    const acknowledged = (await Promise.all(writing)).flat();
    expect(await state(pair.a)).toMatchObject({ readOnly: true });
    const held = new Set(await values(pair.a));
    expect(acknowledged.filter((value) => !held.has(value))).toEqual([]);
    await healer(pair.a, async (session) => session.open());
    expect(await follows()).toBe(true);
  });

  test("a long transaction, or a long statement, stops a planned close, and the writer goes on", async () => {
    const client = await pair.a.client("app");
    await client.query("BEGIN");
    await insert(client, 301);

    const transaction = await outcome(healer(pair.a, async (session) => session.close(1_000)));
    expect(transaction).toBe("close-timeout");
    expect(told.at(-1)).toMatch(/session \d+ of app from/);
    expect(await state(pair.a)).toMatchObject({ readOnly: false });
    await client.query("COMMIT");

    const slow = client.query("INSERT INTO wordpress.t (v) SELECT 302 + SLEEP(3)");
    await pause(200);
    const statement = await outcome(healer(pair.a, async (session) => session.close(1_000)));
    expect(statement).toBe("close-timeout");
    expect(told.at(-1)).toMatch(/session \d+ of app from/);
    expect(await state(pair.a)).toMatchObject({ readOnly: false });
    await slow;
    expect(await values(pair.a)).toEqual(expect.arrayContaining([301, 302]));
  });

  test("a planned close under load loses nothing that was acknowledged, and the server opens again", async () => {
    await semiSyncOn();
    const clients = await Promise.all([1, 2, 3, 4].map(async () => pair.a.client("app")));
    const writing = clients.map(async (client, index) => write(client, 1_000_000 * (index + 1)));
    await pause(300);

    await healer(pair.a, async (session) => session.close(3_000));
    const acknowledged = (await Promise.all(writing)).flat();
    expect(await state(pair.a)).toMatchObject({ readOnly: true, semiSync: { source: true } });
    expect(await follows()).toBe(true);

    expect(acknowledged.length).toBeGreaterThan(4);
    const held = new Set(await values(pair.b));
    expect(acknowledged.filter((value) => !held.has(value))).toEqual([]);
    await semiSyncOff();
    await healer(pair.a, async (session) => session.open());
    expect(await insert(await pair.a.client("app"), 400)).toBe(true);
  });

  /** Writes on `b` what `a` never hears of. */
  const onPeerAlone = async (sql: string): Promise<void> => {
    const admin = await pair.b.client("admin");
    await healer(pair.b, async (session) => session.open());
    await admin.query("SET SESSION sql_log_bin = 0");
    await admin.query(sql);
    await healer(pair.b, async (session) => session.close(3_000));
  };

  test("a row that is there already stops the applier, and is told with its transaction where the server tells it", async () => {
    await onPeerAlone("INSERT INTO wordpress.t (id, v) VALUES (900001, 1)");
    await (await pair.a.client("app")).query("INSERT INTO wordpress.t (id, v) VALUES (900001, 2)");
    await eventually("a stopped applier", async () => (await state(pair.b)).channels[0]?.sql === "No");

    const error = (await state(pair.b)).channels[0]?.sqlError;
    const wanted = (await state(pair.a)).gtid;
    const waited = await healer(pair.b, async (session) => [
      await session.drained(5_000),
      await session.reached(wanted, 5_000),
    ]);

    expect(error).toMatchObject({ code: 1062, text: expect.stringContaining("900001") });
    if (flavour === "mysql") expect(error?.gtid).toMatch(/^[0-9a-f-]{36}:\d+$/);
    expect(waited).toEqual([false, false]);
    expect(
      await outcome(
        healer(pair.b, async (session) => session.replicateFrom(pair.a.address, credentialsOf("replication"))),
      ),
    ).toBe("relay-unapplied");
    await onPeerAlone("DELETE FROM wordpress.t WHERE id = 900001");
    await healer(pair.b, async (session) => session.startReplication("both"));
    expect(await follows()).toBe(true);
    expect(await healer(pair.b, async (session) => session.drained(5_000))).toBe(true);
  });

  test("what was received is applied after a start of both threads, also when its source has died meanwhile", async () => {
    const admin = await pair.b.client("admin");
    await admin.query("STOP REPLICA SQL_THREAD");
    const client = await pair.a.client("app");
    for (const value of [501, 502, 503]) await insert(client, value);
    const written = (await state(pair.a)).gtid;
    await eventually(
      "all received",
      async () => (await state(pair.b)).channels[0]?.retrieved.endsWith(lastOf(written)) === true,
    );
    await healer(pair.b, async (session) => session.stopReplication("both"));
    await pair.a.end();

    const stopped = await healer(pair.b, async (session) => session.drained(5_000));
    await healer(pair.b, async (session) => session.startReplication("both"));
    const drained = await healer(pair.b, async (session) => session.drained(5_000));

    expect([stopped, drained]).toEqual([false, true]);
    expect(await values(pair.b)).toEqual(expect.arrayContaining([501, 502, 503]));
    await pair.a.start();
    await healer(pair.a, async (session) => {
      await session.startReplication("both");
      await session.open();
    });
    expect(await insert(await pair.a.client("app"), 504)).toBe(true);
    expect(await follows()).toBe(true);
  });

  test("no password is in anything that was told", async () => {
    const wrong = { username: "observer", password: "Wr0ng-word" };
    const fact = await sqlDriver.read(wallClock, pair.a.address, wrong);
    const noHost = { host: "'", port: 3306 };
    const refused = outcome(sqlDriver.session(wallClock, pair.a.address, wrong, async (session) => session.state()));
    const changed = outcome(
      healer(pair.b, async (session) => session.replicateFrom({ ...noHost, port: -1 }, credentialsOf("replication"))),
    );

    expect(fact).toMatchObject({ cause: "denied" });
    expect(await refused).toBe("server-denied");
    expect(await changed).toBe("server-failed");
    told.push(JSON.stringify(fact));
    expect(told.length).toBeGreaterThan(8);
    for (const word of ["Wr0ng", "Kn0wn", passwordOf("replication")])
      expect(told.filter((words) => words.includes(word))).toEqual([]);
  });
}

/** Where a set of one source ends: the number of its last transaction. */
const lastOf = (gtid: string): string => /\d+$/.exec(gtid)?.[0] ?? "none";
