import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { DatabaseDriver, ServerSession } from "../../../lib/database/driver.ts";
import { openChance } from "../chance.ts";
import { virtualClock, type VirtualClock } from "../virtual-clock.ts";
import { modelDriver } from "./driver.ts";
import { openPair, type Pair } from "./pair.ts";
import { bothNodes } from "./state.ts";
import { ADDRESSES, UUIDS } from "./tale.ts";

const AS = { username: "healer", password: "secret" };
const at = (node: "db-a" | "db-b") => ({ host: ADDRESSES[node], port: 3306 });

let clock: VirtualClock;
let pair: Pair;
/** Ends the environment that drives the servers. */
let crash: () => void;
let driver: DatabaseDriver;

/** Two servers that have just been started, both read-only and without replication. */
beforeEach(async () => {
  clock = virtualClock(Date.UTC(2026, 0, 1));
  pair = openPair(clock);
  const names = { last: 0 };
  const parts = {
    pair,
    chance: openChance("driver"),
    addressOf: (node: "db-a" | "db-b") => ADDRESSES[node],
    nodeAt: (host: string) => bothNodes.find((node) => ADDRESSES[node] === host),
    fresh: (prefix: string) => `${prefix}-${++names.last}`,
  };
  const life = { alive: true };
  const ended = Promise.withResolvers<void>();
  crash = () => {
    life.alive = false;
    ended.resolve();
  };
  driver = modelDriver(parts, {
    whileAlive: async (value) => {
      const given = await value;
      return life.alive ? given : new Promise<never>(() => undefined);
    },
    ended: ended.promise,
  });
  for (const node of bothNodes) {
    pair.act({ kind: "install", node, identity: UUIDS[node] });
    pair.act({ kind: "start", node, recoveryMs: 100 });
  }
  await clock.advance(200);
});
afterEach(() => pair.close());

/** What comes of it within so long; `pending` if nothing does. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | string> {
  const found: { value: T | string } = { value: "pending" };
  work.then(
    (value) => (found.value = value),
    (error: unknown) => (found.value = String(Object(error).code ?? error)),
  );
  await clock.advance(ms);
  return found.value;
}

const on = <T>(node: "db-a" | "db-b", use: (session: ServerSession) => Promise<T>) =>
  driver.session(clock, at(node), AS, use);
const look = (node: "db-a" | "db-b") => within(5_000, driver.read(clock, at(node), AS));

/** As the controller provisions it: db-a is open and waits, db-b acknowledges. */
async function provision(): Promise<void> {
  await within(
    1_000,
    on("db-a", async (a) => {
      await a.open();
      await a.prepareSchema();
    }),
  );
  await within(
    1_000,
    on("db-b", async (b) => {
      await b.semiSync("replica", true);
      await b.replicateFrom(at("db-a"), AS);
    }),
  );
  await within(
    2_000,
    on("db-a", (a) => a.semiSync("source", true)),
  );
}

describe("a look at a server", () => {
  test("tells its state", async () => {
    await provision();
    expect(await look("db-a")).toMatchObject({
      known: { superReadOnly: false, semiSync: { source: true, clients: 1 } },
    });
    expect(await look("db-b")).toMatchObject({
      known: { superReadOnly: true, channels: [{ source: ADDRESSES["db-a"], io: "Yes", sql: "Yes" }] },
    });
  });

  test.each([
    ["refused", { kind: "kill", node: "db-a" }],
    ["silent", { kind: "hang", node: "db-a" }],
    ["silent", { kind: "power", node: "db-a", on: false }],
    ["silent", { kind: "cut", link: { from: "controller", to: "db-a" } }],
    ["too-many-connections", { kind: "full", node: "db-a", on: true }],
    ["offline", { kind: "offline", node: "db-a", on: true }],
  ] as const)("says %s after %j", async (cause, fault) => {
    pair.act(fault);
    expect(await look("db-a")).toMatchObject({ unknown: expect.any(String), cause });
  });
});

describe("a session", () => {
  test("keeps another one out, and lets it in afterwards", async () => {
    const first = on("db-a", () => clock.sleep(1_000));
    await clock.advance(100);
    expect(
      await within(
        100,
        on("db-a", async () => "in"),
      ),
    ).toBe("server-locked");
    await within(1_000, first);
    expect(
      await within(
        100,
        on("db-a", async () => "in"),
      ),
    ).toBe("in");
  });

  test("of a controller that ends in the middle is gone, and what it has not sent is never done", async () => {
    const opening = on("db-a", async (session) => {
      await clock.sleep(50);
      await session.open();
    });
    await clock.advance(30);
    crash();
    expect(await within(1_000, opening)).toBe("pending");
    expect(pair.state().servers["db-a"]).toMatchObject({ readOnly: true });
    expect(pair.state().servers["db-a"]).not.toHaveProperty("lock");
  });

  test("fails as the server does under it: cut off, killed, or full", async () => {
    const asks = (fault: Parameters<Pair["act"]>[0]) =>
      within(
        10_000,
        on("db-a", async (session) => {
          pair.act(fault);
          await session.state();
        }),
      );
    expect(await asks({ kind: "hang", node: "db-a" })).toBe("server-silent");
    pair.act({ kind: "continue", node: "db-a" });
    await clock.advance(100);
    expect(await asks({ kind: "kill", node: "db-a" })).toBe("server-refused");
    pair.act({ kind: "start", node: "db-a", recoveryMs: 0 });
    pair.act({ kind: "full", node: "db-a", on: true });
    expect(
      await within(
        5_000,
        on("db-a", (session) => session.state()),
      ),
    ).toBe("server-busy");
  });

  test("fences a writer whose commits wait: they stay there, unacknowledged, and it is read-only", async () => {
    await provision();
    const heard: string[] = [];
    pair.listen(({ kind }) => heard.push(kind));
    pair.act({ kind: "kill", node: "db-b" });
    pair.act({ kind: "write", node: "db-a", write: { id: "w", client: "app", content: { kind: "row", id: "w" } } });
    await within(
      1_000,
      on("db-a", (session) => session.fence(3_000)),
    );
    expect(await look("db-a")).toMatchObject({
      known: {
        superReadOnly: true,
        offline: false,
        semiSync: { source: false, waiting: 0 },
        gtid: `${UUIDS["db-a"]}:1-2`,
      },
    });
    expect(heard).toEqual(["failed"]);
  });

  test("closes a writer when its transactions have ended, and leaves it open when they do not", async () => {
    await provision();
    pair.act({ kind: "hold", node: "db-a", ms: 1_000 });
    expect(
      await within(
        3_000,
        on("db-a", (session) => session.close(500)),
      ),
    ).toBe("close-timeout");
    expect(await look("db-a")).toMatchObject({ known: { superReadOnly: false } });
    expect(
      await within(
        3_000,
        on("db-a", (session) => session.close(500)),
      ),
    ).toBe(undefined);
    expect(await look("db-a")).toMatchObject({ known: { superReadOnly: true, semiSync: { source: true } } });
  });

  test("waits until all that was received is applied, and says so when it is not", async () => {
    await provision();
    pair.act({ kind: "delay", node: "db-b", ms: 2_000 });
    pair.act({ kind: "write", node: "db-a", write: { id: "w", client: "app", content: { kind: "row", id: "w" } } });
    await clock.advance(100);
    const gtid = `${UUIDS["db-a"]}:1-2`;
    expect(
      await within(
        3_000,
        on("db-b", async (s) => [await s.drained(500), await s.reached(gtid, 500)]),
      ),
    ).toEqual([false, false]);
    expect(
      await within(
        3_000,
        on("db-b", async (s) => [await s.drained(2_000), await s.reached(gtid, 0)]),
      ),
    ).toEqual([true, true]);
    pair.act({ kind: "threads", node: "db-b", threads: "applier", run: false });
    expect(
      await within(
        3_000,
        on("db-b", (s) => s.drained(2_000)),
      ),
    ).toBe(false);
  });
});

describe("a heartbeat", () => {
  const beat = (node: "db-a" | "db-b") =>
    within(3_000, driver.beat(clock, at(node), AS, { sequence: 7, writtenAt: 1_000 }, 500));

  test("is on both servers", async () => {
    await provision();
    expect(await beat("db-a")).toBe(undefined);
    for (const node of bothNodes)
      expect(await look(node)).toMatchObject({ known: { heartbeat: { sequence: 7, writtenAt: 1_000 } } });
  });

  test("is not written on a reader, and not waited for when nobody acknowledges", async () => {
    await provision();
    expect(await beat("db-b")).toBe("server-failed");
    pair.act({ kind: "kill", node: "db-b" });
    expect(await beat("db-a")).toBe("server-silent");
  });
});
