import { describe, expect, test } from "@jest/globals";
import { planCapacity, type CapacityObservation } from "../../../lib/fleet/plan.ts";
import type { Group } from "../../../lib/lifecycle/observation.ts";
import type { Notice } from "../../../lib/lifecycle/notice.ts";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";
import { render } from "../../../lib/reconcile/plan.ts";
import { expectGolden } from "../../golden/golden.ts";
import { NOW } from "../lifecycle/observations.ts";
import { groupOf, lastMinute, observed } from "./farm-model.ts";

const notice = (node: number, parts: Partial<Notice> = {}): Notice => ({
  instanceId: `i-${node}`,
  detail: "EC2 may soon take the Spot instance back (rebalance)",
  ...parts,
});
const announced = (...nodes: number[]) => ({ notices: known(nodes.map((node) => notice(node))) });
const answering = (...nodes: number[]) => ({ answering: known(new Set(nodes.map((node) => `i-${node}`))) });
const all = (count: number) => answering(...Array.from({ length: count }, (_, index) => index));
const kinds = (o: CapacityObservation) =>
  planCapacity(o).actions.map((action) =>
    action.kind === "set-desired"
      ? `${action.from} -> ${action.to}`
      : `${action.kind} ${"instanceId" in action ? action.instanceId : ""}`,
  );
const withState = (count: number, node: number, lifecycleState: string, healthy = true): Partial<Group> => ({
  instances: groupOf(count).instances.map((one) =>
    one.id === `i-${node}` ? { ...one, lifecycleState, healthy } : one,
  ),
});
const grown = { lastChange: known({ at: NOW - 90_000, from: 2, to: 3 }) };
const group = (desired: number, parts: Partial<Group>) => ({ group: known(groupOf(desired, parts)) });

const ROWS: readonly [string, CapacityObservation, readonly string[]][] = [
  ["another one is launched beside it", observed(2, 10, { ...announced(0), ...all(2) }), ["2 -> 3"]],
  [
    "the other one is launched once",
    observed(3, 10, { ...announced(0), ...answering(0, 1), ...grown, ...group(3, withState(3, 2, "Pending:Wait")) }),
    [],
  ],
  [
    "it stays until the balancer gets answers from the other one",
    observed(3, 10, { ...announced(0), ...answering(0, 1), ...grown }),
    [],
  ],
  [
    "it stays while the other one is unhealthy",
    observed(3, 10, { ...announced(0), ...all(3), ...grown, ...group(3, withState(3, 2, "InService", false)) }),
    [],
  ],
  [
    "it goes when the other one serves, and the tier has its size again",
    observed(3, 10, { ...announced(0), ...all(3), ...grown }),
    ["retire-node i-0"],
  ],
  ["it stays where nobody asked the balancer", observed(3, 10, { ...announced(0), ...grown }), []],
  [
    "it stays where the balancer does not answer",
    observed(3, 10, { ...announced(0), ...grown, answering: unknown("throttled") }),
    [],
  ],
  [
    "it stays while the load is unknown",
    observed(3, 10, { ...announced(0), ...all(3), ...grown, samples: unknown("throttled") }),
    [],
  ],
  [
    "no other one is launched while the load is unknown",
    observed(2, 10, { ...announced(0), ...all(2), samples: unknown("throttled") }),
    [],
  ],
  [
    "it goes without another launch from a tier that is larger than its load asks for",
    observed(4, 10, { ...announced(1), ...all(4) }),
    ["retire-node i-1"],
  ],
  ["more load is served beside it, too", observed(2, 24, { ...announced(0), ...all(2) }), ["2 -> 6"]],
  [
    "at the maximum the group replaces it, for there is no room beside it",
    observed(6, 1_000, { ...announced(0), ...all(6) }),
    ["replace-node i-0"],
  ],
  [
    "at the maximum the next one waits for the one before",
    observed(6, 1_000, {
      ...announced(0, 1),
      ...answering(1, 2, 3, 4, 5),
      ...group(6, withState(6, 0, "Terminating:Wait")),
    }),
    [],
  ],
  ["all of them are announced: as many stand in", observed(2, 10, { ...announced(0, 1), ...all(2) }), ["2 -> 4"]],
  [
    "all of them were announced and others serve: one after the other goes",
    observed(4, 10, { ...announced(0, 1), ...all(4) }),
    ["retire-node i-0"],
  ],
  [
    "one is leaving: the next one waits",
    observed(4, 10, {
      ...announced(0, 1),
      ...answering(1, 2, 3),
      ...group(3, { instances: [...groupOf(4, withState(4, 0, "Terminating:Wait")).instances] }),
    }),
    [],
  ],
  [
    "one that an operator keeps on standby holds nobody up",
    observed(3, 10, {
      ...announced(0),
      ...all(3),
      ...grown,
      ...group(3, { instances: [...groupOf(3).instances, { id: "i-9", lifecycleState: "Standby", healthy: true }] }),
    }),
    ["retire-node i-0"],
  ],
  [
    "a quarter of a large tier goes at a time",
    observed(24, 10, { ...announced(0, 1, 2, 3, 4, 5, 6, 7), ...all(24), ...group(24, { min: 16, max: 30 }) }),
    ["retire-node i-0", "retire-node i-1", "retire-node i-2", "retire-node i-3", "retire-node i-4", "retire-node i-5"],
  ],
  [
    "it is urgent: its own scope lets it go, and its group launches another",
    observed(2, 10, { notices: known([notice(0, { endsAt: NOW + 120_000 })]), ...all(2) }),
    [],
  ],
  [
    "it is dead: its group replaces it",
    observed(2, 10, { ...announced(0), ...all(2), ...group(2, withState(2, 0, "InService", false)) }),
    [],
  ],
  ["it is not in the group (any more)", observed(2, 10, { ...announced(7), ...all(2) }), []],
  [
    "it is not known of whom something is announced: no node is taken away",
    observed(4, 0, { notices: unknown("throttled") }),
    [],
  ],
];

describe("a web node that AWS will take, with time left", () => {
  test.each(ROWS)("%s", (_when, observation, then) => {
    expect(kinds(observation)).toEqual(then);
  });

  test("leaves one node after the other, each when the last has gone, and never fewer than the load asks for", () => {
    let desired = 2;
    const old = new Set(["i-0", "i-1"]);
    let instances = [...old];
    let fewest = Infinity;
    for (let look = 0, next = 2; look < 20 && instances.some((id) => old.has(id)); look++) {
      const o = observed(desired, 10, {
        notices: known([...old].map((instanceId) => ({ instanceId, detail: "rebalance" }))),
        answering: known(new Set(instances)),
        samples: known(lastMinute(instances.length, 10)),
        group: known({
          ...groupOf(desired),
          instances: instances.map((id) => ({ id, lifecycleState: "InService", healthy: true })),
        }),
      });
      for (const action of planCapacity(o).actions) {
        if (action.kind === "set-desired") desired = action.to;
        if (action.kind === "retire-node") {
          desired = action.to;
          instances = instances.filter((id) => id !== action.instanceId);
        }
      }
      while (instances.length < desired) instances.push(`i-${next++}`);
      fewest = Math.min(fewest, instances.length);
    }
    expect({ desired, fewest, left: instances.filter((id) => old.has(id)) }).toEqual({
      desired: 2,
      fewest: 2,
      left: [],
    });
  });

  test.each([
    ["capacity-stand-in", observed(2, 10, { ...announced(0), answering: absent })],
    ["capacity-retire", observed(3, 10, { ...announced(0), ...all(3), ...grown })],
  ])("reads as in %s.txt", (name, observation) => {
    expectGolden(name, render(planCapacity(observation)));
  });
});
