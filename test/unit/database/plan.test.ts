import { describe, expect, test } from "@jest/globals";
import { known, unknown } from "../../../lib/reconcile/fact.ts";
import { render } from "../../../lib/reconcile/plan.ts";
import { diagnose } from "../../../lib/database/diagnose.ts";
import { planDatabase, type DatabaseNodeObservation } from "../../../lib/database/plan.ts";
import type { ServerFact, ServerState, UnreadCause } from "../../../lib/database/server.ts";
import type { Group, HookObservation } from "../../../lib/lifecycle/observation.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { expectGolden } from "../../golden/golden.ts";
import { launching, member, run, sent, terminating } from "../lifecycle/observations.ts";

const CHANNEL = { name: "", source: "127.20.11.10", io: "Yes", sql: "Yes", retrieved: "", lagSeconds: 0 };
const STATE: ServerState = {
  flavour: "mysql",
  version: "9.7.4",
  identity: "3e11fa47-71ca-11e1-9e33-c80aa9429562",
  uptimeSeconds: 60,
  readOnly: true,
  offline: false,
  gtid: "",
  channels: [CHANNEL],
  semiSync: { source: false, replica: false, clients: 0, waiting: 0 },
  replicas: [],
};
const server = (readOnly: boolean, channels: ServerState["channels"] = [CHANNEL]): ServerFact => ({
  known: { ...STATE, readOnly, superReadOnly: readOnly, channels },
});
const unread = (cause: UnreadCause): ServerFact => ({ unknown: `127.20.10.10:3306: ${cause}`, cause });
const codes = (a: ServerFact, b: ServerFact, inService = true): string[] =>
  diagnose([
    { name: "db-a", server: a, inService },
    { name: "db-b", server: b, inService },
  ]).map(({ code, node }) => (node === undefined ? code : `${code} ${node}`));

describe("the problem table", () => {
  test.each<[string, ServerFact, ServerFact, string[]]>([
    ["one writer, both replicate", server(false), server(true), []],
    [
      "nothing replicates yet",
      server(false, []),
      server(true, []),
      ["replication-not-configured db-a", "replication-not-configured db-b"],
    ],
    ["both are writable", server(false), server(false), ["two-writers"]],
    ["both are read-only", server(true), server(true), ["no-writer"]],
    ["one is read-only and the other refuses", unread("silent"), server(true), ["server-unreachable db-a"]],
    ["one has too many connections", unread("too-many-connections"), server(true), ["server-unreadable db-a"]],
    ["the observer is denied", server(false), unread("denied"), ["server-unreadable db-b"]],
    [
      "neither can be reached",
      unread("silent"),
      unread("silent"),
      ["server-unreachable db-a", "server-unreachable db-b"],
    ],
  ])("%s", (_what, a, b, expected) => {
    expect(codes(a, b)).toEqual(expected);
  });

  test("a server whose machine still launches is no problem", () => {
    expect(codes(unread("silent"), unread("silent"), false)).toEqual([]);
  });

  test("read_only without super_read_only is read-only, super_read_only alone too", () => {
    expect(codes({ known: { ...STATE, readOnly: true, superReadOnly: false } }, server(false))).toEqual([]);
    expect(codes({ known: { ...STATE, readOnly: false, superReadOnly: true } }, server(false))).toEqual([]);
  });
});

const group = (lifecycleState: string, suspended: readonly string[] = []): Group => ({
  min: 1,
  max: 1,
  desired: 1,
  suspended,
  targetGroups: [],
  instances: [
    {
      id: "i-a",
      lifecycleState,
      healthy: true,
    },
  ],
});
const ALL = ["AZRebalance", "HealthCheck", "ReplaceUnhealthy"];
const node = (
  name: DatabaseNode,
  lifecycleState: string,
  parts: Partial<DatabaseNodeObservation> = {},
): DatabaseNodeObservation => ({
  name,
  groupName: `tandem-local-${name}`,
  group: known(group(lifecycleState, ALL)),
  hooks: [],
  server: server(name === "db-b"),
  ...parts,
});
const hookOf = (hook: HookObservation, name: DatabaseNode, state: string): HookObservation => {
  const groupName = `tandem-local-${name}`;
  return { ...hook, instanceId: `i-${name}`, groups: [groupName], membership: member(state, groupName) };
};
const online = { agent: known("online" as const) };
const peer = node("db-b", "InService");
const kinds = (...nodes: DatabaseNodeObservation[]): string[] =>
  planDatabase({ nodes }).actions.map((action) => action.kind);

describe("the database tier", () => {
  test("in service and tamed rests", () => {
    expect(planDatabase({ nodes: [node("db-a", "InService"), peer] })).toMatchObject({ actions: [], problems: [] });
    expect(planDatabase({ nodes: [node("db-a", "InService"), peer] }).lookAgainMs).toBeUndefined();
  });

  test("a launched server is taken out of its group's hands, once", () => {
    const fresh = { group: known(group("InService", ["AZRebalance"])) };

    expect(planDatabase({ nodes: [node("db-a", "InService", fresh), peer] }).actions).toMatchObject([
      { kind: "suspend-processes", group: "tandem-local-db-a", processes: ["HealthCheck", "ReplaceUnhealthy"] },
    ]);
    expect(kinds(node("db-a", "InService"), peer)).toEqual([]);
  });

  test("a machine in its launch hook is launched as a web node is, and may still be replaced", () => {
    const waiting = { group: known(group("Pending:Wait")), hooks: [hookOf(launching(online), "db-a", "Pending:Wait")] };

    expect(kinds(node("db-a", "Pending:Wait", waiting), peer)).toEqual(["send-command"]);
  });

  test("both machines are launched at the same time", () => {
    const both = (["db-a", "db-b"] as const).map((name) =>
      node(name, "Pending:Wait", {
        hooks: [hookOf(launching(online), name, "Pending:Wait")],
        group: known(group("Pending:Wait")),
      }),
    );

    expect(planDatabase({ nodes: both }).actions).toMatchObject([{ instanceId: "i-db-a" }, { instanceId: "i-db-b" }]);
  });

  test("a machine that proceeds is looked at until it serves", () => {
    expect(planDatabase({ nodes: [node("db-a", "Pending:Proceed"), peer] }).lookAgainMs).toBeDefined();
  });

  test("a machine that leaves has no target to wait for", () => {
    const hooks = [hookOf(terminating(), "db-a", "Terminating:Wait")];

    expect(kinds(node("db-a", "Terminating:Wait", { hooks }), peer)).toEqual(["send-command"]);
  });

  test("a group that cannot be read gets no action", () => {
    expect(kinds(node("db-a", "InService", { group: unknown("throttled") }), peer)).toEqual([]);
  });

  test.each([
    [
      "database-launched",
      [hookOf(launching({ ...online, record: sent(), command: run({ state: "success" }) }), "db-a", "Pending:Wait")],
    ],
    ["database-launching", [hookOf(launching({ ...online, record: sent(), command: run() }), "db-a", "Pending:Wait")]],
  ])("reads as in %s.txt", (name, hooks) => {
    const a = node("db-a", "Pending:Wait", {
      hooks,
      server: unread("silent"),
      group: known(group("Pending:Wait")),
    });

    expectGolden(
      name,
      render(
        planDatabase({
          nodes: [a, node("db-b", "InService", { server: server(true, []), group: known(group("InService")) })],
        }),
      ),
    );
  });
});
