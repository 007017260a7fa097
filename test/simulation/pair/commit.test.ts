import { describe, expect, test } from "@jest/globals";
import { LINK_MS } from "./channel.ts";
import { healthyPair, UUIDS } from "./tale.ts";

const A = UUIDS["db-a"];

describe("a write on the writer", () => {
  test("is on both servers when its client hears that it is done", () => {
    const tale = healthyPair().write("db-a", "one").pass(10);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect([tale.rows("db-a"), tale.rows("db-b")]).toEqual([["one"], ["one"]]);
    expect([tale.seen("db-a").gtid, tale.seen("db-b").gtid]).toEqual([`${A}:1-2`, `${A}:1-2`]);
  });

  test("is not seen and not acknowledged before the other server has it, although that one may have applied it by then", () => {
    const tale = healthyPair().write("db-a", "one").pass(LINK_MS);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    expect(tale.rows("db-a")).toEqual([]);
    expect(tale.seen("db-a")).toMatchObject({ gtid: `${A}:1`, semiSync: { waiting: 1 } });
    tale.pass(LINK_MS);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
  });

  test("waits without end while no replica is there, and is done as soon as one has it", () => {
    const tale = healthyPair().next({ kind: "kill", node: "db-b" }).write("db-a", "one").pass(3_600_000);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    expect(tale.seen("db-a").semiSync).toEqual({ source: true, replica: true, clients: 0, waiting: 1 });
    tale.next({ kind: "start", node: "db-b", recoveryMs: 500 }).pass(600);
    tale.next({ kind: "semi-sync", node: "db-b", role: "replica", on: true });
    tale.next({ kind: "threads", node: "db-b", threads: "both", run: true }).pass(100);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.rows("db-b")).toEqual(["one"]);
  });

  test("is not released by a replica that receives and does not acknowledge", () => {
    const tale = healthyPair().next({ kind: "semi-sync", node: "db-b", role: "replica", on: false }).pass(1_000);
    tale.write("db-a", "one").pass(60_000);
    expect(tale.rows("db-b")).toEqual(["one"]);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    expect(tale.seen("db-a").semiSync).toMatchObject({ clients: 0, waiting: 1 });
  });

  test("is freed when the source waits no more", () => {
    const tale = healthyPair().next({ kind: "kill", node: "db-b" }).write("db-a", "one").pass(1_000);
    tale.next({ kind: "semi-sync", node: "db-a", role: "source", on: false });
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.rows("db-a")).toEqual(["one"]);
  });

  test("happens although its client has given up, and is not acknowledged then", () => {
    const tale = healthyPair()
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .write("db-a", "one")
      .pass(2_000);
    tale
      .next({ kind: "abandon", node: "db-a", write: "one" })
      .next({ kind: "mend", link: { from: "db-b", to: "db-a" } });
    tale.pass(1_000);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    expect([tale.rows("db-a"), tale.rows("db-b")]).toEqual([["one"], ["one"]]);
  });

  test("is heard of late when the application's link was cut before its answer", () => {
    const link = { from: "app", to: "db-a" } as const;
    const tale = healthyPair().write("db-a", "one").next({ kind: "cut", link }).pass(1_000);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    expect(tale.rows("db-a")).toEqual(["one"]);
    tale.write("db-a", "never arrives").next({ kind: "mend", link });
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.rows("db-a")).toEqual(["one"]);
  });
});

describe("a write is refused", () => {
  test("by a read-only server with 1290, by a full one with 1040, by one in offline_mode with 3032, by none with 2003", () => {
    const tale = healthyPair().write("db-b", "to the reader");
    tale.next({ kind: "full", node: "db-a", on: true }).write("db-a", "to the full");
    tale.next({ kind: "full", node: "db-a", on: false }).next({ kind: "offline", node: "db-a", on: true });
    tale.write("db-a", "to the offline").next({ kind: "kill", node: "db-a" }).write("db-a", "to nobody");
    expect(tale.codes()).toEqual([1290, 1040, 3032, 2003]);
    expect([...tale.rows("db-a"), ...tale.rows("db-b")]).toEqual([]);
  });

  test("with 1146 where nobody has made the tables, with 1062 where another row has its key", () => {
    const tale = healthyPair().write("db-a", "one", "siteurl").pass(10).write("db-a", "two", "siteurl");
    expect(tale.codes()).toEqual([1062]);
    const empty = healthyPair().next({ kind: "install", node: "db-a", identity: UUIDS["db-b"] });
    empty.next({ kind: "start", node: "db-a", recoveryMs: 0 }).next({ kind: "read-only", node: "db-a", on: false });
    expect(empty.write("db-a", "three").codes()).toEqual([1146]);
  });
});

describe("a fence", () => {
  test("in the order that works frees the waiting commits unacknowledged: they stay on the old writer", () => {
    const tale = healthyPair().next({ kind: "kill", node: "db-b" }).write("db-a", "one").pass(100);
    tale.next({ kind: "offline", node: "db-a", on: true });
    tale.next({ kind: "semi-sync", node: "db-a", role: "source", on: false });
    tale.next({ kind: "read-only", node: "db-a", on: true }).next({ kind: "offline", node: "db-a", on: false });
    expect(tale.codes()).toEqual([2013]);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    expect(tale.rows("db-a")).toEqual(["one"]);
    expect(tale.seen("db-a")).toMatchObject({ superReadOnly: true, offline: false, semiSync: { waiting: 0 } });
  });

  test("cuts the replica off too, which comes back by itself", () => {
    const tale = healthyPair().next({ kind: "offline", node: "db-a", on: true });
    expect(tale.channel("db-b")).toMatchObject({ io: "Connecting", ioError: { code: 2013 } });
    tale.next({ kind: "offline", node: "db-a", on: false }, 50).pass(1_000);
    expect(tale.channel("db-b")).toMatchObject({ io: "Yes" });
  });

  test("lets nothing new in while it closes as planned; what came meanwhile is refused after it, or done if it is given up", () => {
    const tale = healthyPair().next({ kind: "hold", node: "db-a", ms: 500 });
    tale.next({ kind: "lock", node: "db-a", session: "s" }).next({ kind: "closing", node: "db-a", session: "s" });
    tale.write("db-a", "one").pass(10);
    expect([tale.heard("acknowledged"), tale.codes()]).toEqual([["schema"], []]);
    expect(tale.server("db-a").transactions).toHaveLength(1);
    tale.next({ kind: "unlock", node: "db-a", session: "s" }).pass(10);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    tale.next({ kind: "closing", node: "db-a", session: "t" }).write("db-a", "two").pass(500);
    tale.next({ kind: "read-only", node: "db-a", on: true });
    expect(tale.codes()).toEqual([1290]);
  });
});
