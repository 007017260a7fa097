import { describe, expect, test } from "@jest/globals";
import { planDatabase } from "../../../lib/database/plan.ts";
import type { HookObservation } from "../../../lib/lifecycle/observation.ts";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";
import { render } from "../../../lib/reconcile/plan.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { expectGolden } from "../../golden/golden.ts";
import { launching, member, run, sent, terminating } from "../lifecycle/observations.ts";
import { groupOf, kinds, machineOf, observed, server, unread, type Vary } from "./facts.ts";

const hookOf = (hook: HookObservation, name: DatabaseNode, state: string): HookObservation => {
  const groupName = `tandem-local-${name}`;
  return { ...hook, instanceId: `i-${name}`, groups: [groupName], membership: member(state, groupName) };
};
const online = { agent: known("online" as const) };
const waiting = (name: DatabaseNode, parts: Partial<HookObservation> = online) =>
  machineOf(name, {
    hooks: [hookOf(launching(parts), name, "Pending:Wait")],
    group: known(groupOf("Pending:Wait")),
  });
const rest = machineOf("db-b");
/** Nobody has chosen a writer, and no server answers yet. */
const fresh: Vary = {
  record: absent,
  nodeA: { ...unread("silent"), inService: false },
  nodeB: { ...unread("silent"), inService: false },
};
const planned = (a: ReturnType<typeof machineOf>, b = rest, vary: Vary = {}) =>
  planDatabase(observed(vary, { machines: [a, b] }));

describe("the machine of a database server", () => {
  test("in service and tamed is left alone", () => {
    expect(planned(machineOf("db-a"))).toMatchObject({ actions: [], problems: [] });
    expect(planned(machineOf("db-a")).lookAgainMs).toBeUndefined();
  });

  test("is taken out of its group's hands once it is launched, and not twice", () => {
    const launched = machineOf("db-a", { group: known(groupOf("InService", ["AZRebalance"])) });

    expect(planned(launched).actions).toMatchObject([
      { kind: "suspend-processes", group: "tandem-local-db-a", processes: ["HealthCheck", "ReplaceUnhealthy"] },
    ]);
    expect(kinds(planned(machineOf("db-a")))).toEqual([]);
  });

  test("in its launch hook is launched as a web node is, and may still be replaced", () => {
    expect(kinds(planned(waiting("db-a"), rest, fresh))).toEqual(["send-command"]);
  });

  test("is launched beside the other one, not after it", () => {
    expect(planned(waiting("db-a"), waiting("db-b"), fresh).actions).toMatchObject([
      { instanceId: "i-db-a" },
      { instanceId: "i-db-b" },
    ]);
  });

  test("that proceeds is looked at until it serves", () => {
    const proceeding = machineOf("db-a", { group: known(groupOf("Pending:Proceed", ["HealthCheck"])) });

    expect(planned(proceeding).lookAgainMs).toBeDefined();
  });

  test("that leaves has no target to wait for", () => {
    const leaving = machineOf("db-a", { hooks: [hookOf(terminating(), "db-a", "Terminating:Wait")] });

    expect(kinds(planned(leaving))).toEqual(["send-command"]);
  });

  test("that AWS will take calls a person, and is not touched", () => {
    const notices = known([
      { instanceId: "i-1", detail: "EC2 takes it", endsAt: Date.UTC(2026, 0, 1, 12, 2) },
      { instanceId: "i-9", detail: "another one" },
    ]);
    const plan = planned(machineOf("db-a", { notices }));

    expect(plan.actions).toEqual([]);
    expect(plan.problems).toEqual([
      {
        code: "interruption-announced",
        page: true,
        node: "db-a",
        detail: "its machine i-1: EC2 takes it, at 2026-01-01T12:02:00.000Z",
      },
    ]);
  });

  test("of a group that cannot be read gets no action", () => {
    expect(kinds(planned(machineOf("db-a", { group: unknown("throttled") })))).toEqual([]);
  });

  test.each([
    ["database-launched", { ...online, record: sent(), command: run({ state: "success" }) }],
    ["database-launching", { ...online, record: sent(), command: run() }],
  ])("reads as in %s.txt", (name, hook) => {
    const other = { known: server("db-b", { gtid: "", channels: [] }) };
    const machines = [waiting("db-a", hook), machineOf("db-b", { group: known(groupOf("InService")) })];

    expectGolden(name, render(planDatabase(observed({ ...fresh, nodeB: { server: other } }, { machines }))));
  });
});
