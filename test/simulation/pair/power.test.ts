import { describe, expect, test } from "@jest/globals";
import { healthyPair, UUIDS } from "./tale.ts";

const A = UUIDS["db-a"];

describe("kill -9", () => {
  test("of the writer: what was in its binlog is committed by the recovery, acknowledged or not", () => {
    const tale = healthyPair()
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .write("db-a", "one")
      .pass(10);
    tale.next({ kind: "kill", node: "db-a" });
    expect(tale.out.at(-1)).toMatchObject({ kind: "failed", code: 2013, isCertain: false });
    tale.next({ kind: "start", node: "db-a", recoveryMs: 1_000 }).pass(2_000);
    expect(tale.rows("db-a")).toEqual(["one"]);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
  });

  test("a server comes back read-only, with its replica threads stopped and semi-sync off, after its recovery", () => {
    const tale = healthyPair().next({ kind: "kill", node: "db-a" });
    tale.next({ kind: "start", node: "db-a", recoveryMs: 3_000 }).pass(2_999);
    expect(tale.server("db-a").process.is).toBe("starting");
    tale.pass(1);
    expect(tale.seen("db-a")).toMatchObject({
      readOnly: true,
      superReadOnly: true,
      uptimeSeconds: 0,
      gtid: `${A}:1`,
      channels: [{ io: "No", sql: "No" }],
      semiSync: { source: false, replica: false },
    });
  });

  test("of a replica drops what it acknowledged and had not applied: an acknowledgement alone is not durable", () => {
    const tale = healthyPair().next({ kind: "delay", node: "db-b", ms: 60_000 }).write("db-a", "one").pass(100);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    tale.next({ kind: "kill", node: "db-b" }).next({ kind: "start", node: "db-b", recoveryMs: 100 }).pass(200);
    tale.next({ kind: "kill", node: "db-a" }).pass(100_000);
    expect(tale.seen("db-b")).toMatchObject({ gtid: `${A}:1`, channels: [{ retrieved: "" }] });
    tale.next({ kind: "start", node: "db-a", recoveryMs: 100 });
    tale.next({ kind: "threads", node: "db-b", threads: "both", run: true }).pass(70_000);
    expect(tale.rows("db-b")).toEqual(["one"]);
  });

  test("ends a long transaction and the session that holds the lock", () => {
    const tale = healthyPair().next({ kind: "hold", node: "db-a", ms: 60_000 });
    tale.next({ kind: "lock", node: "db-a", session: "s" }).next({ kind: "kill", node: "db-a" });
    expect(tale.server("db-a").transactions).toEqual([]);
    expect(tale.server("db-a")).not.toHaveProperty("lock");
  });
});

describe("a server that hangs", () => {
  test("answers nothing; what reached it is done when it goes on", () => {
    const tale = healthyPair().next({ kind: "hang", node: "db-a" }).write("db-a", "one").pass(60_000);
    expect([tale.heard("acknowledged"), tale.codes()]).toEqual([["schema"], []]);
    tale.next({ kind: "continue", node: "db-a" }).pass(5_000);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.seen("db-a")).toMatchObject({ superReadOnly: false, uptimeSeconds: 68 });
  });

  test("as a replica lets the writer wait", () => {
    const tale = healthyPair().next({ kind: "hang", node: "db-b" }).write("db-a", "one").pass(5_000);
    expect(tale.seen("db-a").semiSync).toMatchObject({ clients: 1, waiting: 1 });
    tale.next({ kind: "continue", node: "db-b" }).pass(10);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
  });
});

describe("a machine", () => {
  test("without power resets no connection: its clients hear nothing", () => {
    const tale = healthyPair()
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .write("db-a", "one")
      .pass(10);
    tale.next({ kind: "power", node: "db-a", on: false }).write("db-a", "two").pass(60_000);
    expect(tale.codes()).toEqual([]);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
  });

  test("that has power again has its disk, and no server until that is started", () => {
    const tale = healthyPair().write("db-a", "one").pass(10).next({ kind: "power", node: "db-a", on: false });
    tale.next({ kind: "start", node: "db-a", recoveryMs: 0 }).pass(1_000);
    expect(tale.server("db-a").process.is).toBe("down");
    tale
      .next({ kind: "power", node: "db-a", on: true })
      .next({ kind: "start", node: "db-a", recoveryMs: 500 })
      .pass(500);
    expect(tale.rows("db-a")).toEqual(["one"]);
    expect(tale.seen("db-a")).toMatchObject({ superReadOnly: true });
  });
});
