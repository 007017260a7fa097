import { describe, expect, test } from "@jest/globals";
import { healthyPair, UUIDS } from "./tale.ts";

const nobody = () => false;

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
});
