import { describe, expect, test } from "@jest/globals";
import { diagnose } from "../../../lib/database/diagnose.ts";
import { absent, unknown } from "../../../lib/reconcile/fact.ts";
import {
  A,
  approve,
  approved,
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

const dead: Vary = { nodeA: gone("refused"), b: { replicas: [], channels: [channel("db-a", { io: "Connecting" })] } };
const ineligible = { peerEligible: false, degradedAt: NOW - 60_000 };
const asSource = (clients: number, waiting = 0) => ({ source: true, replica: true, clients, waiting });

describe("nothing is stuck", () => {
  test("a silent writer whose peer's receiver was stopped is listened to again, if nothing received can get lost", () => {
    const stopped = (retrieved: string, sql = "Yes"): Vary => ({
      nodeA: gone(),
      b: { replicas: [], channels: [channel("db-a", { io: "No", sql, retrieved })] },
    });

    expect(kinds(plan(stopped(`${A}:1-100`)))).toEqual(["start-replication db-b receiver"]);
    expect(kinds(plan(stopped(`${A}:1-100`, "No")))).toEqual(["start-replication db-b both"]);
    expect(kinds(plan(stopped(`${A}:1-101`)))).toEqual([]);
    expect(kinds(plan({ ...stopped(`${A}:1-100`), nodeA: unread("silent", 3_000, 4) }))).toEqual([]);
  });

  test("the machine that a fence has stopped is started again when its peer is not promoted after all", () => {
    const fenced = unread("silent", 9_000, 9, "stopped");

    expect(kinds(plan({ ...dead, nodeA: fenced, pair: ineligible }))).toEqual(["start-machine db-a"]);
    expect(kinds(plan({ nodeA: fenced, nodeB: fenced }))).toEqual(["start-machine db-a", "start-machine db-b"]);
    expect(kinds(plan({ ...dead, nodeA: fenced }))).toEqual(["promote db-b"]);
  });

  test("the recorded writer is opened although its peer holds errant transactions", () => {
    const errant = { gtid: `${A}:1-100,${B}:1-2` };

    expect(kinds(plan({ a: closed, b: errant }))).toEqual(["open-writer db-a"]);
  });

  test("an operator may let the peer take over from a writer that lacks something", () => {
    const incomplete: Vary = { a: { ...closed, gtid: `${A}:1-90` } };

    expect(kinds(plan(incomplete))).toEqual([]);
    expect(kinds(approved(incomplete))).toEqual(["fence db-a sql", "promote db-b"]);
  });

  test("a quarantine ends when the quarantined server becomes the writer", () => {
    const quarantined = { node: "db-a", extra: `${A}:101`, count: 1, since: NOW - 60_000 } as const;

    expect(kinds(plan({ pair: { ...ineligible, quarantined } }))).toContain("end-quarantine db-a");
    expect(codes(plan({ pair: { ...ineligible, quarantined } }))).not.toContain("quarantined db-a");
  });

  test("a receiver that gave up trying is started again, one that was refused is not", () => {
    const given = (code: number): Vary => ({
      b: { channels: [channel("db-a", { io: "No", ioError: { code, text: "" } })] },
    });

    expect(kinds(plan(given(2003)))).toEqual(["start-replication db-b receiver"]);
    expect(kinds(plan(given(1045)))).toEqual([]);
    expect(kinds(plan(given(1236)))).toEqual([]);
  });

  test("an operator's wish is answered while nothing can be done", () => {
    expect(kinds(plan({ ...dead, pair: ineligible }, switchTo("db-b")))).toEqual(["answer-request refused"]);
    expect(kinds(plan({ a: { ...closed, gtid: `${A}:1-90` } }, switchTo("db-b")))).toEqual(["answer-request refused"]);
  });
});

describe("an unknown or empty server is not opened", () => {
  test("in place of the recorded writer: an empty one, or another one while its peer cannot be asked", () => {
    const other = "00000000-0000-0000-0000-000000000001";

    expect(kinds(plan({ a: { ...closed, gtid: "" } }))).toEqual([]);
    expect(kinds(plan({ a: { ...closed, identity: other }, nodeB: gone() }))).toEqual([]);
    expect(codes(plan({ a: { ...closed, identity: other }, nodeB: gone() }))).toContain("writer-incomplete db-a");
    expect(kinds(plan({ a: closed, nodeB: gone() }))).toEqual(["open-writer db-a"]);
  });

  test("in place of a dead writer: not even by approval", () => {
    const rebuilt: Vary = { ...dead, pair: ineligible, b: { ...dead.b, gtid: "" } };

    expect(plan(rebuilt).proposals).toEqual([]);
    expect(codes(plan(rebuilt))).toContain("failover-refused db-b");
    expect(plan({ a: { ...closed, gtid: "" }, b: { gtid: "", channels: [] } }).proposals).toEqual([]);
  });

  test("in place of an empty writer: its peer by approval, also if its applier has nothing left and is stopped", () => {
    const stopped = (retrieved: string): Vary => ({
      a: { ...closed, gtid: "" },
      b: { channels: [channel("db-a", { io: "No", sql: "No", retrieved })] },
    });

    expect(kinds(approved(stopped("")))).toEqual(["fence db-a sql", "promote db-b"]);
    expect(plan(stopped(`${A}:101`)).proposals).toEqual([]);
  });

  test("that lacks what it was known to hold, although its peer cannot be asked", () => {
    const baseline = { "db-a": `${A}:1-100`, "db-b": `${B}:1-7` };

    expect(kinds(plan({ pair: { baseline }, a: closed, nodeB: gone() }))).toEqual([]);
  });

  test("a peer of which nobody knows how far it is behind is promoted only if it has applied everything", () => {
    const late = (gtid: string): Vary => ({
      ...dead,
      b: { ...dead.b, gtid, heartbeat: { sequence: 1, writtenAt: NOW - 300_000 } },
    });

    expect(kinds(plan(late(`${A}:1-100`)))).toEqual(["fence db-a machine", "promote db-b"]);
    expect(kinds(plan(late(`${A}:1-99`)))).toEqual([]);
  });

  test("a server that only administrators may enter is fenced to the end, though it can be read", () => {
    expect(kinds(plan({ a: { offline: true } }))).toEqual(["fence db-a sql"]);
    expect(codes(plan({ b: { offline: true } }))).toContain("server-unreadable db-b");
  });
});

describe("writers go on", () => {
  test("before anything is prepared on the writer, and before an operator's wish", () => {
    const stalled: Vary = { a: { semiSync: asSource(0, 3) }, stalledMs: 2_000 };
    const degraded = ["mark-peer db-b not-eligible", "semi-sync db-a source off"];

    expect(kinds(plan({ ...stalled, pair: { prepared: false } }))).toEqual(degraded);
    expect(kinds(plan(stalled, switchTo("db-b")))).toEqual(degraded);
  });

  test("before a fence of the peer is ended, which may take long or fail", () => {
    const half = { server: { unknown: "no answer: offline", cause: "offline" } } as const;
    const stalled: Vary = { a: { semiSync: asSource(0, 3) }, stalledMs: 2_000 };

    expect(kinds(plan({ ...stalled, nodeB: half }))).toEqual([
      "mark-peer db-b not-eligible",
      "semi-sync db-a source off",
    ]);
    expect(kinds(plan({ nodeB: half }))).toEqual(["fence db-b sql"]);
    expect(kinds(plan({ nodeA: gone("refused"), nodeB: half }))).toEqual(["fence db-b sql"]);
  });

  test("and the pause before waiting is begun again counts from the last time it was given up", () => {
    const again: Vary = { pair: ineligible, a: { semiSync: asSource(1, 3) }, stalledMs: 2_000 };

    expect(kinds(plan(again))).toEqual(["mark-peer db-b not-eligible", "semi-sync db-a source off"]);
  });

  test("a receiver that is just connecting is not restarted", () => {
    const connecting = (stalledMs: number): Vary => ({ pair: ineligible, a: { semiSync: asSource(0) }, stalledMs });

    expect(kinds(plan(connecting(100)))).toEqual([]);
    expect(kinds(plan(connecting(700)))).toEqual(["semi-sync db-b replica on"]);
  });
});

describe("an approval", () => {
  const errant = (gtid: string): Vary => ({
    pair: ineligible,
    a: { gtid: `${A}:1-100,${gtid}` },
    b: { gtid: `${A}:1-100,${gtid}` },
  });

  test("of one set of transactions is none of another", () => {
    const [first, second] = [plan(errant(`${B}:1-5`)), plan(errant(`${B}:1-7`))].map(
      ({ proposals }) => proposals?.[0]?.id,
    );

    expect(first).not.toBe(second);
    expect(kinds(approved(errant(`${B}:1-5`)))).toEqual(["accept-errant db-b"]);
    expect(kinds(plan(errant(`${B}:1-7`), approve(first ?? "")))).toEqual(["answer-request refused"]);
  });

  test("waits while what it approves cannot be seen for other work, or because the record cannot be read", () => {
    const busy: Vary = { ...errant(`${B}:1`), stalledMs: 2_000 };

    expect(kinds(plan(busy, approve("accept-db-b-1")))).not.toContain("answer-request refused");
    expect(kinds(plan({ record: unknown("throttled") }, approve("accept-db-b-1")))).toEqual([]);
  });
});
