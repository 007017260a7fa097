import { describe, expect, test } from "@jest/globals";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";
import { render } from "../../../lib/reconcile/plan.ts";
import type { OperatorRequest } from "../../../lib/reconcile/requests.ts";
import { planCapacity, type CapacityObservation } from "../../../lib/fleet/plan.ts";
import type { InstanceRefresh, RefreshFacts } from "../../../lib/fleet/refresh/plan.ts";
import type { Group } from "../../../lib/lifecycle/observation.ts";
import { expectGolden } from "../../golden/golden.ts";
import { NOW } from "../lifecycle/observations.ts";
import { groupOf, observed } from "./farm-model.ts";

const template = (version: string) => ({ id: "lt-1", version });
const node = (id: string, version: string, lifecycleState = "InService") => ({
  ...{ id, lifecycleState, healthy: true },
  template: template(version),
});
/** Three nodes of version 4, and the group launches the version that was deployed. */
const group = (parts: Partial<Group> = {}): Group =>
  groupOf(3, {
    template: template("5"),
    instances: ["i-0", "i-1", "i-2"].map((id) => node(id, "4")),
    ...parts,
  });

const order = (parts: Partial<OperatorRequest> = {}, checkpoints: readonly number[] = []): OperatorRequest => ({
  ...{ id: "r-1", scope: "web", createdAt: NOW - 1_000, expiresAt: NOW + 36e5, state: "pending" },
  ...parts,
  action: "refresh",
  args: { version: 5, minHealthyPercent: 90, checkpoints, checkpointDelaySeconds: 600 },
});
const stopOrder = (action: "cancel-refresh" | "roll-back-refresh"): OperatorRequest => ({
  ...{ id: "r-2", scope: "web", createdAt: NOW - 1_000, expiresAt: NOW + 36e5, state: "pending" },
  action,
  args: {},
});
const underWay = (parts: Partial<InstanceRefresh> = {}): InstanceRefresh => ({
  ...{ id: "8f1c", status: "InProgress", startedAt: NOW - 60_000, percent: 33, toUpdate: 2, to: "5" },
  ...parts,
});

const seen = (
  requests: readonly OperatorRequest[],
  refreshes: readonly InstanceRefresh[] = [],
  parts: { group?: Partial<Group>; pool?: RefreshFacts["pool"] } = {},
): CapacityObservation =>
  observed(3, 14, {
    requests,
    group: known(group(parts.group)),
    refresh: known({ refreshes, pool: parts.pool ?? [] }),
  });
const wants = (o: CapacityObservation): string[] =>
  planCapacity(o).actions.map((action) =>
    action.kind === "answer-request" ? `${action.state}: ${action.answer}` : action.kind,
  );

describe("an order to refresh", () => {
  test("gives the group the version back that its nodes run, then starts", () => {
    expectGolden("refresh-begin", render(planCapacity(seen([order({}, [20, 50, 100])]))));
  });

  test("starts at once where the group has not been given the newest version yet", () => {
    expect(wants(seen([order()], [], { group: { template: template("4") } }))).toEqual(["start-refresh"]);
  });

  test("goes back to what most nodes in service run, and of equals to the newest", () => {
    const from = (...versions: string[]) =>
      planCapacity(
        seen([order()], [], { group: { instances: versions.map((version, index) => node(`i-${index}`, version)) } }),
      ).actions.find((action) => action.kind === "pin-template")?.to;
    expect(from("3", "3", "4")).toBe("3");
    expect(from("3", "4", "5")).toBe("4");
    expect(from("9", "10", "5")).toBe("10");
  });

  test("is done and calls nothing when every node runs the newest version", () => {
    const instances = ["i-0", "i-1", "i-2"].map((id) => node(id, "5"));
    expectGolden("refresh-nothing", render(planCapacity(seen([order()], [], { group: { instances } }))));
    // a node of the warm pool will serve too
    const pool = [node("i-9", "4", "Warmed:Stopped")];
    expect(wants(seen([order()], [], { group: { instances }, pool }))).toEqual(["pin-template", "start-refresh"]);
  });

  test("is told that it has begun, also when the call's answer was lost; then it stands", () => {
    const begun = underWay({ startedAt: NOW });
    expect(wants(seen([order()], [begun]))).toEqual(["standing: refresh 8f1c replaces the nodes by ones of version 5"]);
    expect(wants(seen([order({ state: "standing" })], [begun]))).toEqual([]);
  });

  test.each<[string, Partial<InstanceRefresh>, Partial<Group>, string]>([
    [
      "it has succeeded",
      { status: "Successful", percent: 100 },
      { instances: ["i-7", "i-8"].map((id) => node(id, "5")) },
      "done: version 5 is rolled out; 2 nodes run version 5",
    ],
    [
      "it was rolled back by itself",
      { status: "RollbackSuccessful", percent: 0, rollbackReason: "i-7 was abandoned" },
      {},
      "refused: version 5 was rolled back: i-7 was abandoned; 3 nodes run version 4",
    ],
    [
      "it has failed",
      { status: "Failed", reason: "no capacity" },
      { instances: [node("i-0", "4"), node("i-7", "5")] },
      "refused: the refresh is Failed at 33 %: no capacity; 1 node runs version 4, 1 node runs version 5",
    ],
    [
      "it was cancelled",
      { status: "Cancelled" },
      { instances: [] },
      "refused: the refresh is Cancelled at 33 %; there are no nodes",
    ],
  ])("is answered when %s", (_when, end, parts, answer) => {
    const wish = order({ state: "standing", createdAt: NOW - 60_000 });
    expect(wants(seen([wish], [underWay({ endedAt: NOW, ...end })], { group: parts }))).toEqual([answer]);
  });

  test("is refused while another refresh is under way, with its progress", () => {
    expectGolden("refresh-second", render(planCapacity(seen([order()], [underWay()]))));
  });

  test("does not take an older refresh, or another order's, for its own", () => {
    const over = underWay({ status: "RollbackSuccessful", endedAt: NOW - 5_000 });
    expect(wants(seen([order()], [over]))).toEqual(["pin-template", "start-refresh"]);
    const first = order({ state: "standing", createdAt: NOW - 2_000 });
    expect(wants(seen([first, order({ id: "r-2" })], [underWay({ startedAt: NOW - 500 })]))).toEqual([
      expect.stringContaining("refused: refresh 8f1c to version 5 is InProgress at 33 %"),
    ]);
  });

  test.each<[string, Partial<Group>, Partial<OperatorRequest>, string]>([
    [
      "the group follows $Latest",
      { template: template("$Latest") },
      {},
      "only a numbered version can be rolled back to",
    ],
    ["launching is suspended", { suspended: ["Launch"] }, {}, "Launch is suspended on"],
    ["it is old", {}, { createdAt: NOW - 700_000 }, "it could not begin within ten minutes"],
    ["its refresh is forgotten", {}, { state: "standing" }, "does not tell of this refresh any more"],
  ])("is refused when %s", (_when, parts, wish, why) => {
    const o = seen([order(wish)], [], { group: parts });
    expect(wants(o)).toEqual([expect.stringContaining(why)]);
  });

  test("is refused by a group without a launch template", () => {
    const { template: _, ...bare } = group();
    expect(wants({ ...seen([order()]), group: known(bare) })).toEqual([
      expect.stringContaining("has no launch template: deploy the farm"),
    ]);
  });

  test("waits while nobody can say what is under way", () => {
    const o = { ...seen([order()]), refresh: unknown("throttled") };
    expect(wants(o)).toEqual([]);
    expect(wants({ ...o, refresh: absent })).toEqual([]);
  });
});

describe("an order to end the refresh", () => {
  test.each([
    ["cancel-refresh", "refresh-cancel"],
    ["roll-back-refresh", "refresh-roll-back"],
  ] as const)("%s ends the one that is under way", (action, golden) => {
    expectGolden(golden, render(planCapacity(seen([stopOrder(action)], [underWay()]))));
  });

  test.each<[Parameters<typeof stopOrder>[0], Partial<InstanceRefresh> | undefined, string]>([
    ["cancel-refresh", undefined, "refused: no refresh is under way"],
    ["cancel-refresh", { status: "Successful", endedAt: NOW - 500 }, "refused: no refresh is under way"],
    ["cancel-refresh", { status: "Cancelled", endedAt: NOW - 60_000 }, "refused: no refresh is under way"],
    ["cancel-refresh", { status: "Cancelling" }, "done: refresh 8f1c is being cancelled; what was replaced stays"],
    [
      "cancel-refresh",
      { status: "Cancelled", endedAt: NOW },
      "done: refresh 8f1c is cancelled; what was replaced stays",
    ],
    ["roll-back-refresh", { status: "RollbackInProgress" }, "done: refresh 8f1c is being rolled back"],
    ["roll-back-refresh", { status: "RollbackSuccessful", endedAt: NOW }, "done: refresh 8f1c is rolled back"],
    ["roll-back-refresh", { status: "Cancelling" }, "refused: refresh 8f1c is being cancelled already"],
  ])("%s with %j", (action, latest, answer) => {
    expect(wants(seen([stopOrder(action)], latest === undefined ? [] : [underWay(latest)]))).toEqual([answer]);
  });

  test("a refresh that names no version cannot be rolled back, and the operator is told", () => {
    const { to: _, ...byHand } = underWay();
    expect(wants(seen([stopOrder("roll-back-refresh")], [byHand]))).toEqual([
      "refused: refresh 8f1c names no version, and such a one cannot be rolled back",
    ]);
  });
});

test("the size of the tier is decided beside a refresh, and changed before one begins", () => {
  const o = seen([order({ state: "standing", createdAt: NOW - 60_000 })], [underWay()]);
  expect(wants({ ...o, samples: observed(3, 24).samples })).toEqual(["set-desired"]);
  const busy = { ...seen([order()]), samples: observed(3, 24).samples };
  expect(wants(busy)).toEqual(["set-desired", "pin-template", "start-refresh"]);
});
