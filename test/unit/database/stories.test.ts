import { describe, test } from "@jest/globals";
import type { DatabaseAction } from "../../../lib/database/action.ts";
import type { ThreadError } from "../../../lib/database/server.ts";
import { absent, unknown } from "../../../lib/reconcile/fact.ts";
import { render, type Plan } from "../../../lib/reconcile/plan.ts";
import { expectGolden } from "../../golden/golden.ts";
import {
  A,
  approve,
  approved,
  B,
  beatless,
  channel,
  closed,
  gone,
  NOW,
  opened,
  plan,
  switchTo,
  unread,
  type Vary,
} from "./facts.ts";

/** Plans that a reviewer wants to read, each below what the farm is in. */
const told = (...chapters: readonly (readonly [string, Plan<DatabaseAction>])[]): string =>
  chapters.map(([title, each]) => `# ${title}\n${render(each)}`).join("\n\n");

const empty = { gtid: "", channels: [], semiSync: { source: false, replica: false, clients: 0, waiting: 0 } };
const asSource = (clients: number, waiting = 0) => ({ source: true, replica: true, clients, waiting });
const noSource = { source: false, replica: true, clients: 0, waiting: 0 };
const dead: Vary = { nodeA: gone("refused"), b: { replicas: [], channels: [channel("db-a", { io: "Connecting" })] } };
const failing = (sqlError: ThreadError): Vary => ({ b: { channels: [channel("db-a", { sql: "No", sqlError })] } });
const with2 = (vary: Vary, more: Vary): Vary => ({ ...vary, ...more, b: { ...vary.b, ...more.b } });

/** db-a was the writer, was promoted away from, and is back. `extra` it never sent. */
const returned = (extra: boolean): Vary => ({
  pair: {
    writer: "db-b",
    peerEligible: false,
    degradedAt: NOW - 60_000,
    failovers: [NOW - 60_000],
    recordsFor: "db-b",
    baseline: { "db-a": `${A}:1-100`, "db-b": "" },
  },
  a: { ...closed, gtid: extra ? `${A}:1-103` : `${A}:1-100`, channels: [channel("db-b", { io: "No", sql: "No" })] },
  b: {
    ...opened,
    gtid: `${A}:1-100,${B}:1-40`,
    channels: [channel("db-a", { io: "No" })],
    semiSync: noSource,
  },
});

describe("the plan of the pair reads as in", () => {
  test("database-provision.txt", () => {
    const fresh: Vary = { record: absent, a: { ...closed, ...empty }, b: { ...closed, ...empty } };
    const recorded = { peerEligible: false, prepared: false };
    expectGolden(
      "database-provision",
      told(
        ["Neither server holds anything, nothing is recorded", plan(fresh)],
        ["One of them cannot be read yet", plan({ ...fresh, nodeB: { ...unread("silent"), inService: false } })],
        [
          "The writer is recorded, and closed as after every start",
          plan({ pair: recorded, a: { ...closed, ...empty }, b: empty }),
        ],
        ["It is open and has nothing that WordPress needs", plan({ pair: recorded, a: empty, b: empty })],
        [
          "It has, and the servers do not replicate",
          plan({ pair: { ...recorded, prepared: true }, a: { ...empty, gtid: `${A}:1-9` }, b: empty }),
        ],
        ["A running pair of which nothing is recorded is adopted", plan({ record: absent })],
        [
          "Nothing is recorded, and the closed server holds something of its own",
          plan({ record: absent, b: { gtid: `${A}:1-100,${B}:1-2` } }),
        ],
        ["Nothing is recorded, both hold data and are closed", plan({ record: absent, a: closed })],
        ["What was recorded cannot be read", plan({ record: unknown("the state table does not answer") })],
      ),
    );
  });

  test("database-failover.txt", () => {
    const stopped: Vary = { ...dead, nodeA: unread("silent", 1_000, 2, "stopped") };
    expectGolden(
      "database-failover",
      told(
        ["The writer has just begun to refuse", plan({ ...dead, nodeA: unread("refused", 250, 2) })],
        ["It refuses, and its eligible peer does not hear it", plan(dead)],
        ["It is silent for long, and its eligible peer does not hear it", plan({ ...dead, nodeA: gone() })],
        ["Its machine is stopped: it is fenced already", plan(stopped)],
        ["It is silent here, and its peer hears it", plan({ nodeA: gone() })],
        ["It has too many connections", plan({ nodeA: gone("too-many-connections") })],
        ["It came back by itself, closed", plan({ a: closed })],
        ["It came back, and its peer is gone", plan({ a: closed, nodeB: gone() })],
        ["It came back without some of what its peer holds", plan({ a: { ...closed, gtid: `${A}:1-90` } })],
        ["... and an operator lets the peer take over", approved({ a: { ...closed, gtid: `${A}:1-90` } })],
        ["It came back empty, on a new volume, and alone", plan({ a: { ...closed, gtid: "" }, nodeB: gone() })],
        [
          "It is silent, and a promotion that was not ended has stopped the peer's receiver",
          plan({ nodeA: gone(), b: { replicas: [], channels: [channel("db-a", { io: "No" })] } }),
        ],
        ["The DNS records still point at the old writer", plan({ pair: { recordsFor: "db-b" } })],
      ),
    );
  });

  test("database-refusals.txt", () => {
    const both = { ...dead, nodeB: gone() };
    const noChannel = with2(dead, { b: { channels: [] } });
    const applier = with2(dead, { b: { channels: [channel("db-a", { io: "Connecting", sql: "No" })] } });
    const sqlError = { code: 1062, text: "Duplicate entry" };
    const failed = { b: { channels: [channel("db-a", { io: "Connecting", sql: "No", sqlError })] } };
    const late = { gtid: `${A}:1-90`, heartbeat: { sequence: 1, writtenAt: NOW - 40_000 } };
    expectGolden(
      "database-refusals",
      told(
        ["Both are dead", plan(both)],
        [
          "Its machine cannot be asked for",
          plan({ ...dead, nodeA: { ...gone("refused"), machine: unknown("throttled") } }),
        ],
        ["Its group has no machine", plan({ ...dead, nodeA: { ...gone("refused"), machine: absent } })],
        ["The peer does not replicate from it", plan(noChannel)],
        ["The peer's applier has failed", plan(with2(dead, failed))],
        ["The peer's applier is stopped", plan(applier)],
        ["The peer may lack acknowledged writes", plan({ ...dead, pair: { peerEligible: false } })],
        ["... and an operator approves", approved({ ...dead, pair: { peerEligible: false } })],
        [
          "... and approves something else",
          plan({ ...dead, pair: { peerEligible: false } }, approve("promote-db-a-1")),
        ],
        [
          "The peer is quarantined",
          plan({
            ...dead,
            pair: { peerEligible: false, quarantined: { node: "db-b", extra: `${B}:1-2`, count: 2, since: NOW - 1 } },
          }),
        ],
        ["The peer holds transactions of its own", plan(with2(dead, { b: { gtid: `${A}:1-100,${B}:1-2` } }))],
        ["The peer is far behind", plan(with2(dead, { b: late }))],
        ["There was a failover some minutes ago", plan({ ...dead, pair: { failovers: [NOW - 120_000] } })],
      ),
    );
  });

  test("database-peer.txt", () => {
    const away: Vary = { pair: { peerEligible: false, degradedAt: NOW - 60_000 } };
    const restarted = { channels: [channel("db-a", { io: "No", sql: "No" })] };
    expectGolden(
      "database-peer",
      told(
        ["All is well", plan()],
        ["Commits wait, not for long yet", plan({ a: { semiSync: asSource(0, 3) }, stalledMs: 300 })],
        ["Commits wait for too long", plan({ a: { semiSync: asSource(0, 3) }, stalledMs: 1_600 })],
        [
          "The peer is dead",
          plan({
            nodeB: gone("refused"),
            a: { channels: [channel("db-b", { io: "Connecting" })], semiSync: asSource(0) },
          }),
        ],
        [
          "Its machine is stopped",
          plan({ ...away, nodeB: unread("silent", 9_000, 9, "stopped"), a: { semiSync: noSource } }),
        ],
        ["It is back after a restart", plan({ ...away, b: restarted, a: { semiSync: noSource } })],
        [
          "It receives, and would not acknowledge",
          plan({ ...away, a: { semiSync: noSource }, b: { semiSync: { ...noSource, replica: false } } }),
        ],
        ["It has caught up", plan({ ...away, a: { semiSync: noSource } })],
        [
          "... too soon after it was given up",
          plan({ pair: { peerEligible: false, degradedAt: NOW - 3_000 }, a: { semiSync: noSource } }),
        ],
        ["The writer waits for it again", plan(away)],
        [
          "The writer waits for it again, and nobody acknowledges",
          plan({ ...away, a: { semiSync: asSource(0) }, stalledMs: 800 }),
        ],
        [
          "The writer itself would not acknowledge, were its peer the writer",
          plan({ a: { semiSync: { ...asSource(1), replica: false } } }),
        ],
        ["Somebody has switched the waiting off", plan({ a: { semiSync: noSource } })],
        ["Its applier has failed", plan(failing({ code: 1062, text: "Duplicate entry", gtid: `${A}:101` }))],
      ),
    );
  });

  test("database-errant.txt", () => {
    const own = (spread: boolean): Vary => ({
      a: {
        gtid: spread ? `${A}:1-100,${B}:1-2` : `${A}:1-100`,
        channels: [channel("db-b", spread ? {} : { io: "No" })],
      },
      b: { gtid: `${A}:1-100,${B}:1-2` },
    });
    const kept = { node: "db-b", extra: `${B}:1-2`, count: 2, since: NOW - 60_000 } as const;
    const wrong: Vary = { b: opened };
    const half = {
      server: { unknown: "no answer: offline", cause: "offline" },
      unread: { forMs: 500, looks: 2 },
    } as const;
    expectGolden(
      "database-errant",
      told(
        ["The old writer is back with nothing extra", plan(returned(false))],
        ["The old writer is back with something extra", plan(returned(true))],
        ["The peer committed something that has not spread", plan(own(false))],
        [
          "... and is kept apart",
          plan({
            ...own(false),
            pair: { peerEligible: false, quarantined: kept },
            a: { ...own(false).a, semiSync: noSource },
          }),
        ],
        ["... and was rebuilt", plan({ pair: { peerEligible: false, quarantined: kept }, a: { semiSync: noSource } })],
        ["The peer committed something that both hold by now", plan(own(true))],
        ["... and an operator accepts it", approved(own(true))],
        ["Both servers are open", plan(wrong)],
        ["Both are open, and nothing is recorded", plan({ ...wrong, record: absent })],
        ["The wrong one is open", plan({ a: closed, b: opened })],
        ["A fence of the writer was begun and not ended", plan({ nodeA: half })],
        ["A fence of the peer was begun and not ended", plan({ nodeB: half })],
      ),
    );
  });

  test("database-switchover.txt", () => {
    const to = (vary: Vary, node: "db-a" | "db-b" = "db-b"): Plan<DatabaseAction> => plan(vary, switchTo(node));
    const peerChannel = (parts: Parameters<typeof channel>[1]): Vary => ({ b: { channels: [channel("db-a", parts)] } });
    expectGolden(
      "database-switchover",
      told(
        ["Nothing stands against it", to({})],
        ["It is the writer already", to({}, "db-a")],
        ["No writer is recorded", to({ record: absent, a: { ...closed }, b: { gtid: `${A}:1-100,${B}:1-2` } })],
        ["The peer cannot be read", to({ nodeB: gone() })],
        ["The writer cannot be read", to({ nodeA: gone() })],
        [
          "The peer may lack writes",
          to({ pair: { peerEligible: false, degradedAt: NOW - 1_000 }, a: { semiSync: noSource } }),
        ],
        [
          "The peer holds something of its own",
          to({ a: { gtid: `${A}:1-100,${B}:1-2` }, b: { gtid: `${A}:1-100,${B}:1-2` } }),
        ],
        ["The peer is behind", to({ b: { heartbeat: { sequence: 1, writtenAt: NOW - 15_000 } } })],
        ["How far it is behind is unknown", to({ nodeA: beatless("db-a"), nodeB: beatless("db-b") })],
        [
          "The peer does not hear the writer",
          to(peerChannel({ io: "Connecting", ioError: { code: 2003, text: "no route" } })),
        ],
        [
          "The peer is refused by the writer",
          to(peerChannel({ io: "Connecting", ioError: { code: 1045, text: "Access denied" } })),
        ],
        ["What the peer needs is purged", to(peerChannel({ io: "No", ioError: { code: 1236, text: "purged" } }))],
        ["The peer's applier is stopped", to(peerChannel({ sql: "No" }))],
        ["The peer's applier has failed", to(failing({ code: 1032, text: "Can't find record" }))],
        [
          "The peer is quarantined",
          to({ pair: { quarantined: { node: "db-b", extra: `${B}:1`, count: 1, since: NOW } } }),
        ],
        ["The writer is dead", to({ ...dead, pair: { peerEligible: false } })],
      ),
    );
  });
});
