import { describe, expect, test } from "@jest/globals";
import type { Happening } from "./event.ts";
import { healthyPair, UUIDS } from "./tale.ts";

const nobody = () => false;
const RECORD = { since: 1, peerEligible: true };

describe("the witness says so when", () => {
  test("nothing is wrong: it says nothing", () => {
    const tale = healthyPair().write("db-a", "one").pass(100);
    expect(tale.witness.acknowledged).toEqual(["one"]);
    expect(tale.witness.broken).toEqual([]);
    expect(tale.witness.wrongNow(tale.state(), nobody)).toEqual([]);
    expect(tale.witness.intervals()).toEqual([{ node: "db-a", from: 1_000 }]);
  });

  test("both servers accept writes at the same instant", () => {
    const tale = healthyPair().next({ kind: "read-only", node: "db-b", on: false });
    expect(tale.witness.broken).toEqual([expect.stringContaining("both servers accept writes")]);
  });

  test("a writer that was cut off comes back beside the new one, and not before", () => {
    const tale = healthyPair().next({ kind: "cut", link: { from: "app", to: "db-a" } });
    tale.next({ kind: "read-only", node: "db-b", on: false });
    expect(tale.witness.broken).toEqual([]);
    tale.next({ kind: "mend", link: { from: "app", to: "db-a" } });
    expect(tale.witness.broken).toEqual([expect.stringContaining("both servers accept writes")]);
  });

  test("a server is opened that lacks an acknowledged write", () => {
    const tale = healthyPair().next({ kind: "semi-sync", node: "db-a", role: "source", on: false });
    tale
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .write("db-a", "one")
      .pass(10);
    tale.next({ kind: "kill", node: "db-a" }).next({ kind: "read-only", node: "db-b", on: false });
    expect(tale.witness.broken).toEqual([expect.stringContaining("db-b was opened without 1 acknowledged writes")]);
    expect(tale.witness.wrongNow(tale.state(), () => true)).toEqual([
      expect.stringContaining("the writer db-b lacks 1"),
    ]);
  });

  test("one server alone holds a transaction and nobody was asked, or its disk is thrown away", () => {
    const tale = healthyPair().next({ kind: "threads", node: "db-a", threads: "receiver", run: false });
    tale.next({ kind: "errant", node: "db-b", id: "errant" }).pass(100);
    expect(tale.witness.wrongNow(tale.state(), nobody)).toEqual([expect.stringContaining("db-b alone holds")]);
    expect(tale.witness.wrongNow(tale.state(), (node) => node === "db-b")).toEqual([]);
    tale.next({ kind: "install", node: "db-b", identity: UUIDS["db-a"] });
    expect(tale.witness.broken).toEqual([expect.stringContaining("the disk of db-b went with")]);
  });

  test("nobody accepts writes at the end", () => {
    const tale = healthyPair().next({ kind: "kill", node: "db-a" });
    expect(tale.witness.wrongNow(tale.state(), nobody)).toEqual(["no server accepts writes"]);
  });

  test("a server is opened that is not the writer on record", () => {
    const tale = healthyPair();
    tale.witness.recorded({ ...RECORD, writer: "db-a" });
    tale.next({ kind: "read-only", node: "db-a", on: true }).next({ kind: "read-only", node: "db-b", on: false });
    expect(tale.witness.broken).toEqual([expect.stringContaining("db-b was opened, and db-a is the writer on record")]);
  });

  test("a person opens a second server: that is not the controller's, until it is to be closed", () => {
    const tale = healthyPair();
    tale.witness.recorded({ ...RECORD, writer: "db-a" });
    tale.next({ kind: "read-only", node: "db-b", on: false, byHand: true }).write("db-b", "behind its back");
    expect(tale.witness.broken).toEqual([]);
    expect(tale.witness.wrongNow(tale.state(), () => true)).toEqual(["both servers accept writes at the end"]);
  });

  test("what a server took that a person had opened need not be on the writer, and a person is asked about it", () => {
    const tale = healthyPair().next({ kind: "threads", node: "db-a", threads: "receiver", run: false, byHand: true });
    tale.witness.recorded({ ...RECORD, writer: "db-a" });
    tale.next({ kind: "read-only", node: "db-b", on: false, byHand: true }).write("db-b", "behind its back").pass(10);
    tale.next({ kind: "read-only", node: "db-b", on: true });
    expect(tale.witness.acknowledged).toEqual(["behind its back"]);
    expect(tale.witness.broken).toEqual([]);
    expect(tale.witness.wrongNow(tale.state(), nobody)).toEqual([expect.stringContaining("db-b alone holds")]);
    expect(tale.witness.wrongNow(tale.state(), (node) => node === "db-b")).toEqual([]);
  });

  /** db-a has acknowledged a write that db-b lacks, and is dead. */
  const lost = () => {
    const tale = healthyPair().next({ kind: "semi-sync", node: "db-a", role: "source", on: false });
    tale.witness.recorded({ ...RECORD, writer: "db-a" });
    tale
      .next({ kind: "cut", link: { from: "db-b", to: "db-a" } })
      .write("db-a", "one")
      .pass(10);
    return tale.next({ kind: "kill", node: "db-a" });
  };
  const changed = (how: "failover" | "approved", text: string, at = 2) => ({
    ...RECORD,
    writer: "db-b" as const,
    since: at,
    lastChange: { to: "db-b" as const, at, how, lost: text },
  });

  test("a loss that a person approved is no broken promise, and one beyond what he was told is", () => {
    for (const [text, broken] of [
      ["not known until db-a is seen again: db-b may lack acknowledged writes", []],
      [`what only db-a holds: ${UUIDS["db-a"]}:2`, []],
      [`what only db-a holds: ${UUIDS["db-a"]}:9`, [expect.stringContaining("is lost, and reported was: what only")]],
      ["0", [expect.stringContaining("is lost, and reported was: 0")]],
    ] as const) {
      const tale = lost();
      tale.witness.approved("promote-db-b-1-1");
      tale.witness.recorded(changed("approved", text));
      tale.next({ kind: "read-only", node: "db-b", on: false });
      expect(tale.witness.broken).toEqual(broken);
      expect(tale.witness.wrongNow(tale.state(), () => true)).toEqual([]);
    }
  });

  test("nobody approved what is on record as approved; a failover follows too soon; the pair is recorded anew", () => {
    const { witness } = healthyPair();
    witness.recorded({ ...RECORD, writer: "db-a" });
    witness.recorded(changed("approved", "0"));
    witness.recorded(changed("failover", "0", 3));
    witness.recorded(changed("failover", "0", 60_003));
    witness.recorded({ ...RECORD, writer: "db-a", since: 70_000 });
    expect(witness.broken).toEqual([
      expect.stringContaining("nobody has approved it"),
      expect.stringContaining("60 s after another one"),
      expect.stringContaining("the pair was recorded anew"),
    ]);
  });

  test("a server is fenced from outside that was not dead for all who could tell", () => {
    const fenced = (happening: Happening, ms: number): readonly string[] => {
      const tale = healthyPair().pass(60_000).next(happening).pass(ms);
      tale.witness.fencedFromOutside(tale.state(), "db-a");
      return tale.witness.broken;
    };
    const cut = { kind: "cut", link: { from: "controller", to: "db-a" } } as const;
    expect(fenced({ kind: "time" }, 10_000)).toHaveLength(1);
    expect(fenced(cut, 10_000)).toHaveLength(1);
    expect(fenced({ kind: "full", node: "db-a", on: true }, 10_000)).toHaveLength(1);
    expect(fenced({ kind: "hang", node: "db-a" }, 3_000)).toHaveLength(1);
    expect(fenced({ kind: "hang", node: "db-a" }, 8_000)).toEqual([]);
    expect(fenced({ kind: "kill", node: "db-a" }, 600)).toEqual([]);
  });
});
