import { describe, expect, test } from "@jest/globals";
import { contains, parseGtid } from "../../../lib/database/gtid.ts";
import { healthyPair, UUIDS } from "./tale.ts";

const [A, B] = [UUIDS["db-a"], UUIDS["db-b"]];

describe("a receiver", () => {
  test("hears its source each second, and says so", () => {
    const tale = healthyPair().pass(10_000);
    const heard = [0, 300, 600, 900].map((ms) => tale.pass(ms === 0 ? 0 : 300).channel("db-b")?.heardMsAgo ?? -1);
    for (const ms of heard) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(1_000);
    }
  });

  test("notices at once that its source was killed, and takes up where it was", () => {
    const tale = healthyPair().write("db-a", "one").pass(10).next({ kind: "kill", node: "db-a" });
    expect(tale.channel("db-b")).toMatchObject({ io: "Connecting", sql: "Yes", ioError: { code: 2013 } });
    tale.next({ kind: "start", node: "db-a", recoveryMs: 800 }).pass(3_000);
    expect(tale.channel("db-b")).toMatchObject({ io: "Yes", heardMsAgo: expect.any(Number) });
    expect(tale.channel("db-b")).not.toHaveProperty("ioError");
  });

  test.each([
    ["hangs", { kind: "hang", node: "db-a" }],
    ["has lost its host", { kind: "power", node: "db-a", on: false }],
    ["is cut off", { kind: "cut", link: { from: "db-b", to: "db-a" } }],
  ] as const)("believes for 10 s in a source that %s; it hears nothing meanwhile", (_, fault) => {
    const tale = healthyPair().next(fault).pass(8_900);
    expect(tale.channel("db-b")?.io).toBe("Yes");
    expect(tale.channel("db-b")?.heardMsAgo).toBeGreaterThanOrEqual(8_900);
    tale.pass(1_200);
    expect(tale.channel("db-b")).toMatchObject({ io: "Connecting", ioError: { code: 2003 } });
  });

  test("goes on where it was when the link is mended within that time, with all that waited", () => {
    const tale = healthyPair()
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .write("db-a", "one")
      .pass(5_000);
    expect(tale.heard("acknowledged")).toEqual(["schema"]);
    tale.next({ kind: "mend", link: { from: "db-b", to: "db-a" } }).pass(10);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.channel("db-b")).toMatchObject({ io: "Yes" });
  });

  test("is still counted by its source long after a silent cut", () => {
    const tale = healthyPair()
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .pass(30_000);
    expect(tale.seen("db-a")).toMatchObject({ semiSync: { clients: 1 }, replicas: ["10.0.0.2"] });
    tale.pass(60_000);
    expect(tale.seen("db-a")).toMatchObject({ semiSync: { clients: 0 }, replicas: [] });
  });

  test("that is stopped lets the applier go on with what was received", () => {
    const tale = healthyPair().next({ kind: "delay", node: "db-b", ms: 1_000 }).write("db-a", "one").pass(10);
    tale.next({ kind: "threads", node: "db-b", threads: "receiver", run: false }).pass(500);
    expect(tale.rows("db-b")).toEqual([]);
    tale.pass(1_000);
    expect(tale.rows("db-b")).toEqual(["one"]);
    expect(tale.channel("db-b")).toMatchObject({ io: "No", sql: "Yes" });
    expect(tale.channel("db-b")).not.toHaveProperty("lagSeconds");
  });
});

describe("an applier", () => {
  test("that is delayed lags by what is not applied yet; what it received is acknowledged", () => {
    const tale = healthyPair().next({ kind: "delay", node: "db-b", ms: 30_000 }).write("db-a", "one").pass(20_000);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.channel("db-b")).toMatchObject({ lagSeconds: 20, retrieved: `${A}:1-2` });
    expect(tale.seen("db-b").gtid).toBe(`${A}:1`);
    expect(tale.pass(11_000).channel("db-b")).toMatchObject({ lagSeconds: 0 });
  });

  test("that is stopped has no lag to tell, and applies nothing", () => {
    const tale = healthyPair().next({ kind: "threads", node: "db-b", threads: "applier", run: false });
    tale.write("db-a", "one").pass(60_000);
    expect(tale.heard("acknowledged")).toEqual(["schema", "one"]);
    expect(tale.channel("db-b")).not.toHaveProperty("lagSeconds");
    expect(tale.rows("db-b")).toEqual([]);
  });

  test("stops at a row whose key another row has, and names the transaction", () => {
    const tale = healthyPair().next({ kind: "plant", node: "db-b", key: "siteurl", value: "another" });
    tale.write("db-a", "one", "siteurl").write("db-a", "two").pass(100);
    expect(tale.channel("db-b")).toMatchObject({ io: "Yes", sql: "No", sqlError: { code: 1062, gtid: `${A}:2` } });
    expect(tale.rows("db-b")).toEqual([]);
    tale.next({ kind: "threads", node: "db-b", threads: "applier", run: true }).pass(100);
    expect(tale.channel("db-b")).toMatchObject({ sql: "No", sqlError: { code: 1062 } });
  });

  test("that failed with another error says so", () => {
    const tale = healthyPair().next({ kind: "apply-error", node: "db-b", code: 1032, text: "Can't find record" });
    expect(tale.channel("db-b")).toMatchObject({ sql: "No", sqlError: { code: 1032, text: "Can't find record" } });
  });
});

describe("transactions of the other server", () => {
  test("an errant one of db-b has db-b's own uuid, and spreads to db-a, which receives from db-b", () => {
    const tale = healthyPair().next({ kind: "errant", node: "db-b", id: "errant" }).pass(100);
    expect(tale.seen("db-b").gtid).toBe(`${A}:1,${B}:1`);
    expect(tale.seen("db-a").gtid).toBe(`${A}:1,${B}:1`);
  });

  test("what db-b has of db-a and db-a does not show yet is in flight, and carries db-a's uuid", () => {
    const tale = healthyPair().write("db-a", "one").pass(1);
    const [a, b] = [tale.seen("db-a"), tale.seen("db-b")];
    expect(contains(parseGtid("mysql", b.gtid), parseGtid("mysql", a.gtid))).toBe(true);
    expect(b.channels[0]?.retrieved).toBe(`${A}:1-2`);
    expect(a.gtid).toBe(`${A}:1`);
  });

  test("MariaDB prints positions of domains, and has no super_read_only", () => {
    const tale = healthyPair("mariadb")
      .write("db-a", "one")
      .next({ kind: "errant", node: "db-b", id: "errant" })
      .pass(100);
    expect(tale.seen("db-b")).toMatchObject({ flavour: "mariadb", identity: "2", gtid: "1-1-2,2-2-1" });
    expect(tale.seen("db-b")).not.toHaveProperty("superReadOnly");
  });
});
