import { describe, expect, test } from "@jest/globals";
import { diagnose } from "../../../lib/database/diagnose.ts";
import { absent } from "../../../lib/reconcile/fact.ts";
import {
  A,
  B,
  beatless,
  channel,
  closed,
  codes,
  factsOf,
  gone,
  kinds,
  NOW,
  opened,
  plan,
  server,
  switchTo,
  unread,
  type Vary,
} from "./facts.ts";

const told = (vary: Vary): string[] => codes({ actions: [], because: "", problems: diagnose(factsOf(vary)) });

describe("the problem table", () => {
  test.each<[string, Vary, string[]]>([
    ["one writer, its peer applies and acknowledges", {}, []],
    ["both are open", { b: opened }, ["two-writers"]],
    ["both are read-only", { a: closed }, ["no-writer db-a"]],
    ["the other one is open", { a: closed, b: opened }, ["wrong-writer db-b"]],
    ["the writer has too many connections", { nodeA: gone("too-many-connections") }, ["writer-unreachable db-a"]],
    ["the observer is denied by the peer", { nodeB: gone("denied") }, ["server-unreadable db-b"]],
    ["the peer cannot be reached, and the writer hears it", { nodeB: gone() }, ["server-unreachable db-b"]],
  ])("%s", (_what, vary, expected) => {
    expect(told(vary)).toEqual(expected);
  });

  test("a new farm whose machines still launch has no writer, and that is all", () => {
    const booting = { ...unread("silent"), inService: false };

    expect(told({ record: absent, nodeA: booting, nodeB: booting })).toEqual(["pair-not-provisioned"]);
  });

  test("a server that cannot be read is told beside the other one's troubles", () => {
    expect(told({ nodeA: gone("refused"), nodeB: gone() })).toEqual(["writer-dead db-a", "server-unreachable db-b"]);
    expect(told({ nodeA: gone(), nodeB: gone("denied") })).toEqual([
      "writer-unreachable db-a",
      "server-unreadable db-b",
    ]);
  });

  test("a writer whose machine is replaced is missed", () => {
    expect(told({ nodeA: { ...gone(), inService: false } })).toEqual(["writer-unreachable db-a"]);
  });

  test("a lag that cannot be measured is no lag of 0", () => {
    const old = { heartbeat: { sequence: 500, writtenAt: NOW - 60_000 } };

    expect(told({ nodeB: beatless("db-b") })).toEqual(["lag-unknown db-b"]);
    expect(told({ a: old, b: old })).toEqual(["lag-unknown db-b"]);
  });

  test("a lag of the peer is told although the writer, as a replica, has troubles of its own", () => {
    const sqlError = { code: 1062, text: "Duplicate entry" };
    const late = { heartbeat: { sequence: 1, writtenAt: NOW - 40_000 } };

    expect(told({ a: { channels: [channel("db-b", { sql: "No", sqlError })] }, b: late })).toEqual([
      "duplicate-key db-a",
      "replication-lag db-b",
    ]);
  });

  test("read_only without super_read_only is read-only, super_read_only alone too", () => {
    expect(told({ b: { readOnly: true, superReadOnly: false } })).toEqual([]);
    expect(told({ b: { readOnly: false, superReadOnly: true } })).toEqual([]);
  });
});

describe("a healthy pair", () => {
  test("is left alone", () => {
    expect(plan()).toMatchObject({ actions: [], problems: [], proposals: [] });
    expect(plan().lookAgainMs).toBeUndefined();
  });

  test("whose peer is a little behind, with writes under way, is left alone", () => {
    expect(plan({ a: { gtid: `${A}:1-105` } })).toMatchObject({ actions: [], problems: [] });
  });

  test("of MariaDB servers, each with a domain of its own, is left alone", () => {
    const flavour = { flavour: "mariadb", version: "10.11.11-MariaDB", gtid: "1-10-100" } as const;
    const [a, b] = (["db-a", "db-b"] as const).map((node) => server(node, flavour));
    if (a === undefined || b === undefined) throw new Error("there are two servers");
    const vary: Vary = {
      pair: { identities: { "db-a": "1", "db-b": "2" } },
      nodeA: { server: { known: { ...a, identity: "1", channels: [channel("db-b", { retrieved: "" })] } } },
      nodeB: { server: { known: { ...b, identity: "2", channels: [channel("db-a", { retrieved: "1-10-100" })] } } },
    };

    expect(plan(vary)).toMatchObject({ actions: [], problems: [] });
    expect(kinds(plan(vary, switchTo("db-b")))).toEqual(["switchover db-b"]);
  });

  test("takes what the writer commits while the two are read one after the other for nothing errant", () => {
    expect(codes(plan({ b: { gtid: `${A}:1-105` } }))).toEqual([]);
    expect(codes(plan({ b: { gtid: `${A}:1-105,${B}:1` } }))).toEqual(["errant-transactions db-b"]);
  });
});

describe("a writer that lives is not taken for dead", () => {
  const unheard = (parts: Parameters<typeof channel>[1]): Vary => ({
    nodeA: gone(),
    b: { replicas: [], channels: [channel("db-a", { io: "Connecting", ...parts })] },
  });

  test.each([1040, 1045, 1130])("when it is silent here and turns its peer away with error %i", (code) => {
    expect(kinds(plan(unheard({ ioError: { code, text: "go away" } })))).toEqual([]);
    expect(kinds(plan(unheard({ ioError: { code: 2003, text: "no route" } })))).toEqual([
      "fence db-a machine",
      "promote db-b",
    ]);
  });

  test.each(["too-many-connections", "denied", "failed", "no-credentials"] as const)(
    "when the answer is %s, although its machine was seen as stopped a moment ago",
    (cause) => {
      expect(kinds(plan({ nodeA: unread(cause, 60_000, 60, "stopped") }))).toEqual([]);
    },
  );
});
